"""daqpv put: done, or why not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.support.commands import daqpv, process, told


def test_put_returns_when_it_was_reached_and_prints_nothing(cobo: Any) -> None:
    for words in (["Ready"], ["Idle", "--wait"]):  # it always waits
        result = daqpv("put", f"{cobo.prefix}State", *words)
        seen = (cobo.get("State"), result.exit_code, result.output)
        assert seen == (words[0], 0, "")


@pytest.mark.parametrize(
    ("signal", "value", "why"),
    [
        ("State", "Nosuch", "'Nosuch' is not one of: Broken, Idle, Described"),
        ("State", "9", "9 is not one of: 0 Broken, 1 Idle, 2 Described"),
        ("PollPeriod", "-7", "-7 is outside the limits 0.2 to 60 s"),
        ("Command", "Start", "no 'Start' from state 'Idle'"),
        ("Config", f"{'long' * 60}/exp/exp", f"{'long' * 60}/exp/exp"),
    ],
)
def test_put_that_is_refused_tells_the_reason(
    cobo: Any, signal: str, value: str, why: str
) -> None:
    result = daqpv("put", cobo.prefix + signal, value)
    first, reason = told(result)
    assert result.exit_code == 1
    assert first == f"{cobo.prefix}{signal}: Channel write request failed"
    assert why in reason


def test_put_that_fails_tells_the_reason(shared_lab: Any, cobo: Any) -> None:
    shared_lab.sim().fault("Prepare", "refuse", message="no power", times=1)
    result = daqpv("put", f"{cobo.prefix}State", "Ready")
    assert result.exit_code == 1
    assert "no power (code 2)" in told(result)[-1]


@pytest.fixture
def failed_before(cobo: Any) -> Any:
    """LastError holds a reason, of another put."""
    daqpv("put", f"{cobo.prefix}State", "Nosuch")
    assert "Nosuch" in cobo.get("LastError")
    return cobo


def test_put_that_takes_too_long_says_that_it_goes_on(
    shared_lab: Any, failed_before: Any
) -> None:
    shared_lab.sim().takes("Describe", 1.0)
    name = f"{failed_before.prefix}State"
    result = daqpv("put", name, "Described", "--timeout", "0.2")
    assert result.exit_code == 1
    assert told(result) == [f"{name}: not done within 0.2 s; it goes on"]
    failed_before.until("State", "Described")
    shared_lab.sim().takes("Describe", 0.01)


def test_put_tells_no_reason_of_another_put(failed_before: Any) -> None:
    name = f"{failed_before.prefix}Enable.ZSV"
    result = daqpv("put", name, "Nosuch")
    assert result.exit_code == 1
    assert told(result) == [f"{name}: Channel write request failed"]


def test_put_that_is_refused_again_tells_its_reason_again(failed_before: Any) -> None:
    """Within one second LastError is the very same text, which is no change."""
    for _ in range(3):
        result = daqpv("put", f"{failed_before.prefix}State", "Nosuch")
        assert "'Nosuch' is not one of" in told(result)[-1]


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        ("nan", "'nan' is no number of seconds."),
        ("inf", "inf is not in the range 0<=x<=1000000.0."),
        ("-1", "-1.0 is not in the range 0<=x<=1000000.0."),
        ("soon", "'soon' is not a valid float range."),
    ],
)
def test_put_wants_a_number_of_seconds(seconds: str, says: str) -> None:
    result = daqpv("put", "AT:Sys:Target", "Ready", "--timeout", seconds)
    assert result.exit_code == 2
    assert told(result)[-1] == f"Error: Invalid value for '--timeout': {says}"


def test_put_to_a_pv_that_only_reads_says_so(failed_before: Any) -> None:
    name = f"{failed_before.prefix}Message"
    result = daqpv("put", name, "hello")
    assert (result.exit_code, told(result)) == (
        1,
        [f"{name} is read only, at least for you"],
    )


def test_put_of_a_text_that_is_too_long_says_so(failed_before: Any) -> None:
    name, text = f"{failed_before.prefix}State", "x" * 40
    result = daqpv("put", name, text)
    assert (result.exit_code, told(result)) == (
        1,
        [f"{name} takes at most 39 bytes: {text!r}"],
    )


def test_put_to_a_pv_that_is_none_says_what_to_look_at(failed_before: Any) -> None:
    result = daqpv("put", f"{failed_before.prefix}Sate", "Ready")
    assert (result.exit_code, told(result)) == (
        1,
        [
            f"{failed_before.prefix}Sate: no such PV within 5 s. Is daqpv serving? "
            "Do EPICS_CA_ADDR_LIST and EPICS_CA_SERVER_PORT point at it?"
        ],
    )


@pytest.fixture
def no_repeater() -> Iterator[dict[str, str]]:
    """An environment without EPICS base; whatever repeater is begun in it is ended."""
    with_port = {"EPICS_CA_REPEATER_PORT": os.environ["EPICS_CAS_SERVER_PORT"]}
    yield with_port | {"PATH": os.defpath}
    for running in psutil.process_iter(["cmdline", "environ"]):
        environ = running.info["environ"] or {}
        if with_port.items() <= environ.items() and any(
            "daqpv.links.ca.repeater" in word for word in running.info["cmdline"] or ()
        ):
            running.kill()


def test_put_prints_nothing_on_a_machine_without_epics_base(
    cobo: Any, no_repeater: dict[str, str]
) -> None:
    environ = os.environ | no_repeater
    result = process("put", f"{cobo.prefix}State", "Described", env=environ)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
