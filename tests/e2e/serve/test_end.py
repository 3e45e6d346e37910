"""``daqpv serve`` ends soon and well, whatever goes on."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.experiment import CA_PORT
from tests.support.signals import END, ended_by
from tests.support.waiting import DEADLINE, until

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def lab(lab: Any) -> Iterator[Any]:
    """As elsewhere, but daqpv is started and not forked: it ends as a whole."""
    lab.popen = subprocess.Popen
    yield lab
    del lab.popen


def until_served(lab: Any, cobo: Any) -> None:
    """Wait for the start in the log: libca repeats its search ever more seldom."""
    log = lab.folder / "exp.log"
    until(lambda: log.exists() and " - start: daqpv " in log.read_text(), "a start")
    cobo.until("Online", "Online")


@pytest.fixture
def hang_up() -> Iterator[None]:
    """SIGHUP does what it does in a terminal, even if the tests ignore it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hang_up")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_it_and_no_port_is_held(lab: Any, cobo: Any, number: int) -> None:
    served = lab.serve()
    cobo.until("Online", "Online")
    assert ended_by(number, served) < END
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections linger
        tcp.bind(("127.0.0.1", CA_PORT))
        tcp.listen()
        udp.bind(("127.0.0.1", CA_PORT))


ON_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "daqpv", "serve", *sys.argv[1:]])
"""


@pytest.mark.usefixtures("hang_up")
def test_a_terminal_that_is_closed_ends_it_in_order(lab: Any, cobo: Any) -> None:
    ours, its = pty.openpty()
    command = [sys.executable, "-c", ON_A_TERMINAL, lab.file.name]
    served = subprocess.Popen(command, cwd=lab.folder, stdin=its, stdout=its, stderr=2)
    os.close(its)
    try:
        until_served(lab, cobo)
        os.close(ours)
        assert served.wait(END) == 0
    finally:
        served.kill()
        served.wait()
    assert "daqpv ends" in lab.folder.joinpath("exp.log").read_text()


def test_nohup_keeps_it_from_a_closed_terminal(lab: Any, cobo: Any) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        served = lab.serve()
    finally:
        signal.signal(signal.SIGHUP, before)
    cobo.until("Online", "Online")
    served.process.send_signal(signal.SIGHUP)
    cobo.put("PollPeriod", "0.5")  # it answers
    assert ended_by(signal.SIGTERM, served) < END


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
    _, said = put.communicate(timeout=DEADLINE)
    assert put.returncode == 1
    first, *_ = said.splitlines()  # a reason of its own may follow
    assert first == f"{name}: the server went away; what it had begun may go on"


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
        flood.wait(DEADLINE)


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
        until_served(lab, cobo)
        served.terminate()
        assert served.wait(END) == 0
    finally:
        served.kill()
        served.wait()
        os.close(ours)


def test_a_dead_disk_of_configuration_files_does_not_hold_up_the_end(
    lab: Any, tmp_path: Path, dead_file: Callable[[Path], Any]
) -> None:
    for name in ("describe-cobo0.xcfg", "configure-exp.xcfg"):
        tmp_path.joinpath(name).write_text("<xml/>")
    disk = dead_file(tmp_path / "describe-cobo0.xcfg")
    more = f"    config_dir: {tmp_path}\n    links:"
    lab.file.write_text(lab.file.read_text().replace("    links:", more))
    served = lab.serve()
    run, system = lab.client("", "Run"), lab.client("", "Sys")
    system.until("Online", "Online")
    system.put("Target", "Ready")
    run.put("Start", "1")
    until(lambda: disk.hangs_somebody, "a reader")
    run.put("Stop", "1")
    assert ended_by(signal.SIGTERM, served) < END
