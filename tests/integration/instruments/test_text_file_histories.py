"""Any history of a logger and of ours: no line is lost or doubled."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.instruments.driver import Block, Frame
from daqpv.instruments.settings import Channel, Columns
from daqpv.instruments.textfiles.layout import Layout
from daqpv.links.textfiles.follower import Follower

HEADER = "time;value\n"


class Lab:
    """A logger, its folder, and the one who follows it."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self.folder, self.pattern = folder, pattern
        self.path = folder / "x.csv"
        self.heard: list[float] = []
        self.present: list[float] = []
        self.bad: list[str] = []
        self.count = 0
        self._kept: dict[str, Any] = {}
        self._numbers = 0
        self._follower: Follower | None = None
        self._is_first = True
        self._write("")

    # -- the logger

    def lines(self, number: int) -> None:
        """Whole lines."""
        for _ in range(number):
            self.count += 1
            self._write(f"{1.7e9 + self.count:.0f};{self.count}\n")

    def half(self, at: int) -> None:
        """A line whose end comes later, before anything else."""
        self.count += 1
        text = f"{1.7e9 + self.count:.0f};{self.count}\n"
        cut = at % len(text)
        self._write(text[:cut])
        self._rest = text[cut:]

    _rest = ""

    def _write(self, text: str) -> None:
        text, self._rest = self._rest + text, ""
        if not self.path.exists():
            text = HEADER + text
        with self.path.open("a") as file:
            file.write(text)

    def rename(self) -> None:
        """Rotation: the old file gets another name, a new one begins."""
        self._write("")
        self._numbers += 1
        self.path.rename(self.folder / f"x.csv.{self._numbers}")
        self._write("")

    def copy(self) -> None:
        """Rotation: the content goes to another file, and the old one is emptied."""
        self._write("")
        self._numbers += 1
        (self.folder / f"x.csv.{self._numbers}").write_bytes(self.path.read_bytes())
        os.truncate(self.path, 0)
        with self.path.open("a") as file:
            file.write(HEADER)

    def replace(self) -> None:
        """All is written to a new file, that takes the place of the old one."""
        self._write("")
        new = self.folder / "new"
        new.write_bytes(self.path.read_bytes())
        new.rename(self.path)

    # -- we

    async def look(self, is_full: bool = True) -> None:
        """One pass; if it is not full, only at the files that grew last."""
        if self._follower is None:
            channels = {"value": Channel()}
            columns = Columns(separator=";", time=("unix",), header=1)
            pattern = str(self.folder / self.pattern)
            self._follower = Follower(pattern, Layout(columns, channels))
            self._follower.news.tell = self._hear
            self._follower.restore(self._kept)
            self._follower.begin()
            self._follower._is_shown = True  # the last line is not shown again
            self._is_first = True
        self._follower._look_at = 0.0 if is_full else 1e12
        await self._follower.run_once(is_first=self._is_first)
        self._is_first = False
        news = self._follower.book.news()
        self._kept |= news
        self._kept = {k: v for k, v in self._kept.items() if v is not None}

    async def restart(self) -> None:
        """Our process ends; it begins with the next look."""
        if self._follower is not None:
            await self._follower.disk.rest(5.0)
            self._follower.disk.end()
        self._follower = None

    def _hear(self, news: Frame | Block) -> None:
        self.bad += news.bad
        if isinstance(news, Block):
            self.heard += news.columns["value"].tolist()
        elif "value" in news.values:
            self.heard.append(news.values["value"])  # type: ignore[arg-type]


steps = st.one_of(
    st.tuples(st.just("lines"), st.integers(1, 5)),
    st.tuples(st.just("half"), st.integers(1, 20)),
    st.tuples(st.just("look"), st.booleans()),
    *(
        st.just((name,))
        for name in ("look", "look", "rename", "copy", "replace", "restart")
    ),
)


@pytest.mark.parametrize("pattern", ["x.csv", "x.csv*"])
@given(st.lists(steps, max_size=14))
def test_no_history_loses_or_doubles_a_line(
    pattern: str, history: Sequence[tuple[Any, ...]]
) -> None:
    with TemporaryDirectory() as folder:
        lab = Lab(Path(folder), pattern)
        asyncio.run(play(lab, list(readable(history, pattern))))
        assert lab.bad == []
        assert sorted(lab.heard) == list(range(1, lab.count + 1))


def readable(
    history: Sequence[tuple[Any, ...]], pattern: str
) -> Iterator[tuple[Any, ...]]:
    """`history` without what nobody could read.

    With the pattern of one file, what is rotated away twice between two looks, or cut
    before a look, is out of sight.
    """
    for step in history:
        if step[0] in ("copy", "rename") and pattern == "x.csv":
            yield ("lines", 1)
            yield ("look",)
        yield step
        if step[0] in ("copy", "rename", "replace"):
            yield ("lines", 1)
        if step[0] in ("copy", "rename") and pattern == "x.csv":
            yield ("look",)


async def play(lab: Lab, history: Sequence[tuple[Any, ...]]) -> None:
    for name, *arguments in history:
        done = getattr(lab, name)(*arguments)
        if done is not None:
            await done
    lab.lines(1)
    await lab.look()
    await lab.restart()
