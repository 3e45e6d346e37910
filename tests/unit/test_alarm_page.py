"""docs/alarms.md has each PV that can be in alarm, and no other."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support import forks

PAGE = Path(__file__).parents[2] / "docs" / "alarms.md"


def daqpv(*command: str, folder: Path) -> str:
    done = forks.run(
        [sys.executable, "-m", "daqpv", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return str(done.stdout)


INSTRUMENTS = """
instruments:
  gas:
    connection: "tcp://127.0.0.1:4001"
    channels:
      plain: {ask: "P?", answer: "{value:g}"}
      channel: {ask: "P?", answer: "{value:g}", CHANNEL}
"""


def tree(folder: Path, channel: str) -> set[tuple[str, str]]:
    """The kind and signal of each PV of the alarm tree, with one more channel."""
    with (folder / "x.yaml").open("a") as file:
        file.write(INSTRUMENTS.replace("CHANNEL", channel))
    text = daqpv("pvs", "x.yaml", "--format", "alarm", folder=folder)
    pvs = ElementTree.fromstring(text).iter("pv")
    names = [pv.attrib["name"].split(":") for pv in pvs]
    return {(parts[1], parts[-1]) for parts in names}


def test_each_pv_that_can_be_in_alarm_is_on_the_page(tmp_path: Path) -> None:
    names = (
        "--experiment x --prefix AT: --first-ip 10.0.0.1 --mutant 10.0.0.9 --ssh daq"
    )
    daqpv("init", "--cobos", "2", *names.split(), folder=tmp_path)
    served = tree(tmp_path, "high: 3")
    on_page = set(re.findall(r"^\| (\w+) (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert served == on_page


@pytest.mark.parametrize(
    ("channel", "is_there"),
    [
        ("lolo: 1", True),
        ("words: {OVER: major}", True),
        ('status: {"0": none, "1": minor}', True),
        ("type: integer, bits: {3: {label: trip, severity: major}}", True),
        ("type: enum, states: [Off, {label: Trip, severity: major}]", True),
        ("type: enum, states: [Off, {label: Moving, severity: none}]", False),
        ("words: {OVER: invalid}", False),
    ],
)
def test_a_channel_whose_words_or_states_are_alarms_is_in_the_tree(
    tmp_path: Path, channel: str, is_there: bool
) -> None:
    (tmp_path / "x.yaml").write_text('experiment: x\nprefix: "AT:"\nstore: none\n')
    assert (("Inst", "channel") in tree(tmp_path, channel)) is is_there
