"""Faults strike the calls that they were set for, as often as they were set for."""

from __future__ import annotations

import math

import pytest

from daqpv.ecc.codes import Operation
from daqpv.sim.ecc import EVERY, Fault, Faults, Kind


def test_a_fault_strikes_as_often_as_it_says() -> None:
    faults = Faults()
    faults.set(Operation.START, Fault(do=Kind.REFUSE, times=2))
    struck = [faults.take("Start") is not None for _ in range(3)]
    assert struck == [True, True, False]
    assert not faults.active


def test_a_fault_without_a_number_strikes_until_it_is_cleared() -> None:
    faults = Faults()
    faults.set("GetState", Fault(do=Kind.HANG))
    assert all(faults.take("GetState") for _ in range(100))
    faults.set("GetState", None)
    assert faults.take("GetState") is None


def test_a_method_has_its_own_fault_before_that_of_all() -> None:
    faults = Faults()
    faults.set(EVERY, Fault(do=Kind.HANG))
    faults.set("Stop", Fault(do=Kind.CUT, times=1))
    assert [faults.take("Stop"), faults.take("Stop"), faults.take("GetState")] == [
        Fault(do=Kind.CUT, times=1),
        Fault(do=Kind.HANG),
        Fault(do=Kind.HANG),
    ]
    faults.clear()
    assert faults.take("Stop") is None


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match="no method 'Reset'; there are: GetState, "):
        Faults().set("Reset", None)


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": -1.0}, {"seconds": math.nan}, {"times": 0}, {"megabytes": 0}],
)
def test_a_number_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .* or more"):
        Fault(do=Kind.SLOW, **wrong)  # type: ignore[arg-type]
