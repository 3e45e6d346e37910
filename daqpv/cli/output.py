"""Standard output and error without a buffer: nothing is left to write at the end.

Python's own streams have a buffer. If the reader of a pipe has gone, or the disk is
full, its rest fails while Python ends (exit code 120). A thread that waits for a
stopped terminal holds the buffer's lock, and Python aborts at its end.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, Any

import click

from daqpv.cli.lazy import LazyGroup
from daqpv.errors import INSTALL_AGAIN, ConfigError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_NOBODY_READS = (errno.EPIPE, errno.EIO)  # of a pipe, of a terminal


class OutputError(OSError):
    """Standard output cannot be written.

    It has no errno of its own: click ends silently for EPIPE.

    Attributes:
        nobody_reads: the reader of the pipe, or the terminal, has gone.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"Standard output: {error.strerror}")
        self.nobody_reads = error.errno in _NOBODY_READS


class _Raw(io.RawIOBase):
    """Writes all at once to a file descriptor, which stays open."""

    def __init__(self, number: int) -> None:
        self.name = self._number = number  # as of io.FileIO

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            try:
                rest = rest[os.write(self._number, rest) :]
            except BlockingIOError:  # set by another process of this terminal
                select.select([], [self._number], [])
            except OSError as error:
                self._failed(error)
                break
        return size

    def _failed(self, error: OSError) -> None:
        raise OutputError(error) from error


class _Error(_Raw):
    """Standard error: its own failures cannot be reported."""

    def _failed(self, error: OSError) -> None:
        pass


def unbuffer() -> None:
    """Give this process standard output and error without a buffer, until its end.

    A closed stream becomes the null device: else the next file that is opened, such as
    the store's, would be standard output. Writing to it fails, as to a closed stream.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            mode = os.O_WRONLY if number == 2 else os.O_RDONLY
            os.set_inheritable(os.open(os.devnull, mode), True)
    sys.stdout = _text(_Raw(1), sys.stdout)
    sys.stderr = _text(_Error(2), sys.stderr)


def _text(raw: _Raw, before: io.TextIOBase | Any) -> io.TextIOWrapper:
    encoding = before.encoding if before else "utf-8"
    return io.TextIOWrapper(
        raw, encoding=encoding, errors="backslashreplace", write_through=True
    )


class Program(LazyGroup):
    """The whole program: handles the errors that all commands have in common."""

    def main(self, *args: Any, **more: Any) -> Any:
        """Run the command of the arguments, and exit.

        Exits with 1 and a sentence if standard output cannot be written.
        """
        if sys.stdout is sys.__stdout__:  # but not in a test that reads it
            unbuffer()
        try:
            return super().main(*args, **more)
        except OutputError as error:
            print(error, file=sys.stderr)
            sys.exit(1)
        except ModuleNotFoundError as error:
            print(f"{error}. {INSTALL_AGAIN}", file=sys.stderr)
            sys.exit(1)

    def other_command(self, name: str) -> click.Command | None:
        """A command that an installed kind of device adds.

        Exits with 2 if it cannot be imported.
        """
        from daqpv.cli.of_kinds import command_of_kinds  # noqa: PLC0415 - 0.2 s, seldom

        try:
            return command_of_kinds(name)
        except ConfigError as error:
            print(error, file=sys.stderr)
            sys.exit(2)
