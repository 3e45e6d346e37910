"""The other processes of an experiment: whether clocks and files agree with ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daqpv.app.neighbours import Neighbours, hashes
from daqpv.config import installed_kinds, load
from daqpv.core import Event, Events, Severity
from daqpv.process import Figures, Process, ProcessSnapshot
from daqpv.serve import Identity, Other

HEAD = 'experiment: e\nprefix: "E:"\necc: {CoBo0: {url: "http://127.0.0.1:8083/"}}\n'
OWN = {"ecc": "1", "run": "2", "system": "3"}


class Network:
    """Answers a search for the other processes."""

    def __init__(self, *found: Other) -> None:
        self.found = found

    async def find(self, *, tries: int) -> tuple[Other, ...]:
        return self.found


def other(name: str = "crate1@host1", *, ahead: float = 0.0, file: Any = None) -> Other:
    identity = Identity(name, 0.0, OWN if file is None else file)
    return Other("E:ECC:CoBo1:State", "10.0.0.5:5064", "1", identity, ahead)


class Seen:
    """A process, and the events of what it finds."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        events = Events()
        events.add(self.events.append)
        figures = Figures(**dict.fromkeys(Figures.__dataclass_fields__, 0))
        self.process = Process(
            "main", lambda: figures, snapshot=ProcessSnapshot(), events=events
        )

    @property
    def now(self) -> ProcessSnapshot:
        return self.process.snapshot

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    async def look(self, *found: Other) -> None:
        network: Any = Network(*found)
        await Neighbours(network, OWN, self.process).look()


def hashed(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "e.yaml"
    file.write_text(text)
    kinds = installed_kinds().kinds
    return hashes(load(file, kinds), kinds)


@pytest.mark.parametrize(
    ("more", "differing"),
    [
        ("# a word\n", set()),
        ("log: {file: /elsewhere.log}\n", set()),
        ("store: none\n", set()),
        ("run: {no_data: 4 s}\n", {"run"}),
        ("defaults: {ecc: {period: 2 s}}\n", {"ecc"}),
        ("routers: {data0: {address: 127.0.0.1}}\n", {"routers"}),
    ],
)
def test_what_must_be_equal_has_a_hash_for_each_section(
    tmp_path: Path, more: str, differing: set[str]
) -> None:
    one, two = hashed(tmp_path, HEAD), hashed(tmp_path, HEAD + more)
    assert {key for key in one if one[key] != two[key]} == differing


async def test_who_agrees_is_no_alarm() -> None:
    seen = Seen()
    await seen.look(other(), other("crate2@host2", ahead=-0.5))
    assert (seen.now.file_differs, seen.now.clock_offset) == (False, -0.5)
    assert (seen.now.message, seen.names) == ("", [])


async def test_another_file_is_major_and_says_which_section_until_it_is_the_same() -> (
    None
):
    seen = Seen()
    for _ in range(2):
        await seen.look(other(), other("b@h", file={**OWN, "run": "9", "gas": "4"}))
    assert seen.now.severity("file_differs") is Severity.MAJOR
    words = "b@h (10.0.0.5:5064) has another experiment file: it differs in run, gas."
    assert seen.now.message.startswith(words)
    assert seen.names == ["files differ"]  # once
    await seen.look()  # no answer tells nothing
    assert seen.now.file_differs
    await seen.look(other("b@h"))
    assert (seen.now.file_differs, seen.now.message) == (False, "")


@pytest.mark.parametrize(("ahead", "words"), [(3600.0, "ahead of"), (-2.0, "behind")])
async def test_a_clock_that_is_wrong_names_its_process(
    ahead: float, words: str
) -> None:
    seen = Seen()
    for drift in (0.0, 0.25):
        await seen.look(other(), other("b@h", ahead=ahead + drift))
    assert seen.now.clock_offset == ahead + 0.25
    off = f"{abs(ahead + 0.25):.1f}"
    said = f"The clock of b@h (10.0.0.5:5064) is {off} s {words} ours."
    assert seen.now.message.startswith(said)
    assert seen.names == ["clock differs"]
    await seen.look(other("b@h"))
    assert (seen.now.clock_offset, seen.now.message) == (0.0, "")


async def test_what_is_wrong_stands_side_by_side() -> None:
    seen = Seen()
    seen.process.rival("Served twice.")
    await seen.look(other("b@h", ahead=9.0, file={}))
    parts = ("Served twice.", "The clock of b@h", "b@h (10.0.0.5:5064) has another")
    assert all(part in seen.now.message for part in parts)
    seen.process.rival("")
    assert "Served twice" not in seen.now.message
    names = ["duplicate", "clock differs", "files differ", "duplicate over"]
    assert seen.names == names
