"""Records the texts of a run: the configuration files of the ECC servers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from daqpv.core import Events, EventSeverity, Shown, Snapshot
from daqpv.errors import DaqError, sentence
from daqpv.runs.record.records import RunDocument, RunRecord
from daqpv.runs.states import Entry, RunEvent

TRIES = 3
RETRY = 10.0  # [s] between two tries


class Source(Protocol):
    """A source of texts: an ECC server.

    Attributes:
        name: of the server.
    """

    name: str

    async def texts(self) -> Mapping[str, str]:
        """Give the texts by name: "configure-e20009.xcfg".

        Raises:
            DaqError: they cannot be read.
        """


@dataclass(frozen=True, kw_only=True)
class DocumentsSnapshot(Snapshot):
    """The texts of the last run.

    Attributes:
        documents: how many texts.
        missing: sources that could not be read, and why; "": none.
    """

    documents: int = 0
    missing: str = ""


class Documents(Shown[DocumentsSnapshot]):
    """Keeps the texts of all sources with each run that begins.

    Args:
        sources: of the texts.
        keep: keeps a record.
        events: where events go.
        prefix: of its PVs.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        keep: Callable[[Any], None],
        events: Events,
        prefix: str = "",
    ) -> None:
        super().__init__(
            "Run documents", DocumentsSnapshot(), events=events, prefix=prefix
        )
        self._sources = tuple(sources)
        self._keep = keep
        self._due: deque[int] = deque(maxlen=1)  # files are as they are now
        self._wake = asyncio.Event()

    def observe(self, record: RunRecord, event: RunEvent) -> None:
        """Queue the texts of a run that begins (daqpv.runs.Run.observe)."""
        if record.entry is Entry.OPEN:
            self._due.append(record.number)
            self._wake.set()

    async def run(self) -> None:
        """Keep the texts of the runs that begin, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                number = self._due.popleft()
                self.change(replace(self.snapshot, documents=0, missing=""))
                missing = await asyncio.gather(
                    *(self._keep_of(number, one) for one in self._sources)
                )
                self._report(number, [text for text in missing if text])

    async def _keep_of(self, number: int, source: Source) -> str:
        """Keep the texts of one source; return why not, or ""."""
        for left in reversed(range(TRIES)):
            try:
                texts = await source.texts()
            except DaqError as error:
                if not left or self._due:
                    return f"{source.name}: {sentence(error)}"
                await asyncio.sleep(RETRY)
            else:
                break
        for name, text in texts.items():
            self._keep(
                RunDocument(number=number, server=source.name, name=name, text=text)
            )
        self.change(
            replace(self.snapshot, documents=self.snapshot.documents + len(texts))
        )
        return ""

    def _report(self, number: int, missing: Sequence[str]) -> None:
        if missing:
            text = " ".join(missing)
            self.change(replace(self.snapshot, missing=text))
            self.emit(
                "configuration files",
                f"Run {number}: configuration files are not kept. {text}",
                severity=EventSeverity.WARNING,
            )
