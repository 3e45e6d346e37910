"""An exchange that is never cut in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_GRACE = 5.0  # [s] for an exchange on the wire when daqpv ends


async def uncut(work: Coroutine[Any, Any, T]) -> T:
    """Do `work` to its end, also if the caller is cancelled meanwhile.

    An exchange that is cut leaves the instrument with half a command, or its answer to
    the next question. If the end takes too long, or the caller is cancelled once more,
    it is cut all the same.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task}, timeout=_GRACE)
        raise
    finally:
        if task.cancel():
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # retrieved: the caller has it, or is cancelled
