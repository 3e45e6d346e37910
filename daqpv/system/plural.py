"""Forms sentences about several servers."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from daqpv.core import Cure
from daqpv.ecc import EccSnapshot, EccState, Server
from daqpv.errors import sentence
from daqpv.system.plan import Part, States

MOST = 3  # names in a sentence; the others are counted


def listed(names: Iterable[str]) -> str:
    """Join names: "CoBo1, CoBo2, CoBo3 and 7 more"."""
    every = list(names)
    rest = len(every) - MOST
    if rest > 0:
        return f"{', '.join(every[:MOST])} and {rest} more"
    *most, last = every
    return f"{', '.join(most)} and {last}" if most else last


def names(servers: Iterable[Server]) -> str:
    """Join the names of servers."""
    return listed(server.name for server in servers)


def where(snapshot: EccSnapshot) -> str:
    """A server in a word: its transition, how it is lost, or its state."""
    if not snapshot.known:
        return "not known yet"
    if not snapshot.served:
        return "not served"
    if snapshot.is_lost:
        return snapshot.condition.label
    if snapshot.doing:
        return snapshot.doing.label
    return snapshot.state.label


def are(servers: Collection[Server]) -> str:
    """The states of servers: "CoBo1 and CoBo4 are Prepared, CoBo2 is Idle"."""
    groups: dict[str, list[str]] = {}
    for server in servers:
        groups.setdefault(where(server.snapshot), []).append(server.name)
    said = [
        f"{listed(group)} {'is' if len(group) == 1 else 'are'} {state}"
        for state, group in groups.items()
    ]
    return ", ".join(said)


def without(lost: Collection[Server]) -> str:
    """The cure when servers are lost.

    A server that no process serves has no PVs, so it cannot be disabled there.
    """
    them = "it" if len(lost) == 1 else "them"
    unserved = [one.name for one in lost if not one.snapshot.served]
    if unserved:
        return f"Start daqpv serve for {them} again (--only ecc.{unserved[0]})"
    puts = listed(str(Cure(one.prefix, "Enable", 0)) for one in lost)
    return f"Bring {them} back, or go without {them}: {puts}"


def config_of(server: Server) -> Cure:
    """The put that chooses the configuration of a server."""
    text = "describe/prepare/configure"
    return Cure(server.prefix, "Config", text, is_long=True)


def they_are(servers: Collection[Server]) -> str:
    """The states of servers that were just named."""
    found = {where(server.snapshot) for server in servers}
    if len(found) > 1:
        return are(servers)
    return f"{'it is' if len(servers) == 1 else 'they are'} {found.pop()}"


def at(states: States) -> str:
    """The required states: "at Prepared or above"."""
    lowest, highest = min(states), max(states)
    if len(states) > 2 and highest is EccState.PAUSED:
        return f"at {lowest.label} or above"
    if len(states) > 2:
        return f"at {highest.label} or below"
    return f"at {' or '.join(state.label for state in sorted(states))}"


def title(server: Server) -> str:
    """The server, with an article if there is only one of its type."""
    if Part.of(server.snapshot.role) is not Part.MUTANT:
        return server.name
    is_named_so = server.name.casefold() == "mutant"
    return f"the {server.name}" if is_named_so else f"the MuTAnT {server.name}"


def named(server: Server, error: object) -> str:
    """A failure of a server, with its name."""
    text = str(error)
    return text if server.name in text else f"{server.name}: {text}"


def several(reasons: Iterable[str]) -> str:
    """Join sentences; of many, the first and how many more there are."""
    every = list(reasons)
    text = " ".join(map(sentence, every[:MOST]))
    rest = len(every) - MOST
    return f"{text} And {rest} more." if rest > 0 else text
