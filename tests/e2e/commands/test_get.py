"""daqpv get and monitor: any PV, as people and programs read it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.support.commands import daqpv, told
from tests.support.terminal import in_terminal
from tests.support.waiting import DEADLINE


def test_states_numbers_and_texts_come_as_people_read_them(cobo: Any) -> None:
    cobo.put("PollPeriod", "0.5")
    p = cobo.prefix
    result = daqpv("get", f"{p}State", f"{p}PollPeriod", f"{p}Config", f"{p}LastError")
    assert result.exit_code == 0
    width = len(f"{p}PollPeriod")
    assert result.stdout.splitlines() == [
        f"{f'{p}State':{width}}  Idle",
        f"{p}PollPeriod  0.5 s",
        f"{f'{p}Config':{width}}  cobo0/exp/exp",
        f"{f'{p}LastError':{width}}  " + (cobo.get("LastError") or '""'),
    ]


def test_a_text_of_several_lines_stands_below_its_name(cobo: Any) -> None:
    name = f"{cobo.prefix}ConfigList"
    head, *lines = daqpv("get", name).stdout.splitlines()
    assert head == name
    assert [line.removeprefix("    ") for line in lines] == cobo.get(
        "ConfigList"
    ).splitlines()
    value = daqpv("get", "--format", "value", name).stdout
    assert value == cobo.get("ConfigList") + "\n"


def test_an_alarm_has_its_severity_and_is_no_error(shared_lab: Any, cobo: Any) -> None:
    name = f"{cobo.prefix}Enable"
    cobo.put("Enable.OSV", "MINOR")
    result = daqpv("get", name)
    cobo.put("Enable.OSV", "NO_ALARM")
    assert (result.exit_code, result.stdout) == (0, f"{name}  Enabled  MINOR STATE\n")


def test_json_has_values_for_programs(cobo: Any) -> None:
    names = [cobo.prefix + signal for signal in ("State", "PollPeriod", "Allowed")]
    lines = daqpv("get", "--format", "json", *names).stdout.splitlines()
    state, period, allowed = map(json.loads, lines)
    assert (state["value"], state["index"]) == ("Idle", 1)
    assert isinstance(period["value"], float)
    assert isinstance(allowed["value"], int)
    assert (period["units"], period["severity"]) == ("s", "NO_ALARM")
    assert period["time"].endswith("Z")


def test_a_pv_that_nobody_serves_is_named_and_the_others_are_shown(cobo: Any) -> None:
    name = f"{cobo.prefix}Sate"
    result = daqpv("get", name, f"{cobo.prefix}State", "--timeout", "1")
    assert result.exit_code == 1
    assert result.stdout.split() == [f"{cobo.prefix}State", "Idle"]
    assert result.stderr == (
        f"{name}: no such PV within 1 s. Is daqpv serving? Do EPICS_CA_ADDR_LIST and "
        "EPICS_CA_SERVER_PORT point at it?\n"
    )


@pytest.mark.parametrize("colour", [True, False])
def test_an_alarm_is_in_colour_unless_no_color_is_set(
    cobo: Any, monkeypatch: pytest.MonkeyPatch, colour: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", "" if colour else "1")
    cobo.put("Enable.OSV", "MAJOR")
    command = [sys.executable, "-m", "daqpv", "get", f"{cobo.prefix}Enable"]
    line = subprocess.run(
        ["script", "-qec", " ".join(command), "/dev/null"],
        capture_output=True,
        timeout=DEADLINE,
        check=True,
        stdin=subprocess.DEVNULL,
    ).stdout
    cobo.put("Enable.OSV", "NO_ALARM")
    assert (b"\x1b[31m" in line) is colour


# -- monitor ---------------------------------------------------------------------------


def begin(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "daqpv", "monitor", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_monitor_prints_each_change_until_it_is_ended(cobo: Any) -> None:
    with begin(f"{cobo.prefix}PollPeriod", "--format", "json") as running:
        assert running.stdout is not None
        values = []
        for period in ("0.7", "0.9"):
            values.append(json.loads(running.stdout.readline())["value"])
            cobo.put("PollPeriod", period)
        values.append(json.loads(running.stdout.readline())["value"])
        running.send_signal(signal.SIGINT)
        assert running.wait(DEADLINE) == 0
    assert values[1:] == [0.7, 0.9]


def test_monitor_ends_after_so_many_lines(cobo: Any) -> None:
    with begin(f"{cobo.prefix}State", "-n", "1") as running:
        out, _ = running.communicate(timeout=DEADLINE)
    assert running.returncode == 0
    assert out.split()[2:] == ["UTC", f"{cobo.prefix}State", "Idle"]


def test_monitor_names_who_is_not_served_and_says_so_by_its_code(cobo: Any) -> None:
    name = f"{cobo.prefix}Nosuch"
    with begin(name, "--timeout", "0.1", "--for", "0.5") as running:
        out, err = running.communicate(timeout=DEADLINE)
    assert (running.returncode, out) == (1, "")
    assert err.startswith(f"{name}: no such PV within 0.1 s; still searching.")


def test_monitor_ends_when_nobody_reads_it(cobo: Any) -> None:
    with begin(f"{cobo.prefix}State") as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.wait(DEADLINE) == 0


def test_both_want_a_pv() -> None:
    for command in ("get", "monitor"):
        result = daqpv(command)
        assert result.exit_code == 2
        assert told(result)[-1] == "Error: Missing argument 'PV...'."


def test_a_search_shows_a_sign_on_a_terminal() -> None:
    lines = in_terminal("get", "Nosuch", "--timeout", "1.5", columns=80, err=True)
    assert any("Searching for PV ... 1 s" in line for line in lines)


def test_an_empty_name_is_refused() -> None:
    for command in (["get", ""], ["monitor", ""], ["put", "", "1"]):
        result = daqpv(*command)
        assert result.exit_code == 2
        assert told(result)[-1].endswith(": the name is empty.")


def test_monitor_ends_when_its_output_is_full(cobo: Any) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "daqpv", "monitor", f"{cobo.prefix}State"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Standard output: No space left on device\n"
