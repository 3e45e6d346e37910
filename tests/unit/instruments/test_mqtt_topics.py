"""Which channels a message of MQTT is for, and times in payloads."""

from __future__ import annotations

import time

import pytest
from aiomqtt import Topic, Wildcard
from hypothesis import given
from hypothesis import strategies as st

from daqpv.instruments.driver import Fault
from daqpv.links.mqtt.kinds import MQTT
from daqpv.links.mqtt.topics import Topics, matches, time_of
from daqpv.links.places import places
from tests.support.drivers import instrument

LEVELS = st.lists(st.sampled_from(["a", "b", "", "$x"]), min_size=1, max_size=4)
WANTED = st.lists(st.sampled_from(["a", "b", "", "+", "$x"]), min_size=1, max_size=4)


@given(WANTED, st.booleans(), LEVELS)
def test_topics_are_matched_as_aiomqtt_does(
    wanted: list[str], is_open: bool, levels: list[str]
) -> None:
    pattern, topic = "/".join([*wanted, "#"] if is_open else wanted), "/".join(levels)
    if pattern and topic:
        if topic.startswith("$") and pattern[0] in "+#":
            assert not matches(pattern, topic)  # MQTT 3.1.1, 4.7.2; not in aiomqtt
        else:
            assert matches(pattern, topic) == Topic(topic).matches(Wildcard(pattern))


@pytest.mark.parametrize(
    ("given_", "stamp"),
    [
        (1.7e9, 1.7e9),
        (1_700_000_000_500, 1_700_000_000.5),
        (1_700_000_000_500_000, 1_700_000_000.5),
        (1_700_000_000_500_000_000, 1_700_000_000.5),
        ("1700000000.5", 1_700_000_000.5),
        ("2023-11-14T22:13:20Z", 1.7e9),
        ("2023-11-14T23:13:20+01:00", 1.7e9),
        ("2023-11-14 22:13:20", 1.7e9),
        ("yesterday", None),
        ("", None),
        (True, None),
        (-5, None),
        (0, None),
        (1e300, None),
        (float("nan"), None),
        (Fault("no $.t"), None),
        (b"\xff", None),
    ],
)
def test_times_of_payloads(given_: object, stamp: float | None) -> None:
    assert time_of(given_) == stamp  # type: ignore[arg-type]


def test_a_time_of_next_year_is_none() -> None:
    assert time_of(time.time() + 2 * 365 * 86400) is None


def topics() -> Topics:
    settings = instrument(
        "mqtt://h",
        {
            "p": {"at": {"topic": "lab/+/data", "path": "$.p", "time": "$.t"}},
            "q": {"at": {"topic": "lab/a/data", "path": "$.q"}},
            "word": {"at": "lab/word"},
        },
    )
    return Topics(settings, places("X", MQTT, settings))


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_any_payload_is_a_value_or_a_fault(payload: bytes) -> None:
    for topic in ("lab/a/data", "lab/word"):
        for frame in topics().frames(topic, payload):
            assert frame.values


def test_values_of_a_message_have_its_time() -> None:
    first, second = topics().frames("lab/a/data", b'{"p": 1, "q": 2, "t": 1.7e9}')
    assert (first.time, first.values) == (None, {"q": 2})
    assert (second.time, second.values) == (1.7e9, {"p": 1})
    assert topics().frames("lab/b/data", b'{"p": 3}')[0].bad == [
        "lab/b/data: no time for p"
    ]
    assert topics().frames("else", b"1") == []
    (word,) = topics().frames("lab/word", b" OVER\n")
    assert word.values == {"word": "OVER"}


@pytest.mark.parametrize(
    "at", ["a/#/b", "a#", "a+/b", "", {"set": "a/+"}, {"topic": "a", "path": "$["}]
)
def test_a_topic_that_cannot_be_is_refused(at: object) -> None:
    settings = instrument("mqtt://h", {"p": {"at": at}})
    with pytest.raises(ValueError, match="channel p"):
        MQTT.make("X", settings, None)  # type: ignore[arg-type]
