from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daqpv.config import Kind, Model, load
from tests.support.plant import PUMPS, TANKS, Kinds, Load, Write, Wrong


def test_values_come_from_the_environment(loaded: Load) -> None:
    tanks = loaded(
        "tanks: {t: {desc: 'in ${ROOM} at ${PLACE}', port: '${PORT}', period: '${T}'}}",
        ROOM="7",
        PLACE="x",
        PORT="99",
        T="500 ms",
    ).of(TANKS)
    assert tanks["t"].desc == "in 7 at x"
    assert tanks["t"].port == 99
    assert tanks["t"].period == 0.5


def test_names_and_references_may_come_from_the_environment(
    write: Write, kinds: Kinds
) -> None:
    path = write(
        """\
        experiment: ${EXP}
        prefix: "${EXP}:"
        tanks: {t: {}}
        pumps: {p: {url: "http://${HOST}:81", spare: "${TANK}"}}
        """
    )
    environ = {"EXP": "e7", "HOST": "h", "TANK": "t"}
    experiment = load(path, kinds, environ)
    assert (experiment.experiment, experiment.prefix) == ("e7", "e7:")
    assert experiment.of(PUMPS)["p"].url == "http://h:81/"
    assert experiment.of(PUMPS)["p"].spare == "t"


def test_the_environment_of_the_process_is_the_default(
    write: Write, kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAQPV_TEST_NAME", "e9")
    path = write("experiment: ${DAQPV_TEST_NAME}\nprefix: 'A:'\n")
    assert load(path, kinds).experiment == "e9"


def test_a_doubled_dollar_escapes_and_a_lone_one_is_text(loaded: Load) -> None:
    tanks = loaded("tanks: {t: {desc: '$${HOME} $HOME 5$ ${A}'}}", A="${B}")
    assert tanks.of(TANKS)["t"].desc == "${HOME} $HOME 5$ ${B}"


def test_keys_are_not_expanded(wrong: Wrong) -> None:
    (problem,) = wrong("tanks: {t: {'${A}': 1}}", A="port")
    assert "tanks.t.${A}: unknown key" in problem


def test_what_is_not_set_is_one_problem_and_none_follows(wrong: Wrong) -> None:
    problems = wrong(
        """\
        server: {slow_client: "${A}"}
        pumps:
          p: {url: "${A}${B}${A}", spare: "${C}", gas: "${C}"}
          q: {url: "http://a", lines: "${D}"}
          r: "${E}"
          s: {url: "http://a", lines: [{tank: "${C}", valve: "${C}"}]}
        tanks: "${F}"
        """
    )
    assert problems == [
        "exp.yaml:3: server.slow_client: the environment variable A is not set",
        "exp.yaml:5: pumps.p.gas: the environment variable C is not set",
        "exp.yaml:5: pumps.p.spare: the environment variable C is not set",
        "exp.yaml:5: pumps.p.url: the environment variable A is not set and the "
        "environment variable B is not set",
        "exp.yaml:6: pumps.q.lines: the environment variable D is not set",
        "exp.yaml:7: pumps.r: the environment variable E is not set",
        "exp.yaml:8: pumps.s.lines[0].tank: the environment variable C is not set",
        "exp.yaml:8: pumps.s.lines[0].valve: the environment variable C is not set",
        "exp.yaml:9: tanks: the environment variable F is not set",
    ]


def test_a_fixed_key_that_is_not_set_is_one_problem(wrong: Wrong) -> None:
    assert wrong("experiment: ${X}\nprefix: '${Y}'\n", head=False) == [
        "exp.yaml:1: experiment: the environment variable X is not set",
        "exp.yaml:2: prefix: the environment variable Y is not set",
    ]


@pytest.mark.parametrize("text", ["${", "${A", "${}", "${A B}", "${1}", "x ${A-b} y"])
def test_a_variable_that_is_not_written_well_is_a_problem(
    wrong: Wrong, text: str
) -> None:
    (problem,) = wrong(f"tanks: {{t: {{desc: '{text}'}}}}", A="x")
    assert problem == (
        "exp.yaml:3: tanks.t.desc: '${' is not followed by NAME}; '$${' is a plain '${'"
    )


SECRET = "hunter2-QwErTy"


def test_no_message_shows_a_value_of_the_environment(wrong: Wrong) -> None:
    problems = wrong(
        """\
        store: {spool: ["${S}"], x: "${S}"}
        server: {slow_client: "${S}"}
        defaults: {tanks: {port: "${S}"}}
        pumps:
          a: {url: "${S}", gas: "${S}", fill: "${S}", code: "${S}", spare: "${S}"}
          b: {url: "http://user:${S}@h", level: "${S}", limits: {low: "${S}"}}
          c: {url: "http://${S}", enable: "${S}", limits: "${S}", lines: "${S}"}
          d: {url: "http://${S}", lines: [{tank: "${S}", valve: "${S}"}]}
          e: "${S}"
        tanks: {t: {address: "${S}", desc: "${S}${S}${S}${S}"}}
        plant: "${S}"
        """,
        S=SECRET,
    )
    assert len(problems) == 21
    assert any("tanks has no such name: the value of ${S}" in p for p in problems)
    assert not [problem for problem in problems if SECRET in problem]
    assert not [problem for problem in problems if SECRET.lower() in problem.lower()]


def test_a_sentence_of_a_validator_is_not_shown_if_it_might_hold_such_a_value(
    wrong: Wrong,
) -> None:
    (problem,) = wrong(
        "pumps: {a: {url: 'http://a', limits: {low: '${L}'}}}", L="1234.5"
    )
    assert problem == ("exp.yaml:3: pumps.a.limits: does not take the value of ${L}")


def test_a_conflict_of_values_of_the_environment_shows_none(wrong: Wrong) -> None:
    problems = wrong(
        "pumps: {a: {url: 'http://${S}'}, b: {url: 'http://${S}'}}", S=SECRET.lower()
    )
    assert problems == [
        "exp.yaml:3: pumps.b.url: is taken: pumps.a.url at exp.yaml:3",
    ]


@settings(deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_of_the_environment_arrives_as_it_is(text: str) -> None:
    class Note(Model):
        text: str

    with TemporaryDirectory() as folder:
        path = Path(folder, "e.yaml")
        path.write_text("experiment: e\nprefix: 'A:'\nnote: {text: '${TEXT}'}\n")
        kind: Kind[Note, Any] = Kind("note", Note, many=False)
        assert load(path, (kind,), {"TEXT": text}).of(kind)[""].text == text
