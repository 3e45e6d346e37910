"""Turns: one at a time may use a line, or poll an instrument."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Who may use something: one at a time, in the order in which they came.

    An `asyncio.Lock` does the same, and takes longer where nobody waits::

        if not turns.is_mine():
            await turns.take()
        try:
            ...
        finally:
            turns.give()

    In ``async with turns:`` it takes as long.
    """

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def is_mine(self) -> bool:
        """Take the turn if it is free, and nobody waits."""
        if self._is_taken:
            return False
        self._is_taken = True
        return True

    async def take(self) -> None:
        """Wait for the turn, and take it."""
        if self.is_mine():
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.give()  # it came, and is not used
            raise

    def give(self) -> None:
        """Give the turn to the next one."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._is_taken = False

    async def __aenter__(self) -> None:
        await self.take()

    async def __aexit__(self, *_: object) -> None:
        self.give()
