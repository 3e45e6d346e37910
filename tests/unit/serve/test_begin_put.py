"""Puts, from their arrival to their end, without a protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from daqpv.core import Origin, origin
from daqpv.errors import AbortedError, RefusedError
from daqpv.serve.pv.channel import Channel
from daqpv.serve.pv.puts import Put, Puts
from daqpv.serve.pv.tasks import Tasks
from daqpv.serve.values.forms import Real
from daqpv.serve.values.meta import Meta
from tests.support.memory import turns

SHIFT = Origin("shift", "console")


class Motor(Channel):
    """A PV whose put takes as long as its gate is closed."""

    def __init__(self) -> None:
        super().__init__("M:Go", Real(), Meta())
        self.gate = asyncio.Event()
        self.seen: list[str] = []
        self.failure: Exception | None = None
        self.sudden: Exception | None = None

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        if self.sudden:
            raise self.sudden
        return None if value < 0 else self._move()

    async def _move(self) -> None:
        self.seen.append(f"moved by {origin.get()}")
        await self.gate.wait()
        if self.failure:
            raise self.failure

    def refused(self, error: RefusedError, by: Origin) -> None:
        self.seen.append(f"refused {by}: {error}")

    def put_ended(self, began: float, error: Exception | None) -> None:
        self.seen.append(f"ended for {origin.get()}: {error}")


class Lab:
    def __init__(self) -> None:
        self.tasks = Tasks()
        self.tasks.open()
        self.log: list[tuple[Any, str]] = []
        self.answers: list[str] = []
        self.puts = Puts(self.tasks, self._logged)
        self.motor = Motor()

    def _logged(self, put: Put, error: Exception | None) -> None:
        self.log.append((put.value, repr(error)))

    def begin(self, value: Any) -> bool:
        put = Put(self.motor, SHIFT, [value])
        return self.puts.begin(
            *(put, lambda: self.motor.form.accept([value], self.motor.meta)),
            lambda error: self.answers.append(repr(error)),
        )


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = Lab()
    yield lab
    await lab.tasks.close()


async def test_a_put_that_takes_no_time_is_answered_at_once(lab: Lab) -> None:
    assert lab.begin(-1.0) is False
    assert lab.answers == ["None"]
    assert lab.log == [(-1.0, "None")]
    assert lab.motor.seen == ["ended for shift@console: None"]
    assert origin.get() is None


async def test_a_command_is_answered_when_it_has_ended(lab: Lab) -> None:
    assert lab.begin(1.0) is True
    await turns(lambda: lab.motor.seen)
    assert (lab.answers, lab.log) == ([], [])
    lab.motor.gate.set()
    await turns(lambda: lab.answers)
    assert lab.log == [(1.0, "None")]
    assert lab.motor.seen == [
        "moved by shift@console", "ended for shift@console: None",
    ]  # fmt: skip


async def test_what_a_command_raises_fails_its_put_and_nothing_else(lab: Lab) -> None:
    lab.motor.failure = ZeroDivisionError("a bug")
    lab.motor.gate.set()
    lab.begin(1.0)
    await turns(lambda: lab.answers)
    assert lab.answers == ["ZeroDivisionError('a bug')"]
    assert lab.log == [(1.0, "ZeroDivisionError('a bug')")]
    assert lab.begin(-1.0) is False


async def test_a_refusal_is_raised_after_group_and_log_know(lab: Lab) -> None:
    lab.motor.sudden = RefusedError("not now")
    with pytest.raises(RefusedError, match="not now"):
        lab.begin(1.0)
    assert lab.motor.seen == [
        "refused shift@console: not now", "ended for shift@console: not now",
    ]  # fmt: skip
    assert lab.log == [(1.0, "RefusedError('not now')")]
    assert lab.answers == []


@pytest.mark.parametrize("error", [ValueError, TypeError, OverflowError])
async def test_a_value_that_is_none_is_refused_with_the_name_of_the_pv(
    lab: Lab, error: type[Exception]
) -> None:
    lab.motor.sudden = error("no way")
    with pytest.raises(RefusedError, match="M:Go: no way"):
        lab.begin(1.0)


async def test_puts_to_a_disabled_record_are_refused_before_they_are_read(
    lab: Lab,
) -> None:
    lab.motor.put_disabled = True
    with pytest.raises(RefusedError, match=r"disabled\. caput M:Go\.DISP 0"):
        lab.begin("no number")


async def test_at_the_end_commands_are_given_up_and_none_is_begun(lab: Lab) -> None:
    lab.begin(1.0)
    await turns(lambda: lab.motor.seen)
    await lab.tasks.close()
    await turns(lambda: lab.log)
    assert lab.log == [(1.0, repr(AbortedError("given up, because daqpv ends")))]
    assert lab.begin(2.0) is False
    assert [value for value, _ in lab.log] == [1.0, 2.0]
    assert lab.answers == []


async def test_while_the_server_ends_a_failure_is_not_answered(lab: Lab) -> None:
    """The client finds that the server has gone, whatever fails before that."""
    lab.motor.failure = OSError("its link was closed")
    lab.begin(1.0)
    await turns(lambda: lab.motor.seen)
    lab.tasks.stop()
    lab.motor.gate.set()
    await turns(lambda: lab.log)
    assert lab.log == [(1.0, repr(AbortedError("given up, because daqpv ends")))]
    assert lab.answers == []


async def test_a_task_that_fails_ends_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks, going = Tasks(), asyncio.Event()
    tasks.open()

    async def fail() -> None:
        raise KeyError("x")

    async def go_on() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        going.set()

    assert tasks.start(fail())
    assert tasks.start(go_on())
    await turns(going.is_set)
    assert "failed" in caplog.text
    await tasks.close()
