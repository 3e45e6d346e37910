from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from daqpv.config import ConfigProblems, load, schema
from tests.support.plant import PUMPS, Kinds, Write

HEAD = "experiment: e\nprefix: 'A:'\n"


@pytest.fixture
def validator(kinds: Kinds) -> Any:
    made = json.loads(json.dumps(schema(kinds)))  # it travels as JSON
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(
        made, format_checker=jsonschema.FormatChecker(["ipv4"])
    )


GOOD = """
version: 1
include: [a.yaml, b.yaml]
server: {slow_client: 30 s}
store: {spool: x}
defaults:
  pumps: {gas: argon, limits: {low: 1}}
  tanks:
pumps:
  A: {url: "http://a:80/x", fill: 20 GB, level: 3, period: 500 ms, desc: first}
  B: {url: "http://b", fill: 5, gas: helium, lines: [{tank: t, valve: 3}], file: x}
  C: {url: "${URL}", gas: "${GAS}", enable: "${ON}", fill: "${FILL}", code: "${C}"}
tanks: {t: {address: 10.0.0.1, port: 5}, u: {}, v: {port: "${PORT}"}}
plant: {owner: Kim}
"""


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_what_may_be_written_is_good(validator: Any) -> None:
    validator.validate(parsed(HEAD + GOOD))
    validator.validate(parsed(HEAD))
    validator.validate(parsed(HEAD + "tanks:\nserver:\nstore:\ndefaults:\ninclude: x"))


def test_what_the_schema_takes_without_variables_is_loaded(
    validator: Any, write: Write, kinds: Kinds
) -> None:
    text = "\n".join(line for line in GOOD.splitlines() if "${" not in line)
    text = text.replace("include: [a.yaml, b.yaml]", "tanks: {t: {}}")
    validator.validate(parsed(HEAD + text))
    assert load(write(HEAD + text), kinds).of(PUMPS)["A"].fill == 20e9


@pytest.mark.parametrize(
    "text",
    [
        "pump: {}",
        "pumps: {p: {}}",
        "pumps: {p: {ulr: 'http://a'}}",
        "pumps: {p: {url: 'https://a'}}",
        "pumps: {p: {url: 'http://a', gas: neon}}",
        "pumps: {p: {url: 'http://a', fill: 5 kg}}",
        "pumps: {p: {url: 'http://a', period: 0.1}}",
        "pumps: {p: {url: 'http://a', period: -1}}",
        "pumps: {p: {url: 'http://a', code: A}}",
        "pumps: {p: {url: 'http://a', lines: [{tank: t}]}}",
        "pumps: {p: {url: 'http://a', lines: 5}}",
        "pumps: {p: {url: 'http://a', enable: 5}}",
        "pumps: {'1': {url: 'http://a'}}",
        "pumps: []",
        "tanks: {t: {port: 0}}",
        "tanks: {t: {port: x}}",
        "tanks: {t: {address: 300.0.0.1}}",
        f"tanks: {{t: {{desc: {'x' * 41}}}}}",
        "plant: {}",
        "version: 2",
        "server: {slow_client: 5 kg}",
        "defaults: {pump: {}}",
        "defaults: {pumps: {ulr: x}}",
        "defaults: {pumps: {gas: neon}}",
        "defaults: {plant: {owner: x}}",
    ],
)
def test_both_the_schema_and_load_refuse_what_is_wrong(
    validator: Any, write: Write, kinds: Kinds, text: str
) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(parsed(HEAD + text))
    with pytest.raises(ConfigProblems):
        load(write(HEAD + text), kinds)


@pytest.mark.parametrize("head", ["experiment: e", "prefix: 'A:'", "experiment: a/b"])
def test_experiment_and_prefix_are_required_and_judged(
    validator: Any, head: str
) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(parsed(head))


def test_what_docstrings_say_is_in_the_schema_for_the_editor_to_show(
    kinds: Kinds,
) -> None:
    made = schema(kinds)
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "disconnected" in json.dumps(made["$defs"]["ServerSettings"])
    assert made["$defs"]["PumpSettings"]["description"] == "A pump."
    period = made["$defs"]["PumpSettings"]["properties"]["period"]
    assert "s, min, h" in json.dumps(period)
