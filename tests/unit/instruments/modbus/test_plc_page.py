"""The examples of docs/instruments/plc.md can be used as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest

from daqpv.config import load
from daqpv.core import Site
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.settings import InstrumentSettings
from daqpv.iocs.instruments.instrument import KIND
from daqpv.links.modbus import kinds
from daqpv.links.opcua.kinds import OPC_UA
from tests.support.modbus import OneSite

PAGE = Path(__file__).parents[4] / "docs" / "instruments" / "plc.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
KINDS = {one.scheme: one for one in (kinds.TCP, kinds.RTU, kinds.RTU_TCP, OPC_UA)}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_makes_drivers(example: str, tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(f'experiment: lab\nprefix: "LAB:"\n{example}')
    environ = {"OPC_PASSWORD": "secret"}
    site = cast(Site, OneSite())
    instruments = load(file, [KIND], environ).sections["instruments"]
    for name, settings in instruments.items():
        assert isinstance(settings, InstrumentSettings)
        scheme = Connection.of(settings.connection or "").scheme
        assert KINDS[scheme].make(name, settings, site).who.startswith(name)
