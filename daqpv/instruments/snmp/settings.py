"""Settings of SNMP: the options of a connection, and where a channel is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from daqpv.config import Model, read_by, wanted
from daqpv.instruments.snmp import ber
from daqpv.instruments.snmp.ber import Oid
from daqpv.instruments.snmp.values import Kind


class SnmpOptions(Model):
    """Options of ``snmp://HOST:161``."""

    version: Annotated[Literal["1", "2c", "3"], BeforeValidator(str)] = "2c"
    """Of the protocol: 1, 2c or 3. Version 1 spoils a whole request for one OID that
    is not there; use it for what has no other. 3 needs ``pip install 'daqpv[snmp]'``.
    """

    community: str = "public"
    """Of versions 1 and 2c, for reading."""

    write: str | None = None
    """The community for writing. Default: as for reading."""

    user: str = ""
    """Of version 3."""

    auth: str = ""
    """Password of the user for authentication, at least 8 characters; none: without."""

    auth_protocol: Literal["md5", "sha", "sha224", "sha256", "sha384", "sha512"] = "sha"
    """Of the authentication."""

    priv: str = ""
    """Password of the user for encryption, at least 8 characters; none: without."""

    priv_protocol: Literal["des", "3des", "aes", "aes192", "aes256"] = "aes"
    """Of the encryption."""

    context: str = ""
    """Name of the context of version 3; rarely needed."""

    most: Annotated[int, Field(ge=1, le=500)] = 32
    """So many objects are asked for in one request, at most."""

    rows: Annotated[int, Field(ge=1, le=500)] = 50
    """So many rows of a column are asked for in one GETBULK, at most."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.version != "3":
            return self
        if not self.user:
            raise wanted("user for version 3")
        if self.priv and not self.auth:
            raise wanted("auth besides priv: nothing is encrypted without it")
        if any(0 < len(key) < 8 for key in (self.auth, self.priv)):
            raise wanted("a password of 8 characters or more")
        return self


class SnmpType(StrEnum):
    """The type of an object, where that of the agent does not say enough."""

    INTEGER = "integer"
    GAUGE = "gauge"
    COUNTER = "counter"
    COUNTER64 = "counter64"
    TICKS = "ticks"  # hundredths of a second
    FLOAT = "float"  # within an Opaque
    DOUBLE = "double"  # the same
    TEXT = "text"
    BITS = "bits"  # as an integer: bit 0 of the BITS is bit 0 of it
    OID = "oid"
    IP = "ip"

    @property
    def kind(self) -> Kind:
        """Its type in messages."""
        return Kind.TEXT if self is SnmpType.BITS else Kind[self.name]


def _oid(text: str) -> str:
    ber.oid(text)
    return text


OidText = Annotated[
    str,
    AfterValidator(read_by(_oid, "an OID of numbers: 1.3.6.1.4.1.19947.1.1.2.0")),
]


class SnmpAt(Model):
    """Where a channel is in an agent."""

    oid: OidText
    """The object, or the column if there is an `index`."""

    index: Annotated[str | int | None, Field(union_mode="left_to_right")] = None
    """Added to `oid`: ``101``, ``3.1``."""

    type: SnmpType | None = None
    """Its type: integer, gauge, counter, counter64, ticks, float, double, text, bits,
    oid, ip. Default: as the agent sends it. BITS come as text or bytes, unless it is
    ``bits``: then bit 0 of the BITS is bit 0 of an integer."""

    bit: Annotated[int, Field(ge=0, le=1023)] | None = None
    """A bit of a BITS object, counted as the MIB does: 0 is the most significant of
    the first byte."""

    @property
    def encoded(self) -> Oid:
        """The OID with its index, as in messages."""
        return ber.oid(self.oid if self.index is None else f"{self.oid}.{self.index}")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            ber.numbers(self.encoded)
        except ValueError:
            raise wanted("an index of numbers with dots: 101, 3.1") from None
        return self


def _at(given: object) -> object:
    """``"1.3.6.1"`` is short for ``{oid: "1.3.6.1"}``."""
    return {"oid": given} if isinstance(given, str) else given


SnmpPlace = Annotated[SnmpAt, BeforeValidator(_at)]
