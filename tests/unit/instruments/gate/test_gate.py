"""A put to a settable channel: checks, ramps, read-back, take-over, faults."""

from __future__ import annotations

import asyncio
import itertools
import math

import pytest

from daqpv.core import Result
from daqpv.errors import (
    AbortedError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    RefusedError,
    ResultCode,
    UnknownOutcomeError,
)
from daqpv.instruments.gate import Setpoint
from tests.support.gates import Supply, begun, client

SILENT = NoAnswerError("supply: no answer", timed_out=True)
UNKNOWN = UnknownOutcomeError("supply: no answer")
GONE = NotConnectedError("supply: not connected")


# A put


async def test_a_put_is_written_and_is_a_command_of_the_instrument(
    supply: Supply,
) -> None:
    gate = supply.gate()
    with client("ann"):
        await gate.put(20)
    assert supply.values("volts") == [20.0]
    now = supply.snapshot
    assert (now.result, now.result_count, now.last_by) == (Result.DONE, 1, "ann@host")
    assert [e.fields["command"] for e in supply.events] == ["set volts to 20 V"]


async def test_a_put_ends_when_the_read_back_agrees(supply: Supply) -> None:
    supply.lag["volts"] = 2.0
    gate = supply.gate()
    await gate.put(20.0)
    assert 2.0 <= supply.clock.monotonic() < 3.1
    assert gate.setpoint == Setpoint(20.0)


async def test_the_read_back_may_be_off_by_the_tolerance(supply: Supply) -> None:
    supply.off["volts"] = 0.4
    await supply.gate(tolerance=0.5).put(20.0)
    assert supply.clock.monotonic() == 0.0


async def test_a_value_that_reads_back_different_has_failed(supply: Supply) -> None:
    supply.off["volts"] = -12.7
    gate = supply.gate()
    with pytest.raises(OperationError) as failed:
        await gate.put(300)
    assert str(failed.value) == (
        "supply: volts: set 300 V, reads back 287.3 V after 5 s"
    )
    assert supply.snapshot.result is Result.FAILED
    assert str(failed.value) in supply.snapshot.last_error
    assert supply.values("volts") == [300.0]
    assert gate.setpoint == Setpoint(300.0)


async def test_without_settle_time_the_first_look_decides(supply: Supply) -> None:
    supply.lag["volts"] = 0.01
    with pytest.raises(OperationError, match="reads back 10 V after 0 s"):
        await supply.gate(settle=0).put(20)


async def test_without_read_back_a_put_ends_when_it_is_accepted(
    supply: Supply,
) -> None:
    supply.takes = 0.5
    await supply.gate(is_read=False).put(20)
    assert supply.clock.monotonic() == 0.5


async def test_a_refusal_of_the_instrument_is_told_in_its_words(
    supply: Supply,
) -> None:
    supply.faults = [OperationError("supply: E02 out of range")]
    gate = supply.gate()
    with pytest.raises(OperationError, match="set volts to 20 V: supply: E02 out of"):
        await gate.put(20)
    assert "E02 out of range" in supply.snapshot.last_error
    assert gate.setpoint == Setpoint()


async def test_a_put_moves_the_setpoint_while_it_is_under_way(supply: Supply) -> None:
    supply.takes = 1.0
    gate = supply.gate()
    gate.heard()
    await gate.put(20)
    assert [shown for _, shown in supply.shown] == [
        Setpoint(10.0),
        Setpoint(20.0, is_moving=True),
        Setpoint(20.0),
    ]


# What is refused


@pytest.mark.parametrize("value", [math.nan, 421, -1, "high"])
async def test_what_is_not_allowed_is_not_sent(supply: Supply, value: object) -> None:
    gate = supply.gate(min=0, max=420)
    with pytest.raises(RefusedError, match="supply: volts must be"):
        await gate.put(value)
    assert supply.wrote == []
    assert supply.snapshot.result is Result.REFUSED
    assert "supply: volts must be" in supply.snapshot.last_error
    assert supply.snapshot.result_count == 1


async def test_nothing_is_sent_to_an_instrument_that_is_closed(
    supply: Supply,
) -> None:
    supply.closed = "supply is disabled. To enable it: caput T:Enable 1"
    with pytest.raises(RefusedError, match="caput T:Enable 1"):
        await supply.gate().put(20)
    assert supply.wrote == []


async def test_the_largest_step_is_measured_from_the_read_back(
    supply: Supply,
) -> None:
    gate = supply.gate(step=5)
    supply.has["volts"] = 0.0
    with pytest.raises(RefusedError, match="at most 5 V at once, and is 0 V now"):
        await gate.put(6)
    await gate.put(5)
    assert supply.values("volts") == [5.0]


async def test_without_read_back_the_step_is_measured_from_the_last_put(
    supply: Supply,
) -> None:
    gate = supply.gate(step=5, is_read=False)
    with pytest.raises(RefusedError, match="where it is now is not known: put the"):
        await gate.put(100)
    await gate.put(100)
    with pytest.raises(RefusedError, match="is 100 V now"):
        await gate.put(106)
    await gate.put(105)
    assert supply.values("volts") == [100.0, 105.0]


# Hazards


async def test_a_hazard_is_put_twice(supply: Supply) -> None:
    gate = supply.gate(hazard=True)
    with pytest.raises(RefusedError, match="again within 10 s to confirm"):
        await gate.put(300)
    await gate.put(300)
    assert supply.values("volts") == [300.0]
    with pytest.raises(RefusedError, match="again within 10 s to confirm"):
        await gate.put(300)


async def test_a_hazard_is_confirmed_by_the_same_client_soon(supply: Supply) -> None:
    gate = supply.gate(hazard=True)
    with pytest.raises(RefusedError):
        await begun(gate, 300, "ann")
    with pytest.raises(RefusedError):
        await begun(gate, 300, "bob")
    with pytest.raises(RefusedError):
        await begun(gate, 301, "bob")
    with pytest.raises(RefusedError):
        await begun(gate, 300, "bob")
    await asyncio.sleep(10.1)
    with pytest.raises(RefusedError):
        await begun(gate, 300, "bob")
    await asyncio.sleep(9.9)
    await begun(gate, 300, "bob")
    assert supply.values("volts") == [300.0]


async def test_what_makes_it_safe_acts_at_once(supply: Supply) -> None:
    """A high voltage must not stay on because a put had to be repeated."""
    gate = supply.gate(type="boolean", states=["Off", "On"], hazard=["On"])
    with pytest.raises(RefusedError, match="On is a hazard: put the same value again"):
        await gate.put(1)
    await gate.put(0)
    assert supply.values("volts") == [0]


async def test_numbers_may_be_hazards(supply: Supply) -> None:
    gate = supply.gate(hazard=[3, 10])
    with pytest.raises(RefusedError, match="is a hazard"):
        await gate.put(10.0)
    await gate.put(9)
    assert supply.values("volts") == [9.0]


async def test_what_is_not_allowed_is_no_confirmation(supply: Supply) -> None:
    gate = supply.gate(hazard=True, max=100)
    for _ in range(2):
        with pytest.raises(RefusedError, match="must be at most 100 V"):
            await gate.put(300)


# Ramps


async def test_a_ramp_goes_in_steps_from_the_read_back(supply: Supply) -> None:
    gate = supply.gate(ramp=1.0, ramp_step=0.5)
    await gate.put(12.2)
    assert supply.wrote == [
        (0.0, "volts", 10.5),
        (0.5, "volts", 11.0),
        (1.0, "volts", 11.5),
        (1.5, "volts", 12.0),
        (2.0, "volts", 12.2),
    ]


async def test_a_ramp_to_where_it_is_sends_the_target(supply: Supply) -> None:
    await supply.gate(ramp=1.0).put(10.0)
    assert supply.values("volts") == [10.0]


async def test_a_slow_instrument_makes_a_slow_ramp(supply: Supply) -> None:
    supply.takes = 2.0
    gate = supply.gate(ramp=1.0, ramp_step=0.5, is_read=False)
    with pytest.raises(RefusedError):
        await gate.put(0)
    await gate.put(0)
    await gate.put(1.0)
    times = [time for time, _, value in supply.wrote[1:]]
    assert [after - before for before, after in itertools.pairwise(times)] == [2.0] * (
        len(times) - 1
    )


async def test_whole_numbers_are_ramped_in_whole_steps(supply: Supply) -> None:
    supply.has["volts"] = 10
    await supply.gate(type="integer", ramp=1.0).put(13)
    assert supply.values("volts") == [10, 11, 12, 13]
    assert supply.clock.monotonic() == pytest.approx(2.5)


async def test_the_rate_can_be_changed_during_a_ramp(supply: Supply) -> None:
    gate = supply.gate(ramp=1.0, ramp_step=1.0)
    put = begun(gate, 20)
    await asyncio.sleep(1.5)
    gate.set_ramp(4.0)
    await put
    assert supply.values("volts") == [11, 12, 16, 20]
    assert gate.setpoint == Setpoint(20.0, ramp=4.0)


async def test_the_rate_cannot_become_a_jump_during_a_ramp(supply: Supply) -> None:
    gate = supply.gate(ramp=1.0)
    put = begun(gate, 20)
    await asyncio.sleep(1.5)
    with pytest.raises(
        RefusedError, match=r"would jump now\. Stop it first: caput T:vol"
    ):
        gate.set_ramp(0.0)
    assert supply.snapshot.result is Result.BUSY
    await put
    gate.set_ramp(0.0)
    await gate.put(0.0)
    assert supply.values("volts")[-2:] == [20.0, 0.0]


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
async def test_a_rate_that_is_none_is_refused(supply: Supply, rate: float) -> None:
    gate = supply.gate(ramp=1.0)
    with pytest.raises(RefusedError, match=f"cannot have a ramp of {rate}"):
        gate.set_ramp(rate)
    assert gate.setpoint.ramp == 1.0
    assert supply.snapshot.result is Result.REFUSED


async def test_a_ramp_from_a_value_that_cannot_be_read_is_refused(
    supply: Supply,
) -> None:
    del supply.has["volts"]
    gate = supply.gate(ramp=1.0)
    with pytest.raises(RefusedError, match="caput T:volts:Ramp 0"):
        await gate.put(20)
    supply.unread = GONE
    with pytest.raises(NotConnectedError):
        await gate.put(20)
    assert supply.wrote == []


async def test_a_ramp_from_outside_of_the_limits_is_refused(supply: Supply) -> None:
    supply.has["volts"] = 500.0
    gate = supply.gate(ramp=1.0, max=420)
    with pytest.raises(RefusedError, match="is 500 V, outside of its limits"):
        await gate.put(300)
    supply.has["volts"] = 420.4
    await gate.put(419.8)
    assert supply.values("volts") == [419.9, 419.8]


async def test_noise_beyond_a_limit_begins_a_ramp_there(supply: Supply) -> None:
    supply.has["volts"] = -0.02
    gate = supply.gate(ramp=0.01, min=0, tolerance=0.1, ramp_step=1)
    await gate.put(0.01)
    assert supply.values("volts") == [0.0, 0.01]


# Another hand


async def test_another_put_takes_over_where_the_ramp_is(supply: Supply) -> None:
    supply.lag["volts"] = 1.6  # the read-back is behind: no step goes back to it
    gate = supply.gate(ramp=1.0)
    first = begun(gate, 20, "ann")
    await asyncio.sleep(1.75)
    second = begun(gate, 14, "bob")
    with pytest.raises(
        AbortedError, match="to 20 V: aborted by bob@host: new setpoint"
    ):
        await first
    await second
    assert supply.values("volts") == [10.5, 11, 11.5, 12, 12.5, 13, 13.5, 14]
    assert supply.snapshot.result_count == 2
    assert [shown.is_moving for _, shown in supply.shown] == [True, True, False]


async def test_the_same_put_joins(supply: Supply) -> None:
    gate = supply.gate(ramp=1.0, hazard=True)
    with pytest.raises(RefusedError):
        await gate.put(12)
    first = begun(gate, 12, "ann")
    with pytest.raises(RefusedError):
        await first
    first = begun(gate, 12, "ann")
    await asyncio.sleep(1.0)
    second = begun(gate, 12, "bob")
    await asyncio.gather(first, second)
    assert supply.values("volts") == [10.5, 11, 11.5, 12]
    assert supply.snapshot.result_count == 3


async def test_a_refused_put_disturbs_no_other(supply: Supply) -> None:
    gate = supply.gate(ramp=1.0, max=20)
    first = begun(gate, 12)
    await asyncio.sleep(0.6)
    with pytest.raises(RefusedError):
        await gate.put(21)
    await first
    assert supply.values("volts")[-1] == 12


async def test_of_three_hands_the_last_one_wins(supply: Supply) -> None:
    supply.takes = 0.3
    gate = supply.gate(ramp=1.0)
    puts = [begun(gate, value) for value in (20, 15, 13)]
    ends = await asyncio.gather(*puts, return_exceptions=True)
    assert [type(end) for end in ends] == [AbortedError, AbortedError, type(None)]
    assert supply.values("volts")[-1] == 13
    assert 15.0 not in supply.values("volts")
    assert gate.setpoint == Setpoint(13.0, ramp=1.0)


async def test_stop_ends_a_ramp_where_it_is(supply: Supply) -> None:
    gate = supply.gate(ramp=1.0)
    put = begun(gate, 20)
    await asyncio.sleep(1.2)
    with client("eve"):
        await gate.stop()
    with pytest.raises(AbortedError, match="to 20 V: aborted by eve@host: stopped"):
        await put
    await asyncio.sleep(10)
    assert supply.values("volts") == [10.5, 11, 11.5]
    assert gate.setpoint == Setpoint(11.5, ramp=1.0)
    assert supply.snapshot.result is Result.ABORTED


async def test_stop_ends_those_that_wait_too(supply: Supply) -> None:
    supply.takes = 1.0
    gate = supply.gate(ramp=1.0)
    puts = [begun(gate, value) for value in (20, 15)]
    await asyncio.sleep(0.1)
    await gate.stop()
    ends = await asyncio.gather(*puts, return_exceptions=True)
    assert [type(end) for end in ends] == [AbortedError, AbortedError]
    assert not gate.setpoint.is_moving
    await gate.stop()  # nothing moves: nothing happens


async def test_a_write_in_flight_is_never_cut(supply: Supply) -> None:
    supply.takes = 3.0
    gate = supply.gate(is_read=False)
    put = begun(gate, 20)
    await asyncio.sleep(1.0)
    await gate.stop()
    assert supply.clock.monotonic() == 3.0
    await put  # it had been accepted when the stop came to be looked at
    assert gate.setpoint == Setpoint(20.0)


async def test_a_script_that_gives_up_cuts_no_write(supply: Supply) -> None:
    supply.takes = 3.0
    gate = supply.gate()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await gate.put(20)
    assert supply.clock.monotonic() == 3.0
    assert supply.on_wire == 0
    assert not gate.setpoint.is_moving
    assert supply.snapshot.result is Result.ABORTED


async def test_ramps_of_two_channels_run_at_the_same_time(supply: Supply) -> None:
    supply.takes = 0.1
    volts, amps = supply.gate(ramp=1.0), supply.gate("amps", ramp=1.0)
    await asyncio.gather(volts.put(15), amps.put(6))
    assert supply.clock.monotonic() < 6.0
    assert supply.snapshot.result_count == 2
    assert not supply.snapshot.busy


# Faults


async def test_a_link_that_fails_ends_the_ramp(supply: Supply) -> None:
    supply.faults = [None, None, GONE]
    gate = supply.gate(ramp=1.0)
    with pytest.raises(NotConnectedError):
        await gate.put(20)
    assert supply.values("volts") == [10.5, 11, 11.5]
    assert gate.setpoint == Setpoint(11.0, ramp=1.0)
    assert supply.snapshot.result_code is ResultCode.NOT_CONNECTED


async def test_an_instrument_that_is_disabled_ends_the_ramp(supply: Supply) -> None:
    gate = supply.gate(ramp=1.0)
    put = begun(gate, 20)
    await asyncio.sleep(0.7)
    supply.closed = "supply is disabled"
    with pytest.raises(AbortedError, match=r"ended in the ramp\. supply is disabled"):
        await put
    assert supply.values("volts") == [10.5, 11]
    assert gate.setpoint == Setpoint(11.0, ramp=1.0)


async def test_an_unknown_outcome_is_never_sent_again(supply: Supply) -> None:
    supply.faults = [UNKNOWN]
    gate = supply.gate()
    with pytest.raises(UnknownOutcomeError, match="It reads back 10 V after 5 s"):
        await gate.put(20)
    assert supply.values("volts") == [20.0]
    assert supply.snapshot.result is Result.TIMEOUT


async def test_the_read_back_decides_an_unknown_outcome(supply: Supply) -> None:
    supply.faults, supply.deaf = [None, UNKNOWN], True
    supply.lag["volts"] = 0.2
    gate = supply.gate(ramp=1.0)
    await gate.put(11.5)
    assert supply.values("volts") == [10.5, 11, 11.5]
    assert supply.snapshot.result is Result.DONE


async def test_without_read_back_an_outcome_stays_unknown(supply: Supply) -> None:
    supply.faults = [UNKNOWN]
    with pytest.raises(
        UnknownOutcomeError, match=r"supply: no answer\. It is not known"
    ):
        await supply.gate(is_read=False).put(20)
    assert supply.values("volts") == [20.0]


async def test_a_read_back_that_cannot_be_had_is_an_unknown_outcome(
    supply: Supply,
) -> None:
    supply.unread = SILENT
    with pytest.raises(UnknownOutcomeError, match="cannot be read back: supply: no"):
        await supply.gate().put(20)


async def test_a_read_back_without_a_value_says_why(supply: Supply) -> None:
    supply.lag["volts"] = 100.0
    del supply.has["volts"]
    with pytest.raises(OperationError, match="reads back offline after 5 s"):
        await supply.gate().put(20)


# The start


async def test_the_first_reading_becomes_the_setpoint(supply: Supply) -> None:
    gate = supply.gate()
    assert gate.setpoint.value is None
    gate.heard()
    assert gate.setpoint == Setpoint(10.0)
    supply.has["volts"] = 11.0
    gate.heard()
    assert gate.setpoint == Setpoint(10.0)
    assert supply.wrote == []


async def test_an_instrument_that_cannot_be_read_has_no_setpoint(
    supply: Supply,
) -> None:
    del supply.has["volts"]
    gate = supply.gate()
    gate.heard()
    assert gate.setpoint.value is None


async def test_the_rate_that_an_operator_chose_holds(supply: Supply) -> None:
    gate = supply.gate(ramp=1.0)
    assert gate.setpoint.ramp == 1.0


async def test_many_hands_make_no_ramp_faster(supply: Supply) -> None:
    gate = supply.gate(ramp=1.0)
    puts = []
    for number in range(18):
        puts.append(begun(gate, 100 + number))
        await asyncio.sleep(0.1)
    await gate.stop()
    await asyncio.gather(*puts, return_exceptions=True)
    assert supply.values("volts") == [10.5, 11, 11.5, 12]
