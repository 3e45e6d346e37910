"""The state machine of the simulated ECC server against the table of the true one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.ecc.codes import EccState, Operation
from daqpv.sim.ecc.engine import Engine, Outer

WAYS_TO = {
    1: "",
    2: "Describe",
    3: "Describe Prepare",
    4: "Describe Prepare Configure",
    5: "Describe Prepare Configure Start",
    6: "Describe Prepare Configure Start Pause",
}
LEGAL = {
    (1, "Describe"): 2,
    (2, "Prepare"): 3,
    (2, "Undo"): 1,
    (3, "Configure"): 4,
    (3, "Undo"): 2,
    (4, "Start"): 5,
    (4, "Breakup"): 3,
    (5, "Breakup"): 3,
    (6, "Breakup"): 3,
    (5, "Stop"): 4,
    (5, "Pause"): 6,
    (6, "Resume"): 5,
    (6, "Stop"): 4,
}


def engine_in(state: int) -> Engine:
    engine = Engine()
    for name in WAYS_TO[state].split():
        engine.succeed(Operation(name))
    assert engine.state == state
    return engine


@pytest.mark.parametrize("operation", list(Operation), ids=lambda op: op.value)
@pytest.mark.parametrize("state", list(WAYS_TO))
def test_an_operation_leads_where_the_table_says_or_is_not_accepted(
    state: int, operation: Operation
) -> None:
    engine = engine_in(state)
    expected = LEGAL.get((state, operation.value))
    assert engine.accepts(operation) is (expected is not None)
    if expected is not None:
        engine.succeed(operation)
        assert engine.state == expected


@pytest.mark.parametrize(("state", "name"), list(LEGAL))
def test_a_failure_leaves_the_state_except_after_breakup_and_undo_of_prepare(
    state: int, name: str
) -> None:
    engine = engine_in(state)
    engine.fail(Operation(name))
    breaks = name == "Breakup" or (state, name) == (3, "Undo")
    assert engine.state == (0 if breaks else state)


def test_a_failed_breakup_may_be_tried_again_and_nothing_else_may() -> None:
    engine = engine_in(5)
    engine.fail(Operation.BREAKUP)
    accepted = {operation for operation in Operation if engine.accepts(operation)}
    assert accepted == {Operation.BREAKUP}
    engine.succeed(Operation.BREAKUP)
    assert engine.state is EccState.PREPARED


def test_after_a_failed_undo_of_prepare_nothing_is_accepted_any_more() -> None:
    engine = engine_in(3)
    engine.fail(Operation.UNDO)
    assert engine.outer is Outer.ERROR
    assert not any(engine.accepts(operation) for operation in Operation)


@pytest.mark.parametrize("state", [4, 5, 6])
def test_after_configure_the_server_is_ready_whatever_it_was_before_breakup(
    state: int,
) -> None:
    engine = engine_in(state)
    engine.succeed(Operation.BREAKUP)
    engine.succeed(Operation.CONFIGURE)
    assert engine.state is EccState.READY


@given(st.lists(st.tuples(st.sampled_from(list(Operation)), st.booleans())))
def test_every_sequence_shows_a_state_and_takes_data_only_in_5_and_6(
    moves: list[tuple[Operation, bool]],
) -> None:
    engine = Engine()
    for operation, good in moves:
        if engine.accepts(operation):
            (engine.succeed if good else engine.fail)(operation)
        assert engine.is_taking_data is (engine.state in (5, 6))
