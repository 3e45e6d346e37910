"""What simulated instruments say, without a connection."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.errors import SimulatorError
from daqpv.instruments.settings import InstrumentSettings, Simulator
from daqpv.sim.instruments import Faults, InstrumentSimulator, Play
from daqpv.sim.instruments.generic import generic, limits
from daqpv.sim.instruments.speech import Speech

TPG: dict[str, Any] = {"model": "pfeiffer-tpg362", "connection": "tcp://h:1"}
SUPPLY: dict[str, Any] = {"model": "scpi-supply", "connection": "tcp://h:1"}


def simulator(**settings: Any) -> InstrumentSimulator:
    return InstrumentSimulator("A", InstrumentSettings.model_validate(settings), seed=1)


def said(speech: Speech, *come: bytes) -> bytes:
    return b"".join(one.data for data in come for one in speech.come(data))


def test_a_gauge_controller_answers_in_two_steps() -> None:
    one = simulator(**TPG)
    speech = one.speech()
    assert said(speech, b"PR1\r") == b"\x06\r\n"
    assert said(speech, b"\x05") == b"0,+2.5000E-06\r\n"
    one.play.variables |= {"s1": 5, "p1": 2e-2}
    assert said(speech, b"\x05") == b"5,+2.0000E-02\r\n"  # each ENQ measures again


def test_a_gauge_controller_refuses_what_it_does_not_know_and_says_why() -> None:
    speech = simulator(**TPG).speech()
    assert said(speech, b"XYZ\r") == b"\x15\r\n"
    assert said(speech, b"\x05") == b""
    assert said(speech, b"ERR\r", b"\x05") == b"\x06\r\n0001\r\n"
    assert said(speech, b"ERR\r", b"\x05") == b"\x06\r\n0000\r\n"


def test_a_gauge_controller_streams_until_a_byte_comes() -> None:
    speech = simulator(**TPG).speech()
    assert speech.streamed() is None
    said(speech, b"COM,1\r")
    streamed = speech.streamed()
    assert streamed is not None
    assert streamed.data == b"0,+2.5000E-06\r\n"
    assert said(speech, b"\x03PR1\r") == b"\x06\r\n"
    assert speech.streamed() is None


def test_a_supply_keeps_what_is_set_and_counts_errors() -> None:
    one = simulator(**SUPPLY)
    speech = one.speech()
    assert said(speech, b"VOLT 5.5\nVOLT?\n") == b"5.5000\n"
    assert said(speech, b"VOLT 1000\nVOLT?\n") == b"5.5000\n"
    assert said(speech, b"SYST:ERR?\n") == b'-222,"Data out of range"\n'
    assert said(speech, b"SYST:ERR?\n") == b'+0,"No error"\n'
    said(speech, b"OUTP 1\nNO:SUCH\n")
    one.play.advance(0.1)
    assert one.play.variables["volts"] == pytest.approx(5.5, abs=0.01)
    assert said(speech, b"SYST:ERR?\n") == b'-113,"Undefined header"\n'


def test_its_time_runs_faster() -> None:
    play = Play("A", Simulator(variables={"x": 0}, change={"x": "t"}), speed=10)
    play.advance(0.5)
    play.advance(0.5)
    assert play.variables["x"] == 10


def test_written_points_keep_their_value() -> None:
    settings = Simulator(variables={"Set": 1}, points={"Read": "Set * 2"})
    play = Play("A", settings)
    assert (play.point("Read"), play.point("Set"), play.point("Other")) == (2, 1, 0)
    play.write("Set", 5)
    assert (play.point("Read"), play.point("Set")) == (10, 5)


# -- framing


def test_an_echo_comes_before_the_answer() -> None:
    rules = {"rules": {"ask": "A?", "answer": "5"}}
    one = simulator(connection="tcp://h:1", echo=True, simulator=rules)
    assert said(one.speech(), b"A", b"?\r\n") == b"A?\r\n5\r\n"
    one = simulator(connection="tcp://h:1", echo="character", simulator=rules)
    assert said(one.speech(), b"A", b"?") == b"A?"


def test_a_silence_ends_a_question_without_terminator() -> None:
    rules = {"rules": {"ask": "A?", "answer": "5"}}
    one = simulator(connection="tcp://h:1", terminator="", simulator=rules)
    speech = one.speech()
    assert said(speech, b"A", b"?") == b""
    assert [sent.data for sent in speech.silence()] == [b"5"]
    assert speech.silence() == []


def test_answers_of_fixed_length_have_no_terminator() -> None:
    one = simulator(
        connection="tcp://h:1",
        send_terminator="\r",
        answer_length=2,
        simulator={"variables": {"n": 258}, "rules": {"ask": "N", "answer": "{n:>u2}"}},
    )
    assert said(one.speech(), b"N\r") == b"\x01\x02"


def test_messages_have_check_sums_both_ways() -> None:
    rules = {"rules": {"ask": "A?", "answer": "5"}}
    one = simulator(connection="tcp://h:1", checksum="sum8 HEX", simulator=rules)
    speech = one.speech()
    assert said(speech, b"A?80\r\n") == b"535\r\n"
    assert said(speech, b"A?81\r\n") == b""  # silence, as most instruments


def test_a_datagram_is_a_whole_question() -> None:
    rules = {"rules": {"ask": "A?", "answer": "5"}}
    speech = simulator(connection="udp://h:1", simulator=rules).speech()
    assert [sent.data for sent in speech.datagram(b"A?")] == [b"5\r\n"]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_confuse_it(come: list[bytes]) -> None:
    speech = simulator(**TPG).speech()
    said(speech, *come)
    said(speech, b"\x05\x03" + b"\r")  # the rest of a line
    assert said(speech, b"PR1\r") == b"\x06\r\n"


def test_what_has_no_end_is_forgotten() -> None:
    speech = simulator(**SUPPLY).speech()
    assert said(speech, b"x" * 70_000) == b""
    assert said(speech, b"VOLT?\n") == b"12.0000\n"


# -- faults


def test_faults_spoil_answers_a_number_of_times() -> None:
    one = simulator(**SUPPLY)
    speech = one.speech()
    one.faults.garbage, one.faults.times = True, 2
    first, second, third = (said(speech, b"VOLT?\n") for _ in range(3))
    assert first == second != b"12.0000\n"
    assert first.endswith(b"\n")
    assert third == b"12.0000\n"
    one.faults.cut = True
    assert said(speech, b"VOLT?\n") == b"12.0"
    one.faults.clear()
    one.faults.silent = True
    assert said(speech, b"VOLT?\n") == b""
    one.faults.clear()
    one.faults.late = 3.0
    assert speech.come(b"VOLT?\n")[0].after == 3.0


def test_it_can_refuse_all() -> None:
    one = simulator(**TPG)
    one.faults.refuse, one.faults.times = True, 1
    assert said(one.speech(), b"PR1\r") == b"\x15\r\n"
    assert said(one.speech(), b"PR1\r") == b"\x06\r\n"
    assert not Faults().is_any


# -- what is wrong


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"change": {"x": "1 +"}}, "change.x"),
        ({"change": {"x": "y"}}, "change.x"),
        ({"rules": {"ask": "{a:q}"}}, r"rules\[0\].ask"),
        ({"rules": {"ask": "a", "answer": "{"}}, r"rules\[0\].answer"),
        ({"rules": {"ask": "a", "when": "b > 1"}}, r"rules\[0\].when"),
        ({"rules": {"ask": "a", "set": {"x": "b"}}}, r"rules\[0\].set.x"),
        ({"points": {"x": "("}}, "points.x"),
        ({"stream": "{x:q}"}, "stream"),
        ({"stream": "a", "stream_when": "b"}, "stream_when"),
    ],
)
def test_a_wrong_simulator_is_named(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(SimulatorError, match=f"the simulator of A: {problem}"):
        simulator(connection="tcp://h:1", simulator=settings)


def test_an_answer_without_its_variable_is_named() -> None:
    rules = {"rules": {"ask": "A?", "answer": "{nothing}"}}
    speech = simulator(connection="tcp://h:1", simulator=rules).speech()
    with pytest.raises(SimulatorError, match=r"the simulator of A: '\{nothing\}'"):
        speech.come(b"A?\r\n")


# -- generic ones


def test_an_instrument_without_simulator_stays_within_its_limits() -> None:
    one = simulator(
        connection="tcp://h:1",
        read={"ask": "READ?", "answer": "{p:g},{t:g} C,{}"},
        channels={
            "p": {"high": 10, "low": 5, "hihi": 20},
            "t": {"display": [0, 100], "high": 30},
            "SetP": {
                "ask": "SP?",
                "answer": "{value:g}",
                "write": "SP {value:.2f}",
                "reply": "OK {value:g}",
                "max": 8,
            },
            "On": {"type": "boolean", "states": ["Off", "On"], "ask": "ON?"},
            "Valve": {
                "type": "enum",
                "states": {"C": "Closed", "O": "Open"},
                "ask": "V?",
                "write": "V {value}",
            },
        },
    )
    speech = one.speech()
    for _ in range(200):
        one.play.advance(0.1)
        assert 5 < one.play.variables["p"] < 10
        assert 0 <= one.play.variables["t"] <= 30
    assert said(speech, b"READ?\r\n").count(b",") == 2
    assert said(speech, b"SP 7.25\r\nSP?\r\n") == b"OK 7.25\r\n7.25\r\n"
    assert said(speech, b"ON?\r\n") == b"0\r\n"
    assert said(speech, b"V?\r\nV O\r\nV?\r\n") == b"C\r\nO\r\n"


def test_a_channel_may_have_the_name_of_the_time() -> None:
    one = simulator(connection="tcp://h:1", channels={"t": {"low": 10, "high": 20}})
    for _ in range(100):
        one.play.advance(1.0)
    assert 10 < one.play.point("t") < 20


def test_a_stream_of_pairs_is_simulated() -> None:
    one = simulator(
        model="arduino-lines",
        connection="tcp://h:1",
        simulator=None,
        channels={"T1": {"high": 40, "low": 0}, "Door": {"type": "text"}},
    )
    streamed = one.speech().streamed()
    assert streamed is not None
    assert streamed.data == b"T1=20.000;Door=Door\n"


def test_what_can_only_be_read_is_not_answered() -> None:
    settings = InstrumentSettings.model_validate(
        {
            "connection": "tcp://h:1",
            "channels": {"p": {"ask": "P", "answer": "/x(?P<value>.*)/"}},
        }
    )
    assert generic(settings).rules == ()


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4),
    st.sets(st.sampled_from(["lolo", "low", "high", "hihi"])),
)
def test_a_simulated_value_is_within_all_limits_that_can_be_met(
    values: list[float], keys: set[str]
) -> None:
    ordered = zip(("lolo", "low", "high", "hihi"), sorted(values), strict=True)
    given_limits = {key: value for key, value in ordered if key in keys}
    settings = InstrumentSettings.model_validate(
        {"connection": "tcp://h:1", "channels": {"p": given_limits}}
    )
    below, above = limits(settings.channels["p"])
    assert below < above
