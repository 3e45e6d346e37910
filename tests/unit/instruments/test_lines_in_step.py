"""Whatever comes late, twice or as garbage: no value is shown for another question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.errors import LinkError, NoAnswerError, ProtocolError
from daqpv.instruments.driver import Frame, Read
from daqpv.instruments.lines.driver import LineDriver
from daqpv.links.stream.line import StreamLine
from daqpv.testing import run_virtual
from tests.support.memory_wire import MemoryWire, Piece
from tests.support.talker import settings

TIMEOUT = 1.0  # [s]
KEYS = ("a", "b", "c")
STEP = 1_000_000  # the answers to a question begin with its number

GARBAGE = (
    b"",
    b"12.5.7\r\n",
    b"\x07\x07",
    b"\xff\xfe\r\n",
    b"\r\n",
    b"\x00\r\n?\x01\r\n",
)


@dataclass(frozen=True)
class Fate:
    """What becomes of an answer.

    Attributes:
        delay: until it comes [s]; None: it never does.
        cut: after so many bytes there is a pause.
        pause: its length [s].
        before: garbage before it.
        after: garbage after it.
        twice: it comes again at once.
        again: it comes once more, so much later [s]; None: it does not.
    """

    delay: float | None
    cut: int
    pause: float
    before: bytes
    after: bytes
    twice: bool
    again: float | None = None

    def pieces(self, answer: bytes) -> Iterator[Piece]:
        if self.delay is None:
            yield 0.0, self.before
            return
        data = self.before + answer * (1 + self.twice) + self.after
        whole = len(self.before + answer)
        cut = self.cut + (self.cut == whole)  # a copy that comes alone needs a name
        yield self.delay, data[:cut]
        yield self.delay + self.pause, data[cut:]
        if self.again is not None:
            yield self.delay + self.pause + self.again, answer


def fates(longest: float, *, again: bool = False) -> st.SearchStrategy[list[Fate]]:
    usual = st.sampled_from([0.0, 0.001, 0.01])
    delays = st.one_of(st.none(), usual, usual, st.floats(0, longest * 0.9))
    fate = st.builds(
        Fate,
        delay=delays,
        cut=st.integers(0, 12),
        pause=st.one_of(usual, st.floats(0, longest * 0.09)),
        before=st.sampled_from(GARBAGE),
        after=st.sampled_from(GARBAGE),
        twice=st.booleans(),
        again=st.one_of(st.none(), st.floats(0, 3)) if again else st.none(),
    )
    return st.lists(fate, min_size=1, max_size=30)


class Model:
    """Answers questions with the number of the question, and a serial number."""

    def __init__(self, fates: list[Fate], form: str) -> None:
        self._fates = iter(fates)
        self._serial = count(1)
        self._form = form

    def answer(self, data: bytes) -> Iterable[Piece]:
        question = data.decode().removesuffix("?\r\n")
        number = (1 + KEYS.index(question)) * STEP + next(self._serial)
        answer = self._form.format(key=question, number=number).encode()
        fate = next(self._fates, None)
        return [(0.0, answer)] if fate is None else fate.pieces(answer)


async def shown(wire: MemoryWire, form: str, **keys: Any) -> list[Frame]:
    """All frames of some cycles."""
    asks = [{"ask": f"{k}?", "answer": form.format(key=k)} for k in KEYS]
    channels: dict[str, Any] = {key: {} for key in KEYS}
    given = settings("tcp://memory:1", timeout=TIMEOUT, read=asks, channels=channels)
    driver = LineDriver("gauge", given.model_copy(update=keys), StreamLine(wire))
    frames = []
    for cycle in range(16):
        try:
            if not driver.is_open:
                await driver.open()
            frames.append(await driver.exchange(Read(cycle)))
        except LinkError:
            continue
    await driver.close()
    return frames


def check(frames: list[Frame]) -> None:
    """All values belong to their questions."""
    for frame in frames:
        for key, value in frame.values.items():
            if isinstance(value, float):
                assert value // STEP == 1 + KEYS.index(key), frame


@given(fates(5 * TIMEOUT), st.integers(0, 2))
def test_on_a_connection_that_starts_afresh(fates: list[Fate], retries: int) -> None:
    wire = MemoryWire(Model(fates, "{number}\r\n").answer)
    check(run_virtual(shown(wire, "{{{key}:g}}", retries=retries)))


@given(fates(2 * TIMEOUT), st.integers(0, 2))
def test_on_a_serial_line(fates: list[Fate], retries: int) -> None:
    """As far as an answer comes before twice the time-out has passed."""
    wire = MemoryWire(Model(fates, "{number}\r\n").answer, is_fresh=False)
    check(run_virtual(shown(wire, "{{{key}:g}}", retries=retries)))


@given(fates(5 * TIMEOUT), st.integers(0, 2))
def test_an_echo_names_the_question(fates: list[Fate], retries: int) -> None:
    """However late it comes: also on a serial line."""
    model = Model(fates, "{key}?\r\n{number}\r\n")
    wire = MemoryWire(model.answer, is_fresh=False)
    check(run_virtual(shown(wire, "{{{key}:g}}", retries=retries, echo=True)))


@given(fates(2 * TIMEOUT), st.integers(0, 2))
def test_on_a_serial_line_behind_a_converter(fates: list[Fate], retries: int) -> None:
    """A converter sends what comes late to whoever is connected then."""
    wire = MemoryWire(Model(fates, "{number}\r\n").answer, is_relayed=True)
    check(run_virtual(shown(wire, "{{{key}:g}}", retries=retries)))


@pytest.mark.parametrize("is_fresh", [True, False])
@given(fates(5 * TIMEOUT, again=True), st.integers(0, 2))
def test_answers_that_name_their_question_may_come_at_any_time(
    is_fresh: bool, fates: list[Fate], retries: int
) -> None:
    model = Model(fates, "{key}={number}\r\n")
    wire = MemoryWire(model.answer, is_fresh=is_fresh)
    check(run_virtual(shown(wire, "{key}={{{key}:g}}", retries=retries)))


def test_one_that_never_stops_to_send_is_told() -> None:
    """After a time-out the line is never silent; it is closed."""
    asks = [{"ask": "a?", "answer": "{a:g}"}]
    given = settings("tcp://memory:1", read=asks, channels={"a": {}})
    wire = MemoryWire(
        lambda _: [(0.01 * n, b"\x07") for n in range(1000)], is_fresh=False
    )
    driver = LineDriver("gauge", given, StreamLine(wire))

    async def play() -> None:
        await driver.open()
        with pytest.raises(NoAnswerError):
            await driver.exchange(Read())
        assert driver.is_open
        with pytest.raises(ProtocolError, match="does not stop to send"):
            await driver.exchange(Read())
        assert not driver.is_open
        await driver.close()

    run_virtual(play())


def test_a_healthy_instrument_is_read_in_full() -> None:
    """The tests above would hold for a driver that shows nothing."""
    wire = MemoryWire(Model([], "{number}\r\n").answer)
    frames = run_virtual(shown(wire, "{{{key}:g}}"))
    assert len(frames) == 16
    assert all(len(frame.values) == 3 for frame in frames)
    assert wire.opened == 1
