"""An instrument takes from the description of its model what the file does not say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.config import ConfigProblems, Kind, load
from daqpv.instruments.descriptions import Library, completed, merged
from daqpv.instruments.descriptions.library import GROUP, OWN, of_distributions
from daqpv.instruments.descriptions.merge import MOST, entries, filled
from daqpv.instruments.section.section import InstrumentSection
from daqpv.instruments.settings import InstrumentSettings
from daqpv.instruments.settings.table import is_usable

HEAD = "experiment: e1\nprefix: 'T:'\n"
KIND: Kind[InstrumentSettings, Any] = Kind("instruments", InstrumentSettings, api=1)
OWN_MODELS = sorted(Library().files())

Load = Callable[[str], InstrumentSettings]
Wrong = Callable[[str], list[str]]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load an instrument A from the text of its keys; the file is in ``tmp_path``."""
    monkeypatch.chdir(tmp_path)

    def loaded(text: str) -> InstrumentSettings:
        keys = "".join(f"    {line}\n" for line in dedent(text).strip().splitlines())
        Path("e.yaml").write_text(f"{HEAD}instruments:\n  A:\n{keys}")
        settings = load("e.yaml", [KIND]).sections["instruments"]["A"]
        assert isinstance(settings, InstrumentSettings)
        return settings

    return loaded


@pytest.fixture
def wrong(loaded: Load) -> Wrong:
    """Load an instrument that is wrong; its keys begin in line 5."""

    def wrong(text: str) -> list[str]:
        with pytest.raises(ConfigProblems) as caught:
            loaded(text)
        return [str(problem) for problem in caught.value.problems]

    return wrong


def site_has(name: str, text: str) -> None:
    Path("descriptions").mkdir(exist_ok=True)
    Path(f"descriptions/{name}.yaml").write_text(dedent(text))


GAUGE = """\
title: A gauge of ours
vendor: we
models: {our-gauge-1: {tables: {gauges: {index: [1]}}}}
wiring: {connections: "tcp://ADDRESS:1"}
terminator: "\\r"
errors: {"E*": refused}
tables:
  gauges:
    index: [1-3]
    channels:
      "Gauge<n>": {units: mbar, ask: "PR<n>", answer: "{value:g}", display: [0, 1]}
    simulator:
      rules: [{ask: "PR<n>", answer: "1E-<n+3>"}]
channels:
  Unit: {type: text, ask: UNI, answer: "{value}"}
simulator:
  rules: [{ask: UNI, answer: mbar}]
"""


# -- what is taken


def test_an_instrument_takes_all_from_the_description(loaded: Load) -> None:
    site_has("our-gauge", GAUGE)
    found = loaded("model: our-gauge\nconnection: tcp://h:1")
    assert list(found.channels) == ["Gauge1", "Gauge2", "Gauge3", "Unit"]
    assert found.channels["Gauge2"].ask == "PR2"
    assert found.terminator == "\r"
    assert found.connection == "tcp://h:1"


def test_keys_of_the_file_add_to_a_channel_of_the_description(loaded: Load) -> None:
    site_has("our-gauge", GAUGE)
    found = loaded("""
        model: our-gauge
        channels:
          Gauge1: {name: Beamline, high: 1e-5, display: [0, 5]}
          Mine: {calc: "Gauge1 * 2"}
    """).channels
    assert found["Gauge1"].name == "Beamline"
    assert found["Gauge1"].high == 1e-5
    assert found["Gauge1"].display == (0, 5)
    assert found["Gauge1"].units == "mbar"
    assert found["Mine"].calc == "Gauge1 * 2"
    assert len(found) == 5


def test_a_further_name_of_a_model_has_its_own_keys(loaded: Load) -> None:
    site_has("our-gauge", GAUGE)
    found = loaded("model: our-gauge-1")
    assert list(found.channels) == ["Gauge1", "Unit"]


def test_the_file_can_replace_the_index_of_a_table(loaded: Load) -> None:
    site_has("our-gauge", GAUGE)
    found = loaded("model: our-gauge\ntables: {gauges: {index: [2, 7-8]}}")
    assert list(found.channels) == ["Gauge2", "Gauge7", "Gauge8", "Unit"]


def test_tables_work_without_a_description(loaded: Load) -> None:
    found = loaded("""
        connection: tcp://h:1
        tables:
          t: {index: [in, out], channels: {"T<n>": {ask: "T? <n>", answer: "{value}"}}}
        channels: {Tin: {units: degC}}
    """).channels
    assert {name: one.ask for name, one in found.items()} == {
        "Tin": "T? in",
        "Tout": "T? out",
    }
    assert found["Tin"].units == "degC"


def test_rules_of_tables_come_before_those_of_the_simulator(loaded: Load) -> None:
    site_has("our-gauge", GAUGE)
    simulator = loaded("model: our-gauge").simulator
    assert simulator is not None
    asks = [rule.ask for rule in simulator.rules]
    assert asks == ["PR1", "PR2", "PR3", "UNI"]
    assert simulator.rules[0].answer == "1E-4"


def test_channels_can_be_left_out(loaded: Load) -> None:
    site_has("our-gauge", GAUGE)
    found = loaded('model: our-gauge\nleave_out: ["Gauge[23]", Unit]')
    assert list(found.channels) == ["Gauge1"]


def test_what_fits_no_channel_cannot_be_left_out(wrong: Wrong, tmp_path: Path) -> None:
    site_has("our-gauge", GAUGE)
    assert wrong("model: our-gauge\nleave_out:\n  - Gauge1\n  - Gauge9") == [
        "e.yaml:8: instruments.A.leave_out[1]: 'Gauge9' is given; wanted is the name "
        "of a channel of the description; * fits any letters"
    ]


def test_lines_that_are_commented_out_remove_nothing(loaded: Load) -> None:
    site_has("our-gauge", GAUGE)
    found = loaded("model: our-gauge\nchannels:\n  Gauge1:\n  # high: 1\nerrors:")
    assert found.channels["Gauge1"].units == "mbar"
    assert found.errors == {"E*": "refused"}


def test_nothing_replaces_a_text_of_the_description(loaded: Load) -> None:
    site_has("our-gauge", GAUGE)
    assert loaded("model: our-gauge\nterminator: null").terminator is None


# -- what is reported, and where


def test_a_wrong_key_is_reported_at_its_line(wrong: Wrong) -> None:
    site_has("our-gauge", GAUGE)
    assert wrong("""
        model: our-gauge
        channels:
          Unit: {units: mbar}
          Gauge1:
            name: Beamline
            hihgh: 1e-5
        timout: 2 s
    """) == [
        "e.yaml:10: instruments.A.channels.Gauge1.hihgh: unknown key, did you mean "
        "'high'?",
        "e.yaml:11: instruments.A.timout: unknown key, did you mean 'timeout'?",
    ]


def test_a_wrong_value_is_reported_at_its_line(wrong: Wrong) -> None:
    site_has("our-gauge", GAUGE)
    assert wrong("model: our-gauge\nchannels:\n  Gauge1:\n    high: much") == [
        "e.yaml:8: instruments.A.channels.Gauge1.high: 'much' is given; wanted is a "
        "number"
    ]


def test_values_that_do_not_fit_together_are_reported_at_the_channel(
    wrong: Wrong,
) -> None:
    site_has("our-gauge", GAUGE.replace("display", "max: 5, display"))
    found = wrong("model: our-gauge\nchannels:\n  Gauge1: {min: 9}")
    assert found == ["e.yaml:7: instruments.A.channels.Gauge1: wanted is min below max"]


def test_an_unknown_model_is_reported_with_the_nearest(wrong: Wrong) -> None:
    assert wrong("model: pfeifer-tpg36x") == [
        "e.yaml:5: instruments.A.model: 'pfeifer-tpg36x' is given; wanted is a model "
        "that 'daqpv instrument list' shows, did you mean 'pfeiffer-tpg36x'?"
    ]


def test_a_model_that_is_no_text_is_reported(wrong: Wrong) -> None:
    found = wrong("model: {a: 1}\nconnection: tcp://h:1")
    assert found[0].startswith("e.yaml:5: instruments.A.model: a mapping is given")


def test_an_error_of_a_description_names_its_file_line_and_key(wrong: Wrong) -> None:
    site_has("our-gauge", GAUGE.replace("type: text", "type: test"))
    [found] = wrong("model: our-gauge")
    assert found.startswith("e.yaml:5: instruments.A.model: its description is wrong: ")
    assert (
        "descriptions/our-gauge.yaml:15: channels.Unit.type: 'test' is given" in found
    )


def test_an_error_in_a_template_is_reported_at_the_template(wrong: Wrong) -> None:
    site_has("our-gauge", GAUGE.replace("units:", "unts:"))
    [found] = wrong("model: our-gauge")
    assert "our-gauge.yaml:11: tables.gauges.channels.Gauge<n>.unts: unknown" in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("vendor: we\nwiring: {connections: x}", "bad.yaml:1: title: is missing"),
        ("title: [a", "bad.yaml:1: the list that begins here with '[' is not closed"),
        ("- a", "bad.yaml:1: is not a mapping"),
        (
            "title: a\nvendor: b\nwiring:\n  conections: x",
            "bad.yaml:4: wiring.conections: unknown key, did you mean 'connections'?",
        ),
        (
            "title: a\nvendor: b\nwiring: {connections: x}\nmodel: bad",
            "bad.yaml:4: model: a description has no model itself",
        ),
        ("title: ${HOME}", "bad.yaml:1: title: the environment variable HOME"),
        ("", "bad.yaml:1: is not a mapping"),
    ],
)
def test_a_description_that_cannot_be_read_is_reported(
    wrong: Wrong, text: str, problem: str
) -> None:
    site_has("bad", text)
    found = "\n".join(wrong("model: bad"))
    assert "e.yaml:5: instruments.A.model: its description is wrong" in found
    assert problem in found


def test_a_wrong_description_does_no_harm_to_those_who_do_not_use_it(
    loaded: Load,
) -> None:
    site_has("bad", "title: [")
    assert loaded("model: pfeiffer-tpg362").channels


def test_a_description_is_read_again_when_it_has_changed(loaded: Load) -> None:
    site_has("our-gauge", GAUGE)
    assert loaded("model: our-gauge").channels["Gauge1"].units == "mbar"
    site_has("our-gauge", GAUGE.replace("mbar", "hectopascal"))
    assert loaded("model: our-gauge").channels["Gauge1"].units == "hectopascal"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("{index: {a: 1}}", "wanted is an index of at most 4096 numbers and words"),
        ("{index: [0-9999]}", "wanted is an index of at most 4096 numbers and words"),
        ("{}", "tables.t.index: is missing"),
        (
            '{index: [a], channels: {"C<n+1>": {}}}',
            "wanted is an index of numbers, as <n+1> counts from them",
        ),
        ("{index: [1], channels: {C: {unts: V}}}", "channels.C.unts: unknown key"),
        ("5", "tables.t: 5 is given; wanted is a mapping"),
    ],
)
def test_a_wrong_table_is_reported(wrong: Wrong, table: str, problem: str) -> None:
    found = wrong(f"connection: tcp://h:1\ntables:\n  t: {table}")
    assert problem in found[0]
    assert found[0].startswith("e.yaml:7: instruments.A.tables.t")


def test_defaults_can_name_the_model(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(
        f"{HEAD}defaults: {{instruments: {{model: scpi-supply}}}}\n"
        "instruments: {A: {connection: 'tcp://h:1'}}\n"
    )
    settings = load(file, [KIND]).sections["instruments"]["A"]
    assert isinstance(settings, InstrumentSettings)
    assert settings.channels["Voltage"].units == "V"


# -- those of daqpv


@pytest.mark.parametrize("name", OWN_MODELS)
def test_descriptions_of_daqpv_are_without_errors(name: str) -> None:
    found = Library().find(name)
    assert found is not None
    assert not [str(one) for one in found.problems(InstrumentSettings)]
    assert found.facts.dangers
    for further in found.facts.models:
        settings = InstrumentSettings(model=further, connection="tcp://h:1")
        assert settings.simulator is not None


@pytest.mark.parametrize("name", OWN_MODELS)
def test_descriptions_of_daqpv_fit_their_drivers(name: str) -> None:
    found = Library().find(name)
    assert found is not None
    for url in found.facts.wiring.connections:
        connection = url.replace("ADDRESS", "192.168.1.5")
        keys = {"model": name, "connection": connection}
        settings = InstrumentSection.model_validate(keys)
        problems = InstrumentSection.conflicts({"A": settings})
        no_channels = "no connection and no channels"  # the file's are to come
        assert [one for one in problems if no_channels not in one.text] == []


def test_descriptions_do_not_share_names() -> None:
    found = list(Library().all(lambda error: pytest.fail(str(error))))
    names = [name for one in found for name in (one.name, *one.facts.models)]
    assert len(names) == len(set(names))
    assert {one.path.parent for one in found} == {OWN}


def test_a_crate_has_the_channels_of_its_index() -> None:
    settings = InstrumentSettings.model_validate(
        {"model": "wiener-mpod", "tables": {"outputs": {"index": ["100-107"]}}}
    )
    assert settings.channels["u107VoltageSet"].at == {
        "oid": "1.3.6.1.4.1.19947.1.3.2.1.10",
        "index": "108",
        "type": "float",
    }
    assert len([name for name in settings.channels if name.startswith("u")]) == 72


# -- those of other distributions


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A distribution with the package lab_gauges, which has the model our-gauge."""
    site = tmp_path / "site"
    info = site / "lab_gauges-0.1.dist-info"
    package = site / "lab_gauges"
    for folder in (info, package):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a\nVersion: 0.1\n")
    points = f"[{GROUP}]\nx = lab_gauges\ny = not_there\nz = not_there.at.all\n"
    (info / "entry_points.txt").write_text(points)
    (package / "__init__.py").write_text("raise AssertionError('its code has run')")
    (package / "our-gauge.yaml").write_text(GAUGE)
    (package / "scpi-supply.yaml").write_text("title: [")
    monkeypatch.syspath_prepend(site)
    of_distributions.cache_clear()
    yield package
    of_distributions.cache_clear()


def test_a_package_with_descriptions_can_be_installed(
    installed: Path, loaded: Load
) -> None:
    assert loaded("model: our-gauge").channels["Gauge1"].units == "mbar"
    assert loaded("model: our-gauge-1").channels.keys() == {"Gauge1", "Unit"}
    assert loaded("model: scpi-supply").channels["Voltage"].units == "V"  # ours first


def test_descriptions_of_the_site_come_first(installed: Path, loaded: Load) -> None:
    site_has("our-gauge", GAUGE.replace("mbar", "Pa"))
    site_has("scpi-supply", GAUGE)
    assert loaded("model: our-gauge").channels["Gauge1"].units == "Pa"
    assert loaded("model: scpi-supply").channels["Gauge1"].units == "mbar"


# -- merging

values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_a_value_merged_with_itself_is_the_same(value: Any) -> None:
    assert merged(value, value) == value


@given(values, values, values)
def test_merging_is_associative_for_mappings(a: Any, b: Any, c: Any) -> None:
    one, two, three = {"k": a}, {"k": b}, {"k": c}
    whole = merged(one, merged(two, three))
    assert merged(one, {}) == one
    if isinstance(a, dict) and isinstance(b, dict) and isinstance(c, dict):
        assert whole["k"].keys() == a.keys() | b.keys() | c.keys()


@given(st.dictionaries(st.sampled_from(["tables", "channels", "leave_out"]), values))
def test_wrong_settings_pass_unharmed_to_the_model(settings: dict[str, Any]) -> None:
    completed(settings, is_usable)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_range_has_its_first_and_last(first: int, last: int) -> None:
    found = entries([f"{first}-{last}"])
    assert found == tuple(range(first, last + 1))


def test_an_index_has_an_end() -> None:
    with pytest.raises(ValueError, match="more than 4096"):
        entries([f"1-{MOST}", 0])


def test_templates_are_filled_in_keys_and_texts() -> None:
    template = {"u<n>": ["<n+1>", 5, {"a": "<n>-<n-1>"}], "n": "<m>"}
    assert filled(template, 7) == {"u7": ["8", 5, {"a": "7-6"}], "n": "<m>"}
