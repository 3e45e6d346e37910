"""Questions, patterns and commands that can never work are refused at the start."""

from __future__ import annotations

from typing import Any

import pytest

from daqpv.instruments.lines.commands import Commands
from daqpv.instruments.lines.plan import Plan
from daqpv.instruments.settings import InstrumentSettings

READ = {"ask": "PR1", "answer": "{p:g}"}


def made(**keys: Any) -> Plan:
    settings = InstrumentSettings.model_validate(keys)
    plan = Plan(settings)
    Commands("gauge", settings, plan)
    return plan


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"read": READ, "channels": {"p": {}, "q": {}}}, "channel q never gets a val"),
        ({"read": READ, "channels": {"p": {}, "p2": {"name": "P"}}}, "channel p2 nev"),
        ({"channels": {"p": {"ask": "Q", "write": "SP {val:g}"}}}, "names val. What"),
        ({"read": READ, "channels": {}}, "names p, which is no channel"),
    ],
)
def test_what_can_never_work_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made(**keys)


def test_channels_of_pairs_of_init_and_of_commands_need_no_question() -> None:
    pairs = {"stream": "pairs: ; =", "channels": {"T1": {}, "T2": {}}}
    assert made(**pairs).reads == {"T1", "T2"}
    version = {"ask": "*IDN?", "answer": "{model},{_},{_},{_}"}
    init = {"init": [version], "channels": {"model": {"type": "text"}}}
    assert made(**init).reads == set()
    channels = {"p": {}, "sp": {"write": "SP {value:g}"}, "reset": {"write": "RST"}}
    assert made(read=READ, channels=channels).reads == {"p"}
