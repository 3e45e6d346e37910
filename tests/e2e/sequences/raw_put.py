"""Puts that no friendly client does: nobody waits for the end of them."""

from __future__ import annotations

import socket
import struct
from ctypes import c_char, c_long
from typing import Any

import epics
from epics import dbr

_DEADLINE = 30.0  # [s]
_STRING = 40  # bytes of a DBR_STRING
_HEADER = struct.Struct(">HHHHII")  # command, size, type, count, two parameters
_VERSION, _CREATE, _WRITE_NOTIFY, _ECHO = 0, 18, 19, 23


def connect(name: str) -> Any:
    """Find a PV; return its channel.

    libca refuses what is put to a channel that is not connected yet.
    """
    chid = epics.ca.create_channel(name)
    assert epics.ca.connect_channel(chid, timeout=_DEADLINE), f"{name} to connect"
    return chid


def put_only(name: str, text: str) -> None:
    """Put without callback, as DBR_STRING: what it starts goes on by itself."""
    chid = connect(name)
    data = (c_char * _STRING).from_buffer_copy(_string(text))
    put = epics.ca.libca.ca_array_put
    epics.ca.PySEVCHK("put", put(c_long(dbr.STRING), c_long(1), chid, data))
    epics.ca.flush_io()


def put_and_leave(port: int, name: str, text: str) -> None:
    """Put with callback over a connection that is cut when the put has begun."""
    with socket.create_connection(("127.0.0.1", port), _DEADLINE) as connection:
        connection.sendall(
            _message(_VERSION, 0, 0, count=13)
            + _message(_CREATE, 1, 13, name.encode() + b"\0")
        )
        sid = _answer(connection, _CREATE)
        connection.sendall(
            _message(_WRITE_NOTIFY, sid, 1, _string(text), count=1)
            + _message(_ECHO, 0, 0)
        )
        _answer(connection, _ECHO)
        reset = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)


def _string(text: str) -> bytes:
    return text.encode()[: _STRING - 1].ljust(_STRING, b"\0")


def _message(
    command: int, p1: int, p2: int, data: bytes = b"", count: int = 0
) -> bytes:
    data += bytes(-len(data) % 8)
    return _HEADER.pack(command, len(data), 0, count, p1, p2) + data


def _answer(connection: socket.socket, wanted: int) -> int:
    """Wait for the answer to a request; return its last parameter."""
    while True:
        head = connection.recv(_HEADER.size, socket.MSG_WAITALL)
        command, size, _, _, _, last = _HEADER.unpack(head)
        connection.recv(size, socket.MSG_WAITALL)
        if command == wanted:
            return int(last)
