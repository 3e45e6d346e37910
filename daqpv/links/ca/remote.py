"""Follows an ECC server that another daqpv process serves, over Channel Access."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from daqpv.core import Events, EventSeverity, Result
from daqpv.core.pvinfo import ShownField
from daqpv.ecc import ConfigId, EccSnapshot, EccState, EccTarget, Operation
from daqpv.ecc.settings import EccSettings, Role
from daqpv.errors import DaqError, ResultCode
from daqpv.links.ca.channel import Client
from daqpv.links.ca.remote_device import RemoteDevice


def _config(text: str) -> ConfigId | None:
    try:
        return ConfigId.parse(text)
    except ValueError:
        return None


class _Configs(NamedTuple):
    """The entries of a ConfigList; its last line may say that there are more."""

    named: tuple[ConfigId, ...]
    is_complete: bool


def _configs(text: str) -> _Configs:
    found = [_config(line) for line in text.splitlines()]
    return _Configs(tuple(filter(None, found)), is_complete=None not in found)


class RemoteServer(RemoteDevice[EccSnapshot]):
    """An ECC server of another process: fulfils `daqpv.ecc.Server`."""

    first = "State"
    written = ("Command", "Abort")
    left_out = RemoteDevice.left_out | {
        *("response_time", "poll_period", "config_filter", "links"),
        *("url", "log_path"),
    }
    readers = {  # noqa: RUF012 - declared as a ClassVar by the base
        "Config": ("config", _config),
        "ConfigList": ("configs", _configs),
        "Role": ("role", Role),
    }

    configured = ""  # known only to the process that serves it

    def __init__(
        self,
        name: str,
        prefix: str,
        client: Client,
        shown: Iterable[ShownField],
        *,
        events: Events,
        snapshot: EccSnapshot | None = None,
    ) -> None:
        self._end = Result.NONE  # of the last command; Result may be Busy again
        snapshot = snapshot or EccSnapshot()
        super().__init__(name, prefix, client, shown, snapshot=snapshot, events=events)

    async def reach(self, target: EccState) -> None:
        """Go to `target`; errors as of `Ecc.reach`."""
        await self.put("State", target.label)

    async def operate(self, operation: Operation | None) -> None:
        """Perform exactly one operation; errors as of `Ecc.operate`."""
        await self.put("Command", operation.label if operation else "None")

    async def choose(self, text: str) -> None:
        """Choose a configuration; errors as of `Ecc.choose`."""
        await self.put("Config", text)

    def abort(self) -> None:
        """Abort the running command before its next step, if a process serves it."""
        try:
            self.begin_put("Abort", "1")
        except DaqError as error:
            self.emit("abort", str(error), severity=EventSeverity.WARNING)

    def _has_failed(self) -> bool:
        return self._end not in (Result.NONE, Result.DONE)

    def _made(self, fields: dict[str, Any]) -> EccSnapshot:
        """Add what follows from several PVs: whether a command runs."""
        if "result" in fields:
            fields["busy"] = self._is_busy(fields)
            if fields["result"] is not Result.BUSY:
                self._end = fields["result"]
        if "configs" in fields:
            fields["configs"] = self._listed(fields)
        busy = fields.get("busy", self.snapshot.busy)
        target = fields.get("target", self.snapshot.target)
        goal = target if busy else EccTarget.NONE
        return replace(super()._made(fields), goal=goal, served=True)

    def _listed(self, fields: dict[str, Any]) -> tuple[ConfigId, ...]:
        """The configurations of the server, as far as they are known.

        The chosen configuration may be missing in the shortened list. The process that
        serves the server checks it before it sends anything.
        """
        named, is_complete = fields["configs"]
        chosen = fields.get("config", self.snapshot.config)
        if is_complete or chosen is None or chosen in named:
            return tuple(named)
        return (*named, chosen)

    def _is_busy(self, fields: dict[str, Any]) -> bool:
        """Whether a command runs; one that was refused meanwhile does not end it."""
        if fields["result"] is Result.REFUSED and self.snapshot.busy:
            code = fields.get("result_code", self.snapshot.result_code)
            return code is ResultCode.BUSY
        return bool(fields["result"] is Result.BUSY)

    def _unserved(self, text: str) -> EccSnapshot:
        return replace(super()._unserved(text), goal=EccTarget.NONE, served=False)


def follower(
    events: Events, shown: Iterable[ShownField]
) -> Callable[[str, str, EccSettings], RemoteServer]:
    """Create the function that follows ECC servers of other processes, with one client.

    Args:
        events: receives events.
        shown: the fields of an ECC server's PVs.

    Returns:
        A function of name, PV prefix, and settings in the file.
    """
    client, table = Client(), tuple(shown)

    def follow(name: str, prefix: str, settings: EccSettings) -> RemoteServer:
        snapshot = EccSnapshot(
            enabled=settings.enable,
            config=settings.config,
            role=settings.role,
            url=settings.url,
            log_path=settings.log_path,
        )
        return RemoteServer(
            name, prefix, client, table, events=events, snapshot=snapshot
        )

    return follow
