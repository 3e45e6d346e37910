"""What is refused in the section of instruments, with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from daqpv.config import ConfigProblems, load
from daqpv.config.installed import installed_kinds
from daqpv.instruments.section.checks import RESERVED
from daqpv.iocs.instruments.instrument import InstrumentGroup
from daqpv.serve import Declaration

TCP = "  a: {connection: 'tcp://127.0.0.1:9'"
HEAD = """experiment: lab
prefix: "LAB:"
store: none
instruments:
"""


def problems(text: str, folder: Path) -> list[str]:
    """The problems of a file with these instruments, which begin at line 5."""
    file = folder / "lab.yaml"
    file.write_text(HEAD + text)
    try:
        load(file, installed_kinds().kinds)
    except ConfigProblems as error:
        return [str(one).replace(f"{file}:", "") for one in error.problems]
    return []


def test_reserved_names_are_the_signals_of_every_instrument() -> None:
    signals = {
        one.pvspec.name
        for one in InstrumentGroup._pvs_.values()
        if isinstance(one, Declaration)
    }
    assert signals <= RESERVED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  a: {channels: {Status: {calc: '1'}}}", "a PV Status"),
        (f"{TCP}, terminator: '\\r', channels: {{p: {{ask: Q}}}}}}", 'quotes, "\\r"'),
        (f"{TCP}, channels: {{p: {{ask: Q, units: {'m' * 16}}}}}}}", "p.units: "),
        (f"{TCP}, channels: {{p: {{ask: Q, unit: Torr}}}}}}", "`units`, with an s"),
        (f"{TCP}, channels: {{p: {{ask: Q, low: 10, high: 5}}}}}}", "lolo, low, high"),
        (f"{TCP}, channels: {{p: {{ask: Q, reply: OK}}}}}}", "p.reply: the channel ca"),
        (
            f"{TCP}, read: {{ask: Q, answer: {{p:g}}}}, channels: {{p: {{}}}}}}",
            "braces",
        ),
        (
            "  a: {connection: 'modbus-tcp://h', channels: {p: {at: {register: 5}}}}",
            "reg",
        ),
        ("  a: {channels: {online: {calc: '1'}}}", "a PV Online"),
        ("  a: {channels: {'a b': {calc: '1'}}}", "part of a PV name"),
        ("  a: {connection: 'tcp://h:1', channels: {p: {name: x.y}}}", "PV name"),
        ("  a: {channels: {p: {calc: '1'}}}", "p names no channel"),
        ("  a: {channels: {p_RBV: {calc: '1'}}}", "read-back"),
        ("  a: {channels: {p: {calc: '1'}, P: {calc: '2'}}}", "the channel p, too"),
        ("  a: {channels: {p: {calc: '1/'}}}", "channels.p.calc"),
        ("  a: {channels: {p: {calc: 'p + 1'}}}", "names itself"),
        ("  a: {channels: {p: {calc: 'q'}}}", "q"),
        ("  a: {connection: 'tcp://h:1', channels: {p: {scale: '+'}}}", "p.scale"),
        ("  a: {channels: {p: {units: Torr}}}", "needs a `calc`"),
        ("  a: {}", "no channels"),
        (
            "  a: {connection: 'tcp://h:1', encoding: utf-9, read: {ask: P, answer: "
            "'{p:g}'}, channels: {p: {}}}",
            "an encoding, such as utf-8 or latin-1",
        ),
        ("  a: {connection: nothing, channels: {p: {}}}", "begins with what it is"),
        ("  a: {connection: 'tpc://h:1', channels: {p: {}}}", "no driver for tpc:"),
        ("  a: {connection: 'http://h/', options: {tokn: x}}", "option"),
        ("  a: {connection: 'snmp://h?x=1', channels: {p: {at: '1.3.6'}}}", "option"),
        (
            "  a: {connection: 'tcp://h:1', groups: {g: {channels: [x]}}, channels: "
            "{p: {}}}",
            "settable",
        ),
    ],
)
def test_a_section_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    [problem, *_] = problems(text, tmp_path)
    assert said in problem
    assert problem.startswith("5: instruments.a"), problem


def test_the_query_of_a_page_is_no_option(tmp_path: Path) -> None:
    text = "  a: {connection: 'http://h/state?all=1', channels: {p: {at: $.p}}}"
    assert not problems(text, tmp_path)


def test_a_circle_over_two_instruments_is_found(tmp_path: Path) -> None:
    text = "  a: {channels: {x: {calc: b.y}}}\n  b: {channels: {y: {calc: a.x}}}\n"
    [problem] = problems(text, tmp_path)
    assert "a.x" in problem
    assert "b.y" in problem


def test_a_section_of_formulas_is_good(tmp_path: Path) -> None:
    text = (
        "  a: {channels: {x: {calc: 'b.y + 1'}}}\n"
        "  b: {channels: {y: {calc: '2 * c.p'}}}\n"
        "  c: {connection: 'tcp://h:1', channels: {p: {}}}\n"
    )
    assert problems(text, tmp_path) == []
