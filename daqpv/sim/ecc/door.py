"""Control door of a simulator: plain HTTP and JSON under ``/sim`` on its port.

::

    curl localhost:8083/sim
    curl 'localhost:8083/sim/requests?after=100'
    curl -X PUT localhost:8083/sim/faults -d '{"Stop": {"do": "refuse", "times": 1}}'
    curl -X PUT localhost:8083/sim/faults -d '{"*": {"do": "hang"}}'
    curl -X PUT localhost:8083/sim/faults -d '{"*": null}'
    curl -X DELETE localhost:8083/sim/faults
    curl -X PUT localhost:8083/sim/durations -d '{"Configure": 20, "speed": 1}'
    curl -X POST localhost:8083/sim/hurry
    curl -X POST 'localhost:8083/sim/crash?seconds=5'
    curl -X POST 'localhost:8083/sim/offline?seconds=5'
    curl -X POST localhost:8083/sim/restart

The ``do`` of a fault: refuse (with ``message``), slow (by ``seconds``), ignore
(say "success"), crash, hang, cut, fault (SOAP, with ``message``), html, truncated,
garbage, oversized (``megabytes``). It acts on ``times`` calls, or until it is cleared;
with ``acts`` the operation is done although its answer is wrong. The method ``*``
stands for all methods without a fault of their own.

The log of requests holds the last 1000; the attributes of each are those of `Received`.

An invalid request is answered with status 400 and an ``error`` that gives the reason.
The port is closed while a server is down: ``crash`` and ``offline`` say for how long.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from pydantic import TypeAdapter, ValidationError

from daqpv.ecc.codes import Operation
from daqpv.sim.ecc.conversation import Reply
from daqpv.sim.ecc.faults import Fault, Faults
from daqpv.sim.ecc.http import Head
from daqpv.sim.ecc.process import Behaviour
from daqpv.sim.ecc.received import Received

_FAULTS = TypeAdapter(dict[str, Fault | None])
_NUMBERS = TypeAdapter(dict[str, float])


class Controlled(Protocol):
    """The commands of a simulator that the door uses."""

    behaviour: Behaviour
    faults: Faults

    def describe(self) -> dict[str, object]:
        """State, faults and counts as plain values."""

    def received_after(self, number: int) -> list[Received]:
        """The requests after `number` that are still kept."""

    def hurry(self) -> None:
        """End the running operation now, as if its time were over."""

    def crash(self, reason: str, *, seconds: float | None = None) -> None:
        """End the process; after `seconds` it is started again."""

    def go_offline(self, seconds: float | None = None) -> None:
        """Close the port; after `seconds` it is open again."""

    async def restart(self) -> None:
        """End the process and start a new one."""


class _WrongError(Exception):
    """The request is wrong; the text says how."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def answer(simulator: Controlled, head: Head, body: bytes) -> Reply:
    """Execute a request to the door."""
    url = urlsplit(head.target)
    place = (head.method, url.path.rstrip("/"))
    try:
        if place == _REQUESTS:
            number = int(_parameter(url.query, "after") or 0)
            log = [request.describe() for request in simulator.received_after(number)]
            return Reply(200, _json({"requests": log}))
        action = _ACTIONS.get(place)
        if action is None:
            known = ", ".join(" ".join(place) for place in (*_ACTIONS, _REQUESTS))
            raise _WrongError(f"no {head.method} {url.path}; there are: {known}", 404)
        afterwards = action(simulator, body, _parameter(url.query, "seconds"))
    except _WrongError as error:
        return Reply(error.status, _json({"error": str(error)}))
    return Reply(200, _json(simulator.describe()), afterwards)


_Afterwards = Callable[[], Awaitable[None]] | None


def _show(simulator: Controlled, body: bytes, seconds: float | None) -> _Afterwards:
    return None


def _faults(simulator: Controlled, body: bytes, seconds: float | None) -> _Afterwards:
    wanted = _read(_FAULTS, body)
    for method in wanted:
        try:
            simulator.faults.check(method)
        except ValueError as error:
            raise _WrongError(str(error)) from error
    for method, fault in wanted.items():
        simulator.faults.set(method, fault)
    return None


def _no_faults(
    simulator: Controlled, body: bytes, seconds: float | None
) -> _Afterwards:
    simulator.faults.clear()
    return None


def _durations(
    simulator: Controlled, body: bytes, seconds: float | None
) -> _Afterwards:
    wanted = _read(_NUMBERS, body)
    speed = wanted.pop("speed", simulator.behaviour.speed)
    if not (math.isfinite(speed) and speed > 0):
        raise _WrongError(f"speed is {speed}: it must be more than 0")
    operations = {operation.value: operation for operation in Operation}
    for name, duration in wanted.items():
        if name not in operations:
            raise _WrongError(f"no operation {name!r}: {', '.join(operations)}, speed")
        if not (math.isfinite(duration) and duration >= 0):
            raise _WrongError(f"{name} is {duration}: it must be 0 or more seconds")
    simulator.behaviour.speed = speed
    for name, duration in wanted.items():
        simulator.behaviour.durations[operations[name]] = duration
    return None


def _hurry(simulator: Controlled, body: bytes, seconds: float | None) -> _Afterwards:
    simulator.hurry()
    return None


def _crash(simulator: Controlled, body: bytes, seconds: float | None) -> _Afterwards:
    async def crash() -> None:
        simulator.crash("crash on request", seconds=seconds)

    return crash


def _offline(simulator: Controlled, body: bytes, seconds: float | None) -> _Afterwards:
    if seconds is None:
        raise _WrongError("offline needs ?seconds=, since it closes this door as well")

    async def offline() -> None:
        simulator.go_offline(seconds)

    return offline


def _restart(simulator: Controlled, body: bytes, seconds: float | None) -> _Afterwards:
    return simulator.restart


_ACTIONS: Mapping[
    tuple[str, str], Callable[[Controlled, bytes, float | None], _Afterwards]
] = {
    ("GET", "/sim"): _show,
    ("PUT", "/sim/faults"): _faults,
    ("DELETE", "/sim/faults"): _no_faults,
    ("PUT", "/sim/durations"): _durations,
    ("POST", "/sim/hurry"): _hurry,
    ("POST", "/sim/crash"): _crash,
    ("POST", "/sim/offline"): _offline,
    ("POST", "/sim/restart"): _restart,
}
_REQUESTS = ("GET", "/sim/requests")  # the only one that does not answer the state


def _parameter(query: str, name: str) -> float | None:
    """The only known parameter, a number; None: not given."""
    parameters = parse_qs(query, keep_blank_values=True)
    if unknown := set(parameters) - {name}:
        raise _WrongError(f"no parameter {min(unknown)!r}; there is: {name}")
    if name not in parameters:
        return None
    text = parameters[name][-1]
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise _WrongError(f"{name} is {text!r}: it must be a number, 0 or more")
    return number


def _read(adapter: TypeAdapter[dict[str, Any]], body: bytes) -> dict[str, Any]:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise _WrongError(f"{where}: {first['msg']}") from error


def _json(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, indent=2).encode() + b"\n"
