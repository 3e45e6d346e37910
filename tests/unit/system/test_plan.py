"""The table of the order, and the plans that follow from it."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest

from daqpv.ecc import EccState
from daqpv.system.plan import (
    ROWS,
    TAKING_DATA,
    OnFailure,
    Part,
    Plan,
    Row,
    Spread,
    Standing,
    Table,
)

M, S, C = Part
BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
TARGETS = list(EccState)[1:]
TABLE = Table()


def spread(*standings: Standing) -> Spread:
    return frozenset(standings)


def labels(plan: Plan) -> list[str]:
    return [step.label for step in plan.steps]


def after(plan: Plan, standings: Spread) -> set[EccState]:
    for step in plan.steps:
        standings = step.applied(standings)
    return {state for _, state in standings}


@cache
def every_spread() -> frozenset[Spread]:
    """All that a MuTAnT, a slave and CoBos in one or two states can be."""
    return frozenset(
        frozenset(zip((M, S, C, C), states, strict=True))
        for states in product(EccState, repeat=4)
    )


@cache
def every_plan() -> dict[tuple[Spread, EccState], Plan]:
    """From all that they can be to all that can be wanted."""
    return {way: TABLE.plan(*way) for way in product(every_spread(), TARGETS)}


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("describe", "MSC"),
        ("prepare", "M S C"),
        ("configure", "C S M"),
        ("start", "C S M"),
        ("pause", "M S C"),
        ("resume", "C S M"),
        ("stop", "M S C"),
        ("breakup", "M S C"),
        ("undo_prepare", "C S M"),
        ("undo_describe", "MSC"),
    ],
)
def test_the_order_is_that_of_the_design(name: str, order: str) -> None:
    letters = {M: "M", S: "S", C: "C"}
    groups = ["".join(letters[p] for p in Part if p in g) for g in row(name).order]
    assert " ".join(groups) == order


def row(name: str) -> Row:
    return next(one for one in ROWS if one.name == name)


def test_only_start_stops_and_only_stop_goes_on() -> None:
    others = {
        one.name: one.on_failure for one in ROWS if one.on_failure is not OnFailure.HALT
    }
    assert others == {"start": OnFailure.STOP, "stop": OnFailure.GO_ON}


def test_every_mixture_has_a_way_to_every_state_but_past_who_takes_data() -> None:
    for (standings, target), plan in every_plan().items():
        if plan.blocked is None:
            assert after(plan, standings) == {target}, (standings, target)
        else:
            assert target >= RUNNING, (standings, target)
            assert {state for _, state in plan.offenders} & TAKING_DATA


def test_the_way_down_is_never_blocked() -> None:
    for (_, target), plan in every_plan().items():
        assert target >= RUNNING or plan.blocked is None


def test_stop_comes_before_any_other_step_down() -> None:
    for plan in every_plan().values():
        names = [step.row.name for step in plan.steps]
        stops = [i for i, name in enumerate(names) if name == "stop"]
        assert stops == list(range(len(stops)))


def test_a_mutant_ahead_of_a_cobo_is_broken_up_first() -> None:
    plan = TABLE.plan(spread((M, READY), (C, PREPARED)), READY)
    assert labels(plan) == ["Breakup: MuTAnT", "Configure: CoBos", "Configure: MuTAnT"]


def test_a_slave_ahead_of_a_cobo_is_broken_up_first() -> None:
    plan = TABLE.plan(spread((M, PREPARED), (S, READY), (C, DESCRIBED)), READY)
    assert labels(plan)[:2] == ["Breakup: slaves", "Prepare: CoBos"]


def test_a_cobo_ahead_of_the_mutant_goes_back_to_described() -> None:
    plan = TABLE.plan(spread((M, DESCRIBED), (C, READY), (C, PREPARED)), PREPARED)
    assert labels(plan) == [
        "Breakup: CoBos", "Undo: CoBos", "Prepare: MuTAnT", "Prepare: CoBos"
    ]  # fmt: skip


def test_of_the_cobos_partly_started_the_rest_is_started() -> None:
    plan = TABLE.plan(spread((M, READY), (C, RUNNING), (C, READY)), RUNNING)
    assert labels(plan) == ["Start: CoBos", "Start: MuTAnT"]


def test_half_paused_is_paused_to_the_end() -> None:
    plan = TABLE.plan(spread((M, PAUSED), (C, RUNNING)), PAUSED)
    assert labels(plan) == ["Pause: CoBos"]


@pytest.mark.parametrize(
    "standings",
    [
        spread((M, RUNNING), (C, READY)),
        spread((M, READY), (S, RUNNING), (C, READY), (C, RUNNING)),
        spread((M, READY), (C, RUNNING), (C, PREPARED)),
        spread((M, READY), (C, PAUSED)),
        spread((M, RUNNING), (C, RUNNING), (C, BROKEN)),
    ],
)
@pytest.mark.parametrize("target", [RUNNING, PAUSED])
def test_who_takes_data_too_early_blocks_the_way(
    standings: Spread, target: EccState
) -> None:
    plan = TABLE.plan(standings, target)
    assert (plan.steps, plan.blocked is None) == ((), False)


def test_broken_is_broken_up_and_goes_on() -> None:
    plan = TABLE.plan(spread((M, READY), (C, BROKEN), (C, READY)), READY)
    assert labels(plan) == [
        "Breakup: MuTAnT", "Breakup: CoBos", "Configure: CoBos", "Configure: MuTAnT"
    ]  # fmt: skip


def test_mixed_downward_takes_the_highest_step_first() -> None:
    plan = TABLE.plan(spread((M, RUNNING), (C, READY), (C, DESCRIBED)), IDLE)
    assert [step.row.name for step in plan.steps] == [
        "stop", "breakup", "breakup", "undo_prepare", "undo_prepare", "undo_describe"
    ]  # fmt: skip


def test_without_a_mutant_there_are_only_cobos() -> None:
    plan = TABLE.plan(spread((C, IDLE)), RUNNING)
    assert labels(plan) == [
        "Describe: CoBos", "Prepare: CoBos", "Configure: CoBos", "Start: CoBos"
    ]  # fmt: skip


def test_another_order_is_kept_and_levelled_by() -> None:
    table = Table({"prepare": (frozenset({C}), frozenset({S, M}))})
    all_described = spread((M, DESCRIBED), (S, DESCRIBED), (C, DESCRIBED))
    assert labels(table.plan(all_described, PREPARED)) == [
        "Prepare: CoBos", "Prepare: MuTAnT and slaves"
    ]  # fmt: skip
    assert labels(table.plan(spread((M, PREPARED), (C, DESCRIBED)), PREPARED)) == [
        "Undo: MuTAnT", "Prepare: CoBos", "Prepare: MuTAnT"
    ]  # fmt: skip


ORDERS = [
    tuple(map(frozenset, groups))
    for groups in (
        [{M}, {C}, {S}], [{C}, {M}, {S}], [{C, S}, {M}], [{S}, {C, M}], [{M, S, C}]
    )
]  # fmt: skip


@pytest.mark.parametrize("name", ["prepare", "configure", "start", "pause"])
@pytest.mark.parametrize("order", ORDERS)
def test_whatever_the_order_every_mixture_has_a_way(
    name: str, order: tuple[frozenset[Part], ...]
) -> None:
    table = Table({name: order})
    standings = {
        frozenset(zip((M, S, C), states, strict=True))
        for states in product(EccState, repeat=3)
    }
    for one, target in product(standings, TARGETS):
        plan = table.plan(one, target)
        assert plan.blocked is not None or after(plan, one) == {target}
