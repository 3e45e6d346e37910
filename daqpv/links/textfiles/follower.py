"""Follows the files of a pattern: what to read next, and to whom it goes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from daqpv.core import CLOCK, Clock
from daqpv.errors import NotConnectedError
from daqpv.instruments.driver import Block, Frame
from daqpv.instruments.textfiles.bad_lines import BadLines
from daqpv.instruments.textfiles.book import Book
from daqpv.instruments.textfiles.layout import Layout
from daqpv.instruments.textfiles.newest import Newest
from daqpv.instruments.textfiles.position import Facts, Plan, Position, Step, plan
from daqpv.links.textfiles.disk import PATIENCE, Disk
from daqpv.links.textfiles.reader import Order, Piece

LIVE = 16 * 1024
"""Bytes that were written since the last pass; of more, only the newest line is shown
as a present value."""

RETIRED = 60.0
"""[s] for which a file without a name is followed: its logger may still write to it."""

OTHERS = 64
"""So many positions are compared with the beginning of a new file."""

SHARE = 0.1
"""Of the time that looks into the folders may take."""

Tell = Callable[[Frame | Block], None]


def _nobody(news: Frame | Block) -> None:
    """Nobody listens yet."""


class Follower:
    """Follows the files of one instrument. All calls are made on the event loop.

    Args:
        pattern: of the files, an absolute path.
        layout: of their lines.
        since: at the first start, leave out lines that are older than this [s].
        patience: for one call, until the disk hangs [s].
        clock: of this computer.

    Attributes:
        pattern: of the files.
        disk: their thread.
        book: the positions.
        tell: gets what is read.
        bad_lines: lines that could not be read.
        good: lines that could.
        problems: files and folders that cannot be read, in words, by path.
    """

    def __init__(
        self,
        pattern: str,
        layout: Layout,
        *,
        since: float | None = None,
        patience: float = PATIENCE,
        clock: Clock = CLOCK,
    ) -> None:
        self.book = Book()
        self.tell: Tell = _nobody
        self.bad_lines = BadLines()
        self.good = 0
        self.problems: dict[str, str] = {}
        self.pattern = pattern
        self._layout = layout
        self._since = since
        self.disk = Disk(pattern, layout, patience=patience)
        self._clock = clock
        self._newest = Newest()
        self._seen: dict[str, Facts] = {}
        self._found: Sequence[Facts] = ()
        self._look_at = 0.0  # when to look into the folders again
        self._retired: dict[int, tuple[Position, float]] = {}  # by inode, until when
        self._lost: deque[Position] = deque(maxlen=16)  # of files that were cut
        self._sick: set[str] = set()  # folders with a problem
        self._is_shown = False  # whether there was a pass

    def begin(self) -> None:
        """Begin, or begin again: look at all files anew."""
        self.disk.begin()
        self._seen.clear()

    # -- a pass

    async def look(self) -> Sequence[Facts]:
        """Look into the folders for all files that match.

        Raises:
            LinkError: they are away, or hang.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        found = await self.disk.call(self.disk.folders.look)
        took = loop.time() - start
        self._look_at = start + took + took / SHARE
        self._found = found.files
        self.book.trim([facts.path for facts in found.files])
        self._note_folders(found.problems)
        return found.files

    async def run_once(self, *, is_first: bool) -> None:
        """Read all that was written since the last pass.

        Args:
            is_first: after an opening: what was written before it is history.

        Raises:
            LinkError: the disk is away, or hangs; or no file can be read.
        """
        if is_first or asyncio.get_running_loop().time() >= self._look_at:
            await self.look()
            todo = plan(self.book.known, self._found, self._seen)
        else:
            todo = await self.disk.call(self._hot)
        try:
            await self._carry_out(todo, many=is_first)
        finally:  # also when it is cancelled: the position is behind that line
            held = self._newest.settle()
            if held is not None:
                self.tell(held)
        if held is None and not self._is_shown:
            await self._show_last()
        self._is_shown = True
        if self.problems and all(one.path in self.problems for one in self._found):
            raise NotConnectedError(next(iter(self.problems.values())))

    def _hot(self) -> Plan:
        """The files that grew last; in the thread, without a look into the folders."""
        hot = sorted(self._seen.values(), key=lambda one: -one.modified)[:OTHERS]
        found = [one for facts in hot for one in self.disk.folders.facts(facts.path)]
        paths = {facts.path for facts in hot}
        known = {path: one for path, one in self.book.known.items() if path in paths}
        return plan(known, found, {facts.path: facts for facts in hot})

    async def _carry_out(self, todo: Plan, *, many: bool) -> None:
        now = asyncio.get_running_loop().time()
        for path in todo.moved:
            self.book.forget(path)
            self._seen.pop(path, None)
        for step in todo.steps:
            if step.position.offset:
                self.book.put(step.position)  # those that were moved
        for position in todo.displaced:
            self._retired[position.inode] = position, now + RETIRED
        for inode, (position, until) in list(self._retired.items()):
            await self._finish(inode, position, is_last=now >= until, many=many)
        for step in todo.steps:
            await self._follow(step, many=many)

    async def _finish(
        self, inode: int, position: Position, *, is_last: bool, many: bool
    ) -> None:
        """Read the rest of a file that has lost its name."""
        order = self._order(position, inode=0, many=many)
        order.is_last = is_last
        try:
            while not (piece := await self._read(order)).is_end:
                order.position = piece.position
        except OSError:  # deleted, or renamed to another folder
            is_last = True
            self._tell_of_rest(position)
        self._seen.pop(position.path, None)
        if is_last:
            self._retired.pop(inode, None)
            await self.disk.call(self.disk.reader.drop, inode)

    def _tell_of_rest(self, position: Position) -> None:
        """Report that the rest of a file could not be read, if it had one."""
        seen = self._seen.get(position.path)
        if seen is None or (seen.inode, seen.size) != (position.inode, position.offset):
            text = f"{position.path} was replaced or deleted, and what was written to "
            text += f"it after line {position.lines} cannot be found"
            self.tell(Frame(good=0, bad=[text]))

    async def _follow(self, step: Step, *, many: bool) -> None:
        """Read a file up to its end."""
        position, facts = step
        path = position.path
        is_much = facts.size - position.offset > LIVE
        order = self._order(position, inode=facts.inode, many=many or is_much)
        if position.offset == 0:
            order.others = self._others(path)
            if self._since is not None and self.book.is_new:
                order.since = order.now - self._since
        try:
            while not (piece := await self._read(order)).is_end:
                order = replace(order, position=piece.position, others=())
        except FileNotFoundError:  # just renamed: the next look finds it
            return
        except OSError as error:
            self._note({path: f"{path} cannot be read: {error.strerror}"})
            self._seen.pop(path, None)  # it is tried again
            return
        if piece.lost is None and piece.position.inode != position.inode:
            self._retired.pop(position.inode, None)  # it was copied to a new file
        self._seen[path] = facts
        self.problems.pop(path, None)

    def _order(self, position: Position, *, inode: int, many: bool) -> Order:
        now = self._clock.time()
        return Order(position=position, inode=inode, many=many, now=now)

    async def _read(self, order: Order) -> Piece:
        piece = await self.disk.call(self.disk.reader.read, order)
        if piece.lost is not None and piece.lost.inode == piece.position.inode:
            self._lost.append(piece.lost)  # it may have been copied before
        if (found := piece.found) is not None:
            self._retired.pop(found.inode, None)
            if found in self._lost:
                self._lost.remove(found)
        path, inode = order.position.path, order.position.inode
        if order.inode == 0 and inode in self._retired:
            self._retired[inode] = piece.position, self._retired[inode][1]
        if order.inode or self.book.known.get(path) == order.position:
            self.book.put(piece.position)
        await self._deliver(piece, order)
        return piece

    def _others(self, path: str) -> Sequence[Position]:
        """What the file at `path`, which is new, may be a copy or the rest of."""
        if self._layout.stamps is None:  # equal lines would mean nothing
            return ()
        retired = (one for one, _ in self._retired.values())
        return [*self._lost, *retired, *self.book.latest(OTHERS, but=path)]

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on from the positions of an earlier process."""
        self.book.restore(kept)
        self._newest.time = self.book.newest

    # -- what is read

    async def _deliver(self, piece: Piece, order: Order) -> None:
        batch = piece.batch
        self.good += batch.good
        self.bad_lines.add(batch.bad)
        news: Iterable[Frame | Block]
        if order.many:
            news = self._history(piece)
        else:
            news = (self._newest.live(frame) for frame in piece.frames)
        good, bad, ending = batch.good, piece.sentences, None
        for number, one in enumerate(news, 1):
            self.tell(replace(one, good=good, bad=bad))
            good, bad = 0, ()
            if number % 20 == 0 and ending is None:  # the loop has others to serve
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError as error:  # when all is delivered
                    ending = error
        if good or bad:
            self.tell(Frame(good=good, bad=bad))
        if ending is not None:
            raise ending

    def _history(self, piece: Piece) -> Iterator[Frame | Block]:
        if piece.block is not None:
            yield from self._newest.block(piece.block)
        for frame in piece.frames:
            yield from self._newest.history(frame)

    async def _show_last(self) -> None:
        """After a start without news, show the line that was the newest before it."""
        latest = self.book.latest(1)
        if not latest:
            return
        try:
            frame = await self.disk.call(
                self.disk.reader.last, latest[0], self._clock.time()
            )
        except OSError:  # that file is gone
            return
        if frame is not None:
            self._newest.time = frame.time
            self.tell(frame)

    async def reparse(self, since: float) -> int:
        """Read all lines from a time on again, up to where they were read.

        Each block and frame is history, with the source and offset of its lines, which
        tell what it replaces; blocks have `is_again`. The lines are not counted again.

        Args:
            since: UTC [s since 1970].

        Returns:
            How many lines were read again.

        Raises:
            LinkError: the disk is away, or hangs.
        """
        count = 0
        for position in list(self.book.known.values()):
            if position.newest is not None and position.newest < since:
                continue
            try:
                count += await self._reread(position, since)
            except OSError as error:
                words = f"{position.path} cannot be read: {error.strerror}"
                self._note({position.path: words})
        return count

    async def _reread(self, position: Position, since: float) -> int:
        start = Position(path=position.path, inode=position.inode)
        order = self._order(start, inode=position.inode, many=True)
        order.since, order.end = since, position.offset
        count = 0
        while True:
            piece = await self.disk.call(self.disk.reader.read, order)
            if piece.block is not None:
                self.tell(replace(piece.block, is_again=True))
                count += len(piece.block.times)
            for frame in piece.frames:
                self.tell(replace(frame, is_history=True))
            count += len(piece.frames)
            if piece.is_end or piece.position.offset >= position.offset:
                return count
            order.position = piece.position

    def _note_folders(self, problems: Mapping[str, str]) -> None:
        for path in self._sick - problems.keys():
            self.problems.pop(path, None)
        self._sick = set(problems)
        self._note(problems)

    def _note(self, problems: Mapping[str, str]) -> None:
        """Report problems of single files and folders, once each."""
        known = self.problems.items()
        news = [text for path, text in problems.items() if (path, text) not in known]
        self.problems |= problems
        if news:
            self.tell(Frame(good=0, bad=news))
