"""Calculated channels that need each other, over all instruments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from daqpv.config import Conflict
from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.formula import Formula
from daqpv.instruments.formula.references import references

Place: TypeAlias = tuple[str, str]
"""An instrument, and the key of one of its channels."""

Needs: TypeAlias = Mapping[Place, Sequence[Place]]
Calcs: TypeAlias = Mapping[str, Mapping[str, "str | None"]]


def formula_conflicts(
    calcs: Calcs, pvs: Mapping[str, Place] | None = None
) -> Iterator[Conflict]:
    """Find wrong formulas, unknown names and circles in all instruments of a file.

    Args:
        calcs: by instrument, then by channel; its `calc`, None if it has none.
        pvs: the channels behind PVs of ours, by the PV's name: a formula may name them
            by ``pv("...")`` as well.
    """
    formulas: dict[Place, Formula] = {}
    everywhere = {f"{owner}.{key}" for owner, keys in calcs.items() for key in keys}
    for owner, keys in calcs.items():
        names = everywhere | set(keys)
        for key, calc in keys.items():
            if calc is None:
                continue
            try:
                formula = formulas[owner, key] = Formula(
                    calc, names=names, foreign=True
                )
                refuse_constant(key, formula)
            except FormulaError as error:
                yield _conflict((owner, key), str(error))
    known = pvs or {}
    needs = {place: _needed(place, of, known) for place, of in formulas.items()}
    for circle in circles(needs):
        yield _conflict(circle[0], in_words(circle))


def refuse_constant(key: str, formula: Formula) -> None:
    """Raise FormulaError if the formula of a channel names no other one."""
    if not formula.names:
        what = f"{key} names no channel: write the number where it is needed"
        raise FormulaError(what, text=formula.text)


def _conflict(place: Place, text: str) -> Conflict:
    return Conflict(place[0], ("channels", place[1], "calc"), text)


def _needed(
    place: Place, formula: Formula, pvs: Mapping[str, Place]
) -> tuple[Place, ...]:
    named = references(formula, place[0])
    own = ((place[0], key) for key in named.own)
    foreign = (pvs[name] for name in named.pvs if name in pvs)
    return (*own, *named.others, *foreign)


def circles(needs: Needs) -> Iterator[tuple[Place, ...]]:
    """Find circles, until none is left if one channel of each is taken away.

    Args:
        needs: what each calculated channel needs.

    Yields:
        The channels of a circle, each needs the next, and the last one the first. It
        begins with the one that comes first in `needs`.
    """
    left, order = dict(needs), list(needs)
    while circle := _circle(left):
        first = min(range(len(circle)), key=lambda i: order.index(circle[i]))
        yield (*circle[first:], *circle[:first])
        del left[circle[first]]


def _circle(needs: Needs) -> tuple[Place, ...]:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1][1:]))  # each is needed by the next
    return ()


def in_order(needs: Needs) -> tuple[Place, ...]:
    """The channels of `needs`, each after those that it needs.

    Raises:
        FormulaError: there is a circle.
    """
    if circle := next(circles(needs), None):
        raise FormulaError(in_words(circle))
    return tuple(one for one in TopologicalSorter(needs).static_order() if one in needs)


def in_words(circle: Sequence[Place]) -> str:
    """The circle in words: "a.x needs b.y, which needs a.x: ...".

    Channels of one instrument are called by their keys.
    """
    alone = len({owner for owner, _ in circle}) == 1
    first, *others = [key if alone else f"{owner}.{key}" for owner, key in circle]
    if not others:
        return f"{first} names itself: a formula cannot use its own result"
    chain = ", which needs ".join((*others, first))
    return f"{first} needs {chain}: take one of them out of the circle"
