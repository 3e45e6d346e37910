"""Calls code of third parties, with a deadline; its errors become one sentence."""

from __future__ import annotations

import signal
import threading
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from types import FrameType

from daqpv.core.lines import one_line
from daqpv.errors import DaqError, KindError

LONGEST = 10.0  # [s] that the import or the build of a kind may take

_SHOWN = 300  # characters of an error that may be of any length


class _TooLong(BaseException):
    """The deadline has passed; no Exception, which the code might catch."""


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Turn each error of the body into one sentence; end it after `LONGEST`.

    The deadline holds in the main thread, for what Python can interrupt.

    Args:
        what: begins the sentence: "kind `gauges` of lab-gauge 0.1: build of 'A'".

    Raises:
        KindError: the body failed, or took too long.
    """
    try:
        with _deadline():
            yield
    except (KeyboardInterrupt, GeneratorExit, CancelledError):
        raise
    except BaseException as error:
        if isinstance(error, KindError) and str(error).startswith(what):
            raise
        raise KindError(f"{what}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """What went wrong and where: "ValueError: no port (gauge.py:12 build)"."""
    while isinstance(error, BaseExceptionGroup):  # of a TaskGroup, which says nothing
        error = error.exceptions[0]
    try:
        text = str(error)
    except Exception:  # the error is a third party's, too
        text = ""
    if len(text) > _SHOWN:
        text = f"{text[:_SHOWN]} ..."
    if not isinstance(error, DaqError | _TooLong):
        name = type(error).__name__
        text = f"{name}: {text}" if text else name
    calls = [one for one in extract_tb(error.__traceback__) if one[0] != __file__]
    if isinstance(error, DaqError) or not calls:
        return one_line(text)
    place = f"{Path(calls[-1].filename).name}:{calls[-1].lineno} {calls[-1].name}"
    return one_line(f"{text} ({place})")


@contextmanager
def _deadline() -> Iterator[None]:
    """Interrupt the body when it takes longer than `LONGEST`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise _TooLong(f"has not ended in {LONGEST:g} s")

    handler = signal.signal(signal.SIGALRM, interrupt)
    # repeated: code that caught it once may catch it once more
    left, interval = signal.setitimer(signal.ITIMER_REAL, LONGEST, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left, interval)
        signal.signal(signal.SIGALRM, handler)
