"""Gives away what was read: the present, history, and what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from daqpv.instruments.driver import Block, Frame
from daqpv.instruments.textfiles.bad_lines import BadLines
from daqpv.instruments.textfiles.newest import Newest
from daqpv.instruments.textfiles.position import Position
from daqpv.links.textfiles.reader import Piece

Tell = Callable[[Frame | Block], None]


def _nobody(news: Frame | Block) -> None:
    """Nobody listens yet."""


class Delivery:
    """Gives away what was read of the files of an instrument.

    Attributes:
        tell: gets it.
        newest: parts the present from history.
        good: lines that could be read.
        bad_lines: those that could not.
        problems: files and folders that cannot be read, in words, by path.
    """

    def __init__(self) -> None:
        self.tell: Tell = _nobody
        self.newest = Newest()
        self.good = 0
        self.bad_lines = BadLines()
        self.problems: dict[str, str] = {}
        self._folders: set[str] = set()  # of them

    async def deliver(self, piece: Piece, *, many: bool) -> None:
        """Give away all of a piece, even if the caller is cancelled meanwhile.

        Args:
            piece: what was read.
            many: whether it is history.
        """
        batch = piece.batch
        self.good += batch.good
        self.bad_lines.add(batch.bad)
        news: Iterable[Frame | Block]
        news = self._history(piece) if many else map(self.newest.live, piece.frames)
        good, bad, ending = batch.good, piece.sentences, None
        for number, one in enumerate(news, 1):
            self.tell(replace(one, good=good, bad=bad))
            good, bad = 0, ()
            if number % 20 == 0 and ending is None:  # the loop has others to serve
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError as error:
                    ending = error
        if good or bad:
            self.tell(Frame(good=good, bad=bad))
        if ending is not None:
            raise ending

    def _history(self, piece: Piece) -> Iterator[Frame | Block]:
        if piece.block is not None:
            yield from self.newest.block(piece.block)
        for frame in piece.frames:
            yield from self.newest.history(frame)

    def again(self, piece: Piece) -> int:
        """Give away what was read once more; return the number of its lines."""
        count = 0
        if piece.block is not None:
            count += len(piece.block.times)
            self.tell(replace(piece.block, is_again=True))
        for frame in piece.frames:
            count += 1
            self.tell(replace(frame, is_history=True))
        return count

    def settle(self) -> bool:
        """At the end of a pass, the newest line of history is the present.

        Returns:
            Whether there was one.
        """
        held = self.newest.settle()
        if held is not None:
            self.tell(held)
        return held is not None

    def lost_rest(self, position: Position) -> None:
        """Report that the rest of a file could not be read."""
        text = f"{position.path} was replaced or deleted, and what was written to it "
        self.tell(Frame(good=0, bad=[f"{text}after line {position.lines} is gone"]))

    def note(self, problems: Mapping[str, str]) -> None:
        """Report problems of single files and folders, once each."""
        known = self.problems.items()
        news = [text for path, text in problems.items() if (path, text) not in known]
        self.problems |= problems
        if news:
            self.tell(Frame(good=0, bad=news))

    def note_folders(self, problems: Mapping[str, str]) -> None:
        """The problems of a look into the folders; those of the last one may end."""
        for path in self._folders - problems.keys():
            self.problems.pop(path, None)
        self._folders = set(problems)
        self.note(problems)
