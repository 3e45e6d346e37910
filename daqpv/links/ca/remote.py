"""An ECC server that another daqpv process serves, over Channel Access."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from daqpv.core import Condition, Device, Events, EventSeverity, Result, Status
from daqpv.ecc import ConfigId, EccSnapshot, EccState, EccTarget, Operation, Transition
from daqpv.ecc.settings import EccSettings, Role
from daqpv.errors import (
    AbortedError,
    BusyError,
    CommandError,
    DaqError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    RefusedError,
    ResultCode,
    UnknownOutcomeError,
)
from daqpv.links.ca.channel import Channel, Client, Form, Update

_log = logging.getLogger(__name__)

LAG = 1.0  # [s] from a change in the serving process to the snapshot here, at most
GATHER = 0.05  # [s] for the rest of a snapshot to come; the end of a command waits not
SEARCH_FIRST = 2.0  # [s] after a loss it is searched anew, then ever less often:
SEARCH_LAST = 60.0  # [s] libca needs seconds to search hundreds
CONNECTION_DEADLINE = 5.0  # [s] until a server that nobody serves is known as such


def _config(text: str) -> ConfigId | None:
    try:
        return ConfigId.parse(text)
    except ValueError:
        return None


class _Configs(NamedTuple):
    """What a ConfigList names; its last line may say that there are more."""

    named: tuple[ConfigId, ...]
    is_complete: bool


def _configs(text: str) -> _Configs:
    found = [_config(line) for line in text.splitlines()]
    return _Configs(tuple(filter(None, found)), is_complete=None not in found)


class _Signal(NamedTuple):
    """A PV of an ECC server, and the field of the snapshot that it shows."""

    field: str
    form: Form
    read: Callable[[Any], Any]


_SIGNALS = {
    "State": _Signal("state", Form.INTEGER, EccState),
    "Transition": _Signal("transition", Form.INTEGER, Transition),
    "Target": _Signal("target", Form.INTEGER, EccTarget),
    "Online": _Signal("online", Form.INTEGER, bool),
    "Condition": _Signal("condition", Form.INTEGER, Condition),
    "Enable": _Signal("enabled", Form.INTEGER, bool),
    "Message": _Signal("message", Form.LONG_TEXT, str),
    "LastError": _Signal("last_error", Form.LONG_TEXT, str),
    "ResultCode": _Signal("result_code", Form.INTEGER, ResultCode),
    "ResultCount": _Signal("result_count", Form.INTEGER, int),
    "Result": _Signal("result", Form.INTEGER, Result),
    "LastBy": _Signal("last_by", Form.TEXT, str),
    "Errors": _Signal("errors", Form.INTEGER, int),
    "ErrorCode": _Signal("error_code", Form.INTEGER, int),
    "StepTime": _Signal("step_time", Form.NUMBER, float),
    "Config": _Signal("config", Form.LONG_TEXT, _config),
    "ConfigList": _Signal("configs", Form.LONG_TEXT, _configs),
    "Role": _Signal("role", Form.TEXT, Role),
}
"""Not followed: what moves with every poll and matters only where the poll is made
(ResponseTime, LastSeen), and what the file says (Url, LogPath, DataLinks)."""

_BUTTONS = ("Command", "Abort")  # written, never read
_LATER = frozenset({"ResultCode"})  # a daqpv of an earlier version has none
_NEEDED = frozenset({*_SIGNALS, *_BUTTONS}) - _LATER

_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC ")

_ERRORS: dict[ResultCode, type[CommandError]] = {
    kind.code: kind
    for kind in (RefusedError, BusyError, AbortedError, UnknownOutcomeError)
}


class RemoteServer(Device[EccSnapshot]):
    """An ECC server as another process serves it: fulfils `daqpv.ecc.Server`.

    Monitors of its PVs fill the snapshot; a command is one put-callback. All PVs of a
    snapshot carry its time stamp: by that the snapshots are put together again. After a
    command the snapshot is that of its end, for monitors and callback come in order.

    A command has no deadline here: the process that serves the server keeps the
    deadlines, and if it goes or hangs, Channel Access says so (EPICS_CA_CONN_TMO).

    Args:
        name: of the ECC server.
        prefix: of its PVs.
        client: the way of Channel Access into the event loop, shared by all.
        events: where events go.
        snapshot: what the file says of it.
    """

    def __init__(
        self,
        name: str,
        prefix: str,
        client: Client,
        *,
        events: Events,
        snapshot: EccSnapshot | None = None,
    ) -> None:
        super().__init__(name, snapshot or EccSnapshot(), events=events, prefix=prefix)
        self._client = client
        self._channels: dict[str, Channel] = {}
        self._missing = set(_NEEDED)  # not come since the server connected
        self._fields: dict[str, Any] = {}  # the snapshot that is being put together
        self._gathering: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()
        self._gone.set()
        self.lag = CONNECTION_DEADLINE + LAG  # until it is found, or known as lost
        self.configured = ""  # it is the other process that is told
        self._end = Result.NONE  # of the last command; Result may say Busy again
        self._stamp = (0, 0)
        self._stamped = 0.0

    async def run(self) -> None:
        """Follow the server until cancelled."""
        try:
            self._open("State", self._connected)
            await asyncio.sleep(CONNECTION_DEADLINE)
            if self._missing:
                self._lost()
            while True:
                await self._gone.wait()
                await self._search()
        finally:
            self._close_all_but()
            self._missing = set(_NEEDED)

    async def _search(self) -> None:
        """Help libca to find a server again: it searches ever less often."""
        pause = SEARCH_FIRST
        while self._gone.is_set():
            await asyncio.sleep(pause)
            self._channels["State"].search()
            pause = min(2 * pause, SEARCH_LAST)

    # Commands

    async def reach(self, target: EccState) -> None:
        """Walk to `target`; errors as `Ecc.reach`."""
        await self._put("State", target.label)

    async def operate(self, operation: Operation | None) -> None:
        """Do exactly one operation; errors as `Ecc.operate`."""
        await self._put("Command", operation.label if operation else "None")

    async def choose(self, text: str) -> None:
        """Choose a configuration; errors as `Ecc.choose`."""
        await self._put("Config", text)

    def abort(self) -> None:
        """End the running command before its next step.

        What cannot be told to a process that is gone is not told.
        """
        if self._missing:
            return
        try:
            self._channels["Abort"].put("1", lambda error: None)
        except DaqError as error:
            self.emit("abort", str(error), severity=EventSeverity.WARNING)

    async def _put(self, signal: str, text: str) -> None:
        """Put, and wait for the end of what that starts.

        Raises:
            CommandError: as `Result` and `LastError` of the server say.
        """
        if self._missing:
            raise RefusedError(f"{self._absence()}. Nothing was sent.")
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(error: Exception | None) -> None:
            self._flush()
            if ended.done():  # nobody waits any more
                return
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(self._failure(error))

        try:
            self._channels[signal].put(text, end)
        except NotConnectedError as error:
            raise RefusedError(f"{self._absence()}. Nothing was sent.") from error
        await ended

    def _failure(self, error: Exception) -> CommandError:
        """The error that a failed callback stands for."""
        if isinstance(error, NoAnswerError):
            return UnknownOutcomeError(
                f"{self.name}: the process that serves it went in the middle of a "
                f"command, or the network did. What became of it shows in "
                f"{self.prefix}State when it is served again."
            )
        sentence = _STAMP.sub("", self.snapshot.last_error)
        if self._end is Result.DONE or not sentence:  # the server: no write access
            return OperationError(str(error))
        return _ERRORS.get(self.snapshot.result_code, OperationError)(sentence)

    # News

    def _open(
        self, signal: str, connected: Callable[[bool], None] = lambda _: None
    ) -> None:
        channel = self._client.channel(self.prefix + signal, connected)
        self._channels[signal] = channel
        if signal in _SIGNALS:
            kind = _SIGNALS[signal]
            channel.follow(kind.form, partial(self._receive, signal, kind))

    def _close_all_but(self, *kept: str) -> None:
        for signal in self._channels.keys() - set(kept):
            self._channels.pop(signal).close()

    def _connected(self, up: bool) -> None:
        """The State came or went: the others are on the same connection.

        They are searched only while it is there: a server that nobody serves costs one
        search, not twenty.
        """
        if not up:
            self._missing = set(_NEEDED)
            self._fields.clear()
            self._close_all_but("State")
            self._gone.set()
            self._lost()
        else:
            self._gone.clear()
            for signal in list(_SIGNALS)[1:]:
                self._open(signal)
            for button in _BUTTONS:
                self._open(button, partial(self._button, button))

    def _button(self, button: str, up: bool) -> None:
        if up:
            self._came(button)

    def _receive(self, signal: str, kind: _Signal, update: Update) -> None:
        if update.stamp != self._stamp:
            self._flush()
            self._stamp, self._stamped = update.stamp, update.time
        if not self._fields:  # the rest of this snapshot comes along
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(GATHER, self._flush)
        try:
            self._fields[kind.field] = kind.read(update.value)
        except ValueError:  # a process of another version serves it
            name = f"{self.prefix}{signal}"
            _log.warning("%s: %r is not a value of this PV", name, update.value)
        if signal == "State":
            self._fields["known"] = update.status is not Status.UDF
        self._came(signal)

    def _came(self, signal: str) -> None:
        if self._missing:
            self._missing.discard(signal)
            if not self._missing:
                self._found()

    def _flush(self) -> None:
        """Show what has come; nothing before the whole has come once."""
        if self._missing or not self._fields:
            return
        if self._gathering is not None:  # it would part the next one
            self._gathering.cancel()
        fields, self._fields = self._fields, {}
        self._change(fields)

    def _change(self, fields: dict[str, Any]) -> None:
        """Show `fields`, and what the PVs tell between the lines: who is busy."""
        if "result" in fields:
            fields["busy"] = self._is_busy(fields)
            if fields["result"] is not Result.BUSY:
                self._end = fields["result"]
        if "configs" in fields:
            fields["configs"] = self._listed(fields)
        busy = fields.get("busy", self.snapshot.busy)
        target = fields.get("target", self.snapshot.target)
        fields["goal"] = target if busy else EccTarget.NONE
        fields["served"] = True
        self.change(replace(self.snapshot, **fields), at=self._stamped)

    def _listed(self, fields: dict[str, Any]) -> tuple[ConfigId, ...]:
        """What the server lists, as far as that is known.

        The chosen configuration may be among those that its PV does not name. The
        process that serves it looks before anything is sent.
        """
        named, is_complete = fields["configs"]
        chosen = fields.get("config", self.snapshot.config)
        if is_complete or chosen is None or chosen in named:
            return tuple(named)
        return (*named, chosen)

    def _is_busy(self, fields: dict[str, Any]) -> bool:
        """Whether a command runs: one that is refused for that does not end it."""
        if fields["result"] is Result.REFUSED and self.snapshot.busy:
            code = fields.get("result_code", self.snapshot.result_code)
            return code is ResultCode.BUSY
        return bool(fields["result"] is Result.BUSY)

    def _found(self) -> None:
        was_lost = self.snapshot.known
        self.lag = LAG
        self._flush()
        if was_lost:
            self.emit("online", f"{self.name} is served again")

    def _lost(self) -> None:
        self.lag = LAG + SEARCH_FIRST  # others may have found it already
        text = self._absence()
        if self.snapshot.known and self.snapshot.message == text:
            return
        self.change(
            replace(
                self.snapshot,
                known=True,
                online=False,
                condition=Condition.OFFLINE,
                message=text,
                busy=False,
                goal=EccTarget.NONE,
                served=False,
            )
        )
        self.emit("lost", text, severity=EventSeverity.ERROR)

    def _absence(self) -> str:
        signal = next((s for s in _SIGNALS if s in self._missing), "State")
        return f"{self.name} is not served: no answer from {self.prefix}{signal}"


def follower(events: Events) -> Callable[[str, str, EccSettings], RemoteServer]:
    """Make what follows the ECC servers of other processes, by one client for all.

    Returns:
        A function of name, PV prefix, and settings in the file.
    """
    client = Client()

    def follow(name: str, prefix: str, settings: EccSettings) -> RemoteServer:
        snapshot = EccSnapshot(
            enabled=settings.enable,
            config=settings.config,
            role=settings.role,
            url=settings.url,
            log_path=settings.log_path,
        )
        return RemoteServer(name, prefix, client, events=events, snapshot=snapshot)

    return follow
