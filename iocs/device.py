"""The PVs that every device has, and how a put becomes a command of the device."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from daqpv.core import Condition, Device, Result
from daqpv.errors import RefusedError, ResultCode
from daqpv.serve import Channel, Declaration, Group, bi, bo, long, longin, mbbi, string

D = TypeVar("D", bound=Device[Any])
G = TypeVar("G", bound=Group[Any])
Put = Callable[[Any, Any], Coroutine[Any, Any, None]]


def command(
    method: Callable[..., Any],
    of: Callable[[Any], Any] | None = None,
    *,
    via: str = "device",
) -> Put:
    """A put that calls `method` of the group's device.

    Args:
        method: a method of the device's class, with or without a value, plain or
            async. What it raises fails the put.
        of: turns the PV's value into the method's.
        via: the group's attribute whose method it is, if not the device.
    """
    name = method.__name__
    takes_value = len(inspect.signature(method).parameters) > 1

    async def put(group: Any, value: Any) -> None:
        arguments = () if not takes_value else (of(value) if of else value,)
        done = getattr(getattr(group, via), name)(*arguments)
        if inspect.isawaitable(done):
            await done

    return put


def held(put: Put) -> Put:
    """`put`, refused while a run is open; the group has an `interlock`."""

    async def guarded(group: Any, value: Any) -> None:
        if reason := await group.interlock.asked():
            error = RefusedError(reason)
            group.device.refuse("command it by itself", error)
            raise error
        await put(group, value)

    return guarded


def declaring(pvs: Mapping[str, Declaration]) -> Callable[[type[G]], type[G]]:
    """Decorate a group with PVs made from a table: declarations by attribute."""

    def declare(group: type[G]) -> type[G]:
        more = {"__module__": group.__module__, "__doc__": group.__doc__}
        return type(group.__name__, (group,), {**pvs, **more})

    return declare


class DeviceGroup(Group[D]):
    """The PVs of every device.

    Args:
        desc: description of the device, for Online.DESC.
    """

    online = bi("Online", labels=("Offline", "Online"), doc="Whether it answers")
    condition = mbbi("Condition", Condition, doc="How it is")
    enable = bo(
        "Enable",
        labels=("Disabled", "Enabled"),
        of="enabled",
        put=command(Device.enable, bool),
        saved=True,
        doc="Disabled: not polled, not commanded",
    )
    message = long("Message", doc="What happens, in a sentence")
    result_count = longin("ResultCount", doc="Commands ended")
    last_error = long("LastError", doc="Last failure, with time and cure")
    result_code = mbbi("ResultCode", ResultCode, doc="Kind of the error in LastError")
    last_by = string("LastBy", doc="Who gave the last command: user@host")
    last_seen = string("LastSeen", doc="When it last answered, UTC")
    errors = longin("Errors", doc="Failed commands and losses")
    # last: a client that waits for it finds the others written
    result = mbbi("Result", Result, doc="How the last command ended")

    def __init__(self, prefix: str, device: D, *, desc: str = "") -> None:
        super().__init__(prefix, device)
        if desc:
            self.online.change_meta(replace(self.online.meta, desc=desc))

    def put_ended(
        self, channel: Channel, began: float, error: Exception | None
    ) -> None:
        """Empty LastError when the same operator's put to the same PV is done."""
        self.device.put_ended(channel.pvname, began, error)

    def refused(self, channel: Channel, error: RefusedError) -> None:
        """Report in the device's PVs why the PV server has refused a put."""
        self.device.refuse(f"put to {channel.pvname}", error)
