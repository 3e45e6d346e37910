"""Field types for network addresses: host, port, IPv4, http URL, ssh target."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from daqpv.config.fields import read_by, wanted

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_SSH = re.compile(
    r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?(?P<host>[^@:\s]+)(?::(?P<port>\d{1,5}))?"
)


def host(text: str) -> str:
    """Check a host name or an IPv4 address.

    Raises:
        ValueError: it is neither; 10.0.0.256 is not taken for a name.
    """
    if re.fullmatch(r"[\d.]+", text):
        return str(ipaddress.IPv4Address(text))
    if len(text) > 253 or not _HOST.fullmatch(text):
        raise ValueError(text)
    return text


def port(number: int) -> int:
    """Check a TCP port.

    Raises:
        ValueError: it is not 1 to 65535.
    """
    if not 1 <= number <= 65535:
        raise ValueError(number)
    return number


def _port(value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,5}", str(value)):
        raise ValueError(value)
    return port(int(value))


def ipv4(text: str) -> str:
    """Check the IPv4 address of one computer.

    Raises:
        ValueError: it is not valid, or not the address of one computer.
    """
    address = ipaddress.IPv4Address(text)
    if address.is_unspecified or address.is_multicast:
        raise ValueError(text)
    return str(address)


def _ssh(text: str) -> str:
    found = _SSH.fullmatch(text)
    if not found:
        raise ValueError(text)
    host(found["host"])
    port(int(found["port"] or 22))
    return text


@dataclass(frozen=True, slots=True)
class Http:
    """Marks a text field that is a plain http URL; the field gets it with its port.

    Attributes:
        port: taken if the URL has none.
    """

    port: int = 80

    def read(self, text: str) -> str:
        """Return ``http://host:port/path``.

        Raises:
            PydanticCustomError: another scheme, an invalid host or port, a user, a
                query.
        """
        form = "http://host[:port][/path]"
        if not text.startswith("http://") or re.search(r"[\s?#\\]", text):
            raise wanted(f"{form}, without https, blanks and '?'")
        try:
            parts = urlsplit(text)
            name = host(parts.hostname or "")
        except ValueError:
            raise wanted(f"{form} with a host name or an IPv4 address") from None
        if "@" in parts.netloc:
            raise wanted(f"{form}, without user and password")
        try:
            number = port(self.port if parts.port is None else parts.port)
        except ValueError:
            raise wanted(f"{form} with a port from 1 to 65535") from None
        return f"http://{name}:{number}{parts.path or '/'}"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": r"^http://[^\s@?#\\]+$"}


Port = Annotated[
    int,
    Field(ge=1, le=65535),
    BeforeValidator(read_by(_port, "a port from 1 to 65535")),
]
"""A TCP port."""

IPv4 = Annotated[
    str,
    AfterValidator(read_by(ipv4, "an IPv4 address like 192.168.41.60")),
    Field(json_schema_extra={"format": "ipv4"}),
]
"""The IPv4 address of one computer."""

SshTarget = Annotated[
    str,
    AfterValidator(read_by(_ssh, "host, user@host or user@host:port")),
    Field(json_schema_extra={"pattern": "^([^@ ]+@)?[^@ ]+$"}),
]
"""Where to log in, as ssh takes it: host, user@host or user@host:port."""
