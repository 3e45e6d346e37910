"""``daqpv demo`` as somebody meets it first: in a pipe, and in a terminal."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import forks
from tests.support.terminal import open_terminal, plain
from tests.support.waiting import DEADLINE, until

END = 2.0 + 4.0  # [s] from the signal to the end; a busy machine may take longer


class Words:
    """What a demo says, and what is done by it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def found(self, form: str) -> str:
        match = re.search(form, self.text, re.MULTILINE)
        assert match, self.text
        return match[1]

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a second terminal in which the export was typed."""
        exported = shlex.split(self.found(r"^ +export (.*)$"))
        return os.environ | dict(part.split("=", 1) for part in exported)

    def type(self, form: str) -> subprocess.CompletedProcess[str]:
        """Type the line that has this form into a second terminal."""
        return self.run(shlex.split(self.found(form)))

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return forks.run(
            command,
            env=self.environ,
            text=True,
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )

    def get(self, name: str) -> str:
        script = "import sys; from daqpv.links.ca import pv; print(pv.get(sys.argv[1]))"
        return self.run([sys.executable, "-c", script, name]).stdout.rstrip("\n")

    @property
    def prefix(self) -> str:
        return self.found(r"^ready: \d+ PVs under (\S+),")

    @property
    def file(self) -> Path:
        return Path(self.found(r"Its file: (.*)$"))


def own_prefix() -> tuple[str, str]:
    """Options for a demo that is not alone on this computer."""
    return "--prefix", f"D{secrets.token_hex(3)}:"


def words_of(demo: Any) -> Words:
    """What a demo in a pipe says, as soon as it is ready."""
    demo.ready()
    until(lambda: "Ctrl-C ends it." in demo.lines, lambda: demo.text)
    return Words(demo.text)


def seconds_to_end(demo: subprocess.Popen[Any], number: int = signal.SIGINT) -> float:
    """The time from a signal to the end, which must be a good one."""
    begin = time.monotonic()
    demo.send_signal(number)
    assert demo.wait(DEADLINE) == 0
    return time.monotonic() - begin


# -- in a pipe -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(
    start_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Words]:
    """A demo for all tests that do not end it."""
    folder = tmp_path_factory.mktemp("demo")
    options = (*own_prefix(), "--cobos", "2", "--speed", "50")
    running = start_for_module("demo", *options, cwd=folder)
    return running, words_of(running)


@pytest.fixture
def words(demo: tuple[Any, Words]) -> Words:
    return demo[1]


def test_the_first_line_says_that_it_is_ready(words: Words) -> None:
    first = words.text.splitlines()[0]
    assert re.fullmatch(r"ready: \d+ PVs under D\w{6}:, CA port \d+", first)


def test_the_put_that_is_printed_moves_the_state(words: Words) -> None:
    done = words.type(r"^ +(\S*daqpv put \S+:Sys:Target Ready)$")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert words.get(f"{words.prefix}Sys:State") == "Ready"
    assert words.get(f"{words.prefix}ECC:MuTAnT:State") == "Ready"


def test_the_get_that_is_printed_reads_the_state(words: Words) -> None:
    done = words.type(r"^ +(\S*daqpv get \S+:Sys:State)$")
    assert done.stdout.startswith(f"{words.prefix}Sys:State")


def test_the_fault_that_is_printed_lets_a_step_fail(words: Words) -> None:
    assert words.type(r"^ +(\S*daqpv sim fault .*)$").returncode == 0
    put = [sys.executable, "-m", "daqpv", "put", f"{words.prefix}Sys:Target"]
    words.run([*put, "Idle"])
    done = words.type(r"^ +(\S*daqpv put \S+:Sys:Target Ready)$")
    assert done.returncode == 1
    assert "Configure failed" in done.stderr


def test_a_demo_does_not_pass_for_the_real_thing(words: Words) -> None:
    assert words.get(f"{words.prefix}IOC:main:Simulated") == "Yes"
    assert words.get(f"{words.prefix}IOC:main:Simulated.SEVR") == "MINOR"


def test_everything_is_on_loopback(words: Words) -> None:
    addresses = re.findall(r"\d+\.\d+\.\d+\.\d+", words.file.read_text() + words.text)
    assert set(addresses) == {"127.0.0.1", "127.0.0.2"}  # the second is a router


def test_what_happens_is_printed_as_lines(demo: tuple[Any, Words]) -> None:
    running, words = demo
    for state in ("Idle", "Described"):
        done = words.run(
            [sys.executable, "-m", "daqpv", "put", f"{words.prefix}Sys:Target", state]
        )
        assert done.returncode == 0
    assert re.search(r"^\S+ CoBo1: Idle -> Described  \[\S+@\S+\]$", running.text, re.M)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_ends_soon_and_leaves_nothing(
    start: Callable[..., Any], tmp_path: Path, number: int
) -> None:
    running = start(
        *("demo", *own_prefix(), "--cobos", "1"),
        cwd=tmp_path,
        popen=subprocess.Popen,
        TMPDIR=str(tmp_path),
    )
    assert words_of(running).file.is_file()
    assert seconds_to_end(running.process, number) < END
    assert list(tmp_path.iterdir()) == []


def test_a_demo_in_a_directory_keeps_its_file_and_its_log(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "demo"
    running = start(
        "demo",
        *own_prefix(),
        "--cobos",
        "1",
        "--dir",
        str(folder),
        cwd=tmp_path,
        TMPDIR=str(tmp_path),
    )
    file = words_of(running).file
    running.end(signal.SIGINT)
    kept = {"demo.db", "demo.log", "demo.spool", file.name}
    assert kept <= {path.name for path in folder.iterdir()}
    command = [sys.executable, "-m", "daqpv", "check", str(file)]
    checked = subprocess.run(
        command, capture_output=True, timeout=DEADLINE, check=False
    )
    assert checked.returncode == 0


def test_a_directory_that_cannot_be_made_is_told_in_one_line(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    running = start("demo", "--dir", "file/demo", cwd=tmp_path)
    assert running.wait() == 2
    assert running.lines == ["file/demo: Not a directory"]


def test_two_demos_that_begin_together_have_a_port_each(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    both = [
        start("demo", *own_prefix(), "--cobos", "1", cwd=tmp_path) for _ in range(2)
    ]
    spoken = [words_of(running) for running in both]
    assert len({words.environ["EPICS_CA_ADDR_LIST"] for words in spoken}) == 2
    assert [words.get(f"{words.prefix}IOC:main:PROCESS_ID") for words in spoken] == [
        str(running.process.pid) for running in both
    ]
    for running in both:
        running.end()


def test_a_second_demo_of_one_prefix_names_the_first(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    options = own_prefix()
    words = words_of(start("demo", *options, "--cobos", "1", cwd=tmp_path))
    second = start("demo", *options, "--cobos", "1", cwd=tmp_path)
    assert second.wait() == 4
    port = words.found(r"CA port (\d+)$")
    (line,) = second.lines
    assert line == (
        f"A demo on this computer serves {words.prefix} already, on CA port {port}. "
        "Use that one, or give this one a prefix of its own: daqpv demo --prefix DEMO2:"
    )


def test_a_prefix_that_is_none_is_told_in_one_line(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    refused = start("demo", "--prefix", "no good", cwd=tmp_path)
    assert refused.wait() == 2
    assert "no good" in refused.text
    assert "Traceback" not in refused.text


# -- in a terminal ---------------------------------------------------------------------


class Terminal:
    """A demo in a pseudo terminal of 80 columns, and what it wrote there."""

    def __init__(self, folder: Path) -> None:
        self.text = ""
        self._ours, its = open_terminal(80, 50)
        command = (sys.executable, "-m", "daqpv", "demo")
        self.process = forks.Process(
            [*command, *own_prefix(), "--cobos", "1", "--speed", "50"],
            env=os.environ | {"TERM": "xterm", "TMPDIR": str(folder)},
            stdout=its,
            stderr=its,
        )
        self._name = os.ttyname(its)
        os.close(its)
        self._reading, self._parked = threading.Event(), threading.Event()
        self._reading.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            if not self._reading.is_set():
                self._parked.set()
                self._reading.wait()
            try:
                self.text += os.read(self._ours, 65536).decode(errors="replace")
            except OSError:  # nobody writes there any more
                return

    def stop(self) -> None:
        """Read no more, as a terminal after Ctrl-S, and take no more."""
        self._reading.clear()
        full = False
        with open(self._name, "wb", buffering=0, opener=_without_waiting) as terminal:
            while not (full and self._parked.is_set()):
                full = terminal.write(b"\0" * 1000) is None

    def go_on(self) -> None:
        self._reading.set()

    @property
    def lines(self) -> list[str]:
        """All that was ever written there, without colours and movements."""
        return plain(self.text).splitlines()

    def until(self, form: str) -> str:
        """Wait for a line of this form; return the last one."""

        def found() -> str | None:
            fitting = (one for one in reversed(self.lines) if re.search(form, one))
            return next(fitting, None)

        return until(found, lambda: f"a line {form!r} in:\n" + "\n".join(self.lines))

    @property
    def words(self) -> Words:
        self.until("^Ctrl-C ends it")
        return Words("\n".join(self.lines))

    def close(self) -> None:
        self.go_on()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(DEADLINE)
        self._thread.join(DEADLINE)
        os.close(self._ours)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOCTTY | os.O_NONBLOCK)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


def test_the_table_shows_what_a_put_does(terminal: Terminal, tmp_path: Path) -> None:
    terminal.until(r"^ +device +State +Transition +Message *$")
    terminal.until(r"^ +CoBo0 +Idle +Connected: Idle *$")
    done = terminal.words.type(r"^ +(\S*daqpv put \S+:Sys:Target Ready)$")
    assert done.returncode == 0
    terminal.until(r"^ +Sys +Ready +Go to Ready: done in ")
    terminal.until(r"^ +CoBo0 +Ready +Configure: done in ")
    terminal.until(r"^\S+ CoBo0: Prepared -> Ready  \[\S+@\S+\]")
    assert seconds_to_end(terminal.process) < END
    assert list(tmp_path.iterdir()) == []


def test_a_long_message_leaves_the_states_in_the_table(terminal: Terminal) -> None:
    nonsense = "x" * 39
    words = terminal.words
    name = f"{words.prefix}ECC:CoBo0:State"
    put = [sys.executable, "-m", "daqpv", "put", name, nonsense]
    assert words.run(put).returncode == 1
    line = terminal.until(r"^ +CoBo0 .*xxx.*…")
    assert line.split()[:2] == ["CoBo0", "Idle"]
    assert len(line) <= 80


def test_a_stopped_terminal_stops_no_pv_and_no_end(terminal: Terminal) -> None:
    words = terminal.words
    terminal.stop()
    beat = f"{words.prefix}IOC:main:HEARTBEAT"
    first = int(words.get(beat))
    until(lambda: int(words.get(beat)) >= first + 2, "two heartbeats")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(2 * END) == 0


def test_a_demo_takes_a_run_and_sorts_its_files(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = ("--cobos", "1", "--dir", "d", "--speed", "50")
    words = words_of(start("demo", *own_prefix(), *arguments, cwd=tmp_path))
    staging = tmp_path / "d" / "data" / "data0"
    sorted_ = staging / "demo" / "run_0001"

    def put(name: str, value: str) -> None:
        done = words.run([sys.executable, "-m", "daqpv", "put", name, value])
        assert done.returncode == 0, done.stderr

    put(f"{words.prefix}Sys:Target", "Ready")
    put(f"{words.prefix}Run:Start", "1")
    until(lambda: any(file.stat().st_size for file in staging.glob("*.graw")), "data")
    put(f"{words.prefix}Run:Stop", "1")
    until(lambda: len(list(sorted_.glob("CoBo0_AsAd*.graw"))) == 4, "sorted files")
    assert list(staging.glob("*.graw")) == []
