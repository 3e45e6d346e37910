"""Reads the end of the log of a device's own program, on its computer, on request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from daqpv.core import Command, Commanded, CommandSnapshot, Events
from daqpv.core.lines import one_line
from daqpv.errors import LinkError, OperationError, RefusedError

LINES = 50
"""Most lines of a log that are shown."""

SIZE = 16_000
"""Limit of their text [bytes]: 50 lines of 319. With its headers it is less than the
16,384 beyond which Java clients and EPICS before 3.16 want EPICS_CA_MAX_ARRAY_BYTES."""


def newest(log: bytes) -> str:
    """The last lines of `log` as printable text of less than `SIZE` bytes.

    Bytes that are not UTF-8 are replaced, and control characters are escaped. Of a text
    that is too long the beginning is replaced by "...".
    """
    lines = log.decode(errors="replace").splitlines()[-LINES:]
    text = "\n".join(one_line(line.expandtabs()) for line in lines)
    data = text.encode()
    if len(data) < SIZE:
        return text
    return "..." + data[4 - SIZE :].decode(errors="ignore")


class LogFile(Protocol):
    """The log file of a program.

    Attributes:
        missing: the keys that the experiment file needs before it can be read; "" if
            none is missing.
    """

    missing: str

    async def read(self) -> bytes:
        """Read its end: at least `LINES` lines, or `SIZE` bytes.

        Raises:
            LinkError: its computer cannot be reached, or the file not be read.
        """


@dataclass(frozen=True, kw_only=True)
class RemoteLogSnapshot(CommandSnapshot):
    """The log of a program, as it was read last.

    Attributes:
        text: its last lines, the newest last; "" if no client has asked for them.
    """

    observed: ClassVar[frozenset[str]] = frozenset({"text"})

    text: str = ""


class RemoteLog(Commanded[RemoteLogSnapshot]):
    """The end of the log of the program behind a device.

    It has a command slot of its own: the log can be read in every state of the device,
    and no command of the device waits for that. Of the device's PVs only LastError
    shows a failure, until the log is read.

    Args:
        owner: the device.
        file: where its log lies.
        events: where events go.
    """

    def __init__(self, owner: Commanded[Any], file: LogFile, *, events: Events) -> None:
        there = RemoteLogSnapshot()
        super().__init__(owner.name, there, events=events, prefix=owner.prefix)
        self._owner = owner
        self._file = file

    async def run(self) -> None:
        """Do nothing until cancelled: the log is read when a client asks for it."""
        await asyncio.get_running_loop().create_future()

    async def read(self) -> None:
        """Read it anew; further calls meanwhile join this one.

        Raises:
            RefusedError: the experiment file does not say where it is.
            OperationError: it cannot be read; the old text stays.
        """
        if self.running is not None:
            await self.running.join()
            return
        with self.command("read the end of its log"):
            text = newest(await self._end())
            self.change(replace(self.snapshot, text=text), at=self.clock.time())

    async def _end(self) -> bytes:
        if self._file.missing:
            raise RefusedError(
                f"{self.name}: to read its log, say in the experiment file "
                f"{self._file.missing}. Then start daqpv anew"
            )
        try:
            return await self._file.read()
        except LinkError as error:
            raise OperationError(
                f"{self.name}: its log cannot be read: {error}"
            ) from error

    def command_ended(self, command: Command, error: BaseException | None) -> None:
        """Show a failure in the LastError of the owner, too."""
        before = self.snapshot.last_error
        super().command_ended(command, error)
        now, owner = self.snapshot, self._owner.snapshot
        if now.last_error or owner.last_error == before:
            self._owner.change(
                replace(owner, last_error=now.last_error, result_code=now.result_code)
            )
