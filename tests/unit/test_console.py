"""Lines for people: as they read, and when nobody reads them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from daqpv.core import Event, EventSeverity, Origin
from daqpv.links.files.console import Console

MOMENT = 1795187884.25  # 2026-11-20 15:18:04 UTC


def event(text: str = "CoBo0: Idle -> Described", **more: object) -> Event:
    facts: dict[str, object] = {
        "time": MOMENT,
        "severity": EventSeverity.INFORMATION,
        "name": "state",
        "device": "ECC:CoBo0",
    }
    return Event(text=text, **(facts | more))  # type: ignore[arg-type]


def printed(capsys: pytest.CaptureFixture[str], *events: Event) -> list[str]:
    with Console() as console:
        for one in events:
            console(one)
    return capsys.readouterr().out.splitlines()


def test_an_event_is_a_line_with_its_time_and_who_did_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = printed(capsys, event(origin=Origin("kim", "hut")))
    assert lines == ["15:18:04 CoBo0: Idle -> Described  [kim@hut]"]


def test_the_device_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, event("Go to Ready: done"), event("CoBo0 answers: Idle"))
    assert lines == [
        "15:18:04 CoBo0: Go to Ready: done",
        "15:18:04 CoBo0 answers: Idle",
    ]


def test_what_is_for_the_record_alone_is_not_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys, event(fields={"aside": True})) == []


@pytest.mark.parametrize("severity", list(EventSeverity))
def test_a_pipe_gets_no_colours(
    capsys: pytest.CaptureFixture[str], severity: EventSeverity
) -> None:
    lines = printed(capsys, event(severity=severity))
    assert lines == ["15:18:04 CoBo0: Idle -> Described"]


def test_what_a_device_says_does_not_reach_the_terminal_as_a_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = printed(capsys, event("CoBo0: no power\n\x1b[2Jready: 0 PVs"))
    assert lines == [r"15:18:04 CoBo0: no power\n\x1b[2Jready: 0 PVs"]


def test_no_word_of_a_client_turns_round_what_follows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    [line] = printed(capsys, event("CoBo0 \u202egnihton \u2066x"))
    assert line.endswith(r"CoBo0 \u202egnihton \u2066x")


def test_a_sentence_of_a_megabyte_leaves_the_others_on_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    [line] = printed(capsys, event("M" * 1_000_000))
    assert len(line) < 2100
    assert line.endswith("MMM ... (1,000,000 characters)")


def test_what_is_said_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Console() as console:
        console.say("one\ntwo")
    assert capsys.readouterr().out == "one\ntwo\n"


MANY = """
import sys, time
from daqpv.cli.output import unbuffer
from daqpv.links.files.console import Console
unbuffer()
begin = time.monotonic()
with Console() as console:
    for n in range(int(sys.argv[1])):
        console.say("x" * 1000)
    said = time.monotonic()
print(said - begin, time.monotonic() - said, file=sys.stderr)
"""


def test_a_reader_that_never_reads_holds_up_nobody() -> None:
    said, _ = seconds_with_a_reader_that_never_reads(5000)
    assert said < 1.0


@pytest.mark.parametrize("lines", [100, 5000])  # the queue of lines: nearly empty, full
def test_a_reader_that_never_reads_delays_the_end_by_half_a_second(lines: int) -> None:
    _, ended = seconds_with_a_reader_that_never_reads(lines)
    assert ended < 1.0


def seconds_with_a_reader_that_never_reads(lines: int) -> tuple[float, float]:
    """The time to say so many lines, and the time of the end."""
    ours, its = os.pipe()
    try:
        done = run(str(lines), stdout=its)
    finally:
        os.close(its)
        os.close(ours)
    assert done.returncode == 0
    said, ended = map(float, done.stderr.split())
    return said, ended


def test_a_reader_that_went_away_is_no_error() -> None:
    ours, its = os.pipe()
    os.close(ours)
    try:
        done = run("100", stdout=its)
    finally:
        os.close(its)
    assert done.returncode == 0
    assert len(done.stderr.split()) == 2  # the times, and no traceback


def run(*arguments: str, stdout: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MANY, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_terminal_without_a_letter_gets_its_code() -> None:
    script = (
        "from daqpv.links.files.console import Console\n"
        "with Console() as console: console.say('5 \\xb5s'); console.say('next')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("5 \\xb5s\nnext\n", "")
