"""Settable channels as PVs: ramps, limits, hazards, groups; libca as the client."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daqpv.errors import OperationError
from tests.support.experiment import CA_PORT, Client, Lab, making
from tests.support.ports import free_port
from tests.support.supply_server import SupplyServer
from tests.support.waiting import until

RAMP = {"ramp": 10, "ramp_step": "0.1 s"}


class Bench:
    """A simulated supply, and daqpv that serves it."""

    def __init__(self, lab: Lab, supply: SupplyServer) -> None:
        self.lab = lab
        self.supply = supply

    def serve(
        self, status: str = "OK", *, at: str | None = None, **channels: Any
    ) -> Client:
        """Start anew, and wait for the status of the supply."""
        settings = self.supply.settings(**channels)
        settings["connection"] = at or self.supply.address
        self.lab.serve_no_more(signal.SIGKILL)
        self.lab.renew(forget=False)
        text = {
            "experiment": "exp",
            "prefix": self.lab.prefix,
            "store": "none",
            "instruments": {"psu": settings},
        }
        self.lab.file.write_text(json.dumps(text))  # JSON is YAML, too
        self.lab.serve()
        client = self.lab.client("psu", "Inst")
        client.until("Status", status)
        return client


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with SupplyServer() as supply, making(tmp_path, CA_PORT) as make:
        yield Bench(make(cobos=0), supply)


def test_a_put_waits_for_the_ramp(bench: Bench) -> None:
    psu = bench.serve(volts=RAMP)
    moving = psu.monitor("volts:Moving")
    psu.put("volts", "5")
    assert bench.supply.values("V") == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert psu.get("volts_RBV") == "5.000"
    assert psu.get("volts") == "5.000"
    moving.until("No")
    assert moving.texts == ["No", "Yes", "No"]
    assert psu.get("Result") == "Done"
    times = [time for time, _, _ in bench.supply.wrote]
    assert times[-1] - times[0] > 0.35


def test_the_setpoint_begins_where_the_instrument_is(bench: Bench) -> None:
    bench.supply.has["V"] = 42.0
    psu = bench.serve()
    psu.until("volts", "42.000")
    assert psu.get("volts.SEVR") == "NO_ALARM"
    assert psu.get("volts:Moving") == "No"
    assert bench.supply.wrote == []


def test_a_second_hand_takes_over_and_stop_ends_it(bench: Bench) -> None:
    psu = bench.serve(volts=RAMP)
    moving = psu.monitor("volts:Moving")
    psu.put_only("volts", "100")
    moving.until("Yes")
    until(lambda: len(bench.supply.wrote) > 2, "steps")
    psu.put("volts", "1")
    assert bench.supply.values("V")[-1] == 1.0
    psu.put_only("volts", "100")
    until(lambda: bench.supply.has["V"] > 2, "steps")
    psu.put("volts:Stop", "1")
    stopped = len(bench.supply.wrote)
    psu.until("volts:Moving", "No")
    assert psu.get("Result") == "Aborted"
    assert "stopped" in psu.get("LastError")
    assert psu.get("volts") == f"{bench.supply.has['V']:.3f}"
    assert len(bench.supply.wrote) == stopped


def test_limits_are_those_of_the_record_and_refuse(bench: Bench) -> None:
    psu = bench.serve()
    drive = [float(psu.get(f"volts.{field}")) for field in ("DRVL", "DRVH")]
    assert drive == [0.0, 100.0]
    for value in ("101", "-1", "nan"):
        with pytest.raises(OperationError):
            psu.put("volts", value)
    assert psu.get("Result") == "Refused"
    limits = "Inst:psu:volts: nan is outside the limits 0 to 100 V"
    assert limits in psu.get("LastError")
    assert bench.supply.wrote == []


def test_a_refusal_of_the_instrument_is_told(bench: Bench) -> None:
    psu = bench.serve()
    psu.until("volts", "0.000")
    bench.supply.refuses = True
    with pytest.raises(OperationError):
        psu.put("volts", "5")
    assert "tripped" in psu.get("LastError")
    assert psu.get("volts") == "0.000"


def test_a_value_that_reads_back_different_fails_the_put(bench: Bench) -> None:
    psu = bench.serve(volts={"settle": "0.3 s"})
    bench.supply.off = -0.5
    with pytest.raises(OperationError):
        psu.put("volts", "5")
    assert "set 5 V, reads back 4.5 V after 0.3 s" in psu.get("LastError")
    assert psu.get("Result") == "Failed"


def test_a_hazard_is_put_twice(bench: Bench) -> None:
    psu = bench.serve()
    with pytest.raises(OperationError):
        psu.put("output", "On")
    assert "again within 10 s to confirm" in psu.get("LastError")
    assert bench.supply.values("OUT") == []
    psu.put("output", "On")
    assert bench.supply.values("OUT") == [1.0]
    assert psu.get("output") == psu.get("output_RBV") == "On"
    assert psu.get("LastError") == ""


def test_a_group_is_checked_and_applied(bench: Bench) -> None:
    psu = bench.serve()
    psu.until("both:Valid", "Yes")
    psu.put("both:Request:volts", "50")
    psu.put("both:Request:amps", "3")
    assert psu.get("both:Valid") == "No"
    assert "more than 100 W (volts 50 V, amps 3 A)" in psu.get("both:Reason")
    with pytest.raises(OperationError):
        psu.put("both:Apply", "1")
    assert bench.supply.wrote == []
    psu.put("both:Request:amps", "1.5")
    assert psu.get("both:Valid") == "Yes"
    psu.put("both:Apply", "1")
    assert [wrote[1:] for wrote in bench.supply.wrote] == [("V", 50.0), ("I", 1.5)]
    assert psu.get("amps_RBV") == "1.500"
    with pytest.raises(OperationError):
        psu.put("amps", "3")
    assert bench.supply.values("I") == [1.5]


def test_a_chosen_ramp_survives_a_restart(bench: Bench) -> None:
    psu = bench.serve(volts=RAMP)
    psu.put("volts:Ramp", "20")
    kept = bench.lab.folder / "exp.settings.json"
    until(lambda: kept.exists() and "20" in kept.read_text(), "it to be kept")
    bench.supply.has["V"] = 7.0
    psu = bench.serve(volts=RAMP)
    assert psu.get("volts:Ramp").startswith("20.000")
    psu.until("volts", "7.000")
    assert bench.supply.wrote == []
    with pytest.raises(OperationError):
        psu.put("volts:Ramp", "-1")


def test_an_instrument_that_is_off_has_no_setpoint(bench: Bench) -> None:
    psu = bench.serve("Error", at=f"tcp://127.0.0.1:{free_port()}", volts=RAMP)
    psu.until("Online", "Offline")
    assert (psu.get("volts.UDF"), psu.get("volts.SEVR")) == ("1", "INVALID")
    assert psu.get("volts_RBV.SEVR") == "INVALID"
    assert psu.get("both:Valid") == "No"
    with pytest.raises(OperationError):
        psu.put("volts", "5")
    assert "psu is offline: " in psu.get("LastError")
    assert psu.get("volts.UDF") == "1"
    assert psu.get("volts:Moving") == "No"
    psu.put("volts:Stop", "1")


def test_what_another_hand_sets_shows_in_the_read_back(bench: Bench) -> None:
    psu = bench.serve()
    psu.put("volts", "5")
    bench.supply.has["V"] = 33.0  # at its front panel
    psu.until("volts_RBV", "33.000")
    assert psu.get("volts") == "5.000"
