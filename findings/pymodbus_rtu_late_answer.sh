#!/usr/bin/env bash
# pymodbus 3.16.1, AsyncModbusTcpClient with FramerType.RTU (a serial line behind an
# Ethernet converter), seen on 2026-11-29.
#
# One answer that comes after its time-out is taken for the answer to the next request,
# though that asks for other registers. With retries=0 the first request raises; the
# client then opens a new connection only if nothing is left to read. Polls that follow
# back to back stay one answer behind: each gets the registers of the request before,
# and isError() is False. Frames of RTU have no number by which a client could tell.
#
# Output seen (register n holds n; the answer to the first request is late):
#     asked for register 0: ModbusIOException
#     asked for register 100: got 0
#     asked for register 200: got 100
#     asked for register 300: got 200
#
# So after a time-out on RTU a client has to keep silent for longer than the slowest
# answer, and to drop what comes meanwhile.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pymodbus==3.16.1
cat > late.py <<'PY'
import asyncio
import logging
import struct

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusTcpClient

logging.disable()
LATE = 0.7  # [s] of the first answer; the time-out of the client is 0.5


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


async def device(reader, writer):
    """A slow device on a line: it answers each request, in order."""
    delay = LATE
    while request := await reader.read(8):
        unit, function, register, count = struct.unpack(">BBHH", request[:6])
        await asyncio.sleep(delay)
        delay = 0.3
        data = struct.pack(f">{count}H", *range(register, register + count))
        answer = struct.pack(">BBB", unit, function, len(data)) + data
        writer.write(answer + crc(answer))
        await writer.drain()


async def main():
    server = await asyncio.start_server(device, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = AsyncModbusTcpClient(
        "127.0.0.1", port=port, framer=FramerType.RTU, timeout=0.5, retries=0
    )
    await client.connect()
    for register in (0, 100, 200, 300):
        try:
            answer = await client.read_holding_registers(register, count=1)
            got = "error" if answer.isError() else f"got {answer.registers[0]}"
        except ModbusException as error:
            got = type(error).__name__
        print(f"asked for register {register}: {got}")
    client.close()
    server.close()


asyncio.run(main())
PY
venv/bin/python late.py | tee seen
grep -qx 'asked for register 100: got 0' seen
grep -qx 'asked for register 200: got 100' seen
