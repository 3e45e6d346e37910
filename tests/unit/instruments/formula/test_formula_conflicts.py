"""Wrong formulas and circles over all instruments of a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.config import Conflict
from daqpv.instruments.formula import formula_conflicts
from daqpv.instruments.formula.circles import Calcs, circles


def problems(calcs: Calcs) -> list[tuple[str, str]]:
    found = list(formula_conflicts(calcs))
    assert all(one.key[0] == "channels" and one.key[2] == "calc" for one in found)
    return [(f"{one.name}.{one.key[1]}", one.text) for one in found]


def test_good_formulas_have_no_conflicts() -> None:
    gas = {"p": None, "t": None, "n": "p / t", "q-1": "n * hv.v"}
    hv = {"v": None, "w": 'ch("gas.q-1") * v + pv("LAB:X")'}
    assert problems({"gas": gas, "hv": hv}) == []


def test_a_circle_across_two_instruments() -> None:
    conflicts = list(formula_conflicts({"a": {"x": "b.y"}, "b": {"y": "a.x"}}))
    text = "a.x needs b.y, which needs a.x: take one of them out of the circle"
    assert conflicts == [Conflict("a", ("channels", "x", "calc"), text)]


@pytest.mark.parametrize(
    ("calcs", "where", "what"),
    [
        ({"a": {"x": "x + 1"}}, "a.x", "x names itself"),
        ({"a": {"x": "a.x + 1"}}, "a.x", "x names itself"),
        ({"a": {"x": "y", "y": "z", "z": "x"}}, "a.x", "x needs y, which needs z"),
        ({"a": {"x": "b.z", "y": None}, "b": {"z": None, "w": "a.q"}}, "b.w", "'a.q'"),
        ({"a": {"x": "pressur"}, "b": {"pressure": None}}, "a.x", "'b.pressure'"),
        ({"a": {"x": "sqrt("}}, "a.x", "never closed"),
    ],
)
def test_conflicts_name_the_channel(calcs: Calcs, where: str, what: str) -> None:
    [(found, text)] = problems(calcs)
    assert found == where
    assert what in text


def test_two_circles_and_a_wrong_formula_are_all_found() -> None:
    a = {"x": "y", "y": "x", "u": "u", "v": "1 +"}
    assert [where for where, _ in problems({"a": a})] == ["a.v", "a.x", "a.u"]


def test_a_circle_by_way_of_a_pv_of_ours() -> None:
    calcs = {"a": {"x": 'pv("AT:b:y") + 1'}, "b": {"y": "a.x"}}
    assert list(formula_conflicts(calcs)) == []
    [conflict] = formula_conflicts(calcs, {"AT:b:y": ("b", "y")})
    assert "a.x needs b.y, which needs a.x" in conflict.text


places = st.tuples(st.sampled_from("ab"), st.sampled_from("uvwxyz"))


@given(st.dictionaries(places, st.lists(places, max_size=3)))
def test_circles_are_circles(
    needs: dict[tuple[str, str], list[tuple[str, str]]],
) -> None:
    found = list(circles(needs))
    for circle in found:
        for one, following in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert following in needs[one]
    left = {
        key: value for key, value in needs.items() if key not in {c[0] for c in found}
    }
    assert not list(circles(left))
