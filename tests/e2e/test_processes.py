"""One experiment served by several processes of one host."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daqpv.errors import OperationError
from tests.support import forks
from tests.support.operating import found_again
from tests.support.ports import free_port
from tests.support.waiting import until

DEADLINE = 60.0  # [s]

PARTS = (["ecc.MuTAnT"], ["ecc.CoBo0"], ["ecc.CoBo1"], ["ecc.CoBo2", "system"])


def try_to_serve(
    lab: Any, *arguments: str, folder: Path | None = None, **environ: str
) -> tuple[int, str]:
    """Start a process that should not stay; its exit code and what it said.

    With a file in a `folder` of its own it is like a process on another computer: only
    searches find the others.
    """
    file = shutil.copy(lab.file, folder) if folder else lab.file
    done = forks.run(
        [sys.executable, "-m", "daqpv", "serve", str(file), *arguments],
        cwd=Path(file).parent,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return done.returncode, done.stderr


_GET = """
import sys, time
from daqpv.links.ca import pv
while (text := pv.get(sys.argv[1])) != sys.argv[2]: time.sleep(0.05)
"""


def get(lab: Any, name: str, text: str) -> None:
    """Wait for a value in a process of its own, whose libca begins anew."""
    lab.run_python(_GET, lab.prefix + name, text)


@pytest.fixture
def make_system(make_lab: Callable[..., Any]) -> Callable[[], Any]:
    """A MuTAnT and three CoBos, simulated."""

    def make() -> Any:
        lab = make_lab(cobos=3, mutant=True)
        lab.simulate()
        return lab

    return make


@pytest.fixture
def spread(make_system: Callable[[], Any]) -> Any:
    """The system over four processes; `lab.parts` are they."""
    lab = make_system()
    lab.parts = lab.serve_in_parts(*PARTS)
    lab.sys = lab.client("", kind="Sys")
    lab.sys.until("OnlineCount", "4")
    return lab


def serve_again(lab: Any, n: int) -> None:
    """Start a process that was ended."""
    only = [word for part in PARTS[n] for word in ("--only", part)]
    lab.parts[n] = lab.serve("--name", f"p{n}", *only)


# Finding the right process


def test_each_of_four_processes_on_one_port_answers_for_its_devices(
    make_lab: Any,
) -> None:
    lab = make_lab(cobos=4)
    lab.simulate()
    lab.serve_in_parts(*[[f"ecc.CoBo{n}"] for n in range(4)])
    for n in range(4):
        cobo = lab.client(f"CoBo{n}")
        cobo.until("Online", "Online")
        assert cobo.get("Url") == lab.urls[f"CoBo{n}"]
    numbers = {lab.client(f"p{n}", kind="IOC").get("PROCESS_ID") for n in range(4)}
    assert len(numbers) == 4


def test_processes_on_ports_of_their_own_are_found_by_unicast(
    make_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = make_lab(cobos=2)
    ports = [free_port() for _ in range(2)]
    addresses = " ".join(f"127.0.0.1:{port}" for port in ports)
    monkeypatch.setenv("EPICS_CA_ADDR_LIST", addresses)
    lab.simulate()
    for n, port in enumerate(ports):
        lab.ca_port = port
        line = lab.serve("--name", f"p{n}", "--only", f"ecc.CoBo{n}").ready()
        assert line.endswith(f"CA port {port}")
    for n in range(2):
        get(lab, f"ECC:CoBo{n}:Url", lab.urls[f"CoBo{n}"])


# No device is served twice


def test_a_device_that_is_served_already_is_refused_with_the_address(
    lab: Any, tmp_path: Path
) -> None:
    lab.client().until("Online", "Online")
    code, text = try_to_serve(lab, "--name", "second", folder=tmp_path)
    assert code == 4, text
    assert text.startswith(f"{lab.prefix}ECC:CoBo0:State is already served by 127.0.0")
    assert "--only" in text
    assert lab.client().get("State") == "Idle"  # who was there goes on


@pytest.mark.parametrize("name", ["main", "second"])
@pytest.mark.parametrize("store", ["", "store: none"])
def test_a_file_that_is_served_already_is_refused_on_any_port(
    make_lab: Any, name: str, store: str
) -> None:
    """Searches find nobody on another CA port; the computer knows it all the same."""
    lab = make_lab()
    lab.file.write_text(f"{lab.file.read_text()}{store}\n")
    lab.popen = subprocess.Popen  # its command line is read
    first = lab.serve()
    port = str(free_port())
    code, text = try_to_serve(lab, "--name", name, EPICS_CAS_SERVER_PORT=port)
    assert code == 4
    (line,) = text.splitlines()  # it says nothing of records that are lost
    assert line.startswith(f"{lab.prefix}ECC:CoBo0:State is already served by process ")
    assert f"process {first.process.pid} of this computer (" in line
    assert "daqpv serve lab.yaml). End that process, or " in line


def test_two_processes_of_one_name_are_refused(make_lab: Any, tmp_path: Path) -> None:
    lab = make_lab(cobos=2)
    lab.simulate()
    lab.serve("--only", "ecc.CoBo0")
    code, text = try_to_serve(lab, "--only", "ecc.CoBo1", folder=tmp_path)
    assert code == 4
    assert text.startswith(f"{lab.prefix}IOC:main:HEARTBEAT is already served by")
    assert "--name" in text


def test_one_of_many_processes_is_enough_to_be_refused(make_lab: Any) -> None:
    lab = make_lab(cobos=4)
    lab.serve_in_parts(*[[f"ecc.CoBo{n}"] for n in range(3)])
    for n in range(3):
        code, text = try_to_serve(lab, "--name", "q", "--only", f"ecc.CoBo{n}")
        assert (code, f"CoBo{n}:State" in text) == (4, True)
    lab.serve("--name", "q", "--only", "ecc.CoBo3")


@pytest.mark.parametrize("apart", [True, False])
def test_of_processes_started_at_once_exactly_one_stays(
    make_lab: Any, start: Callable[..., Any], tmp_path: Path, apart: bool
) -> None:
    lab = make_lab()
    lab.simulate()
    folders = [tmp_path / f"host{n}" if apart else tmp_path for n in range(3)]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    several = [
        start("serve", shutil.copy(lab.file, folder), "--name", f"p{n}", cwd=folder)
        for n, folder in enumerate(folders)
    ]
    until(
        lambda: sum(running.process.poll() is None for running in several) <= 1,
        "all but one to end",
    )
    (stays,) = (running for running in several if running.process.poll() is None)
    stays.ready()
    for running in several:
        if running is not stays:
            assert running.wait() == 4
            by = "127.0.0.1" if apart else f"process {stays.process.pid} of this"
            assert f"already served by {by}" in running.text
    get(lab, "ECC:CoBo0:Online", "Online")
    assert stays.end() == 0


def test_after_the_end_of_a_process_another_takes_over(make_lab: Any) -> None:
    lab = make_lab()
    lab.simulate()
    for number in (signal.SIGTERM, signal.SIGKILL):
        serving = lab.serve()
        get(lab, "ECC:CoBo0:Online", "Online")
        serving.end(number)
    lab.serve()
    get(lab, "ECC:CoBo0:Online", "Online")


def test_without_a_network_a_process_starts_all_the_same(
    make_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EPICS_CA_ADDR_LIST", "no-such-host.invalid 192.0.2.1 240.0.0.1")
    lab = make_lab()
    lab.serve()


def test_a_beacon_address_that_dns_does_not_know_is_said_and_no_more(
    make_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "EPICS_CAS_BEACON_ADDR_LIST"
    monkeypatch.setenv(variable, "127.0.0.1 archiver.invalid")
    serving = make_lab().serve()
    assert f"{variable}: 'archiver.invalid': " in serving.text


def test_only_names_what_the_file_has(make_lab: Any) -> None:
    lab = make_lab()
    code, text = try_to_serve(lab, "--only", "ecc.Cobo0")
    assert code == 2
    assert "CoBo0" in text


# Do the others agree?


def test_processes_with_different_files_say_in_which_section(make_lab: Any) -> None:
    lab = make_lab(cobos=2)
    lab.simulate()
    lab.serve("--name", "p0", "--only", "ecc.CoBo0")
    other = lab.folder / "other.yaml"
    other.write_text(lab.file.read_text().replace("get_state: 1 s", "get_state: 2 s"))
    lab.file = other
    lab.serve("--name", "p1", "--only", "ecc.CoBo1")
    for n in range(2):
        process = lab.client(f"p{n}", kind="IOC")
        process.until("FileDiffers", "Yes")
        assert process.get("FileDiffers.SEVR") == "MAJOR"
        said = process.get("Message")
        assert said.startswith(f"p{1 - n}@")
        assert " has another experiment file: it differs in ecc. Give all" in said
        assert abs(float(process.get("ClockOffset"))) < 1.0


# The system over four processes


def test_the_system_belongs_to_the_process_that_names_it(make_system: Any) -> None:
    lab = make_system()
    lab.serve_in_parts(["ecc"], ["system"])
    system = lab.client("", kind="Sys")
    system.until("OnlineCount", "4")
    assert system.get("State") == "Idle"


def test_the_system_goes_up_and_down_over_four_processes(spread: Any) -> None:
    spread.sys.put("Target", "Running", timeout=DEADLINE)
    assert spread.sys.get("State") == "Running"
    for name in spread.urls:
        assert spread.client(name).get("State") == "Running"
    spread.sys.put("Target", "Idle", timeout=DEADLINE)
    assert spread.sys.get("State") == "Idle"
    for name in spread.urls:
        done = spread.sim(name).operations()
        assert (done["Describe"], done["Start"], done["Undo"]) == (1, 1, 2)


def test_a_single_server_is_held_to_the_order_by_the_others(spread: Any) -> None:
    cobo = spread.client("CoBo0")
    cobo.put("Target", "Described")
    with pytest.raises(OperationError):
        cobo.put("Target", "Prepared")
    assert "MuTAnT" in cobo.get("LastError")
    assert "Prepare" not in spread.sim("CoBo0").operations()


def test_a_failure_in_another_process_is_told_by_the_system(spread: Any) -> None:
    spread.sim("CoBo1").fault("Prepare", "refuse", message="no power", times=1)
    with pytest.raises(OperationError):
        spread.sys.put("Target", "Ready", timeout=DEADLINE)
    error = spread.sys.get("LastError")
    assert "CoBo1" in error
    assert "no power" in error
    spread.sys.put("Target", "Ready", timeout=DEADLINE)
    assert spread.sys.get("State") == "Ready"


def test_a_process_killed_in_the_middle_fails_the_system_and_comes_back(
    spread: Any,
) -> None:
    spread.sim("CoBo0").takes("Prepare", 3.0)
    state = spread.sys.monitor("State")
    spread.sys.put_only("Target", "Running")
    spread.client("CoBo0").until("Transition", "Preparing")
    for name in ("CoBo1", "CoBo2"):
        spread.client(name).until("State", "Prepared")
    spread.parts[1].end(signal.SIGKILL)
    spread.sys.until("Result", "Timeout")
    assert "CoBo0" in spread.sys.get("LastError")
    spread.sys.until("OnlineCount", "3")
    assert state.pv.severity == 2  # MAJOR
    assert "Configure" not in spread.sim("CoBo1").operations()
    assert spread.sys.get("Transitioning") == "No"
    with pytest.raises(OperationError):
        spread.sys.put("Target", "Running")  # CoBo0's Enable is not served, either
    assert "Start daqpv serve for" in spread.sys.get("LastError")

    serve_again(spread, 1)
    spread.sys.until("OnlineCount", "4")
    spread.sys.until("State", "Prepared")
    assert spread.sim("CoBo0").operations()["Prepare"] == 1  # it was never resent
    spread.sys.put("Target", "Running", timeout=DEADLINE)
    assert spread.sys.get("State") == "Running"


def test_the_process_of_the_system_killed_in_the_middle_leaves_the_truth(
    spread: Any,
) -> None:
    spread.sim("CoBo0").takes("Prepare", 3.0)
    spread.sys.put_only("Target", "Running")
    spread.client("CoBo0").until("Transition", "Preparing")
    for name in ("CoBo1", "CoBo2"):
        spread.client(name).until("State", "Prepared")
    spread.parts[3].end(signal.SIGKILL)
    serve_again(spread, 3)
    found_again(spread.sys, "OnlineCount")
    found_again(spread.client("CoBo2"), "State")
    spread.sys.until("OnlineCount", "4")
    spread.client("CoBo0").until("State", "Prepared")
    spread.sys.until("State", "Prepared")
    for name in spread.urls:  # nothing is commanded by a start
        assert "Configure" not in spread.sim(name).operations()
    spread.sys.put("Target", "Idle", timeout=DEADLINE)


def test_the_only_process_killed_in_the_middle_commands_nothing_when_it_comes_back(
    make_system: Any,
) -> None:
    lab = make_system()
    serving = lab.serve()
    system = lab.client("", kind="Sys")
    system.until("OnlineCount", "4")
    lab.sim("CoBo0").takes("Prepare", 3.0)
    system.put_only("Target", "Running")
    lab.client("CoBo0").until("Transition", "Preparing")
    for name in ("CoBo1", "CoBo2"):
        lab.client(name).until("State", "Prepared")
    serving.end(signal.SIGKILL)
    lab.renew()
    lab.serve()
    system = lab.client("", kind="Sys")
    system.until("OnlineCount", "4")
    system.until("State", "Prepared")
    assert (system.get("Target"), system.get("Result")) == ("None", "None")
    assert lab.sim("CoBo0").operations()["Prepare"] == 1
    for name in lab.urls:
        assert "Configure" not in lab.sim(name).operations()
    system.put("Target", "Running", timeout=DEADLINE)
    assert system.get("State") == "Running"


def test_a_stop_reaches_the_others_while_a_process_is_gone(spread: Any) -> None:
    spread.sys.put("Target", "Running", timeout=DEADLINE)
    spread.parts[2].end(signal.SIGKILL)
    spread.sys.until("OnlineCount", "3")
    with pytest.raises(OperationError):
        spread.sys.put("Stop", "1", timeout=DEADLINE)
    assert "CoBo1" in spread.sys.get("LastError")
    for name in ("MuTAnT", "CoBo0", "CoBo2"):
        assert spread.client(name).get("State") == "Ready"
    assert spread.sim("CoBo1").operations().get("Stop", 0) == 0
