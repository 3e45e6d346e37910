"""pymodbus as a device, in a process of its own: FRAMER PLACE.

FRAMER is socket or rtu, PLACE a port of loopback or a serial line. Units 1 to 3 have
holding registers 0 to 199 with the values 1000 * unit + address, but 100 does not
exist; input registers 0 to 49 with 7 * address; coils and discrete inputs 0 to 39, of
which every third is set.
"""

import asyncio
import sys

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def registers(first: int, values: list[int]) -> SimData:
    return SimData(first, values=values, datatype=DataType.REGISTERS)


def device(unit: int) -> SimDevice:
    held = [1000 * unit + n for n in range(200)]
    bits = SimData(0, values=[n % 3 == 0 for n in range(40)], datatype=DataType.BITS)
    inputs = registers(0, [7 * n for n in range(50)])
    return SimDevice(
        unit,
        (
            [bits],
            [bits],
            [registers(0, held[:100]), registers(101, held[101:])],
            [inputs],
        ),
    )


async def main(framer: str, place: str) -> None:
    units = [device(n) for n in (1, 2, 3)]
    kind = FramerType(framer)
    if place.startswith("/"):
        await ModbusSerialServer(units, framer=kind, port=place).serve_forever()
    else:
        address = ("127.0.0.1", int(place))
        await ModbusTcpServer(units, framer=kind, address=address).serve_forever()


asyncio.run(main(*sys.argv[1:]))
