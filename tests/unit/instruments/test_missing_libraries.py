"""What is said when the library of a connection is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from daqpv.errors import ConfigError
from daqpv.instruments.driver import DriverKind
from daqpv.links.mqtt.kinds import MQTT
from daqpv.links.snmp.kinds import SNMP
from tests.support.drivers import driver, instrument

BROKER, V3 = "daqpv.links.mqtt.broker", "daqpv.links.snmp.v3"


@pytest.mark.parametrize(
    ("kind", "query", "library", "module"),
    [(MQTT, "", "aiomqtt", BROKER), (SNMP, "version=3&user=a", "pysnmp", V3)],
)
def test_a_library_that_is_not_installed_is_named(
    kind: DriverKind,
    query: str,
    library: str,
    module: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, module, raising=False)
    for name in [one for one in sys.modules if one.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match="pip install") as error:
        driver(kind, instrument(f"{kind.scheme}://h?{query}", {}))
    assert f"daqpv[{kind.scheme}]" in str(error.value)
    assert library in str(error.value)


def test_the_kinds_load_no_library() -> None:
    """They are loaded at each start, whatever the file has."""

    script = (
        "import sys\n"
        "import daqpv.links.snmp.kinds, daqpv.links.mqtt.kinds\n"
        "import daqpv.links.http.kinds, daqpv.links.ca.kinds\n"
        "heavy = {'pysnmp', 'aiomqtt', 'paho', 'jsonpath', 'numpy', 'epics'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
