"""Measures CPU time of GetState over SOAP: the whole call, and its parts.

    python benchmarks/soap_cpu.py [--calls 5000]

The peer is another process that answers literal bytes and closes the connection, as a
GET ECC server does. The time is that of this process alone (user and system), per
call; the median of batches of 100 calls, and the quickest batch. What the kernel does
for the peer on loopback falls partly on the sender, so a call to another computer
costs less.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from daqpv.ecc import OperationAnswer
from daqpv.links.soap import xml as ecc_xml
from daqpv.links.soap.ecc import EccSoapLink

BATCH = 100
DEADLINE = 3.0  # [s] of a call

BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" '
    b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    b'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:ecc="urn:ecc">'
    b"<SOAP-ENV:Body><ecc:ResponseState><ErrorCode>0</ErrorCode><ErrorMessage/>"
    b"<State>1</State><Transition>0</Transition></ecc:ResponseState>"
    b"</SOAP-ENV:Body></SOAP-ENV:Envelope>"
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: gSOAP/2.8\r\nX-Frame-Options: SAMEORIGIN\r\n"
    b"Content-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n"
) % len(BODY) + BODY


def answer_for_ever(port: Connection) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        port.send(server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            with connection:
                while not connection.recv(65536).endswith(b"Envelope>"):
                    pass
                connection.sendall(ANSWER)


async def measure(name: str, call: Callable[[], Awaitable[object]], calls: int) -> None:
    batches = []
    await call()
    for _ in range(max(1, calls // BATCH)):
        start = time.process_time()
        for _ in range(BATCH):
            await call()
        batches.append((time.process_time() - start) / BATCH * 1e3)
    median = statistics.median(batches)
    print(f"{name:34} median {median:.3f} ms   quickest {min(batches):.3f} ms")


async def stall(body: bytes) -> float:
    """Longest time that the event loop is blocked while a long answer is read [s]."""
    loop = asyncio.get_running_loop()
    longest, last = 0.0, time.perf_counter()

    async def watch() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - last)
            last = time.perf_counter()

    watching = loop.create_task(watch())
    await asyncio.to_thread(ecc_xml.config_answer, "GetConfigIDs", body)
    watching.cancel()
    return longest


async def compare(port: int, calls: int) -> None:
    start = time.process_time()
    link = EccSoapLink("CoBo0", f"http://127.0.0.1:{port}/")
    first = (time.process_time() - start) * 1e3
    print(f"{'first link (reads the WSDL)':34} {first:.1f} ms")
    request = ecc_xml.request("GetState")

    async def streams() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await reader.read()
        writer.close()

    async def parse() -> OperationAnswer:  # not known by its bytes, as a state is
        return ecc_xml.operation_answer("GetState", BODY)

    known = await link.state(timeout=DEADLINE)

    async def poll() -> bool:
        return await link.state(timeout=DEADLINE) == known

    await measure("asyncio streams, nothing read", streams, calls)
    await measure("zeep reads an answer, no socket", parse, calls)
    await measure("GetState: sent, received, read", poll, calls)
    entry = "".join(
        f'&lt;SubConfigId type="{part}">name&lt;/SubConfigId>'
        for part in ("describe", "prepare", "configure")
    )
    entries = f"&lt;ConfigId>{entry}&lt;/ConfigId>" * 6000
    body = BODY.replace(b"ResponseState", b"ResponseText").replace(
        b"<State>1</State><Transition>0</Transition>",
        f"<Text>&lt;ConfigIdSet>{entries}&lt;/ConfigIdSet></Text>".encode(),
    )
    longest = await stall(body)
    print(f"{'loop held up by a list of 1 MB':34} {longest * 1e3:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=5000)
    calls = parser.parse_args().calls
    ours, theirs = multiprocessing.Pipe()
    peer = multiprocessing.get_context("spawn").Process(
        target=answer_for_ever, args=(theirs,), daemon=True
    )
    peer.start()
    try:
        asyncio.run(compare(ours.recv(), calls))
    finally:
        peer.terminate()
        peer.join()


if __name__ == "__main__":
    main()
