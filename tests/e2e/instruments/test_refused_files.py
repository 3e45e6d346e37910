"""``daqpv check`` and ``serve`` refuse instruments with file, line and key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import forks
from tests.support.ground import broken_driver
from tests.support.waiting import DEADLINE

HEAD = 'experiment: exp\nprefix: "X:"\nstore: none\ninstruments:\n'

WRONG = (
    HEAD
    + """\
  a:
    connection: "tcp://127.0.0.1:9"
    channels:
      Status: {ask: "1?", answer: "{value:g}"}
      "a b": {ask: "2?", answer: "{value:g}"}
      self: {calc: "self + 1"}
      seven: {calc: "7"}
      ring: {calc: "b.ring"}
  b:
    channels:
      ring: {calc: "a.ring * 2"}
  c: {connection: "tpc://127.0.0.1:9", channels: {p: {}}}
"""
)

PLACES = [
    ":8: instruments.a.channels.Status: every instrument has a PV Status",
    ":9: instruments.a.channels.a b: it becomes part of a PV name",
    ":10: instruments.a.channels.self.calc: self names itself",
    ":11: instruments.a.channels.seven.calc: formula '7': seven names no channel",
    ":12: instruments.a.channels.ring.calc: a.ring needs b.ring, which needs a.ring",
    ":16: instruments.c.connection: no driver for tpc:. Did you mean tcp?",
]

# what only the driver finds wrong
ONLY_BUILT = (
    HEAD
    + """\
  good: {connection: "tcp://127.0.0.1:9", channels: {p: {ask: "p?", answer: "{p:g}"}}}
  bad: {connection: "tcp://127.0.0.1:9", channels: {p: {ask: "p?", answer: "{q:g}"}}}
"""
)


def process(
    command: str, *, cwd: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """``daqpv COMMAND x.yaml``, to its end."""
    return forks.run(
        [sys.executable, "-m", "daqpv", command, "x.yaml"],
        cwd=cwd,
        env=os.environ | environ,
        text=True,
        capture_output=True,
        timeout=DEADLINE,
    )


@pytest.mark.parametrize("command", ["check", "serve"])
def test_each_mistake_has_file_line_and_key(tmp_path: Path, command: str) -> None:
    (tmp_path / "x.yaml").write_text(WRONG)
    result = process(command, cwd=tmp_path)
    assert result.returncode == 2
    told = result.stderr.splitlines()
    assert len(told) == len(PLACES), result.stderr
    for line, place in zip(told, PLACES, strict=True):
        assert line.startswith(f"x.yaml{place}")


@pytest.mark.parametrize("command", ["check", "serve"])
def test_what_the_driver_cannot_use_has_file_and_line(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "x.yaml").write_text(ONLY_BUILT)
    result = process(command, cwd=tmp_path)
    assert result.returncode == 2
    [told] = result.stderr.splitlines()
    assert told.startswith("x.yaml:6: instruments.bad: ")
    assert "names q, which is no channel" in told


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        ("broken://make", "make of 'bad': AttributeError: a bug of make (lab_broken."),
        ("torn://x", "ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_a_driver_of_somebody_else_is_named(
    tmp_path: Path, connection: str, says: str
) -> None:
    folder = broken_driver(tmp_path / "driver")
    text = f'  bad: {{connection: "{connection}", channels: {{p: {{}}}}}}\n'
    (tmp_path / "x.yaml").write_text(HEAD + text)
    result = process("check", cwd=tmp_path, PYTHONPATH=folder)
    assert result.returncode == 2
    [told] = result.stderr.splitlines()
    scheme = connection.partition(":")[0]
    named = f"x.yaml:5: instruments.bad: driver '{scheme}' of lab-broken 0.1: {says}"
    assert told.startswith(named)
