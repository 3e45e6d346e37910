"""``daqpv simulate`` with instruments; ``daqpv instrument try`` reads them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import daqpv
from tests.support.waiting import until

FILE = """\
experiment: e1
prefix: "T:"
store: none
instruments:
  gauges: {model: pfeiffer-tpg362, connection: "tcp://192.168.1.5:8000"}
  line: {model: pfeiffer-tpg361, connection: "serial:///dev/ttyUSB9?baud=9600"}
  psu: {model: scpi-supply, connection: "udp://192.168.1.6:5025"}
  crate:
    model: wiener-mpod
    connection: "snmp://192.168.1.7?community=public&write=guru"
    tables: {outputs: {index: [0, 100]}}
  board:
    model: arduino-lines
    connection: serial:///dev/ttyACM9
    settle_time: 0.1
    channels: {T1: {units: degC}, T2: {units: degC}}
  own:
    connection: tcp://192.168.1.8:1
    read: {ask: "R?", answer: "{p:g},{t:g}"}
    channels: {p: {units: mbar, low: 1, high: 5}, t: {units: degC, display: [0, 40]}}
  plc:
    connection: modbus-tcp://192.168.1.9
    channels: {level: {at: {holding: 3}, display: [0, 100]}}
  logger:
    file: /data/*.csv
    columns: {time: unix}
    channels: {t: {low: 10, high: 20}}
  away: {connection: "mqtt://broker.lab", channels: {x: {at: a/b}}}
"""
READ = ("gauges", "line", "psu", "crate", "board", "own", "plc", "logger")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The copy of the file with the addresses of the simulators, which run."""
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "lab.yaml").write_text(FILE)
    output = (folder / "output").open("w+")
    command = [sys.executable, "-m", "daqpv", "simulate", "lab.yaml"]
    with subprocess.Popen(
        [*command, "--local", "local.yaml"],
        cwd=folder,
        stdout=output,
        stderr=subprocess.STDOUT,
    ) as simulators:
        try:
            read = (folder / "output").read_text
            until(lambda: "ready: " in read(), read)
            yield folder / "local.yaml"
        finally:
            simulators.terminate()
    output.close()
    assert simulators.returncode == 0, (folder / "output").read_text()


@pytest.mark.parametrize("name", READ)
def test_a_simulated_instrument_is_read(name: str, local: Path) -> None:
    done = daqpv("instrument", "try", str(local), name, "--once")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "1 good answer" in done.stdout or "good answers, 0 problems" in done.stdout


def test_what_cannot_be_simulated_is_disabled(local: Path) -> None:
    text = local.read_text()
    assert "enable: false" in text.partition("  away:")[2]
    assert "192.168.1.5" not in text
    assert daqpv("check", str(local)).exit_code == 0
