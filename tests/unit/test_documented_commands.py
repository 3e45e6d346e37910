"""Commands that docs, help and messages show: -S where the PV is a long text.

Without it EPICS base prints the bytes of a long text as numbers, and puts 39 of them at
most; with it a put to a stringout fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from daqpv.app import App
from daqpv.config import installed_kinds, load
from daqpv.core import Events

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
SOURCES += [*(ROOT / "daqpv").rglob("*.py")]

COMMAND = re.compile(r"\b(ca(?:get|put|monitor))\b([^;|#`\n]*)")
SIGNAL = re.compile(r":([A-Z]\w+)(?=[ }\"'.)]|$)")

FILE = """\
experiment: e20009
prefix: "AT:"
ecc:
  CoBo0: {url: "http://127.0.0.1:8083/", config: cobo0/exp/exp}
routers:
  data0: {address: 127.0.0.1, watch: {directory: /data}}
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Record types by the last part of the PVs' names."""
    file = tmp_path_factory.mktemp("docs") / "lab.yaml"
    file.write_text(FILE)
    kinds = installed_kinds().kinds
    infos = App(load(file, kinds), kinds, Events()).infos()
    return {info.name.rpartition(":")[2]: info.record for info in infos}


def commands(file: Path) -> Iterator[tuple[str, str]]:
    for found in COMMAND.finditer(file.read_text()):
        yield found[1], found[2]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_a_long_text_has_its_option_and_a_short_one_has_not(
    file: Path, records: dict[str, str]
) -> None:
    wrong = []
    for command, rest in commands(file):
        kinds = {records.get(signal, "") for signal in SIGNAL.findall(rest)}
        is_long = " -S " in rest
        if "waveform" in kinds and not is_long:
            wrong.append(command + rest)
        if command == "caput" and is_long and not kinds <= {"waveform", ""}:
            wrong.append(command + rest)
    assert wrong == []
