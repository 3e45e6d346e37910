"""docs/instruments/formulas.md lists each function; its examples are as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from daqpv.instruments.formula import Calc, Calculated, Formula, inverse
from daqpv.instruments.formula import formula_conflicts as conflicts
from daqpv.instruments.formula.functions import CONSTANTS, FUNCTIONS
from daqpv.instruments.settings.instrument import InstrumentSettings

TEXT = (Path(__file__).parents[4] / "docs" / "instruments" / "formulas.md").read_text()


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    lines = re.findall(r"^\|(.*)\|$", section(title), re.MULTILINE)
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines[2:]
    ]


def forms() -> list[str]:
    return [
        form for row in rows("Functions") for form in re.findall(r"`(.*?)`", row[0])
    ]


def test_all_functions_and_no_others_are_listed() -> None:
    assert {form.partition("(")[0] for form in forms()} == set(FUNCTIONS)


@pytest.mark.parametrize("form", forms())
def test_functions_take_the_arguments_that_are_shown(form: str) -> None:
    if "(...)" in form:
        form = form.replace("...", "x, y, x")
    Formula(form.replace(", ...", ""))


def test_all_constants_are_named() -> None:
    assert all(f"`{name}`" in section("Names") for name in CONSTANTS)


@pytest.mark.parametrize(("form", "given", "result"), rows("Examples"))
def test_examples_give_what_is_shown(form: str, given: str, result: str) -> None:
    pairs = re.findall(r"([^=\s][^=]*?) = (\[.*?\]|[^,]+)(?:, |$)", given)
    values = {name: Formula(value)({}) for name, value in pairs}
    found = Formula(form.strip("`"), names=values, foreign=True)(values)
    shown = f"{found:.6g}" if "." in result and len(result) > 5 else repr(found)
    assert shown == result


def blocks() -> Iterator[dict[str, Any]]:
    for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL):
        yield YAML(typ="safe").load(text)["instruments"]


def test_instruments_shown_are_good_settings() -> None:
    for block in blocks():
        sections = {n: InstrumentSettings.model_validate(s) for n, s in block.items()}
        channels = {name: one.channels for name, one in sections.items()}
        calcs = {n: {k: c.calc for k, c in cs.items()} for n, cs in channels.items()}
        assert list(conflicts(calcs)) == []
        for name, keys in calcs.items():
            given = {k: Calc(calc) for k, calc in keys.items() if calc}
            Calculated(name, given, channels=keys)
        for channel in (c for cs in channels.values() for c in cs.values()):
            for text in filter(None, (channel.scale, channel.unscale)):
                formula = Formula(text, names={"value"})
                assert inverse(formula) or "**" in text or "sqrt" in text
        for group in (g for one in sections.values() for g in one.groups.values()):
            assert group.check
            Formula(group.check, names=group.channels)


@pytest.mark.parametrize(
    "text", ["1 ^ 2", "a && b", "a || b", "!a", "a # b", "a ? b : c"]
)
def test_what_is_not_as_in_calc_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is written"):
        Formula(text)
