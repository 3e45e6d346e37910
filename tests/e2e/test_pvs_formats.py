"""daqpv pvs --format archiver, alarm, save: by the rules of those who read them."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.support import forks

FILE = """\
experiment: e20009
prefix: "AT:"
ecc:
  CoBo0: {url: "http://127.0.0.1:8083/", config: cobo0/exp/exp}
  CoBo1: {url: "http://127.0.0.1:8084/", config: cobo1/exp/exp}
routers:
  data0: {address: 127.0.0.1, watch: {directory: /data}}
"""

Print = Callable[..., str]


@pytest.fixture
def pvs(tmp_path: Path) -> Print:
    """Print the list of PVs in a format."""
    file = tmp_path / "lab.yaml"
    file.write_text(FILE)

    def run(form: str, *options: str) -> str:
        command = [sys.executable, "-m", "daqpv", "pvs", str(file), "--format", form]
        done = forks.run(
            [*command, *options], capture_output=True, text=True, check=True, timeout=30
        )
        return str(done.stdout)

    return run


# CAJ, the Java client of Phoebus and the Archiver Appliance, takes replies of at most
# 16,384 bytes, their header of 16 among them, unless EPICS_CA_MAX_ARRAY_BYTES says
# more; a long text is asked for as DBR_TIME_CHAR, with 15 bytes before the text.


def test_no_pv_needs_epics_ca_max_array_bytes(pvs: Print) -> None:
    sizes = {name: row["size"] for name, row in rows(pvs).items()}
    assert sizes["AT:Run:Title"] > 1000
    assert {name: size for name, size in sizes.items() if size > 16_000} == {}


def test_the_longest_texts_are_those_that_the_contract_names(pvs: Print) -> None:
    """docs/pv-contract.md: sizes of texts."""
    sizes: dict[int, set[str]] = {}
    for name, row in rows(pvs).items():
        if row["record"] == "waveform":
            sizes.setdefault(row["size"], set()).add(name.rpartition(":")[2])
    assert sizes.keys() == {16_000, 4_000, 20}
    longest = {"Title", "Comment", "ConfigList", "RemoteLog", "Text"}
    assert sizes[16_000] == longest
    assert sizes[20] == {"Recent"}


def test_every_figure_has_limits_for_a_tank_or_a_plot(pvs: Print) -> None:
    figures = {n: row for n, row in rows(pvs).items() if row["record"] in ("ai", "ao")}
    assert {"AT:Router:data0:DiskFree", "AT:Sys:Progress"} <= set(figures)
    assert [name for name, row in figures.items() if not row["limits"]] == []


def rows(pvs: Print) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(pvs("json"))}


# The Archiver Appliance: a POST to mgmt/bpl/archivePV is a JSON array of objects whose
# values are all strings; the least sampling period is 0.1 s.


def test_the_archiver_gets_an_array_of_objects_of_strings(pvs: Print) -> None:
    wanted = json.loads(pvs("archiver"))
    assert wanted
    for row in wanted:
        assert set(row) == {"pv", "samplingmethod", "samplingperiod"}
        assert all(isinstance(value, str) for value in row.values())
        assert row["samplingmethod"] in ("MONITOR", "SCAN")
        assert float(row["samplingperiod"]) >= 0.1


def test_the_archiver_has_room_for_what_comes_in_bursts(pvs: Print) -> None:
    """Of MONITOR it keeps 10 s / samplingperiod + 1 values in 10 s, and no more."""
    period = {r["pv"]: float(r["samplingperiod"]) for r in json.loads(pvs("archiver"))}
    for burst in ("ECC:CoBo0:StepTime", "ECC:CoBo0:ResponseTime", "Run:Rate"):
        assert period[f"AT:{burst}"] == 0.1
    for burst in ("Run:Bytes", "Run:DiskTimeLeft", "Sys:Progress", "ECC:CoBo0:State"):
        assert period[f"AT:{burst}"] == 0.1
    assert period["AT:IOC:main:HEARTBEAT"] == 0.5  # once a second


def test_the_archiver_gets_every_number_and_state_once_and_no_text(pvs: Print) -> None:
    known = rows(pvs)
    wanted = [row["pv"] for row in json.loads(pvs("archiver"))]
    assert len(set(wanted)) == len(wanted)
    assert set(wanted) <= set(known)
    assert {"AT:ECC:CoBo0:State", "AT:ECC:CoBo0:Enable"} <= set(wanted)
    assert "AT:ECC:CoBo0:ResponseTime" in wanted
    for text in ("Config", "Url", "Message", "Role", "LastSeen"):
        assert f"AT:ECC:CoBo0:{text}" not in wanted
    for again in ("State_RBV", "Abort", "StepBack"):
        assert f"AT:ECC:CoBo0:{again}" not in wanted
    left = {known[name]["record"] for name in set(known) - set(wanted)}
    texts = {"stringin", "stringout", "waveform"}
    assert left == texts | {"bo", "mbbi"}  # buttons, State_RBV


# The Phoebus alarm server (XmlModelReader): config, nested components, pv leaves; no
# name twice in one component, no PV twice in the tree; the three switches written out.

_LEAF = {"description", "enabled", "latching", "annunciating", "delay", "filter"}


def test_the_alarm_tree_is_one_component_per_device(pvs: Print) -> None:
    root = ET.fromstring(pvs("alarm").encode())
    assert (root.tag, root.get("name")) == ("config", "e20009")
    for parent in root.iter():
        if parent.tag in ("config", "component"):
            names = [child.get("name") for child in parent]
            assert {child.tag for child in parent} <= {"component", "pv"}
            assert len(set(names)) == len(names) > 0
    assert root.find("component[@name='ECC']/component[@name='CoBo1']/pv") is not None


def test_the_alarm_tree_has_each_pv_that_can_alarm_once(pvs: Print) -> None:
    root = ET.fromstring(pvs("alarm").encode())
    leaves = [pv.get("name") for pv in root.iter("pv")]
    assert len(set(leaves)) == len(leaves)
    assert {leaf for leaf in leaves if leaf and "CoBo0" in leaf} == {
        f"AT:ECC:CoBo0:{signal}"
        for signal in ("Online", "Condition", "State", "Result")
    }
    process = {leaf for leaf in leaves if leaf and leaf.startswith("AT:IOC:")}
    between = ("Duplicate", "ClockOffset", "FileDiffers")
    signals = ("HEARTBEAT", "IOC_CPU_LOAD", "LoopDelay", *between)
    assert process == {f"AT:IOC:main:{signal}" for signal in signals}


def test_each_alarm_says_what_it_is_when_it_counts_and_what_to_do(pvs: Print) -> None:
    root = ET.fromstring(pvs("alarm").encode())
    known = rows(pvs)
    for pv in root.iter("pv"):
        leaf = {child.tag: child.text or "" for child in pv}
        assert set(leaf) <= _LEAF | {"guidance"}
        assert leaf["description"].split(": ")[1]
        switches = {leaf[tag] for tag in ("enabled", "latching", "annunciating")}
        assert switches <= {"true", "false"}
        assert int(leaf["delay"]) > 0
        if "filter" in leaf:
            found = re.fullmatch(r"'([^']+)' > 0", leaf["filter"])
            assert found is not None
            assert found[1] in known
        for guidance in pv.iter("guidance"):
            assert [child.tag for child in guidance] == ["title", "details"]
            for name in re.findall(r"AT:\S+?(?=[: ]|$)", guidance[1].text or ""):
                assert any(pv_name.startswith(name) for pv_name in known)


@pytest.mark.parametrize("form", ["alarm", "archiver"])
def test_each_process_that_is_named_has_its_figures_and_no_other(
    pvs: Print, form: str
) -> None:
    name = re.compile(r'"(AT:IOC:\w+:)')
    one = name.findall(pvs(form))
    several = name.findall(pvs(form, "--name", "crate1", "--name", "control"))
    assert set(one) == {"AT:IOC:main:"}
    assert set(several) == {"AT:IOC:crate1:", "AT:IOC:control:"}
    assert len(several) == 2 * len(one)


def filters(text: str) -> dict[str | None, str | None]:
    leaves = ET.fromstring(text.encode()).iter("pv")
    return {pv.get("name"): pv.findtext("filter") for pv in leaves}


def test_a_lost_server_is_one_alarm(pvs: Print) -> None:
    found = filters(pvs("alarm"))
    assert found["AT:ECC:CoBo0:Online"] == "'AT:IOC:main:HEARTBEAT' > 0"
    assert found["AT:ECC:CoBo0:State"] == "'AT:ECC:CoBo0:Online' > 0"


def test_the_end_of_the_process_is_one_alarm(pvs: Print) -> None:
    """A filter on a PV that is disconnected lets nothing through."""
    found = filters(pvs("alarm"))
    assert [name for name, wanted in found.items() if wanted is None] == [
        "AT:IOC:main:HEARTBEAT"
    ]


def test_of_several_processes_each_has_a_heartbeat_of_its_own(pvs: Print) -> None:
    found = filters(pvs("alarm", "--name", "crate1", "--name", "control"))
    assert found["AT:IOC:crate1:LoopDelay"] == "'AT:IOC:crate1:HEARTBEAT' > 0"
    assert found["AT:IOC:control:HEARTBEAT"] is None
    assert found["AT:ECC:CoBo0:Online"] is None  # nobody knows which one serves it


# Phoebus save-and-restore (CSVParser): comments with tags, a line of column names of
# which it knows some, at most five columns; its split drops empty columns at the end.


def test_save_and_restore_gets_the_settings(pvs: Print) -> None:
    lines = pvs("save").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert comments[:2] == ["# SaveSet name:", "# e20009"]
    assert comments[2] == "# Description:"
    table = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert set(table[0]) == {"PV", "READBACK", "READ_ONLY"}
    assert {row["READ_ONLY"] for row in table} == {"0"}  # last: never empty
    known = rows(pvs)
    assert [row["PV"] for row in table] == [n for n in known if known[n]["saved"]]
    assert "AT:ECC:CoBo1:Config" in [row["PV"] for row in table]
    assert {row["READBACK"] for row in table} <= {*known, ""}
    assert not any('"' in line for line in lines)
