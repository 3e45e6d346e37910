"""Which channels and PVs a formula names."""

from __future__ import annotations

from dataclasses import dataclass

from daqpv.instruments.formula.formula import Formula

_PV = 'pv("'


@dataclass(frozen=True, slots=True)
class References:
    """What a formula names, each in the order of the formula.

    Attributes:
        own: channels of the same instrument, by key.
        others: (instrument, channel) of other instruments.
        pvs: names of any PVs.
    """

    own: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    pvs: tuple[str, ...] = ()


def references(formula: Formula, instrument: str = "") -> References:
    """All that `formula` names.

    Args:
        formula: of a channel.
        instrument: the channel's; its own channels may be named with it, too.
    """
    own, others, pvs = [], [], []
    for name in formula.names:
        if name.startswith(_PV):
            pvs.append(name.removeprefix(_PV).removesuffix('")'))
        elif "." in name:
            owner, _, channel = name.partition(".")
            if owner == instrument:
                own.append(channel)
            else:
                others.append((owner, channel))
        else:
            own.append(name)
    return References(tuple(dict.fromkeys(own)), tuple(others), tuple(pvs))
