"""What is refused of settable channels and their groups, with its key."""

from __future__ import annotations

from typing import Any

import pytest

from daqpv.instruments.section.put_checks import put_conflicts
from daqpv.instruments.settings import InstrumentSettings


def found(channels: dict[str, Any], **groups: Any) -> list[tuple[str, str]]:
    given = {"channels": channels, "groups": groups}
    settings = InstrumentSettings.model_validate(given)
    conflicts = put_conflicts(settings)
    return [(".".join(map(str, key)), text) for key, text in conflicts]


@pytest.mark.parametrize(
    ("channel", "key", "text"),
    [
        ({"ramp": 1}, "ramp", "it has no `write`"),
        ({"hazard": True}, "hazard", "it has no `write`"),
        (
            {"write": "W", "type": "boolean", "hazard": ["Onn"]},
            "hazard",
            "Onn",
        ),
        ({"write": True, "type": "text", "ramp": 1}, "ramp", "of type text takes no"),
        ({"write": True, "type": "boolean", "step": 1}, "step", "takes no step"),
        ({"write": True, "only": [1, "high"]}, "only", "must be a number, not 'high'"),
        ({"write": True, "scale": "value ** 2"}, "scale", "say how, with unscale"),
        ({"write": True, "read_back": "w"}, "read_back", "no channel has this name"),
        ({"write": True, "read_back": "name"}, "read_back", "of type text, not of num"),
    ],
)
def test_a_channel_that_cannot_be_is_named(
    channel: dict[str, Any], key: str, text: str
) -> None:
    [(where, said)] = found({"x": channel, "name": {"type": "text"}})
    assert where == f"channels.x.{key}"
    assert text in said


def test_a_near_name_is_proposed() -> None:
    channels = {"x": {"write": True, "read_back": "mesured"}, "measured": {}}
    [(_, text)] = found(channels)
    assert text.endswith("Did you mean measured?")


@pytest.mark.parametrize(
    ("groups", "key", "text"),
    [
        ({"a b": {"channels": ["x"]}}, "groups.a b", "part of a PV name"),
        ({"g": {"channels": ["x", "x"]}}, "groups.g.channels", "in it twice"),
    ],
)
def test_a_group_that_cannot_be_is_named(
    groups: dict[str, Any], key: str, text: str
) -> None:
    [(where, said)] = found({"x": {"write": True}}, **groups)
    assert where == key
    assert text in said


def test_what_can_be_is_not_named() -> None:
    channels = {
        "x": {"write": True, "ramp": 1, "step": 5, "only": [1, 2], "read_back": "y"},
        "y": {},
        "s": {"write": True, "type": "enum", "states": ["A", "B"], "only": ["B"]},
        "f": {"write": True, "scale": "value ** 2", "unscale": "sqrt(value)"},
    }
    assert found(channels, g={"channels": ["x", "s"]}) == []
