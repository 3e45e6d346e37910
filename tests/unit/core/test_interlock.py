"""What an open run forbids: who is asked, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest

from daqpv.core import Interlock, run_is_open
from daqpv.errors import OperationError


class OpenRun:
    """A run, as far as it holds others."""

    def __init__(self) -> None:
        self.hold = ""
        self.error: OperationError | None = None
        self._shows: list[Callable[[Any, Collection[str]], None]] = []

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        self._shows.append(show)
        show(self, ())

    def becomes(self, hold: str) -> None:
        self.hold = hold
        for show in self._shows:
            show(self, ("state",))

    async def stop(self) -> None:
        if self.error is not None:
            raise self.error
        self.becomes("")


@pytest.fixture
def run() -> OpenRun:
    return OpenRun()


async def test_without_a_run_nothing_is_held() -> None:
    interlock = Interlock()
    assert (interlock.reason, await interlock.asked()) == ("", "")
    await interlock.release()


async def test_an_open_run_holds_until_it_is_released(run: OpenRun) -> None:
    interlock = Interlock()
    interlock.take(run)
    run.becomes(run_is_open(12, "AT:Run:"))
    assert interlock.reason == "Run 12 is open. To stop it: caput AT:Run:Stop 1"
    assert await interlock.asked() == interlock.reason
    await interlock.release()
    assert (interlock.reason, await interlock.asked()) == ("", "")


async def test_a_release_that_fails_says_why_and_the_hold_stays(run: OpenRun) -> None:
    interlock = Interlock()
    interlock.take(run)
    run.becomes("Run 12 is open.")
    run.error = OperationError("CoBo3 is Offline")
    with pytest.raises(OperationError, match="CoBo3 is Offline"):
        await interlock.release()
    assert interlock.reason == "Run 12 is open."


@pytest.mark.parametrize("now", ["", "Run 13 is open."])
async def test_what_may_be_late_is_asked_anew(run: OpenRun, now: str) -> None:
    async def ask() -> str:
        return now

    interlock = Interlock()
    interlock.take(run, ask=ask)
    run.becomes("Run 12 is open.")
    assert await interlock.asked() == now


async def test_nobody_waits_for_an_answer_while_no_run_is_open(run: OpenRun) -> None:
    async def ask() -> str:
        pytest.fail("it was asked")

    interlock = Interlock()
    interlock.take(run, ask=ask)
    assert await interlock.asked() == ""


def test_watchers_hear_of_each_change_and_of_nothing_else(run: OpenRun) -> None:
    interlock = Interlock()
    heard: list[str] = []
    interlock.watch(lambda: heard.append(interlock.reason))
    interlock.take(run)
    for reason in ("", "Run 12 is open.", "Run 12 is open.", ""):
        run.becomes(reason)
    assert heard == ["Run 12 is open.", ""]
