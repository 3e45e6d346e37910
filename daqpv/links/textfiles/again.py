"""Reads lines once more, after the settings of columns were mended."""

from __future__ import annotations

from daqpv.core import Clock
from daqpv.instruments.textfiles.book import Book
from daqpv.instruments.textfiles.position import Position
from daqpv.links.textfiles.delivery import Delivery
from daqpv.links.textfiles.disk import Disk
from daqpv.links.textfiles.reader import Order


class Again:
    """Reads again what was read before; positions and counts stay as they are.

    Args:
        book: up to where the files were read.
        disk: of the files.
        news: gives away what is read.
        clock: of this computer.
    """

    def __init__(self, book: Book, disk: Disk, news: Delivery, clock: Clock) -> None:
        self._book, self._disk, self._news, self._clock = book, disk, news, clock

    async def reparse(self, since: float) -> int:
        """Read all lines from a time on again, up to where they were read.

        Each block and frame is history, with the source and offset of its lines, which
        tell what it replaces; blocks have `is_again`. The lines are not counted again.

        Args:
            since: UTC [s since 1970].

        Returns:
            How many lines had values.

        Raises:
            LinkError: the disk is away, or hangs.
        """
        count = 0
        for position in list(self._book.known.values()):
            if position.newest is not None and position.newest < since:
                continue
            try:
                count += await self._reread(position, since)
            except OSError as error:
                words = f"{position.path} cannot be read again: {error.strerror}"
                self._news.note({position.path: words})
        return count

    async def _reread(self, position: Position, since: float) -> int:
        order = Order(
            position=Position(path=position.path, inode=position.inode),
            inode=position.inode,
            many=True,
            now=self._clock.time(),
            since=since,
            end=position.offset,
        )
        count = 0
        while True:
            piece = await self._disk.call(self._disk.reader.read, order)
            count += self._news.again(piece)
            if piece.is_end or piece.position.offset >= position.offset:
                return count
            order.position = piece.position
