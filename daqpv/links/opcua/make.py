"""Makes the driver of an OPC UA server."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from pydantic import TypeAdapter, ValidationError

from daqpv.errors import ConfigError
from daqpv.instruments.driver import Driver
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.endpoint import Endpoint
from daqpv.links.opcua.options import NodePlace, OpcUaOptions

PORT = 4840


def make(name: str, settings: InstrumentSettings) -> Driver:
    """The driver of ``opc.tcp://HOST:4840``.

    Raises:
        ValueError: a setting cannot be used.
        ConfigError: asyncua is not installed.
    """
    if find_spec("asyncua") is None:
        raise ConfigError(
            f"{name}: OPC UA needs asyncua: pip install 'daqpv[opcua]' in daqpv's "
            "virtual environment"
        )
    connection = Connection.of(settings.connection or "", settings.options)
    options = connection.read(OpcUaOptions)
    host, port = connection.address("opc.tcp://HOST", port=PORT)
    endpoint = Endpoint(name, host, port)
    nodes = _nodes(settings)
    from daqpv.links.opcua.driver import OpcUaDriver, Points  # noqa: PLC0415
    from daqpv.links.opcua.session import Server  # noqa: PLC0415

    # what it has to say comes as errors; its log would flood that of daqpv
    logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
    server = Server(
        endpoint,
        f"opc.tcp://{endpoint.shown}{connection.path}",
        options,
        timeout=max(settings.timeout, 4.0),
    )
    types = {key: settings.channels[key].type for key in nodes}
    points = Points(nodes=nodes, types=types, period=settings.period)
    return OpcUaDriver(server, points, options)


def _nodes(settings: InstrumentSettings) -> dict[str, str]:
    """The node of each channel.

    Raises:
        ValueError: a channel has none.
    """
    found: dict[str, str] = {}
    place: TypeAdapter[str] = TypeAdapter(NodePlace)
    for key, channel in settings.channels.items():
        if not channel.is_read:
            continue
        if channel.at is None:
            raise ValueError(f"channels.{key}: at is missing: its node, ns=3;s=...")
        if channel.write and channel.write is not True:
            raise ValueError(f"channels.{key}: write: true is how a node is written")
        try:
            found[key] = place.validate_python(channel.at)
        except ValidationError as error:
            words = error.errors(include_url=False)[0]["msg"]
            raise ValueError(f"channels.{key}: at: {words}") from None
    return found
