"""Gets and puts of any PV over Channel Access, from a thread without an event loop.

EPICS settings come from the standard EPICS_CA_* variables.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from daqpv.errors import (
    NoAnswerError,
    NotConnectedError,
    RefusedError,
)
from daqpv.links.ca import libca

from epics import ca, dbr  # isort: skip

CONNECTION_TIMEOUT = 5.0  # [s]
NOT_FOUND = (
    "Is daqpv serving? Do EPICS_CA_ADDR_LIST and EPICS_CA_SERVER_PORT point at it?"
)
"""The cure for a PV that was not found."""


def _channel(name: str, timeout: float = CONNECTION_TIMEOUT) -> Any:
    chid = ca.create_channel(name)
    if not ca.connect_channel(chid, timeout=timeout):
        raise NotConnectedError(f"{name}: no such PV within {timeout:g} s. {NOT_FOUND}")
    return chid


def get(name: str, *, timeout: float = CONNECTION_TIMEOUT) -> str:
    """Read a PV as text: the label of an enum, the complete long string.

    Args:
        name: of the PV.
        timeout: for the connection, and again for the value [s].

    Raises:
        NotConnectedError: no such PV.
        NoAnswerError: its server does not answer.
    """
    chid = _channel(name, timeout)
    long = libca.is_long_string(chid)
    form = None if long else dbr.STRING
    value = ca.get(chid, ftype=form, timeout=timeout)
    if value is None:
        raise NoAnswerError(f"{name}: no answer to a get", timed_out=True)
    if not long:
        return str(value)
    # pyepics would take each byte for a character
    data: bytes = np.atleast_1d(value).astype(np.uint8).tobytes()
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def labels(name: str) -> tuple[str, ...]:
    """The texts of an enum, by index; empty for other types.

    Raises:
        NotConnectedError: no such PV.
    """
    chid = _channel(name)
    if ca.field_type(chid) != dbr.ENUM:
        return ()
    return tuple(map(str, ca.get_enum_strings(chid) or ()))


def put(name: str, text: str, *, timeout: float) -> None:
    """Write `text` to a PV and wait for the completion of the put.

    The server converts the text: a label, a number, or a long string. pyepics' own put
    reports a failed callback as a success; this function does not.

    Args:
        name: of the PV.
        text: the value.
        timeout: for the completion [s].

    Raises:
        NotConnectedError: no such PV.
        RefusedError: no write access, or the text is too long for the PV; nothing
            was sent.
        OperationError: the server refused the put, or it failed.
        NoAnswerError: not completed within `timeout`, or the server disconnected; its
            action goes on.
    """
    chid = _channel(name)
    _put(name, chid, libca.encode(name, chid, text), timeout=timeout)


def put_elements(name: str, form: int, elements: Any, *, timeout: float) -> None:
    """Write a ctypes array of the DBR type `form` to a PV; otherwise as `put`.

    Raises:
        NotConnectedError, RefusedError, OperationError, NoAnswerError: as `put`.
    """
    _put(name, _channel(name), (form, len(elements), elements), timeout=timeout)


def _put(name: str, chid: Any, data: tuple[int, int, Any], *, timeout: float) -> None:
    if not ca.write_access(chid):
        raise RefusedError(f"{name} is read only, at least for you")
    ended = threading.Event()
    result = [dbr.ECA_NORMAL]

    def end(event: Any) -> None:
        result[0] = event.status
        ended.set()

    number = libca.receiver(end)
    try:
        libca.put(name, chid, data, number)
        if not ended.wait(timeout):
            raise NoAnswerError(
                f"{name}: not done within {timeout:g} s; it goes on", timed_out=True
            )
    finally:
        libca.forget(number)
    if result[0] in libca.LOST:
        gone = f"{name}: the server went away; what it had begun may go on"
        raise NoAnswerError(gone, timed_out=False)
    libca.check(name, result[0])
