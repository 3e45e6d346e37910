"""What daqpv init writes of instruments: it loads, and so do its examples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from daqpv.app import App
from daqpv.config import Experiment, load
from daqpv.config.first_file import head
from daqpv.core import Events
from daqpv.instruments.driver.installed import schemes
from daqpv.instruments.section.first_section import FirstInstrument, first_section
from daqpv.instruments.settings import InstrumentSettings, library
from daqpv.iocs.instruments.instrument import KIND
from daqpv.iocs.log import KIND as LOG

CONNECTIONS = (
    "tcp://192.168.41.70:4001",
    "tcp-listen://0.0.0.0:4001",
    "udp://192.168.41.70:4001",
    "serial:///dev/ttyUSB0?baud=9600",
    "modbus-tcp://192.168.41.71?unit=2",
    "modbus-rtu:///dev/ttyUSB0?baud=9600",
    "modbus-rtu-tcp://192.168.41.71:4001",
    "snmp://192.168.41.72",
    "http://192.168.41.73/status",
    "https://192.168.41.73/status",
    "mqtt://192.168.41.74",
    "mqtts://192.168.41.74",
    "opc.tcp://192.168.41.75",
    "pv:",
    "ca:",
    "file:/data/gas_*.csv",
)
EXAMPLE = re.compile(r"^    # ((?:[a-z_]+:|  ).*)$", re.MULTILINE)


def written(*instruments: FirstInstrument) -> str:
    top = head(experiment="lab", prefix="LAB:", sample="LAB:x", defaults="ecc: {}")
    known = library(None)
    return top + first_section(instruments, prefix="LAB:", library=known)


def loaded(text: str, folder: Path) -> Experiment:
    path = folder / "lab.yaml"
    path.write_text(text)
    experiment = load(path, (KIND, LOG), {})
    App(experiment, (KIND, LOG), Events())
    return experiment


def instruments(text: str, folder: Path) -> Mapping[str, InstrumentSettings]:
    return loaded(text, folder).of(KIND)


def without_comments(text: str) -> str:
    """The text, with its examples in force."""
    before, line, after = text.partition("    # desc:")
    return before + EXAMPLE.sub(r"    \1", line + after)


def test_each_sort_of_connection_has_a_test_here() -> None:
    named = {one.partition(":")[0] for one in CONNECTIONS}
    assert set(schemes()) - {"visa"} <= named


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_a_section_to_fill_in_loads_as_it_is(connection: str, tmp_path: Path) -> None:
    one = FirstInstrument("gas", "", connection)
    (gas,) = instruments(written(one), tmp_path).values()
    assert gas.channels == {}
    if connection.startswith("file:"):
        assert gas.file == "/data/gas_*.csv"
    else:
        assert gas.connection == connection


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_its_examples_load_when_they_are_no_comments(
    connection: str, tmp_path: Path
) -> None:
    text = written(FirstInstrument("gas", "", connection))
    (gas,) = instruments(without_comments(text), tmp_path).values()
    assert gas.channels["pressure"].high == 900
    assert gas.desc == "What it measures"
    if not connection.startswith("file:"):
        assert gas.channels["setpoint"].is_settable


MODELS = sorted(library(None).files())


@pytest.mark.parametrize("model", MODELS)
def test_each_model_loads_with_and_without_the_examples(
    model: str, tmp_path: Path
) -> None:
    found = library(None).find(model)
    assert found is not None
    connection = found.facts.wiring.connections[0]
    text = written(FirstInstrument("vacuum", model, connection))
    assert found.facts.title.split()[0] in text
    instruments(text, tmp_path)
    (one,) = instruments(without_comments(text), tmp_path).values()
    assert one.desc == "What it measures"
    assert max(map(len, text.splitlines())) <= 100


def test_several_and_names_that_yaml_would_misread(tmp_path: Path) -> None:
    names = ("null", "True", "no", "on", "e1", "vacuum-2_b")
    some = [FirstInstrument(name, "", "tcp://10.0.0.1:1") for name in names]
    assert tuple(instruments(written(*some), tmp_path)) == names


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("v=tpg@tcp://h:1", ("v", "tpg", "tcp://h:1")),
        ("v=@tcp://h:1", ("v", "", "tcp://h:1")),
        ("v = tpg @ tcp://h:1", ("v", "tpg", "tcp://h:1")),
        ("v=@mqtt://u:p=w@h/x?a=b", ("v", "", "mqtt://u:p=w@h/x?a=b")),
    ],
)
def test_an_instrument_of_the_command_line(text: str, parts: tuple[str, ...]) -> None:
    assert FirstInstrument.of(text) == parts


@pytest.mark.parametrize("text", ["", "v", "v=tpg", "v=tpg@", "=tpg@tcp://h:1", "@"])
def test_what_is_no_instrument_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="wanted is NAME=MODEL@CONNECTION"):
        FirstInstrument.of(text)
