"""daqpv status: on a terminal, into a pipe, and once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daqpv.errors import OperationError
from tests.support import forks
from tests.support.terminal import environ, open_terminal, plain
from tests.support.waiting import DEADLINE, until

MINOR, MAJOR, INVALID = "\x1b[33m", "\x1b[31m", "\x1b[35m"  # yellow, red, magenta


class Terminal:
    """daqpv status on a terminal of a size."""

    def __init__(self, file: Path, *, width: int, height: int) -> None:
        self._master, slave = open_terminal(width, height)
        self.process = forks.Process(
            [sys.executable, "-m", "daqpv", "status", str(file)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ(),
            start_new_session=True,
        )
        os.close(slave)
        self._data = b""
        self._is_hung_up = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._is_hung_up:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: the other side is closed
                return
            self._data += data

    @property
    def frames(self) -> list[str]:
        """What was drawn, from the home position each, with colours."""
        return self._data.decode(errors="replace").split("\x1b[H")

    def until(self, *texts: str) -> str:
        """Wait for a frame that has all of `texts`; return it with its colours."""

        def found() -> str | None:
            for frame in self.frames[-3:]:
                shown = plain(frame)
                if all(text in shown for text in texts):
                    return frame
            return None

        return until(found, lambda: f"a frame with {texts}; last: {self.frames[-1]}")

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        os.close(self._master)
        return code

    def hang_up(self) -> None:
        """Close the terminal; nobody gets SIGHUP: it controls no process."""
        self._is_hung_up = True
        self._reader.join(DEADLINE)  # the clock is drawn each second
        os.close(self._master)


@pytest.fixture
def terminal(lab: Any) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(width: int = 110, height: int = 30) -> Terminal:
        opened.append(Terminal(lab.file, width=width, height=height))
        return opened[-1]

    yield open_terminal
    for one in opened:
        if one.process.poll() is None:
            one.end()


def once(lab: Any) -> tuple[int, str]:
    done = forks.run(
        [sys.executable, "-m", "daqpv", "status", str(lab.file), "--once"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_screen_follows_what_a_server_does(lab: Any, terminal: Any) -> None:
    cobo = lab.client()
    screen = terminal()
    screen.until("CoBo0", "Idle", "4 fine, 0 moving, 0 wrong")
    lab.sim().takes("Prepare", 2.0)
    cobo.put_only("Target", "Ready")
    moving = screen.until("Preparing", "2 moving", "Busy")
    assert "\x1b[1m" in moving  # bold
    screen.until("Ready", "0 moving", "Done")
    assert screen.end() == 0


def test_a_lost_server_is_red_and_a_failed_command_yellow(
    lab: Any, terminal: Any
) -> None:
    cobo = lab.client()
    cobo.until("Online", "Online")
    screen = terminal()
    lab.sim().fault("Describe", "refuse", message="no power", times=1)
    cobo.put_only("Target", "Ready")
    frame = screen.until("m   CoBo0", "1 wrong", "CoBo0:Result: Failed")
    assert MINOR in frame
    assert MAJOR not in frame
    lab.sim().fault("GetState", "cut")
    frame = screen.until("M   CoBo0", "M   Sys", "1 wrong", "CoBo0:Online: Offline")
    assert MAJOR in frame


def test_a_server_that_nobody_serves_is_shown_as_such_and_comes_back(
    make_lab: Any, tmp_path: Path
) -> None:
    lab = make_lab()
    lab.simulate()
    serving = lab.serve()
    screen = Terminal(lab.file, width=110, height=30)
    screen.until("CoBo0", "Idle")
    serving.end(signal.SIGKILL)
    frame = screen.until("D ", "not served", "No PV under")
    assert INVALID in frame
    lab.serve()
    screen.until("Idle", "4 fine, 0 moving, 0 wrong")
    assert screen.end() == 0


@pytest.mark.parametrize(("width", "has_target"), [(60, False), (110, True)])
def test_the_screen_fits_the_width(
    lab: Any, terminal: Any, width: int, has_target: bool
) -> None:
    screen = terminal(width=width)
    frame = plain(screen.until("CoBo0", "Idle", "4 fine"))
    lines = frame.replace("\r", "").split("\n")
    assert max(map(len, lines)) <= width
    assert ("Target" in frame) is has_target
    assert "Message" in frame


def test_more_servers_than_lines_are_counted_and_the_wrong_one_is_shown(
    make_lab: Any,
) -> None:
    lab = make_lab(cobos=12)
    lab.simulate()
    lab.serve()
    last = lab.client("CoBo11")
    last.until("Online", "Online")
    last.put("Command", "Describe")
    lab.sim("CoBo11").fault("Prepare", "refuse", message="no power", times=1)
    last.put_only("Target", "Ready")
    last.until("Result", "Failed")
    screen = Terminal(lab.file, width=100, height=14)
    frame = plain(screen.until("CoBo11", "and ", "more: ", "1 wrong"))
    lines = frame.replace("\r", "").split("\n")
    assert len(lines) <= 15
    assert re.search(r"and \d+ more: \d+ Idle", frame)
    assert re.search(r"m +CoBo11", frame)
    assert screen.end() == 0


def test_a_refusal_takes_no_line_from_a_device(lab: Any) -> None:
    cobo = lab.client()
    cobo.until("Online", "Online")
    with pytest.raises(OperationError):
        cobo.put("Target", "None")
    screen = Terminal(lab.file, width=60, height=10)
    frame = plain(screen.until("Arch", "CoBo0", "4 fine"))
    assert "Result: Refused" not in frame
    assert screen.end() == 0


def test_once_exits_with_0_when_all_is_well(lab: Any) -> None:
    lab.client().until("Online", "Online")
    code, text = once(lab)
    assert code == 0
    assert "4 fine" in text
    assert "\x1b" not in text


def test_once_exits_with_1_after_a_warning(lab: Any) -> None:
    cobo = lab.client()
    cobo.until("Online", "Online")
    lab.sim().fault("Describe", "refuse", message="no power", times=1)
    cobo.put_only("Target", "Ready")
    cobo.until("Result", "Failed")
    code, text = once(lab)
    assert code == 1
    assert re.search(r"^m +CoBo0 +Idle .*Failed.*no power", text, re.MULTILINE)


def test_what_failed_is_told_to_its_last_word(lab: Any, terminal: Any) -> None:
    cobo = lab.client()
    cobo.until("Online", "Online")
    reason = "the power supply of crate 3 says that " + "its fan stands; " * 12 + "end."
    lab.sim().fault("Describe", "refuse", message=reason, times=1)
    cobo.put_only("Target", "Ready")
    cobo.until("Result", "Failed")
    screen = terminal(width=80, height=24)
    screen.until("CoBo0:Result: Failed", "end. (code")
    _, text = once(lab)
    assert "end. (code" in text
    lab.sim().takes("Describe", 2.0)
    cobo.put_only("Target", "Described")  # it may be done this time
    frame = screen.until("Describing", "0 wrong")
    assert "Result:" not in frame


def test_a_refusal_is_told_with_its_cure_and_is_no_alarm(lab: Any) -> None:
    cobo = lab.client()
    cobo.until("Online", "Online")
    with pytest.raises(OperationError):
        cobo.put("Target", "None")
    code, text = once(lab)
    assert code == 0
    assert re.search(r"^  \S+CoBo0:Result: Refused .*Choose Idle", text, re.MULTILINE)


def test_a_log_that_cannot_be_read_is_told_as_no_command_of_its_server(
    lab: Any,
) -> None:
    cobo = lab.client()
    cobo.until("Online", "Online")
    with pytest.raises(OperationError):
        cobo.put("ReadLog", "1")
    _, text = once(lab)
    assert re.search(r"^  \S+CoBo0:LastError: .*ssh: user@host", text, re.MULTILINE)
    assert "Result:" not in text


def test_the_system_shows_its_state_while_one_of_its_servers_is_lost(
    make_lab: Any,
) -> None:
    lab = make_lab(cobos=2)
    lab.simulate()
    lab.serve()
    lab.client("CoBo1").until("Online", "Online")
    lab.sim("CoBo1").fault("GetState", "cut")
    lab.client("CoBo1").until("Online", "Offline")
    code, text = once(lab)
    assert code == 2
    assert re.search(r"^M +Sys +Idle", text, re.MULTILINE)
    assert re.search(r"^M +CoBo1 +Offline", text, re.MULTILINE)
    assert "Sys:State" not in text  # one fault is told once of each device


def test_a_store_that_takes_nothing_is_shown_with_the_reason(make_lab: Any) -> None:
    lab = make_lab()
    with lab.file.open("a") as file:
        file.write("store: postgresql://nobody@127.0.0.1:1/nothing\n")
    lab.simulate()
    lab.serve()
    screen = Terminal(lab.file, width=110, height=30)
    screen.until("M   Arch", "1 wrong", "Arch:StoreOnline: Offline postgresql")
    assert screen.end() == 0


def test_once_exits_with_2_in_an_alarm(make_lab: Any) -> None:
    lab = make_lab()
    lab.serve()  # and nobody simulates
    cobo = lab.client()
    cobo.until("Errors", "1")  # three polls have failed
    code, text = once(lab)
    assert code == 2
    assert re.search(r"^M +CoBo0 +Offline", text, re.MULTILINE)
    assert re.search(r"^M +Sys +Offline", text, re.MULTILINE)
    assert re.search(r"CoBo0:Online: Offline: CoBo0 at .*refused", text)
    assert re.search(r"Sys:Online: Offline$", text, re.MULTILINE)


def test_once_exits_with_2_when_nobody_serves(make_lab: Any) -> None:
    lab = make_lab()
    code, text = once(lab)
    assert code == 2
    assert re.search(r"^D +CoBo0 +not served", text, re.MULTILINE)
    assert text.count("No PV under") == 1
    assert "EPICS_CA_ADDR_LIST" in text


def test_a_pipe_gets_a_line_per_change(lab: Any) -> None:
    cobo = lab.client()
    cobo.until("Online", "Online")
    name = f"{lab.prefix}ECC:CoBo0"
    running = lab.start("status", lab.file.name, ready="20")
    lab_line = re.compile(rf"^\d{{4}}-\d\d-\d\d [\d:]{{8}} UTC   {name}:State (\w+)$")

    def states() -> list[str]:
        return [m[1] for m in map(lab_line.match, running.lines) if m]

    end = time.monotonic() + DEADLINE
    while states() != ["Idle"] and time.monotonic() < end:
        threading.Event().wait(0.05)
    cobo.put("Target", "Ready")
    while states()[-1:] != ["Ready"] and time.monotonic() < end:
        threading.Event().wait(0.05)
    assert states() == ["Idle", "Described", "Prepared", "Ready"]
    assert running.end() == 0


def test_it_ends_when_its_terminal_has_gone(lab: Any, terminal: Any) -> None:
    screen = terminal()
    screen.until("CoBo0", "Idle")
    screen.hang_up()
    assert screen.process.wait(DEADLINE) == 0


def test_it_ends_when_nobody_reads_its_pipe_any_more(lab: Any) -> None:
    """As in: daqpv status e20009.yaml | head -3."""
    with subprocess.Popen(
        [sys.executable, "-m", "daqpv", "status", str(lab.file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as status:
        assert status.stdout is not None
        assert status.stderr is not None
        assert lab.prefix in status.stdout.readline()
        status.stdout.close()
        try:
            assert status.wait(DEADLINE) == 0
        finally:
            status.kill()
        assert status.stderr.read() == ""
