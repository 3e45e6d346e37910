"""libca as loaded by pyepics, with callbacks that find their receivers by number.

libca calls back in its own threads, at any time. A Python object that is passed to a
callback must be kept alive; here a number is passed instead, and the receiver is found
by it if it still exists.

EPICS settings come from the standard EPICS_CA_* variables.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
from collections.abc import Callable
from ctypes import c_char, c_int, c_long, c_uint, c_ulong, c_void_p
from pathlib import Path
from typing import Any

# libca starts caRepeater from there: ours, if there is no other. It is not a script of
# the distribution: that would replace the one of an EPICS base in the same environment
os.environ["PATH"] = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), str(Path(__file__).with_name("bin"))]
)
os.environ["DAQPV_PYTHON"] = sys.executable

from epics import ca, dbr

from daqpv.errors import OperationError, RefusedError

STRING_SIZE = 40  # bytes of a DBR_STRING, with its final zero

# Status codes of caerr.h that pyepics does not name
DISCONNECTED = 24 << 3
UNRESPONSIVE = 60 << 3
LOST = frozenset({DISCONNECTED, UNRESPONSIVE})
"""The status of a callback that is caused by a disconnect."""

_numbers = itertools.count(1)
_receivers: dict[int, Callable[[Any], None]] = {}


class _Event(ctypes.Structure):
    """struct event_handler_args of cadef.h, with the user argument as a number."""

    _fields_ = (
        ("number", c_void_p),
        ("chid", c_void_p),
        ("type", c_long),
        ("count", c_long),
        ("data", c_void_p),
        ("status", c_int),
    )


def _on_event(event: Any) -> None:
    if (receive := _receivers.get(event.number)) is not None:
        receive(event)


def _on_connection(event: Any) -> None:
    number = ca.libca.ca_puser(event.chid)
    if (receive := _receivers.get(number)) is not None:
        receive(event.op == dbr.OP_CONN_UP)


_EVENT = dbr.make_callback(_on_event, _Event)
_CONNECTION = dbr.make_callback(_on_connection, dbr.connection_args)


def load() -> Any:
    """Load the library, with the one context that all our threads share.

    Returns:
        The shared object, its functions with their types.
    """
    ca.use_initial_context()
    library = ca.libca
    library.ca_puser.restype = c_void_p
    for function in (library.ca_puser, library.ca_clear_channel):
        function.argtypes = [dbr.chid_t]
    return library


def receiver(receive: Callable[[Any], None]) -> int:
    """Register `receive`; return the number by which libca's callbacks find it."""
    number = next(_numbers)
    _receivers[number] = receive
    return number


def forget(number: int) -> None:
    """Unregister `number`: later callbacks with it have no effect."""
    _receivers.pop(number, None)


def create_channel(name: str, number: int) -> Any:
    """Open a channel; receiver `number` gets True and False as it comes and goes."""
    chid = dbr.chid_t()
    status = load().ca_create_channel(
        ctypes.c_char_p(name.encode()),
        _CONNECTION,
        c_void_p(number),
        c_uint(0),
        ctypes.byref(chid),
    )
    check(name, status)
    return chid


def subscribe(name: str, chid: Any, form: int, count: int, number: int) -> None:
    """Monitor values and alarms as the DBR type `form`, on every connection."""
    status = ca.libca.ca_create_subscription(
        c_long(form),
        c_ulong(count),
        chid,
        c_long(dbr.DBE_VALUE | dbr.DBE_ALARM),
        _EVENT,
        c_void_p(number),
        None,
    )
    check(name, status)


def flush() -> None:
    """Send pending requests: libca delays those to connected channels."""
    ca.libca.ca_flush_io()


def clear_channel(chid: Any) -> None:
    """Close a channel and its monitors; when this returns, no callback runs."""
    if ca.libca is not None and hasattr(ca.libca, "ca_clear_channel"):
        ca.libca.ca_clear_channel(chid)


def get(name: str, chid: Any, form: int, count: int, number: int) -> None:
    """Request the value as the DBR type `form`; receiver `number` gets it, once.

    Raises:
        OperationError: libca did not send the request.
    """
    status = ca.libca.ca_array_get_callback(
        c_long(form), c_ulong(count), chid, _EVENT, c_void_p(number)
    )
    flush()
    check(name, status)


def put(name: str, chid: Any, data: tuple[int, int, Any], number: int) -> None:
    """Put DBR type, count and buffer; receiver `number` gets the result, once.

    Raises:
        OperationError: libca did not send the request.
    """
    form, count, buffer = data
    status = ca.libca.ca_array_put_callback(
        c_long(form), c_ulong(count), chid, buffer, _EVENT, c_void_p(number)
    )
    flush()
    check(name, status)


def check(name: str, status: int) -> None:
    """Raise an error for a bad status.

    Raises:
        OperationError: the status is not ECA_NORMAL.
    """
    if status != dbr.ECA_NORMAL:
        raise OperationError(f"{name}: {message(status)}")


def message(status: int) -> str:
    """The text of a status."""
    return str(ca.message(status))


def encode(name: str, chid: Any, text: str) -> tuple[int, int, Any]:
    """DBR type, count and buffer of `text`: characters for a long string.

    Raises:
        RefusedError: it is too long for that PV.
    """
    data = text.encode() + b"\0"
    if is_long_string(chid):
        return dbr.CHAR, len(data), (c_char * len(data)).from_buffer_copy(data)
    if len(data) > STRING_SIZE:
        raise RefusedError(f"{name} takes at most {STRING_SIZE - 1} bytes: {text!r}")
    padded = data.ljust(STRING_SIZE, b"\0")
    return dbr.STRING, 1, (c_char * STRING_SIZE).from_buffer_copy(padded)


def text(data: bytes) -> str:
    """The text before the final zero, UTF-8."""
    return data.partition(b"\0")[0].decode(errors="replace")


def nature(chid: Any) -> tuple[int, int]:
    """Native DBR type and maximum count of a connected channel."""
    library = ca.libca
    return library.ca_field_type(chid), library.ca_element_count(chid)


def is_writable(chid: Any) -> bool:
    """Whether this client has write access to a connected channel."""
    return bool(ca.libca.ca_write_access(chid))


def is_long_string(chid: Any) -> bool:
    """Whether a connected channel is an array of characters."""
    form, count = nature(chid)
    return form == dbr.CHAR and count > 1
