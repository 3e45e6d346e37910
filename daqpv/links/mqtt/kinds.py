"""The sorts of connection ``mqtt://`` and ``mqtts://``."""

from __future__ import annotations

from urllib.parse import urlsplit

from daqpv.core import Site
from daqpv.errors import ConfigError
from daqpv.instruments.driver import Driver, DriverKind
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.mqtt.settings import MqttOptions, MqttPlace
from daqpv.links.places import places


def _make(name: str, settings: InstrumentSettings, site: Site) -> Driver:
    from daqpv.links.endpoint import Endpoint  # noqa: PLC0415 - only if there is one

    try:
        from daqpv.links.mqtt.broker import Broker  # noqa: PLC0415 - it is heavy
        from daqpv.links.mqtt.driver import MqttDriver  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"{name}: MQTT needs aiomqtt: pip install 'daqpv[mqtt]'"
        ) from error
    connection = Connection.of(settings.connection or "", settings.options)
    if "@" in urlsplit(connection.text).netloc:
        raise ValueError(f"{name}: user and password belong into `options`")
    is_safe = connection.scheme == "mqtts"
    kind = MQTTS if is_safe else MQTT
    host, port = connection.address(kind.address, port=8883 if is_safe else 1883)
    options = connection.read(MqttOptions)
    try:
        broker = Broker(
            Endpoint(name, host, port),
            host,
            options,
            is_safe=is_safe,
            timeout=settings.timeout,
        )
    except OSError as error:  # also SSLError
        raise ValueError(f"{name}: the file `ca` cannot be used: {error}") from error
    return MqttDriver(broker, options, settings, places(name, kind, settings))


def _kind(scheme: str, address: str) -> DriverKind:
    return DriverKind(
        scheme,
        _make,
        address=address,
        options=MqttOptions,
        at=MqttPlace,
        writes=True,
        extra="mqtt",
        library="aiomqtt",
    )


MQTT = _kind("mqtt", "mqtt://HOST:1883")
MQTTS = _kind("mqtts", "mqtts://HOST:8883")
