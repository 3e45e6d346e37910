"""Where channels are in an OPC UA server, and the options of its address."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from daqpv.config import TIME, LocalPath, Model, wanted

_NODE = re.compile(
    r"(ns=\d{1,5};|nsu=[^;]+;)?"
    r"(i=\d{1,10}|s=.+|g=[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|b=[A-Za-z0-9+/]+=*)",
    re.DOTALL,
)


def _node(text: str) -> str:
    if not _NODE.fullmatch(text):
        raise wanted(
            "a node such as ns=3;s=Gauge.Pressure or ns=2;i=1001, or with the name of "
            "its namespace, nsu=http://lab/plc;s=Gauge.Pressure"
        )
    return text


NodePlace = Annotated[str, AfterValidator(_node)]
"""A node, as OPC UA writes it; ``nsu=`` names a namespace whose number may change."""


class OpcUaOptions(Model):
    """Options of ``opc.tcp://HOST:4840``."""

    user: str | None = None
    """Name of the user. Default: anonymous."""

    password: str | None = None
    """Password of the user: ``${OPC_PASSWORD}`` takes it from the environment."""

    security: (
        Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] | None
    ) = None
    """Security policy. Default: none, no encryption."""

    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    """With a security policy: whether messages are only signed."""

    certificate: LocalPath | None = None
    """File of our certificate, DER or PEM; the server must trust it."""

    key: LocalPath | None = None
    """File of its private key."""

    key_password: str | None = None
    """Password of the private key."""

    server_certificate: LocalPath | None = None
    """File of the server's certificate. Default: the one that it sends is believed."""

    sampling: Annotated[float, TIME.within(0.001, 86400)] | None = None
    """Time between two samples of the server [s]; those between two periods come
    together. Default: the period."""

    time: Literal["source", "server", "arrival"] = "source"
    """Whose clock the time of values is."""

    session: Annotated[float, TIME.within(10, 3600)] = 60.0
    """The server forgets us after so long without a message [s]."""

    requests: Annotated[int, Field(ge=1, le=10_000)] = 200
    """The most nodes in one request."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.security and not (self.certificate and self.key):
            raise wanted("certificate and key, for a connection with security")
        if self.password is not None and self.user is None:
            raise wanted("user, for a connection with a password")
        return self
