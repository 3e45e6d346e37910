"""A serial cable: two pseudo terminals, joined."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager


class Cable:
    """Two ends at which programs open serial lines; use `joined`.

    Attributes:
        ends: the paths of their device files.
        carried: bytes so far.
    """

    def __init__(self) -> None:
        self._pairs = [os.openpty(), os.openpty()]
        self.ends = [os.ttyname(slave) for _, slave in self._pairs]
        self.carried = 0
        for master, slave in self._pairs:
            tty.setraw(slave)
            os.set_blocking(master, False)
        masters = [master for master, _ in self._pairs]
        loop = asyncio.get_running_loop()
        loop.add_reader(masters[0], self._carry, *masters)
        loop.add_reader(masters[1], self._carry, *reversed(masters))

    def _carry(self, *ends: int) -> None:
        source, target = ends
        try:
            data = os.read(source, 4096)
        except OSError:
            asyncio.get_running_loop().remove_reader(source)
            return
        self.carried += len(data)
        os.write(target, data)

    def cut(self) -> None:
        """The adapters are unplugged."""
        for master, slave in self._pairs:
            asyncio.get_running_loop().remove_reader(master)
            os.close(master)
            os.close(slave)
        self._pairs = []


@contextmanager
def joined() -> Iterator[Cable]:
    """A cable, until the end of the block."""
    cable = Cable()
    try:
        yield cable
    finally:
        cable.cut()
