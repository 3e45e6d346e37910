"""Opens a serial port, and locks it; these calls may block."""

from __future__ import annotations

import errno
import fcntl
import os
import termios
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from daqpv.core.lines import one_line
from daqpv.errors import NotConnectedError
from daqpv.links.endpoint import reason
from daqpv.links.stream.options import SerialOptions

_CURES = {
    errno.ENOENT: "there is no such device. Is the adapter plugged in? See `ls -l "
    "/dev/serial/by-id`",
    errno.ENODEV: "there is no such device. Is the adapter plugged in?",
    errno.EACCES: "permission denied. Add the user to the group dialout, and log in "
    "again",
    errno.ENOTTY: "it is no serial port. Correct the path",
}
_MOST = 60  # characters of a command line


@dataclass(frozen=True, slots=True)
class Port:
    """An open serial port.

    Attributes:
        file: its file descriptor; it does not block.
    """

    file: int
    _serial: Any

    def close(self) -> None:
        """Close it; bytes that were not sent are dropped, which may block otherwise."""
        with suppress(OSError, termios.error):
            termios.tcflush(self.file, termios.TCIOFLUSH)
        with suppress(OSError):
            fcntl.ioctl(self.file, termios.TIOCNXCL)
        with suppress(OSError):
            self._serial.close()


def opened(path: str, options: SerialOptions) -> Port:
    """Open a port, so that no other process can use it.

    pyserial locks with flock, which others may ignore; TIOCEXCL has the kernel refuse
    them.

    Raises:
        NotConnectedError: it is not there, or another program has it.
    """
    import serial  # noqa: PLC0415 - most experiments have no serial line

    port = serial.Serial(exclusive=True, timeout=0, write_timeout=0)
    try:
        _set(port, path, options)
        port.open()
        file: int = port.fileno()
        _wait_for_bytes(file)
        if not os.path.realpath(path).startswith("/dev/pts/"):  # it would stay there
            fcntl.ioctl(file, termios.TIOCEXCL)
        termios.tcflush(file, termios.TCIFLUSH)
        os.set_blocking(file, False)
    except (OSError, ValueError, termios.error) as error:
        port.close()
        raise _refused(path, error) from error
    return Port(file, port)


def _set(port: Any, path: str, options: SerialOptions) -> None:
    port.port = path
    port.baudrate = options.baud
    port.bytesize = options.bits
    port.parity = options.parity
    port.stopbits = options.stop
    port.rtscts, port.xonxoff, port.dsrdtr = (
        options.rtscts,
        options.xonxoff,
        options.dsrdtr,
    )
    if options.dtr is not None:
        port.dtr = options.dtr
    if options.rts is not None:
        port.rts = options.rts


def _wait_for_bytes(file: int) -> None:
    """A read without bytes fails; pyserial's setting returns b"", as a hang-up does."""
    attributes = termios.tcgetattr(file)
    attributes[6][termios.VMIN] = 1
    termios.tcsetattr(file, termios.TCSANOW, attributes)


def _refused(path: str, error: Exception) -> NotConnectedError:
    number = getattr(error, "errno", None)
    if isinstance(error, termios.error):
        number = error.args[0]
    if number in {errno.EAGAIN, errno.EWOULDBLOCK, errno.EBUSY}:
        return NotConnectedError(
            f"{path}: another program uses this serial port{_holder(path)}. End "
            "it; `daqpv serve` lets go of it when State of the instrument is Stopped"
        )
    why = _CURES.get(number or 0) or f"{reason(error)}. Correct the options of the URL"
    return NotConnectedError(f"{path}: {why}")


def _holder(path: str) -> str:
    """The process that has locked a port, or has it open: ": process 12 (minicom)"."""
    process = _locker(path) or _user(path)
    if not process:
        return ""
    line = ""
    with suppress(psutil.Error):
        line = one_line(" ".join(psutil.Process(process).cmdline()))
    line = line if len(line) <= _MOST else f"...{line[-_MOST:]}"
    return f": process {process}{f' ({line})' if line else ''}"


def _locker(path: str) -> int:
    """The process that holds the lock; 0: not known."""
    with suppress(OSError, ValueError):
        inode = os.stat(path).st_ino
        with open("/proc/locks") as locks:
            for line in locks:
                words = line.split()
                if words[1] == "FLOCK" and words[5].split(":")[2] == str(inode):
                    return int(words[4])
    return 0


def _user(path: str) -> int:
    """A process that has the port open, of those that we may see; 0: not known."""
    device = os.path.realpath(path)
    for process in os.listdir("/proc"):
        with suppress(OSError):
            folder = f"/proc/{process}/fd"
            if not process.isdigit() or int(process) == os.getpid():
                continue
            links = (os.readlink(f"{folder}/{one}") for one in os.listdir(folder))
            if device in links:
                return int(process)
    return 0
