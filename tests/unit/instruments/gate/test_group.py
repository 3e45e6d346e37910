"""Groups of settable channels: staged, checked, applied."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import pytest

from daqpv.core import Result
from daqpv.errors import (
    AbortedError,
    BusyError,
    OperationError,
    RefusedError,
    UnknownOutcomeError,
)
from daqpv.instruments.gate import Gate, GateGroup, Staged
from tests.support.gates import Supply, begun, client


def power(values: Mapping[str, Any]) -> bool:
    return bool(values["volts"] * values["amps"] < 420)


class Bench:
    """A supply of 10 V and 1 A, whose power has a limit."""

    def __init__(self, supply: Supply, **keys: Any) -> None:
        self.supply = supply
        self.volts: Gate = supply.gate(max=400, **keys)
        self.amps: Gate = supply.gate("amps", units="A", max=5, **keys)
        self.group: GateGroup = supply.group(
            self.volts, self.amps, check="volts * amps < 420", holds=power
        )
        self.volts.heard()
        self.amps.heard()

    @property
    def staged(self) -> Staged:
        return self.group.staged

    def request(self, **values: float) -> None:
        for channel, value in values.items():
            self.group.request(channel, value)


@pytest.fixture
async def bench(supply: Supply) -> Bench:
    return Bench(supply)


async def test_requests_show_the_setpoints_until_there_are_some(bench: Bench) -> None:
    assert bench.staged == Staged((("volts", 10.0), ("amps", 1.0)))
    bench.request(volts=100)
    assert bench.staged == Staged((("volts", 100.0), ("amps", 1.0)))
    assert bench.supply.staged["both"] == bench.staged
    assert bench.supply.wrote == []


async def test_apply_writes_the_requests_in_order(bench: Bench) -> None:
    bench.request(amps=2, volts=200)
    with client("ann"):
        await bench.group.apply()
    assert [write[1:] for write in bench.supply.wrote] == [("volts", 200), ("amps", 2)]
    now = bench.supply.snapshot
    assert (now.result, now.last_by) == (Result.DONE, "ann@host")
    assert bench.supply.events[-1].fields["command"] == "apply both"


async def test_what_was_applied_is_no_request_any_more(bench: Bench) -> None:
    bench.request(amps=2)
    await bench.group.apply()
    await bench.amps.put(3)
    assert bench.staged.requests == (("volts", 10.0), ("amps", 3.0))
    await bench.group.apply()  # nothing is requested: nothing is sent
    assert bench.supply.values("amps") == [2, 3]


async def test_requests_survive_other_puts(bench: Bench) -> None:
    bench.request(volts=200)
    await bench.volts.put(20)
    await bench.amps.put(2)
    assert bench.staged.requests == (("volts", 200.0), ("amps", 2.0))


async def test_nan_takes_a_request_back(bench: Bench) -> None:
    bench.request(volts=200)
    bench.request(volts=math.nan)
    assert bench.staged.requests == (("volts", 10.0), ("amps", 1.0))


async def test_a_request_that_is_no_value_is_refused(bench: Bench) -> None:
    with pytest.raises(RefusedError, match="volts must be a number"):
        bench.group.request("volts", "high")


async def test_the_check_says_why(bench: Bench) -> None:
    bench.request(volts=300, amps=2)
    text = "supply: both: volts * amps < 420 does not hold (volts 300 V, amps 2 A)."
    assert (bench.staged.is_valid, bench.staged.reason) == (False, text)
    with pytest.raises(RefusedError) as refused:
        await bench.group.apply()
    assert str(refused.value) == text
    assert bench.supply.wrote == []
    bench.request(amps=1)
    assert (bench.staged.is_valid, bench.staged.reason) == (True, "")


async def test_the_reason_may_be_in_words_of_the_file(supply: Supply) -> None:
    group = supply.group(
        supply.gate(), check="no", reason="too much", holds=lambda values: False
    )
    group.request("volts", 3.0)
    assert group.staged.reason == "supply: both: too much (volts 3 V)."


async def test_a_request_outside_of_limits_is_not_valid(bench: Bench) -> None:
    bench.request(volts=401)
    assert bench.staged.reason == "supply: volts must be at most 400 V, not 401 V."
    bench.request(amps=6)
    with pytest.raises(RefusedError) as refused:
        await bench.group.apply()
    assert str(refused.value) == (
        "supply: volts must be at most 400 V, not 401 V. "
        "supply: amps must be at most 5 A, not 6 A."
    )
    assert bench.supply.wrote == []


async def test_a_check_that_cannot_be_computed_is_not_valid(supply: Supply) -> None:
    group = supply.group(
        supply.gate(), check="1 / 0", holds=lambda values: 1 / 0 * values["volts"]
    )
    group.request("volts", 3.0)
    text = "supply: both: the check cannot be computed: division by zero."
    assert group.staged.reason == text


async def test_a_direct_put_has_to_pass_the_check(bench: Bench) -> None:
    await bench.volts.put(300)
    with pytest.raises(RefusedError, match="does not hold"):
        await bench.amps.put(2)
    assert bench.supply.values("amps") == []


async def test_a_neighbour_on_its_way_counts_with_both_ends(supply: Supply) -> None:
    supply.has["volts"] = 390.0
    bench = Bench(supply, ramp=100.0)
    down = begun(bench.volts, 50)
    await asyncio.sleep(0.2)
    with pytest.raises(RefusedError, match=r"volts 340 V, amps 2 A"):
        await bench.amps.put(2)
    await down
    await bench.amps.put(2)


async def test_what_is_not_known_has_to_be_requested(supply: Supply) -> None:
    del supply.has["amps"]
    bench = Bench(supply)
    with pytest.raises(RefusedError, match="amps is not known yet: request it, too"):
        await bench.volts.put(5)
    bench.request(volts=5, amps=1)
    await bench.group.apply()
    assert supply.values("volts") == [5]


async def test_of_a_failed_apply_the_rest_is_not_written(bench: Bench) -> None:
    bench.request(volts=20, amps=2)
    bench.supply.faults = [OperationError("E05 tripped")]
    with pytest.raises(OperationError) as failed:
        await bench.group.apply()
    assert str(failed.value) == (
        "supply: both: volts failed: set volts to 20 V: E05 tripped; not written: amps."
    )
    assert bench.supply.values("amps") == []
    assert bench.staged.requests == (("volts", 20.0), ("amps", 2.0))
    assert "not written: amps" in bench.supply.snapshot.last_error


async def test_a_failed_apply_says_what_is_set(bench: Bench) -> None:
    bench.request(volts=20, amps=2)
    bench.supply.faults = [None, UnknownOutcomeError("no answer")]
    with pytest.raises(UnknownOutcomeError, match="both: volts is set; amps failed: "):
        await bench.group.apply()
    assert bench.staged.requests == (("volts", 20.0), ("amps", 2.0))


async def test_stop_of_a_member_ends_the_apply(supply: Supply) -> None:
    bench = Bench(supply, ramp=1.0)
    bench.request(volts=20, amps=2)
    applying = asyncio.ensure_future(bench.group.apply())
    await asyncio.sleep(2.2)
    with pytest.raises(BusyError, match=r"both is busy: apply both since 2\.2 s"):
        await bench.group.apply()
    await bench.volts.stop()
    with pytest.raises(AbortedError, match=r"volts failed: .*stopped; not written"):
        await applying
    assert supply.values("amps") == []


async def test_a_neighbour_that_changes_during_an_apply_is_checked_again(
    supply: Supply,
) -> None:
    bench = Bench(supply)
    third = supply.gate("field", units="T", ramp=1.0)
    supply.has["field"] = 0.0
    group = supply.group(
        third,
        bench.volts,
        bench.amps,
        check="volts * amps < 420",
        holds=power,
    )
    third.heard()
    group.request("field", 3.0)
    group.request("volts", 300.0)
    applying = asyncio.ensure_future(group.apply())
    await asyncio.sleep(1.0)
    await bench.amps.put(5)
    with pytest.raises(
        OperationError, match=r"field is set; volts failed: .* not hold"
    ):
        await applying
    assert supply.values("volts") == []


async def test_hazards_of_a_group_are_confirmed_together(supply: Supply) -> None:
    bench = Bench(supply, hazard=True)
    bench.request(volts=20, amps=2)
    with pytest.raises(RefusedError) as asked:
        await bench.group.apply()
    assert str(asked.value).count("within 10 s to confirm") == 2
    await bench.group.apply()
    assert [write[1:] for write in supply.wrote] == [("volts", 20), ("amps", 2)]
    bench.request(volts=20)
    with pytest.raises(RefusedError, match="to confirm"):
        await bench.group.apply()
