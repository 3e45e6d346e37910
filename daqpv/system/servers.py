"""Questions about the snapshots of servers, for the system."""

from __future__ import annotations

from collections.abc import Iterable

from daqpv.ecc import NEEDS_CONFIG, EccSnapshot, Server, Transition
from daqpv.system.plan import RUNNING, TAKING_DATA, Part, Plan, Spread, Standing

_DATA_TRANSITIONS = frozenset(
    {Transition.STARTING, Transition.STOPPING, Transition.PAUSING, Transition.RESUMING}
)


def is_there(snapshot: EccSnapshot) -> bool:
    """Whether the server was read, and is not lost."""
    return snapshot.known and not snapshot.is_lost


def is_moving(snapshot: EccSnapshot) -> bool:
    """Whether the server is in a transition, may soon be, or has a command."""
    return bool(snapshot.doing) or snapshot.busy


def may_take_data(snapshot: EccSnapshot) -> bool:
    """Whether the server takes data, or soon may."""
    return (
        snapshot.state in TAKING_DATA
        or snapshot.doing in _DATA_TRANSITIONS
        or snapshot.goal >= RUNNING
    )


def standing(server: Server) -> Standing:
    """The part and the state of a server."""
    return Part.of(server.snapshot.role), server.snapshot.state


def spread(servers: Iterable[Server]) -> Spread:
    """The states of the servers."""
    return frozenset(map(standing, servers))


def rehearse(plan: Plan, servers: Iterable[Server]) -> tuple[int, list[Server]]:
    """Number of operations of a plan, and the servers whose configuration it needs."""
    count, needing = 0, []
    for server in servers:
        part, state = standing(server)
        needs = False
        for step in plan.steps:
            if (part, state) in step.movers:
                count += 1
                state = step.row.after
                needs = needs or step.row.operation in NEEDS_CONFIG
        if needs:
            needing.append(server)
    return count, needing


def unlisted(servers: Iterable[Server]) -> list[Server]:
    """Those that do not list their configuration, or have none."""
    return [one for one in servers if one.snapshot.config not in one.snapshot.configs]
