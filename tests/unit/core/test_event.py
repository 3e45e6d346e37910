"""Events: said once to every sink."""

from __future__ import annotations

import pytest

from daqpv.core import Event, Events, EventSeverity, Origin

EVENT = Event(time=1.0, severity=EventSeverity.WARNING, name="lost", text="Gone.")


def test_every_sink_receives_every_event() -> None:
    events, one, other = Events(), [], []
    events.add(one.append)
    events.add(other.append)
    events.emit(EVENT)
    assert one == other == [EVENT]


def test_a_sink_that_raises_harms_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events, good = Events(), []

    def bad(event: Event) -> None:
        raise ValueError("disk full")

    events.add(bad)
    events.add(good.append)
    events.emit(EVENT)
    events.emit(EVENT)
    assert len(good) == 2
    assert "event sink failed" in caplog.text


def test_a_sink_added_by_a_sink_receives_what_follows() -> None:
    events, late = Events(), []
    events.add(lambda event: events.add(late.append) if not late else None)
    events.emit(EVENT)
    events.emit(EVENT)
    assert late


def test_the_facts_of_an_event_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        EVENT.fields["a"] = 1  # type: ignore[index]


def test_an_origin_is_a_user_on_a_host() -> None:
    assert str(Origin("ann", "hut")) == "ann@hut"
