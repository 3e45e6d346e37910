"""What stands after ``?`` in the address of a Modbus device."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from daqpv.config import TIME, Model
from daqpv.instruments.modbus.place import Order
from daqpv.instruments.modbus.plan import MOST_BITS, MOST_REGISTERS


def _upper(given: object) -> object:
    """``even`` is E."""
    return given[:1].upper() if isinstance(given, str) else given


class ModbusOptions(Model):
    """Options of all Modbus devices."""

    order: Order = Order.BIG
    """Of bytes and registers: big (ABCD), little (DCBA), big-swap (BADC), little-swap
    (CDAB). A channel may have its own."""

    max_gap: Annotated[int, Field(ge=0, le=124)] = 0
    """So many addresses between two channels are read as well, if that saves a
    question. 0: none, since a device refuses a block with a hole."""

    max_registers: Annotated[int, Field(ge=1, le=MOST_REGISTERS)] = MOST_REGISTERS
    """The most registers that it gives at once."""

    max_bits: Annotated[int, Field(ge=1, le=MOST_BITS)] = MOST_BITS
    """The most coils or discrete inputs that it gives at once."""

    single: bool = True
    """False: one register or coil is written with function 16 or 15 as well."""


class TcpOptions(ModbusOptions):
    """Options of ``modbus-tcp://HOST:502``."""

    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Number of the unit behind a gateway; most other devices ignore it."""


class RtuOptions(ModbusOptions):
    """Options of ``modbus-rtu-tcp://HOST:PORT``."""

    unit: Annotated[int, Field(ge=1, le=247)] = 1
    """Number of the unit on the line."""

    silence: Annotated[float, TIME.within(0.01, 60)] = 0.5
    """After a time-out, nothing is sent until the line was silent for so long [s]."""


class SerialOptions(RtuOptions):
    """Options of ``modbus-rtu:///dev/ttyUSB0``."""

    baud: Annotated[int, Field(ge=50, le=4_000_000)] = 9600
    """Bits per second."""

    parity: Annotated[Literal["N", "E", "O"], BeforeValidator(_upper)] = "N"
    """None, even or odd."""

    stop: Annotated[int, Field(ge=1, le=2)] = 1
    """Stop bits."""
