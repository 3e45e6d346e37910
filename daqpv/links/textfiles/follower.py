"""Follows the files of a pattern: what to read next, and to whom it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from daqpv.core import CLOCK, Clock
from daqpv.errors import NotConnectedError
from daqpv.instruments.textfiles.book import Book
from daqpv.instruments.textfiles.layout import Layout
from daqpv.instruments.textfiles.position import Facts, Plan, Position, Step, plan
from daqpv.links.textfiles.again import Again
from daqpv.links.textfiles.delivery import Delivery
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


class Retired(NamedTuple):
    """A file that is not at its path any more.

    Attributes:
        position: up to where it was read.
        until: when it is given up, as the loop's clock has it.
        seen: what the folder said of it last.
    """

    position: Position
    until: float
    seen: Facts | None

    @property
    def is_complete(self) -> bool:
        """Whether all of it was read, as far as is known."""
        return self.seen is not None and self.seen.size == self.position.offset


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
        news: gives away what is read.
        again: reads lines once more.
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
        self.news = Delivery()
        self.pattern = pattern
        self._layout = layout
        self._since = since
        self.disk = Disk(pattern, layout, patience=patience)
        self._clock = clock
        self.again = Again(self.book, self.disk, self.news, clock)
        self._seen: dict[str, Facts] = {}
        self._found: Sequence[Facts] = ()
        self._look_at = 0.0  # when to look into the folders again
        self._retired: dict[int, Retired] = {}  # by inode
        self._missing: dict[int, Retired] = {}  # their rest was not found in this pass
        self._candidates: list[Position] = []  # of which a new file may be a copy
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
        self.news.note_folders(found.problems)
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
            has_news = self.news.settle()
        if not has_news and not self._is_shown:
            await self._show_last()
        self._is_shown = True
        if self.news.problems and all(
            one.path in self.news.problems for one in self._found
        ):
            raise NotConnectedError(next(iter(self.news.problems.values())))

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
            seen = self._seen.pop(position.path, None)
            self._retire(position, seen, now + RETIRED)
        self._missing.clear()
        self._candidates = list(self.book.latest(OTHERS))
        for inode, retired in list(self._retired.items()):
            is_last = now >= retired.until
            if not await self._finish(retired, is_last=is_last, many=many):
                self._missing[inode] = retired
        for step in todo.steps:
            await self._follow(step, many=many)
        for retired in self._missing.values():
            if not retired.is_complete:
                self.news.lost_rest(retired.position)

    def _retire(self, position: Position, seen: Facts | None, until: float) -> None:
        if any(facts.path == position.path for facts in self._found):
            position = position.former
            self.book.put(position)
        self._retired[position.inode] = Retired(position, until, seen)

    def _forget_former(self, position: Position) -> None:
        self._retired.pop(position.inode, None)
        self._missing.pop(position.inode, None)
        self.book.forget(position.former.path)

    async def _finish(self, retired: Retired, *, is_last: bool, many: bool) -> bool:
        """Read the rest of a file that has lost its name; False: it is not there."""
        inode = retired.position.inode
        order = self._order(retired.position, inode=0, many=many)
        order.is_last = is_last
        is_there = True
        try:
            while not (piece := await self._read(order)).is_end:
                order.position = piece.position
        except OSError:  # deleted, or renamed to another folder
            is_there, is_last = False, True
        if is_last:
            self._forget_former(retired.position)
            await self.disk.call(self.disk.reader.drop, inode)
        return is_there

    async def _follow(self, step: Step, *, many: bool) -> None:
        """Read a file up to its end."""
        facts = step.facts
        path, is_lost = facts.path, False
        position = step.position
        if (retired := self._retired.get(position.inode)) is not None:
            position = replace(retired.position, path=path)  # its rest was read
        is_much = facts.size - position.offset > LIVE
        order = self._order(position, inode=facts.inode, many=many or is_much)
        if position.offset == 0:
            order.others = self._others(path)
            if self._since is not None and self.book.is_new:
                order.since = order.now - self._since
                order.is_old = facts.modified * 1e-9 < order.since
        try:
            while not (piece := await self._read(order)).is_end:
                is_lost = is_lost or piece.lost is not None
                order = replace(order, position=piece.position, others=())
            is_lost = is_lost or piece.lost is not None
        except FileNotFoundError:  # just renamed: the next look finds it
            return
        except OSError as error:
            self.news.note({path: f"{path} cannot be read: {error.strerror}"})
            self._seen.pop(path, None)  # it is tried again
            return
        self._seen[path] = facts
        self.news.problems.pop(path, None)
        if not is_lost and facts.inode != position.inode:  # it goes on in a new file
            self._forget_former(position)

    def _order(self, position: Position, *, inode: int, many: bool) -> Order:
        now = self._clock.time()
        return Order(position=position, inode=inode, many=many, now=now)

    async def _read(self, order: Order) -> Piece:
        piece = await self.disk.call(self.disk.reader.read, order)
        if piece.lost is not None and piece.lost.inode == piece.position.inode:
            self.book.put(piece.lost.cut)  # it may have been copied before
            self._candidates.append(piece.lost.cut)
        if (found := piece.found) is not None:
            retired = self._retired.get(found.inode)
            if found.inode == 0:
                self.book.forget(found.path)
            elif retired is None or retired.position.tail == found.tail:
                self._forget_former(found)
        path, inode = order.position.path, order.position.inode
        if order.inode == 0 and inode in self._retired:
            self._retired[inode] = self._retired[inode]._replace(
                position=piece.position
            )
        if order.inode or self.book.known.get(path) == order.position:
            self.book.put(piece.position)
        await self.news.deliver(piece, many=order.many)
        return piece

    def _others(self, path: str) -> Sequence[Position]:
        """What the file at `path`, which is new, may be a copy or the rest of."""
        if self._layout.stamps is None:  # equal lines would mean nothing
            return ()
        retired = (one.position for one in self._retired.values())
        return [*retired, *(one for one in self._candidates if one.path != path)]

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on from the positions of an earlier process."""
        self.book.restore(kept)
        self.news.newest.time = self.book.newest

    # -- what is read

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
            self.news.newest.time = frame.time
            self.news.tell(frame)
