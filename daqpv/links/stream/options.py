"""Options of connections that carry lines: what stands after ``?`` in the URL."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from daqpv.config import TIME, Model, wanted


class TcpOptions(Model):
    """Of ``tcp://HOST:PORT``."""

    shared: bool = False
    """Other instruments have the same address: a converter of one serial line. They
    share the connection, and take turns."""

    connect_timeout: Annotated[float, TIME.within(0.05, 120)] = 5.0
    """Longest time for the connection [s]."""


class UdpOptions(Model):
    """Of ``udp://HOST:PORT``."""

    local: Annotated[int, Field(ge=0, le=65535)] = 0
    """Our own port, for instruments that send to a certain one. 0: any."""


def _upper(given: object) -> object:
    return given[:1].upper() if isinstance(given, str) else given


def _stop(given: float) -> float:
    if given not in {1, 1.5, 2}:
        raise wanted("1, 1.5 or 2")
    return given


Parity = Annotated[Literal["N", "E", "O", "M", "S"], BeforeValidator(_upper)]


class SerialOptions(Model):
    """Of ``serial:///dev/ttyUSB0``."""

    baud: Annotated[int, Field(ge=50, le=10_000_000)] = 9600
    """Bits per second."""

    bits: Annotated[int, Field(ge=5, le=8)] = 8
    """Of a character: 5 to 8."""

    parity: Parity = "N"
    """N (none), E (even), O (odd), M (mark) or S (space)."""

    stop: Annotated[float, AfterValidator(_stop)] = 1
    """Stop bits: 1, 1.5 or 2."""

    rtscts: bool = False
    """Flow control by the lines RTS and CTS."""

    xonxoff: bool = False
    """Flow control by characters."""

    dsrdtr: bool = False
    """Flow control by the lines DSR and DTR."""

    dtr: bool | None = None
    """The line DTR. Default: on; ``no`` keeps many Arduinos from restarting."""

    rts: bool | None = None
    """The line RTS. Default: on."""

    @property
    def character_time(self) -> float:
        """Time of one character [s]."""
        parity = 0 if self.parity == "N" else 1
        return (1 + self.bits + parity + self.stop) / self.baud


class VisaOptions(Model):
    """Of ``visa://RESOURCE``."""

    backend: str = "@py"
    """Of pyvisa: ``@py``, ``@ivi`` (a library of the vendor), or the path of one."""
