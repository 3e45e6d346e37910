"""The PVs of an ECC server as a client finds them: types, texts, fields, access."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from typing import Any

import epics
import pytest
from epics import dbr

from daqpv.errors import RefusedError
from daqpv.links.ca import pv as links_pv
from tests.support import forks

STATES = ("Broken", "Idle", "Described", "Prepared", "Ready", "Running", "Paused")
TRANSITIONS = (
    "None", "Describing", "Preparing", "Configuring", "Starting", "Stopping", "Pausing",
    "Resuming", "BreakingUp", "Resetting",
)  # fmt: skip
COMMANDS = (
    "None", "Describe", "Prepare", "Configure", "Start", "Stop", "Pause", "Resume",
    "Breakup", "Undo",
)  # fmt: skip
CONDITIONS = ("OK", "Disabled", "Offline", "Hung", "Broken", "Error")
RESULTS = ("None", "Busy", "Done", "Refused", "Failed", "Aborted", "Timeout")
CODES = (
    "None", "Refused", "Busy", "Failed", "Aborted", "Unknown outcome", "Not connected",
    "No answer", "Protocol", "Store", "Internal", "Error",
)  # fmt: skip
READ, WRITE = False, True

TABLE: dict[str, tuple[str, tuple[str, ...] | str | None, bool]] = {
    "Online": ("bi", ("Offline", "Online"), READ),
    "Condition": ("mbbi", CONDITIONS, READ),
    "Enable": ("bo", ("Disabled", "Enabled"), WRITE),
    "Message": ("waveform", None, READ),
    "Result": ("mbbi", RESULTS, READ),
    "ResultCode": ("mbbi", CODES, READ),
    "ResultCount": ("longin", "", READ),
    "LastError": ("waveform", None, READ),
    "LastBy": ("stringin", None, READ),
    "LastSeen": ("stringin", None, READ),
    "Errors": ("longin", "", READ),
    "State": ("mbbo", STATES, WRITE),
    "State_RBV": ("mbbi", STATES, READ),
    "Target": ("mbbo", ("None", *STATES[1:]), WRITE),
    "Transition": ("mbbi", TRANSITIONS, READ),
    "Transitioning": ("bi", ("No", "Yes"), READ),
    "Command": ("mbbo", COMMANDS, WRITE),
    "StepBack": ("bo", ("Done", "Busy"), WRITE),
    "Abort": ("bo", ("Done", "Busy"), WRITE),
    "RefreshConfigs": ("bo", ("Done", "Busy"), WRITE),
    "Config": ("waveform", None, WRITE),
    "ConfigDescribe": ("waveform", None, READ),
    "ConfigPrepare": ("waveform", None, READ),
    "ConfigConfigure": ("waveform", None, READ),
    "ConfigList": ("waveform", None, READ),
    "ConfigFilter": ("stringout", None, WRITE),
    "DataLinks": ("waveform", None, READ),
    "Url": ("waveform", None, READ),
    "LogPath": ("waveform", None, READ),
    "ErrorCode": ("longin", "", READ),
    "StepTime": ("ai", "s", READ),
    "ResponseTime": ("ai", "s", READ),
    "Role": ("stringin", None, READ),
    "PollPeriod": ("ao", "s", WRITE),
    "Allowed": ("longin", "", READ),
    "RemoteLog": ("waveform", None, READ),
    "ReadLog": ("bo", ("Done", "Busy"), WRITE),
}
"""Record type; the texts of an enum or the units of a number; access."""

NATIVE = {
    "bi": dbr.ENUM, "bo": dbr.ENUM, "mbbi": dbr.ENUM, "mbbo": dbr.ENUM,
    "longin": dbr.LONG, "ai": dbr.DOUBLE, "ao": dbr.DOUBLE, "stringin": dbr.STRING,
    "stringout": dbr.STRING,
    "waveform": dbr.CHAR,
}  # fmt: skip
LONG = [name for name, (record, _, _) in TABLE.items() if record == "waveform"]


@pytest.mark.parametrize("name", TABLE)
def test_a_pv_is_of_its_type(cobo: Any, name: str) -> None:
    record, texts_or_units, writable = TABLE[name]
    chid = cobo.channel(name)
    assert cobo.get(f"{name}.RTYP") == record
    assert epics.ca.field_type(chid) == NATIVE[record]
    assert bool(epics.ca.write_access(chid)) is writable
    if isinstance(texts_or_units, tuple):
        assert links_pv.labels(cobo.prefix + name) == texts_or_units
    elif texts_or_units is not None:
        assert cobo.get(f"{name}.EGU") == texts_or_units


def test_there_are_no_other_pvs(ecc_lab: Any, cobo: Any) -> None:
    file = str(ecc_lab.folder / "lone.yaml")
    command = [sys.executable, "-m", "daqpv", "pvs", file]
    command += ["--device", "CoBo0", "--format", "json"]
    rows = json.loads(forks.run(command, check=True, capture_output=True).stdout)
    assert {row["name"] for row in rows} == {cobo.prefix + name for name in TABLE}


def test_what_the_file_says_can_be_read(cobo: Any) -> None:
    assert cobo.get("Role") == "cobo"
    assert cobo.get("LogPath") == "/var/log/ecc0.log"
    assert cobo.get("Url").startswith("http://127.0.0.1:")
    assert cobo.get("Online.DESC") == "left"
    assert float(cobo.get("PollPeriod")) == 1


def test_the_parts_of_the_configuration_have_pvs_of_their_own(other: Any) -> None:
    parts = ("ConfigDescribe", "ConfigPrepare", "ConfigConfigure")
    assert "/".join(map(other.get, parts)) == other.get("Config")
    assert other.get("ConfigPrepare") == "deep"


def test_a_data_link_is_a_line_and_a_sender_may_have_two_routers(cobo: Any) -> None:
    assert cobo.get("DataLinks").splitlines() == [
        "CoBo[0] -> data0 127.0.0.1:46005 TCP",
        "CoBo[0] -> exporter 127.0.0.1:46007 ZBUF",
    ]


@pytest.mark.parametrize("name", LONG)
def test_a_long_text_is_a_waveform_of_characters(cobo: Any, name: str) -> None:
    assert cobo.get(f"{name}.FTVL") == "CHAR"
    text = cobo.get(name)
    most = int(cobo.get(f"{name}.NELM"))
    assert epics.ca.element_count(cobo.channel(name)) == most > len(text)
    assert int(cobo.get(f"{name}.NORD")) == len(text) + 1


@pytest.mark.parametrize("form", ["Config$", "Config.VAL$", "Config.VAL"])
def test_a_long_text_has_the_names_that_clients_use(other: Any, form: str) -> None:
    text = other.get("Config")
    assert len(text) > 40
    assert other.get(form) == text


def short(server: Any, name: str) -> bytes:
    """A get of one DBR_STRING."""
    (text,) = epics.ca.get(server.channel(name), ftype=dbr.STRING, count=1)
    return str(text).encode()


def test_a_long_text_read_as_a_string_is_its_beginning(other: Any) -> None:
    assert short(other, "Config") == other.get("Config").encode()[:39]


def test_a_string_is_cut_between_two_characters(cobo: Any) -> None:
    cobo.refused("Config", "äöüäöüäöü")
    whole = cobo.get("LastError").encode()
    seen = short(cobo, "LastError")
    assert whole.startswith(seen)
    assert len(seen) == 38, "the 39th byte is the first half of a character"


@pytest.mark.parametrize("name", [n for n, row in TABLE.items() if row[2] is READ])
def test_what_can_only_be_read_refuses_a_put(cobo: Any, name: str) -> None:
    with pytest.raises(RefusedError, match="read only"):
        cobo.put(name, "1")


def test_the_last_command_names_who_gave_it(cobo: Any) -> None:
    cobo.put("State", "Described")
    user, _, host = cobo.get("LastBy").partition("@")
    assert user == getpass.getuser()
    assert socket.gethostname().startswith(host.partition(".")[0])


def test_times_of_the_last_transition_and_answer_are_served(cobo: Any) -> None:
    cobo.sim.takes("Describe", 0.5)
    cobo.put("State", "Described")
    assert 0.4 < float(cobo.get("StepTime")) < 30
    assert 0 < float(cobo.get("ResponseTime")) < 30
    assert cobo.get("LastSeen").endswith(" UTC")


def test_the_figures_of_the_process_are_served(ecc_lab: Any) -> None:
    process = ecc_lab.client("main", kind="IOC")
    beat = process.get("HEARTBEAT")
    process.until("HEARTBEAT", str(int(beat) + 1))
    assert float(process.get("MEM_USED")) > 1e6
    assert int(process.get("CA_CLNT_CNT")) >= 1
    assert int(process.get("FD_CNT")) > 3
    assert process.get("Simulated") == "No"
