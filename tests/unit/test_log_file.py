"""The log: one line per event, on a disk that may be slow, full or gone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daqpv.core import Event, EventSeverity, Origin
from daqpv.core.lines import one_line
from daqpv.links.files import log_file
from daqpv.links.files.log_file import LogFile, line
from tests.support.waiting import until

MOMENT = 1795187884.25  # 2026-11-20, quarter of a second after 15:18:04 UTC


def event(text: str = "it happened", **more: object) -> Event:
    facts: dict[str, object] = {
        "time": MOMENT,
        "severity": EventSeverity.WARNING,
        "name": "state",
        "device": "CoBo0",
    }
    return Event(text=text, **(facts | more))  # type: ignore[arg-type]


# -- lines -----------------------------------------------------------------------------


def test_a_line_says_when_how_bad_which_what_who_and_the_facts() -> None:
    happened = event(origin=Origin("kim", "hut"), fields={"before": "Idle", "n": 2})
    assert line(happened) == (
        "2026-11-20T15:18:04.250Z warning     CoBo0 state: it happened by kim@hut "
        '{"before": "Idle", "n": 2}'
    )


def test_an_event_of_nobody_and_of_no_device_has_no_empty_places() -> None:
    assert line(event(device="")) == (
        "2026-11-20T15:18:04.250Z warning     - state: it happened"
    )


@pytest.mark.parametrize(
    "evil",
    ["\n", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[2J", "\0"],
)
def test_nothing_in_a_text_or_a_users_name_breaks_a_line(evil: str) -> None:
    happened = event(f"a{evil}b", origin=Origin(f"kim{evil}", "hut"))
    written = line(happened)
    assert written.splitlines() == [written]
    assert written.isprintable()


def test_what_is_printable_stays_as_it_is() -> None:
    assert one_line("µ, 測定, \\ and 'quotes'") == "µ, 測定, \\ and 'quotes'"


def test_a_fact_of_any_type_is_written() -> None:
    assert line(event(fields={"path": Path("/data")})).endswith('{"path": "/data"}')


# -- the file --------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exp.log"


def test_events_are_in_the_file_in_their_order_when_it_is_closed(path: Path) -> None:
    with LogFile(path) as log:
        for n in range(100):
            log(event(f"number {n}"))
    expected = [line(event(f"number {n}")) for n in range(100)]
    assert path.read_text().splitlines() == expected


def test_an_event_is_in_the_file_soon(path: Path) -> None:
    with LogFile(path) as log:
        log(event())
        until(lambda: path.read_text() == f"{line(event())}\n", "the line")


def test_a_file_that_was_there_is_continued(path: Path) -> None:
    path.write_text("of yesterday\n")
    with LogFile(path) as log:
        log(event())
    assert path.read_text() == f"of yesterday\n{line(event())}\n"


def test_old_lines_go_so_that_the_files_stay_small(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "MAX_BYTES", 1000)
    lines = [line(event(f"number {n}")) for n in range(200)]
    with LogFile(path) as log:
        for n in range(200):
            log(event(f"number {n}"))
    old = [path.with_name(f"exp.log.{n}") for n in range(log_file.KEPT, 0, -1)]
    assert sorted(path.parent.iterdir()) == sorted([*old, path])
    assert all(file.stat().st_size <= 1000 for file in (*old, path))
    kept = "".join(file.read_text() for file in (*old, path)).splitlines()
    assert kept == lines[-len(kept) :]


@pytest.mark.parametrize("how", ["renamed", "removed", "replaced", "truncated"])
def test_a_file_that_is_rotated_from_outside_is_begun_anew(
    path: Path, how: str
) -> None:
    moved = path.with_name("exp.log.1")
    with LogFile(path) as log:
        log(event("before"))
        until(lambda: "before" in path.read_text(), "the line")
        if how == "truncated":
            os.truncate(path, 0)
        elif how == "removed":
            path.unlink()
        else:
            path.rename(moved)
        if how == "replaced":
            path.touch()
        log(event("after"))
    assert path.read_text() == f"{line(event('after'))}\n"
    if moved.exists():
        assert moved.read_text() == f"{line(event('before'))}\n"


def test_a_folder_that_goes_is_said_and_one_that_comes_back_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "exp.log"
    with LogFile(path) as log:
        log(event("before"))
        until(lambda: "before" in path.read_text(), "the line")
        folder.rename(tmp_path / "old")
        log(event("lost"))
        until(lambda: "cannot write" in capsys.readouterr().err, "the warning")
        folder.mkdir()
        log(event("after"))
    assert path.read_text() == f"{line(event('after'))}\n"
    assert "written again" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["nosuch/exp.log", "."])
def test_a_file_that_cannot_be_opened_is_an_error_at_once(
    tmp_path: Path, wrong: str
) -> None:
    with pytest.raises(OSError, match=r"No such file|Is a directory"):
        LogFile(tmp_path / wrong)


# -- a bad disk ------------------------------------------------------------------------


def test_a_full_disk_is_told_once_and_ends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LogFile(Path("/dev/full")) as log:
        for _ in range(50):
            log(event())
    assert capsys.readouterr().err == (
        "/dev/full: cannot write: [Errno 28] No space left on device\n"
    )


FULL_FOR_A_WHILE = """
import resource, sys, time
from pathlib import Path
from daqpv.core import Event, EventSeverity
from daqpv.links.files.log_file import LogFile

class Told:
    text = ""
    def write(self, text):
        sys.__stdout__.write(text)
        sys.__stdout__.flush()
        self.text += text
    def flush(self):
        pass

def until(word):
    end = time.monotonic() + 30
    while word not in told.text and time.monotonic() < end:
        log(Event(time=0, severity=EventSeverity.ERROR, name="x", text="y" * 100))
        time.sleep(0.001)

told = sys.stderr = Told()
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
with LogFile(Path(sys.argv[1])) as log:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    until("cannot write")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    until("written again")
"""


def test_a_disk_that_has_space_again_is_told_once(path: Path) -> None:
    command = [sys.executable, "-c", FULL_FOR_A_WHILE, str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [
        f"{path}: cannot write: [Errno 27] File too large",
        f"{path}: written again",
    ]


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A file that takes a few lines and then blocks, until its other end is read."""
    path = tmp_path / "stuck.log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


def test_a_stuck_disk_holds_up_nobody(stuck: tuple[Path, int]) -> None:
    path, reader = stuck
    with LogFile(path) as log:
        begin = time.monotonic()
        for _ in range(3000):  # several times what a pipe takes
            log(event())
        took = time.monotonic() - begin
        os.set_blocking(reader, True)
        wanted = 3000 * len(f"{line(event())}\n")
        while wanted > 0:
            wanted -= len(os.read(reader, 65536))
    assert took < 1.0


def test_a_disk_that_is_far_behind_loses_events_and_says_how_many(
    stuck: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reader = stuck
    monkeypatch.setattr(log_file, "WAITING", 1000)
    chunks: list[bytes] = []
    with LogFile(path) as log:
        for _ in range(10_000):
            log(event())
        os.set_blocking(reader, True)
        thread = threading.Thread(target=read_all, args=[reader, chunks])
        thread.start()
    thread.join(10)
    lines = b"".join(chunks).decode().splitlines()
    told = [re.search(r"(\d+) events are missing here: the disk", one) for one in lines]
    missing = sum(int(found[1]) for found in told if found)
    assert missing > 5000
    assert len(lines) - sum(map(bool, told)) + missing == 10_000


def read_all(reader: int, chunks: list[bytes]) -> None:
    while chunk := os.read(reader, 65536):
        chunks.append(chunk)
