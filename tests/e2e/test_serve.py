"""``daqpv serve`` and ``daqpv simulate`` as processes: how they begin and end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daqpv import __version__
from daqpv.errors import DaqError
from daqpv.links import pv as links_pv

TIMEOUT = 30.0  # [s] for whatever a busy machine may take
END = 2.0 + 4.0  # [s] from the signal to the end; a busy machine may take longer
CA_PORT = int(os.environ["EPICS_CAS_SERVER_PORT"])


def until(condition: Callable[[], Any], what: Callable[[], str]) -> Any:
    end = time.monotonic() + TIMEOUT
    while not (result := condition()):
        assert time.monotonic() < end, what()
        threading.Event().wait(0.01)
    return result


def ended_by(number: int, running: Any) -> float:
    """Send a signal; the time until the process has ended, which must be well [s]."""
    begin = time.monotonic()
    code = running.end(number)
    took = time.monotonic() - begin
    assert (code, "Traceback" in running.text) == (0, False), running.text
    return took


@pytest.fixture
def lab(simulated_lab: Any) -> Iterator[Any]:
    """Two simulated CoBos in Idle, without faults, under a prefix of their own."""
    simulated_lab.renew()
    yield simulated_lab
    simulated_lab.serve_no_more()
    for name in simulated_lab.urls:
        sim = simulated_lab.sim(name)
        sim("/faults", "DELETE")
        sim("/restart", "POST")


@pytest.fixture
def cobo(lab: Any) -> Any:
    return lab.client()


# -- begin -----------------------------------------------------------------------------


def test_the_ready_line_says_how_many_pvs_where(lab: Any) -> None:
    ready = lab.serve().ready()
    form = f"ready: (\\d+) PVs under {lab.prefix}, CA port {CA_PORT}"
    match = re.fullmatch(form, ready)
    assert match, ready
    lab.client("main", kind="IOC").until("RECORD_CNT", match[1])


def test_what_happens_is_printed_with_who_did_it(lab: Any, cobo: Any) -> None:
    served = lab.serve()
    cobo.until("Online", "Online")
    cobo.put("State", "Described")
    form = r"^\d\d:\d\d:\d\d CoBo0: Idle -> Described  \[\S+@\S+\]$"
    until(lambda: re.search(form, served.text, re.MULTILINE), lambda: served.text)


def test_quiet_is_the_ready_line_alone(lab: Any, cobo: Any) -> None:
    served = lab.serve("--quiet")
    cobo.until("Online", "Online")
    cobo.put("State", "Described")
    ready = served.ready()
    served.end()
    assert served.lines == [ready]


def test_what_happens_is_in_the_log_with_who_did_it(lab: Any, cobo: Any) -> None:
    served = lab.serve()
    cobo.until("Online", "Online")
    cobo.put("State", "Described")
    served.end()
    log = (lab.folder / "exp.log").read_text()
    stamp, who = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", r"by \S+@\S+"
    for event in (
        rf"{stamp} information ECC:CoBo0 online: CoBo0 answers: Idle",
        rf"{stamp} information ECC:CoBo0 state: CoBo0: Idle -> Described {who} .*",
        rf"{stamp} information ECC:CoBo0 command: Go to Described: done in .* {who} .*",
    ):
        assert re.search(rf"^{event}$", log, re.MULTILINE), log


def test_the_log_says_when_it_began_and_ended(lab: Any) -> None:
    served = lab.serve()
    ready = served.ready()
    served.end()
    log = (lab.folder / "exp.log").read_text()
    what = ready.removeprefix("ready: ")
    assert f" information - start: daqpv {__version__} serves {what}\n" in log
    assert log.endswith(" information - end: daqpv ends\n")


def test_only_what_is_wished_is_served(lab: Any) -> None:
    lab.serve("--only", "ecc.CoBo1", "--name", "left")
    assert lab.client("CoBo1").get("Role") == "all"
    assert lab.client("left", kind="IOC").get("Simulated") == "No"
    with pytest.raises(DaqError):
        links_pv.get(f"{lab.prefix}ECC:CoBo0:Role", timeout=0.5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("--only", "ecc.Cobo0"),
            "--only ecc.Cobo0: no such device or section, did you mean 'ecc.CoBo0'?",
        ),
        (
            ("--name", "a b"),
            "--name a b: it becomes part of PV names, so wanted is a letter and then "
            "at most 23 letters, digits, '_' or '-'",
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_told_in_one_line(
    lab: Any, start: Callable[..., Any], options: tuple[str, ...], says: str
) -> None:
    refused = start("serve", lab.file.name, *options, cwd=lab.folder)
    assert (refused.wait(), refused.lines) == (2, [says])


@pytest.mark.parametrize(
    ("path", "why"),
    [("nosuch/exp.log", "No such file or directory"), (".", "Is a directory")],
)
def test_a_log_that_cannot_be_written_is_told_in_one_line(
    lab: Any, start: Callable[..., Any], path: str, why: str
) -> None:
    lab.file.write_text(f"{lab.file.read_text()}log: {{file: {path}}}\n")
    refused = start("serve", lab.file.name, cwd=lab.folder)
    place = (lab.folder / path).resolve()
    assert (refused.wait(), refused.lines) == (
        2,
        [f"{place}: the log cannot be written: {why}"],
    )


def test_a_pv_with_too_long_a_name_is_a_problem_at_its_line(
    lab: Any, start: Callable[..., Any]
) -> None:
    text = lab.file.read_text().replace(lab.prefix, "A_prefix_of_30_characters____:")
    lab.file.write_text(text.replace("CoBo1:", "A_name_of_24_characters_:"))
    line = lab.file.read_text().splitlines().index("  A_name_of_24_characters_:") + 1
    refused = start("serve", lab.file.name, cwd=lab.folder)
    assert refused.wait() == 2
    assert refused.lines == [
        f"lab.yaml:{line}: ecc.A_name_of_24_characters_: the PV name "
        "A_prefix_of_30_characters____:ECC:A_name_of_24_characters_:Online has more "
        "than 60 bytes: shorten the prefix or the device's name"
    ]


# -- ports -----------------------------------------------------------------------------


def test_a_udp_port_that_is_not_shared_is_told_in_one_line(
    lab: Any, start: Callable[..., Any]
) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as foreign:
        foreign.bind(("127.0.0.1", CA_PORT))
        refused = start("serve", lab.file.name, cwd=lab.folder)
        assert refused.wait() == 3
    assert refused.lines == [
        f"UDP port {CA_PORT} on 127.0.0.1 cannot be used for searches: Address already "
        "in use. Choose another with EPICS_CAS_SERVER_PORT"
    ]


def test_a_tcp_port_that_is_taken_is_replaced_and_clients_find_the_pvs(
    lab: Any, cobo: Any
) -> None:
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        foreign.bind(("127.0.0.1", CA_PORT))
        foreign.listen()
        served = lab.serve()
        assert not served.ready().endswith(f"CA port {CA_PORT}")
        cobo.until("Online", "Online")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("EPICS_CAS_SERVER_PORT", "abc", "'abc' is not a number"),
        ("EPICS_CAS_SERVER_PORT", "70000", "70000 is no port"),
        ("EPICS_CAS_BEACON_ADDR_LIST", "127.0.0.1:70000", "70000 is no port"),
        ("EPICS_CAS_BEACON_PERIOD", "nan", "'nan' is not a number"),
        ("EPICS_CAS_INTF_ADDR_LIST", "203.0.113.1", "Cannot assign requested address"),
    ],
)
def test_an_epics_variable_that_cannot_be_is_told_in_one_line(
    lab: Any, start: Callable[..., Any], variable: str, value: str, says: str
) -> None:
    refused = start("serve", lab.file.name, cwd=lab.folder, **{variable: value})
    assert refused.wait() == 3
    (said,) = refused.lines
    assert variable in said
    assert says in said


# -- end -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_no_port_is_held(lab: Any, cobo: Any, number: int) -> None:
    served = lab.serve()
    cobo.until("Online", "Online")
    assert ended_by(number, served) < END
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections linger
        tcp.bind(("127.0.0.1", CA_PORT))
        tcp.listen()
        udp.bind(("127.0.0.1", CA_PORT))


def test_it_can_be_started_again_at_once_on_the_same_port(lab: Any, cobo: Any) -> None:
    served = lab.serve()
    cobo.until("Online", "Online")  # a client's connection lingers
    ready = served.ready()
    served.end()
    assert lab.serve().ready() == ready


def test_a_transition_does_not_hold_up_the_end_and_goes_on(lab: Any, cobo: Any) -> None:
    lab.sim().takes("Describe", 30)
    served = lab.serve()
    cobo.until("Online", "Online")
    cobo.put_only("State", "Ready")
    cobo.until("Transition", "Describing")
    assert ended_by(signal.SIGTERM, served) < END
    assert lab.sim()()["transition"] == "Describing"
    lab.sim()("/hurry", "POST")
    until(
        lambda: lab.sim()()["state"] == "Described", lambda: str(lab.sim().operations())
    )
    assert "Prepare" not in transitions(lab)


def transitions(lab: Any) -> dict[str, int]:
    counts = lab.sim().operations()
    return {name: n for name, n in counts.items() if n and not name.startswith("Get")}


def test_a_put_is_told_that_the_server_went_away(lab: Any, cobo: Any) -> None:
    lab.sim().takes("Describe", 30)
    served = lab.serve()
    cobo.until("Online", "Online")
    name = f"{lab.prefix}ECC:CoBo0:State"
    put = subprocess.Popen(
        [sys.executable, "-m", "daqpv", "put", name, "Described"],
        stderr=subprocess.PIPE,
        text=True,
    )
    cobo.until("Transition", "Describing")
    served.end()
    _, said = put.communicate(timeout=TIMEOUT)
    assert (put.returncode, said) == (
        1,
        f"{name}: the server went away; what it had begun may go on\n",
    )


def test_a_hung_server_does_not_hold_up_the_end(lab: Any, cobo: Any) -> None:
    lab.sim().fault("*", "hang")
    served = lab.serve()
    cobo.until("Condition", "Hung")
    assert ended_by(signal.SIGTERM, served) < END


FLOOD = """
import socket, struct, sys, threading

def header(command, size, dbr, count, p1, p2):
    return struct.pack(">HHHHII", command, size, dbr, count, p1, p2)

def read(size):
    data = b""
    while len(data) < size:
        if not (part := sock.recv(size - len(data))):
            sys.exit("the server has gone")
        data += part
    return data

name = sys.argv[2].encode() + b"\\0"
name += bytes(-len(name) % 8)
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sock.sendall(header(0, 0, 0, 13, 0, 0) + header(18, len(name), 0, 0, 7, 13) + name)
while True:
    command, size, _, _, _, sid = struct.unpack(">HHHHII", read(16))
    read(size)
    if command == 18:
        break

def flood():
    gets = header(15, 0, 6, 1, sid, 9) * 500
    while True:
        try:
            sock.sendall(gets)
        except OSError:
            return

threading.Thread(target=flood, daemon=True).start()
read(1_000_000)
print("flooding", flush=True)
while True:
    read(1_000_000)
"""


def test_a_client_that_floods_it_does_not_hold_up_the_end(lab: Any, cobo: Any) -> None:
    served = lab.serve()
    cobo.until("Online", "Online")
    command = [sys.executable, "-c", FLOOD, str(CA_PORT), f"{cobo.prefix}State"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as flood:
        assert flood.stdout is not None
        assert flood.stdout.readline() == "flooding\n"
        assert ended_by(signal.SIGTERM, served) < END
        flood.wait(TIMEOUT)


def test_a_reader_that_never_reads_holds_up_neither_pvs_nor_the_end(
    lab: Any, cobo: Any
) -> None:
    command = [sys.executable, "-m", "daqpv", "serve", lab.file.name]
    ours, its = os.pipe()
    os.set_blocking(its, False)
    with open(its, "wb", buffering=0) as full:
        while full.write(b"\0" * 4096) is not None:
            pass
        os.set_blocking(its, True)
        served = subprocess.Popen(command, cwd=lab.folder, stdout=full, stderr=full)
    try:
        cobo.until("Online", "Online")
        served.terminate()
        assert served.wait(END) == 0
    finally:
        served.kill()
        served.wait()
        os.close(ours)


# -- a third party's kind --------------------------------------------------------------

PUMPS = """
import asyncio
from dataclasses import dataclass
from daqpv.config import DeviceSettings, Kind
from daqpv.core import Condition, Device, Snapshot
from daqpv.serve import longin
from iocs.device import DeviceGroup

class PumpSettings(DeviceSettings):
    breaks: bool = False
    stubborn: bool = False

@dataclass(frozen=True, slots=True, kw_only=True)
class PumpSnapshot(Snapshot):
    runs: int = 0

class Pump(Device[PumpSnapshot]):
    breaks = stubborn = False

    async def run(self):
        runs = self.snapshot.runs + 1
        self.change(known=True, online=True, condition=Condition.OK, runs=runs)
        if self.breaks and runs == 1:
            raise RuntimeError("a bug of a pump")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            while self.stubborn:
                pass

class PumpGroup(DeviceGroup[Pump]):
    runs = longin("Runs", doc="How often it was begun")

def build(name, settings, site):
    pump = Pump(name, PumpSnapshot(), events=site.events)
    pump.breaks, pump.stubborn = settings.breaks, settings.stubborn
    return pump, PumpGroup(site.prefix_of("Pump", name), pump, desc=settings.desc)

KIND = Kind(section="pumps", settings=PumpSettings, build=build)
"""


@pytest.fixture
def with_pumps(tmp_path: Path) -> str:
    """A folder in which a distribution is installed that has a kind of device."""
    (tmp_path / "pumps.py").write_text(PUMPS)
    info = tmp_path / "pumps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pumps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[daqpv.iocs]\npumps = pumps:KIND\n")
    return str(tmp_path)


@pytest.fixture
def pumps(lab: Any, start: Callable[..., Any], with_pumps: str) -> Any:
    """Two pumps beside the CoBos; the code of A fails when it is first run."""
    lab.file.write_text(
        f"{lab.file.read_text()}pumps:\n  A: {{breaks: true}}\n  B: {{desc: spare}}\n"
    )
    served = start("serve", lab.file.name, cwd=lab.folder, PYTHONPATH=with_pumps)
    served.ready()
    yield served
    served.end()


def test_an_installed_kind_is_served_and_its_bug_stops_nobody_else(
    lab: Any, pumps: Any
) -> None:
    a, b = (lab.client(name, kind="Pump") for name in "AB")
    assert a.get("Condition") == "Error"
    assert a.get("Message") == "Internal error, see the log. It is begun anew."
    a.until("Runs", "2")
    assert a.get("Condition") == "OK"
    assert b.get("Runs") == "1"
    assert links_pv.get(f"{b.prefix}Online.DESC") == "spare"
    assert lab.client().get("Condition") == "OK"
    assert ended_by(signal.SIGTERM, pumps) < END
    log = (lab.folder / "exp.log").read_text()
    assert log.count("begun anew: RuntimeError: a bug of a pump") == 1


def test_an_installed_kind_that_will_not_end_is_cut_short(
    lab: Any, start: Callable[..., Any], with_pumps: str
) -> None:
    lab.file.write_text(f"{lab.file.read_text()}pumps: {{A: {{stubborn: true}}}}\n")
    served = start("serve", lab.file.name, cwd=lab.folder, PYTHONPATH=with_pumps)
    served.ready()
    lab.client("A", kind="Pump").until("Runs", "1")
    begin = time.monotonic()
    assert served.end(signal.SIGTERM) == 1
    assert time.monotonic() - begin < END
    assert served.lines[-1] == (
        "Something held up the end for 1.5 s; it was cut short."
    )


# -- simulate --------------------------------------------------------------------------

FAR = """\
experiment: far
prefix: "FAR:"
ecc:
  CoBo0: {url: "http://192.168.41.60:8083/", config: a/b/c}
  CoBo1: {url: "http://192.168.41.61:8083/", config: a/b/c}
"""


@pytest.fixture
def far(tmp_path: Path) -> Path:
    (tmp_path / "far.yaml").write_text(FAR)
    return tmp_path


def test_addresses_of_a_laboratory_are_not_simulated(
    far: Path, start: Callable[..., Any]
) -> None:
    refused = start("simulate", "far.yaml", cwd=far)
    assert (refused.wait(), refused.lines) == (
        3,
        [
            "CoBo0, CoBo1: not at a loopback address, and simulators run on this "
            "computer only. Use --local OUT"
        ],
    )


def test_a_local_copy_names_simulators_that_answer(
    far: Path, start: Callable[..., Any]
) -> None:
    running = start("simulate", "far.yaml", "--local", "local.yaml", cwd=far)
    assert running.ready() == "ready: 2 simulated ECC servers"
    said = dict(re.findall(r"^(\w+) is simulated at (\S+)$", running.text, re.M))
    copy = (far / "local.yaml").read_text()
    assert re.findall(r'url: "?(http:[^",}]+)', copy) == list(said.values())
    assert "simulated: true" in copy
    for url in said.values():
        host, port = url.removeprefix("http://").rstrip("/").split(":")
        socket.create_connection((host, int(port)), TIMEOUT).close()
    assert ended_by(signal.SIGTERM, running) < END


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("far.yaml", "--local far.yaml would overwrite FILE: name another"),
        ("no/l.yaml", "--local no/l.yaml: there is no directory no"),
    ],
)
def test_a_copy_that_cannot_be_made_is_told_in_one_line(
    far: Path, start: Callable[..., Any], out: str, says: str
) -> None:
    refused = start("simulate", "far.yaml", "--local", out, cwd=far)
    assert (refused.wait(), refused.lines) == (2, [says])
    assert (far / "far.yaml").read_text() == FAR


def test_a_port_that_is_taken_is_told_in_one_line(
    lab: Any, start: Callable[..., Any]
) -> None:
    refused = start("simulate", lab.file.name, cwd=lab.folder)
    assert refused.wait() == 3
    (said,) = refused.lines
    assert re.fullmatch(
        r"CoBo0: cannot listen on 127\.0\.0\.1:\d+ \(Address already in use\); "
        r"is another simulator or server running there\?",
        said,
    )


def test_a_file_without_servers_has_nothing_to_simulate(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    (tmp_path / "none.yaml").write_text('experiment: e\nprefix: "E:"\n')
    refused = start("simulate", "none.yaml", cwd=tmp_path)
    assert (refused.wait(), refused.lines) == (
        2,
        ["none.yaml names no ECC server to simulate"],
    )
