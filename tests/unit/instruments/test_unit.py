"""Numbers in units that change."""

from __future__ import annotations

from typing import Any

import pytest

from daqpv.core import Severity
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.driver import Fault, Frame, Raw
from daqpv.instruments.settings import Channel

GLUED: dict[str, dict[str, Any]] = {"i": {"unit": {"factors": {"A": 1e3, "mA": 1.0}}}}
PANEL: dict[str, dict[str, Any]] = {
    "p": {"unit": {"channel": "u", "factors": {"mbar": 1.0, "Torr": 1.333224}}},
    "u": {"type": "enum", "states": {"0": "mbar", "1": "Torr", "5": "V"}},
}


def channels(settings: dict[str, dict[str, Any]]) -> Channels:
    made = {key: Channel.model_validate(one) for key, one in settings.items()}
    return Channels(made, stale=None, slack=1.0, period=1.0)


def taken(one: Channels, before: dict[str, Any], **raws: Raw) -> dict[str, Any]:
    values = {key.replace("_unit", ".unit"): raw for key, raw in raws.items()}
    readings, bad = one.taken(Frame(values=values), before, now=1.0, time=2.0)
    assert not bad
    return readings


@pytest.mark.parametrize(("unit", "value"), [("A", 1.5), ("mA", 1.5e-3)])
def test_a_unit_beside_the_number_scales_it(unit: str, value: float) -> None:
    readings = taken(channels(GLUED), {}, i=1.5e-3, i_unit=unit)
    assert readings["i"].value == pytest.approx(value)
    assert list(readings) == ["i"]


@pytest.mark.parametrize("beside", [{"i_unit": "uA"}, {}])
def test_a_number_in_an_unknown_unit_is_no_value(beside: dict[str, Raw]) -> None:
    readings = taken(channels(GLUED), {}, i=1.5, **beside)
    assert readings["i"].severity is Severity.INVALID
    assert readings["i"].value is None


def test_a_unit_of_another_channel_scales_at_once_and_later() -> None:
    one = channels(PANEL)
    before = taken(one, {}, p=1.0)
    assert before["p"].alarm.reason == "its unit is not known yet"
    before = taken(one, {}, p=1.0, u=1)
    assert before["p"].value == pytest.approx(1.333224)
    assert taken(one, before, p=2.0)["p"].value == pytest.approx(2.666448)
    changed = taken(one, before, p=2.0, u=0)
    assert changed["p"].value == 2.0
    assert taken(one, before, p=2.0, u=5)["p"].alarm.reason.startswith("in 'V'")


def test_words_and_values_of_words_are_in_the_units_of_the_channel() -> None:
    one = channels(PANEL)
    before = taken(one, {}, u=1)
    fault = Fault("over range", Severity.MINOR, value=10.0, in_units=True)
    assert taken(one, before, p=fault)["p"].value == 10.0
    sent = Fault("under range", Severity.MINOR, value=10.0, in_units=False)
    assert taken(one, before, p=sent)["p"].value == pytest.approx(13.33224)
