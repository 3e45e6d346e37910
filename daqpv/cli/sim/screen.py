"""The terminal of a demo: the board and the last events, live.

A thread draws: a stopped terminal (Ctrl-S) delays nothing else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from daqpv.cli.status.board import Board
from daqpv.cli.status.picture import Picture
from daqpv.config import Experiment
from daqpv.core import Event, PvInfo
from daqpv.links.files.console import COLOURS, line
from daqpv.links.files.writer_thread import WriterThread

SHOWN_EVENTS = 10
SHOWN_EVERY = 0.2  # [s]


class Screen(WriterThread[Group]):
    """The terminal, and a sink of events; use it as a context manager.

    Args:
        experiment: whose devices are displayed.
        infos: its PVs; they are followed over Channel Access.
        words: the text above the board.
    """

    def __init__(
        self, experiment: Experiment, infos: Sequence[PvInfo], words: str
    ) -> None:
        super().__init__("screen", room=1)
        self._board = Board(infos, experiment.prefix, lambda *_: None)
        self._picture = Picture(self._board, experiment)
        self._words = words
        self._console = Console()
        self._events: deque[Text] = deque(maxlen=SHOWN_EVENTS)

    def __call__(self, event: Event) -> None:
        """Keep `event` for the next picture, unless it is for the record only."""
        if event.is_aside:
            return
        style = COLOURS[event.severity] or ""
        self._events.append(
            Text(line(event), style=style, no_wrap=True, overflow="ellipsis")
        )

    async def run(self) -> None:
        """Have pictures drawn until cancelled; none while the terminal is stopped."""
        self._board.open()
        try:
            while True:
                width, height = self._console.size
                board = self._picture.drawn(width, max(height - SHOWN_EVENTS - 2, 1))
                self._offer(Group(board, Text(), *self._events))
                await asyncio.sleep(SHOWN_EVERY)
        finally:
            self._board.close()

    def _write(self) -> None:
        console = self._console
        with suppress(OSError):  # the terminal has gone
            console.print(self._words, highlight=False, markup=False, soft_wrap=True)
            with Live(console=console, auto_refresh=False) as live:
                for picture in self._each():
                    live.update(picture, refresh=True)
