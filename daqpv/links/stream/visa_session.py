"""One VISA session. All calls may block: they are made in a thread."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from threading import Lock
from typing import Any

from daqpv.errors import LinkError, NoAnswerError, NotConnectedError, sentence

_managers: dict[str, Any] = {}
_lock = Lock()

_CHUNK = 64 * 1024  # bytes
_SLOW = 5.0  # [s] for the connection


def _manager(backend: str) -> Any:
    """The resource manager of a backend; pyvisa has only one, which stays open.

    Whoever closes it ends the sessions of all instruments.
    """
    import pyvisa  # noqa: PLC0415 - most experiments have no VISA

    with _lock:
        if backend not in _managers:
            _managers[backend] = pyvisa.ResourceManager(backend)
        return _managers[backend]


class VisaSession:
    """A session with one instrument.

    Args:
        resource: ``TCPIP::192.168.1.5::INSTR``.
        backend: of pyvisa: ``@py``, ``@ivi`` or the path of a library.
        end: of what comes, where bytes have no other end; b"": none.
        is_suspect: a late answer may wait in the instrument; it is cleared.

    Raises:
        NotConnectedError: no connection.
    """

    def __init__(
        self, resource: str, backend: str, end: bytes, *, is_suspect: bool
    ) -> None:
        self._who = resource
        try:
            self._open(resource, backend, end)
            if is_suspect and self.has_end:
                with suppress(Exception):  # not all know it
                    self._session.clear()
        except LinkError:
            raise
        except Exception as error:
            raise self._not_connected(error) from error

    @property
    def has_end(self) -> bool:
        """Whether a message ends by itself, and not with a certain byte."""
        return self._has_end

    def write(self, data: bytes, timeout: float) -> None:
        """Send a message.

        Raises:
            NotConnectedError: the connection is gone.
        """
        self._set_timeout(timeout)
        try:
            self._session.write_raw(data)
        except Exception as error:
            raise self._not_connected(error) from error

    def read(self, timeout: float) -> bytes:
        """What comes; a whole message, if `has_end`.

        Raises:
            NoAnswerError: nothing, or no whole message, in `timeout` [s].
            NotConnectedError: the connection is gone.
        """
        import pyvisa  # noqa: PLC0415

        end = time.monotonic() + timeout
        self._wait(timeout)
        self._set_timeout(end - time.monotonic())
        try:
            return bytes(self._session.read_raw(_CHUNK))
        except pyvisa.errors.VisaIOError as error:
            if error.error_code == pyvisa.constants.StatusCode.error_timeout:
                raise self._late(timeout) from error
            raise self._not_connected(error) from error
        except Exception as error:
            raise self._not_connected(error) from error

    def drain(self) -> None:
        """Drop what has come, where that needs no command to the instrument."""
        if not self._has_end:
            with suppress(Exception):
                self._session.clear()

    def close(self) -> None:
        """Close the session, never the manager."""
        with suppress(Exception):
            self._session.close()

    def _open(self, resource: str, backend: str, end: bytes) -> None:
        manager = _manager(backend)
        self._session = manager.open_resource(resource, open_timeout=int(_SLOW * 1000))
        kind = str(self._session.resource_class)
        self._has_end = kind == "INSTR" and not resource.upper().startswith("ASRL")
        if not self._has_end and end:
            self._session.read_termination = end.decode("latin-1")
        connection = self._socket()
        if connection is not None:
            failure = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failure:  # pyvisa-py opens a port that refuses
                self.close()
                raise self._not_connected(ConnectionRefusedError("connection refused"))

    def _socket(self) -> socket.socket | None:
        """The socket of pyvisa-py's session; None: it has none, or another backend."""
        sessions = getattr(self._session.visalib, "sessions", {})
        inner = sessions.get(self._session.session)
        found = getattr(inner, "interface", None)
        return found if isinstance(found, socket.socket) else None

    def _wait(self, timeout: float) -> None:
        """Wait for a byte: pyvisa-py takes a closed connection for a slow one.

        It tries to read from it again and again without a pause.
        """
        connection = self._socket()
        if connection is None or self._has_pending():
            return
        if not select.select([connection], [], [], timeout)[0]:
            raise self._late(timeout)
        try:
            is_closed = not connection.recv(1, socket.MSG_PEEK)
        except OSError as error:
            raise self._not_connected(error) from error
        if is_closed:
            raise self._not_connected(ConnectionResetError("the other side has closed"))

    def _has_pending(self) -> bool:
        """Whether pyvisa-py holds bytes that were not asked for yet."""
        inner = self._session.visalib.sessions.get(self._session.session)
        return bool(getattr(inner, "_pending_buffer", b""))

    def _set_timeout(self, seconds: float) -> None:
        self._session.timeout = max(int(seconds * 1000), 1)

    def _late(self, timeout: float) -> NoAnswerError:
        return NoAnswerError(
            f"{self._who} has not answered in {timeout:g} s", timed_out=True
        )

    def _not_connected(self, error: Exception) -> NotConnectedError:
        return NotConnectedError(
            f"{self._who}: no connection by VISA: {sentence(error)} Is the instrument "
            "on, and is the resource right? See `pyvisa-info` for backends"
        )
