"""The run sheet as operators fill it in: daqpv, libca, and an IOC of others."""

from __future__ import annotations

import csv
import io
import signal
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner

from daqpv.cli import main
from daqpv.errors import OperationError, RefusedError
from tests.support.experiment import Client, Lab
from tests.support.gas import Gas
from tests.support.waiting import until

SHEET = """\
run:
  observables:
    target: {{type: string, desc: what the beam hits}}
    shift: {{type: int, keep: false}}
    field: {{units: T}}
    pressure: {{units: Torr, pv: "{gas}P", take: high}}
    valve: {{type: string, pv: "{gas}Valve", take: stop}}
    servers: {{type: int, pv: "{own}Sys:OnlineCount"}}
  snapshot: ["{gas}P", "{own}Sys:State", "{gas}Nowhere"]
"""


@pytest.fixture
def gas() -> Iterator[Gas]:
    gas = Gas()
    gas.start("ao", "300")
    yield gas
    gas.end()


@pytest.fixture
def lab(make_lab: Callable[..., Lab], gas: Gas) -> Lab:
    lab = make_lab(cobos=2, speed=50.0)
    lab.simulate()
    add_sheet(lab, gas)
    return lab


def add_sheet(lab: Lab, gas: Gas) -> None:
    text = SHEET.format(gas=gas.prefix, own=lab.prefix)
    lab.file.write_text(lab.file.read_text() + text)


def serve(lab: Lab, *, ready: bool = True) -> tuple[Client, Client]:
    """The clients of the run and of its sheet, all servers Ready."""
    lab.serve()
    system = lab.client("", "Sys")
    system.until("Online", "Online")
    if ready:
        system.put("Target", "Ready")
    return lab.client("", "Run"), lab.client("Par", "Run")


def daqpv(lab: Lab, *arguments: str) -> str:
    """What a command prints; SQLite may be away while it is made."""
    words = ["runs", arguments[0], str(lab.file), *arguments[1:]]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(lab.folder)
        return CliRunner().invoke(main, words).stdout


def test_a_run_has_what_was_written_and_what_was_read(lab: Lab, gas: Gas) -> None:
    run, sheet = serve(lab)
    sheet.put("target", "CH2")
    sheet.put("shift", "3")
    sheet.until("pressure", "300.000")
    sheet.until("valve", "Closed")
    sheet.until("servers", "2")
    with pytest.raises((OperationError, RefusedError)):
        sheet.put("pressure", "1")
    run.put("Start", "1")
    until(lambda: "  target    CH2\n" in daqpv(lab, "show", "1"), "the open run")
    gas.client.put("P", "450")
    sheet.until("pressure", "450.000")
    assert sheet.get("pressure.SEVR") == "MINOR"
    gas.client.put("Valve", "Open")
    sheet.until("valve", "Open")
    sheet.put("field", "2.5")
    run.put("Stop", "1")
    assert (sheet.get("target"), sheet.get("shift.SEVR")) == ("CH2", "INVALID")

    def row() -> dict[str, str]:
        rows = list(csv.DictReader(io.StringIO(daqpv(lab, "export"))))
        return rows[0] if rows and rows[0]["entry"] == "ended" else {}

    until(lambda: row().get("field"), "the end in the store")
    found = row()
    assert float(found["pressure"]) == 450
    texts = [found[name] for name in ("target", "shift", "field", "valve", "servers")]
    assert texts == ["CH2", "3", "2.5", "Open", "2"]
    page = daqpv(lab, "show", "1")
    for line in (
        "  field     2.5 T\n",
        "(start 300, stop 450, mean ",
        "low 300, high 450, 2 readings, MINOR)\n",
        f"  {gas.prefix}P: start 300, stop 450, MINOR\n",
        f"  {lab.prefix}Sys:State: start Running, stop Ready\n",
        f"  {gas.prefix}Nowhere: start not read, INVALID, stop not read, INVALID\n",
        "Par:field: '' -> '2.5'",
    ):
        assert line in page


def test_after_a_restart_the_sheet_and_the_run_go_on(lab: Lab, gas: Gas) -> None:
    run, sheet = serve(lab)
    sheet.put("target", "CH2")
    sheet.put("field", "2.5")
    sheet.until("pressure", "300.000")
    run.put("Start", "1")
    until(lambda: "pressure  300" in daqpv(lab, "show", "1"), "the run in the store")
    lab.serve_no_more(signal.SIGKILL)
    gas.client.put("P", "200")
    lab.renew(forget=False)
    add_sheet(lab, gas)
    run, sheet = serve(lab, ready=False)
    run.until("State", "Running")
    assert (sheet.get("target"), sheet.get("field")) == ("CH2", "2.500")
    sheet.until("pressure", "200.000")
    run.put("Stop", "1")
    until(lambda: "low 200, high 300" in daqpv(lab, "show", "1"), "the end")
    assert "start 300, stop 200" in daqpv(lab, "show", "1")


def test_what_is_lost_is_marked(lab: Lab, gas: Gas) -> None:
    _, sheet = serve(lab, ready=False)
    sheet.until("pressure", "300.000")
    monitor = sheet.monitor("pressure")
    gas.end()
    sheet.until("pressure.SEVR", "INVALID")
    assert sheet.get("pressure.AMSG") == f"no answer from {gas.prefix}P"
    assert monitor.events[-1]["severity"] == 3
    assert sheet.get("servers") == "2"


def test_the_sheet_is_in_the_list_of_pvs(lab: Lab) -> None:
    text = CliRunner().invoke(main, ["pvs", str(lab.file), "--format", "csv"]).stdout
    rows = {row["PV"]: row for row in csv.DictReader(io.StringIO(text))}
    target = rows[f"{lab.prefix}Run:Par:target"]
    assert (target["access"], target["meaning"]) == ("read/write", "what the beam hits")
    assert rows[f"{lab.prefix}Run:Par:pressure"]["access"] == "read"
    saved = CliRunner().invoke(main, ["pvs", str(lab.file), "--format", "save"]).stdout
    assert f"{lab.prefix}Run:Par:field," in saved
    assert f"{lab.prefix}Run:Par:pressure," not in saved
