"""No sequence of puts, stops and faults harms, or leaves anything without end."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from daqpv.errors import (
    DaqError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    ProtocolError,
    RefusedError,
    UnknownOutcomeError,
)
from daqpv.instruments.gate import Gate
from daqpv.testing import run_virtual
from tests.support.gates import Supply, begun

LOW, HIGH, RATE, STEP = 0.0, 100.0, 2.0, 0.5  # [V], [V], [V/s], [s]

FAULTS: list[DaqError | None] = [
    None,
    OperationError("E02"),
    RefusedError("it cannot be sent"),
    UnknownOutcomeError("silent"),
    NotConnectedError("gone"),
]
MUTE = [NoAnswerError("silent", timed_out=True), ProtocolError("?"), FAULTS[-1]]

values = st.one_of(
    st.floats(LOW - 10, HIGH + 10), st.sampled_from([LOW, HIGH, 50.0, float("nan")])
)
actions = st.one_of(
    st.tuples(st.just("put"), values),
    st.tuples(st.just("stop"), st.none()),
    st.tuples(st.just("fault"), st.lists(st.sampled_from(FAULTS), max_size=4)),
    st.tuples(st.just("deaf"), st.booleans()),
    st.tuples(st.just("unread"), st.sampled_from(MUTE)),
    st.tuples(st.just("read"), st.none()),
    st.tuples(st.just("close"), st.booleans()),
    st.tuples(st.just("takes"), st.sampled_from([0.0, 0.1, 0.7, 4.0])),
    st.tuples(st.just("lag"), st.sampled_from([0.0, 0.3, 3.0])),
    st.tuples(st.just("off"), st.sampled_from([0.0, 0.0004, 5.0])),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.floats(0, 20)),
)


@dataclass
class Play:
    """One sequence, played on an instrument."""

    supply: Supply = field(default_factory=Supply)
    puts: list[asyncio.Task[None]] = field(default_factory=list)
    stops: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supply.has["volts"] = 50.0
        self.gate: Gate = self.supply.gate(
            min=LOW, max=HIGH, ramp=RATE, ramp_step=STEP, settle=2.0
        )

    async def play(self, sequence: list[tuple[str, object]]) -> None:
        for action, what in sequence:
            self.act(action, what)
            await asyncio.sleep(float(str(what)) if action == "wait" else 0.01)
        self.supply.faults, self.supply.unread = [], None
        if self.puts:
            await asyncio.wait(self.puts, timeout=500)
        assert all(put.done() for put in self.puts)
        await asyncio.gather(*self.stops)

    def act(self, action: str, what: object) -> None:
        supply = self.supply
        match action, what:
            case "put", float():
                self.puts.append(begun(self.gate, what, f"user{len(self.puts)}"))
            case "stop", _:
                self.stops.append(asyncio.ensure_future(self.gate.stop()))
            case "fault", list():
                supply.faults = [*what]
            case "deaf", bool():
                supply.deaf = what
            case "unread", DaqError():
                supply.unread = what
            case "read", _:
                supply.unread = None
            case "close", bool():
                supply.closed = "supply is disabled" if what else ""
            case "takes", float():
                supply.takes = what
            case "lag", float():
                supply.lag["volts"] = what
            case "off", float():
                supply.off["volts"] = what
            case "cancel", int():
                for put in self.puts[what : what + 1]:
                    put.cancel()


@given(st.lists(actions, max_size=25))
def test_no_sequence_harms(sequence: list[tuple[str, object]]) -> None:
    async def scenario() -> Play:
        play = Play()
        await play.play(sequence)
        return play

    play = run_virtual(scenario())
    supply = play.supply
    wrote = [(time, float(str(value))) for time, _, value in supply.wrote]
    assert all(LOW <= value <= HIGH for _, value in wrote)
    assert not play.gate.setpoint.is_moving
    assert not supply.snapshot.busy
    assert supply.on_wire == 0
    joined = len(play.puts) - supply.snapshot.result_count
    assert joined >= 0
    ends = [e for e in supply.events if e.name == "command"]
    assert len(ends) == supply.snapshot.result_count


@given(st.lists(actions.filter(lambda one: one[0] not in ("off", "lag")), max_size=25))
def test_no_sequence_is_faster_than_the_ramp(
    sequence: list[tuple[str, object]],
) -> None:
    """What was written reads back: so each ramp begins where the instrument is."""

    async def scenario() -> Play:
        play = Play()
        await play.play(sequence)
        return play

    play = run_virtual(scenario())
    wrote = [(time, float(str(value))) for time, _, value in play.supply.wrote]
    wrote.insert(0, (0.0, 50.0))
    for (began, before), (ended, after) in itertools.combinations(wrote, 2):
        assert abs(after - before) <= RATE * (ended - began) + RATE * STEP + 1e-6
