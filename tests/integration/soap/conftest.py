"""A server on a real socket that answers literal bytes, one connection a request."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.soap import Peer, Script, Serving


@pytest.fixture
def serving() -> Serving:
    """Run a `Peer` that answers by a script, or with bytes, in one piece or several."""

    @asynccontextmanager
    async def run(answer: Script | bytes | list[bytes]) -> AsyncIterator[Peer]:
        peer = Peer(answer)
        running = asyncio.create_task(peer.run())
        with peer.listener:
            try:
                yield peer
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

    return run


@pytest.fixture(autouse=True)
def _no_socket_stays_open() -> Iterator[Any]:
    """What is left open warns when it is collected, and a warning is a failure."""
    yield
    gc.collect()
