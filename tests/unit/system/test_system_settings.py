"""What the file says of the system, and how many MuTAnTs there may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from daqpv.config import ConfigProblems, Experiment, load
from daqpv.iocs.ecc import KIND as ECC
from daqpv.iocs.router import KIND as ROUTERS
from daqpv.iocs.system import KIND as SYSTEM
from daqpv.system import Part
from daqpv.system.settings import SystemSettings

M, S, C = Part
KINDS = (ECC, ROUTERS, SYSTEM)
HEAD = 'experiment: e20009\nprefix: "AT:"\n'
ONE = "ecc:\n  A: {url: http://h/}\n"


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str], Experiment]:
    def loaded(text: str) -> Experiment:
        file = tmp_path / "e.yaml"
        file.write_text(HEAD + text)
        return load(file, KINDS, environ={})

    return loaded


@pytest.fixture
def problems(loaded: Callable[[str], Experiment]) -> Callable[[str], list[str]]:
    def problems(text: str) -> list[str]:
        with pytest.raises(ConfigProblems) as info:
            loaded(text)
        return [f"{one.line}: {one.key}: {one.text}" for one in info.value.problems]

    return problems


def servers(*roles: str) -> str:
    lines = (f"  S{n}: {{url: http://h{n}/, role: {r}}}\n" for n, r in enumerate(roles))
    return f"ecc:\n{''.join(lines)}"


def test_with_ecc_servers_there_is_a_system(
    loaded: Callable[[str], Experiment],
) -> None:
    assert loaded(ONE).of(SYSTEM) == {"": SystemSettings()}


@pytest.mark.parametrize("text", ["", "ecc:\n"])
def test_without_ecc_servers_there_is_none(
    loaded: Callable[[str], Experiment], text: str
) -> None:
    assert loaded(text).of(SYSTEM) == {}


def test_a_problem_of_the_system_stands_at_the_servers(
    loaded: Callable[[str], Experiment],
) -> None:
    assert loaded(ONE).problem("system", "", "bad").line == 3


def test_an_order_of_the_file_replaces_that_of_the_table(
    loaded: Callable[[str], Experiment],
) -> None:
    text = "system:\n  order:\n    prepare: [cobo, [mutant, mutant-slave]]\n"
    table = loaded(ONE + text).of(SYSTEM)[""].table()
    assert table.rows["prepare"].order == (frozenset({C}), frozenset({M, S}))
    assert table.rows["start"].order == tuple(map(frozenset, ({C}, {S}, {M})))


@pytest.mark.parametrize(
    "order",
    [
        "[cobo, mutant]",
        "[cobo, cobo, mutant, mutant-slave]",
        "[all, mutant]",
        "cobo",
        "7",
    ],
)
def test_an_order_that_is_none_is_told_with_what_is_wanted(
    problems: Callable[[str], list[str]], order: str
) -> None:
    (problem,) = problems(f"{ONE}system:\n  order:\n    start: {order}\n")
    assert problem.startswith("7: system.order.start: ")
    assert "the three roles, each once, in their order" in problem


def test_a_step_that_does_not_exist_is_told(
    problems: Callable[[str], list[str]],
) -> None:
    (problem,) = problems(f"{ONE}system: {{order: {{strat: [cobo]}}}}\n")
    assert "did you mean 'start'?" in problem


@pytest.mark.parametrize(
    ("roles", "line", "most"),
    [
        (["mutant", "cobo", "mutant"], 6, "has at most 1: ecc.S0.role at"),
        (["mutant-slave"] * 3, 6, "has at most 2: ecc.S1.role at"),
    ],
)
def test_too_many_mutants_are_told_with_both_lines(
    problems: Callable[[str], list[str]], roles: list[str], line: int, most: str
) -> None:
    (problem,) = problems(servers(*roles))
    assert problem.startswith(f"{line}: ecc.S2.role: ")
    assert most in problem


def test_one_master_and_two_slaves_are_taken(
    loaded: Callable[[str], Experiment],
) -> None:
    text = servers("mutant", "mutant-slave", "mutant-slave", "cobo", "all", "all")
    assert len(loaded(text).of(ECC)) == 6
