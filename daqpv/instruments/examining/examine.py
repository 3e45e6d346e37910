"""Examines an instrument: opens it, reads it once, and judges what has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from daqpv.core import CLOCK, Clock, Finding
from daqpv.errors import DaqError, LinkError, counted, sentence
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.driver import Driver, Frame, Read, awaited, unended
from daqpv.instruments.examining.received import Received
from daqpv.instruments.settings import InstrumentSettings

CLOCK_OFFSET = 1.0  # [s] between the instrument's clock and ours, before it warns
_CLOSING = 2.0  # [s] for a driver to close
_MOST_PERIODS = 2  # for lines that come unasked beside answers
_LEAST_WAIT = 2.0  # [s] for them

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """How a call has ended, and after which time [s]."""

    seconds: float
    value: T | None = None
    error: str = ""


async def examined(
    driver: Driver,
    settings: InstrumentSettings,
    *,
    until: float,
    clock: Clock = CLOCK,
) -> AsyncGenerator[Finding, None]:
    """Open the instrument, read it once, close it; yield what was found in each step.

    Args:
        driver: of it, not open.
        settings: of it.
        until: when it must have ended, by the event loop's clock [s].
        clock: of this computer.
    """
    units = {one.name or key: one.units for key, one in settings.channels.items()}
    received = Received(driver.who, _channels(driver, settings), units, clock)
    driver.listen(received)
    try:
        opening = await _within(driver.open(), until)
        yield _opened(driver, opening)
        if not opening.error:
            async for finding in _read(driver, received, settings, until):
                yield finding
    finally:
        with suppress(TimeoutError, LinkError):
            async with asyncio.timeout(_CLOSING):
                await driver.close()


async def _read(
    driver: Driver, received: Received, settings: InstrumentSettings, until: float
) -> AsyncGenerator[Finding, None]:
    """What is found after the opening."""
    if driver.polls:
        asking = await _within(driver.exchange(Read()), until)
        yield _answered(driver, asking)
        if asking.value is None:
            return
        received.heard(asking.value)
        usual = max(_MOST_PERIODS * settings.period, _LEAST_WAIT)
        until = min(until, asyncio.get_running_loop().time() + usual)
        if asking.value.good:
            await _within(received.complete(), until)
    else:
        hearing = await _within(received.first(), until)
        yield _heard(driver, received, hearing)
        if not received.frames:
            return
        await _within(received.complete(), until)
    for finding in (*received.findings(), *_clocks(received)):
        yield finding


async def _within(work: Coroutine[Any, Any, T], until: float) -> _Outcome[T]:
    """Await `work`, but not longer than to `until`; its errors become sentences."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    value, error = None, ""
    try:
        async with asyncio.timeout_at(until):
            value = await work
    except TimeoutError:
        error = f"not ended in the {loop.time() - began:.3g} s that were left"
    except DaqError as failure:
        error = str(failure)
    return _Outcome(loop.time() - began, value, error)


def _channels(driver: Driver, settings: InstrumentSettings) -> Channels:
    return Channels(
        awaited(driver, settings.channels),
        stale=settings.stale,
        slack=settings.longest_cycle,
        period=settings.period,
    )


def _opened(driver: Driver, opening: _Outcome[None]) -> Finding:
    facts = {"seconds": round(opening.seconds, 4)}
    if opening.error:
        return Finding("connection", False, _named(driver, opening.error), facts=facts)
    text = f"{driver.who}: opened in {duration(opening.seconds)}."
    return Finding("connection", True, text, facts=facts)


def _answered(driver: Driver, asking: _Outcome[Frame]) -> Finding:
    facts: dict[str, Any] = {"seconds": round(asking.seconds, 4)}
    frame = asking.value
    if frame is None:
        return Finding("exchange", False, _named(driver, asking.error), facts=facts)
    facts |= {"answers": frame.good, "bad": len(frame.bad), "late": frame.late}
    if not frame.good and frame.bad:
        text = f"Answered in {duration(asking.seconds)}; nothing of it could be read."
        return Finding("exchange", False, text, facts=facts)
    answers = counted(frame.good, "answer")
    return Finding(
        "exchange", True, f"{answers} in {duration(asking.seconds)}.", facts=facts
    )


def _heard(driver: Driver, received: Received, hearing: _Outcome[None]) -> Finding:
    facts = {"seconds": round(hearing.seconds, 4)}
    if received.frames:
        text = f"The first line came {duration(hearing.seconds)} after the opening."
        return Finding("exchange", True, text, facts=facts)
    if received.loss is not None:
        return Finding("exchange", False, str(received.loss), facts=facts)
    if text := unended(driver):
        return Finding("exchange", False, _named(driver, f"it sent {text}"))
    text = f"{driver.who} has sent nothing in {duration(hearing.seconds)}."
    return Finding(
        "exchange",
        False,
        text,
        cure="Its values come unasked: is the name or the pattern of each channel "
        "right, and does it send more often than that? Else examine it for longer "
        "(--timeout).",
        facts=facts,
    )


def _clocks(received: Received) -> Iterator[Finding]:
    """By how much the instrument's clock differs from ours, if it gives a time."""
    offset = received.offset
    if offset is None:
        return
    facts = {"offset": round(offset, 3)}
    side = "ahead of" if offset > 0 else "behind"
    text = f"Its newest time is {duration(abs(offset))} {side} ours."
    cure = ""
    if abs(offset) > CLOCK_OFFSET:
        cure = "Is its clock set, is the time zone in the settings right"
        cure += "?" if offset > 0 else ", and does it still send or write?"
    yield Finding("clock", True, text, cure=cure, facts=facts)


def duration(seconds: float) -> str:
    """A time as people say it: "12 ms", "3.2 s", "5 min", "3 h", "12 days"."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    for size, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _named(driver: Driver, error: str) -> str:
    """The error, which begins with the instrument."""
    name = driver.who.split(" at ")[0]
    return sentence(error if error.startswith(name) else f"{driver.who}: {error}")
