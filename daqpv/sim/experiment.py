"""Simulates the ECC servers of an experiment, each at its own address.

Only loopback addresses are served: at a real address, clients would take a simulator
for the server, or the server could not start.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from daqpv.ecc import ConfigId, EccState
from daqpv.errors import SimulatorError
from daqpv.sim.ecc import Behaviour, Build, EccSimulator, Repository
from daqpv.sim.ecc.port import is_loopback

_PORT = 8083  # default port of a getEccSoapServer
_REVIVAL = 5.0  # [s] after which launchd of the AT-TPC restarts a server that ended
_JITTER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """An ECC server to simulate.

    Attributes:
        name: as in the experiment file.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        config: a configuration that it has.
        senders: data senders of its boards; without any: boards without read-out, which
            need no data link.
        is_mutant: whether it can be configured only after all other servers.
    """

    name: str
    host: str
    port: int
    config: ConfigId
    senders: tuple[str, ...] = ()
    is_mutant: bool = False


def plan_from(
    name: str,
    url: str,
    *,
    config: ConfigId | None = None,
    senders: Iterable[str] = (),
    is_mutant: bool = False,
) -> ServerPlan:
    """A plan from the settings of a server in the experiment file.

    Without `config` it has one named after the server, and "simulated".

    Raises:
        SimulatorError: the URL has no host, or no valid port.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SimulatorError(f"{name}: {url!r} is not a URL: {error}") from error
    if not host:
        raise SimulatorError(f"{name}: {url!r} names no host")
    return ServerPlan(
        name=name,
        host=host,
        port=_PORT if port is None else port,
        config=config or ConfigId(name.lower(), "simulated", "simulated"),
        senders=tuple(dict.fromkeys(senders)),
        is_mutant=is_mutant,
    )


async def simulate(
    plans: Sequence[ServerPlan],
    *,
    ready: Callable[[Sequence[EccSimulator]], None] = lambda simulators: None,
    speed: float = 1.0,
    seed: int | None = None,
) -> None:
    """Run a simulator for each plan until cancelled.

    `ready` is called once, with all simulators, when each accepts connections. They
    share one set of configuration files, as servers on one NFS do. Durations are
    divided by `speed` and vary by 10 %, reproducibly with the same `seed`.

    Raises:
        SimulatorError: an address is not loopback, given twice, or taken; no simulator
            runs then.
    """
    check(plans)
    _allow_files(4 * len(plans))
    simulators = build(plans, speed=speed, seed=seed)
    async with AsyncExitStack() as stack:
        for simulator in simulators:
            await stack.enter_async_context(simulator)
        ready(simulators)
        async with asyncio.TaskGroup() as group:
            for simulator in simulators:
                group.create_task(simulator.served())


def check(plans: Sequence[ServerPlan]) -> None:
    """Check that all these servers can be simulated here.

    Raises:
        SimulatorError: they cannot; one line for each reason.
    """
    problems: list[str] = []
    taken: dict[tuple[str, int], str] = {}
    for plan in plans:
        place = f"{plan.host}:{plan.port}"
        if not is_loopback(plan.host):
            problems.append(
                f"{plan.name}: {place} is not an IPv4 loopback address (127.x.y.z); "
                "simulators run on this computer only"
            )
        other = taken.setdefault((plan.host, plan.port), plan.name)
        if plan.port and other != plan.name:
            problems.append(f"{plan.name}: {place} is the address of {other} as well")
    if problems:
        raise SimulatorError("\n".join(problems))


def build(
    plans: Sequence[ServerPlan], *, speed: float = 1.0, seed: int | None = None
) -> list[EccSimulator]:
    """The simulators of these plans, not yet started."""
    simulators: list[EccSimulator] = []

    def is_shelf_ready() -> bool:
        return all(
            simulator.state >= EccState.READY
            for simulator, plan in zip(simulators, plans, strict=True)
            if not plan.is_mutant
        )

    for number, plan in enumerate(plans):
        behaviour = Behaviour(
            build=_build(plans),
            speed=speed,
            jitter=_JITTER,
            seed=None if seed is None else seed + number,
            keep_alive=_REVIVAL,
            is_shelf_ready=is_shelf_ready,
        )
        simulators.append(
            EccSimulator(
                plan.name,
                host=plan.host,
                port=plan.port,
                repository=_repository(plan, plans),
                behaviour=behaviour,
            )
        )
    return simulators


def _build(plans: Iterable[ServerPlan]) -> Build:
    """The build that the plans need: only that of 2014 lists other prepare names."""
    is_old = any(plan.config.prepare != plan.config.configure for plan in plans)
    return Build.MAY_2014 if is_old else Build.CURRENT


def _repository(own: ServerPlan, plans: Iterable[ServerPlan]) -> Repository:
    """The files of all servers; of two files with one name, its own."""
    plans = tuple(plans)
    describes = {plan.config.describe: plan.senders for plan in plans}
    describes[own.config.describe] = own.senders
    return Repository(
        describes,
        tuple(dict.fromkeys(plan.config.configure for plan in plans)),
        tuple(dict.fromkeys(plan.config.prepare for plan in plans)),
    )


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files to `wanted`, as far as the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
