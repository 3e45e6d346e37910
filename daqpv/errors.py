"""The errors of daqpv: one tree, so that callers catch by meaning.

::

    DaqError
    ├── ConfigError             the experiment file cannot be used as it is
    │   └── KindError           the code of an installed kind of device is wrong
    ├── ServeError              the PV server cannot start
    │   └── AlreadyServedError  another process serves our PVs
    ├── StoreError              the store is away, or cannot be used as it is
    ├── SimulatorError          a simulator cannot be started
    ├── LinkError               an exchange with the outside went wrong
    │   ├── NotConnectedError   no connection: nothing was sent
    │   ├── NoAnswerError       sent, and no (whole) answer came
    │   └── ProtocolError       an answer came that cannot be understood
    └── CommandError            a command of a device did not reach its end
        ├── RefusedError        nothing was sent
        │   └── BusyError       ... because another command runs
        ├── OperationError      the device refused or failed a step
        ├── AbortedError        another command or client ended it
        └── UnknownOutcomeError a step was sent; its outcome is not known

The text of an error is a sentence for the operator: it names the device, says what
is wrong, and what to do about it.
"""

from __future__ import annotations

import reprlib
from enum import IntEnum
from typing import ClassVar

from daqpv.cure import Cure

INSTALL_AGAIN = (
    "What is installed is not of this version of daqpv: after an update, run "
    "'make install' (or: pip install -e .)"
)
"""The cure when a part of daqpv, or a library that it needs, is missing."""


class ResultCode(IntEnum):
    """The kind of an error, for other processes and programs; the ResultCode PV.

    The numbers are kept from one version to the next.
    """

    NONE = 0
    REFUSED = 1
    BUSY = 2
    FAILED = 3
    ABORTED = 4
    UNKNOWN_OUTCOME = 5
    NOT_CONNECTED = 6
    NO_ANSWER = 7
    PROTOCOL = 8
    STORE = 9
    INTERNAL = 10
    ERROR = 11

    @property
    def label(self) -> str:
        """The text of the ResultCode PV."""
        return self.name.replace("_", " ").capitalize()

    @classmethod
    def of(cls, error: BaseException | None) -> ResultCode:
        """The code of `error`: NONE if there is none, INTERNAL if it is no DaqError."""
        if error is None:
            return cls.NONE
        return error.code if isinstance(error, DaqError) else cls.INTERNAL


class DaqError(Exception):
    """Base class of all errors that daqpv raises.

    Args:
        text: a sentence; the text of the error ends with the cure, if there is one.
        cure: what an operator can do about it.

    Attributes:
        code: of this kind of error.
    """

    code: ClassVar[ResultCode] = ResultCode.ERROR

    def __init__(self, text: str = "", *, cure: Cure | None = None) -> None:
        super().__init__(text if cure is None else f"{text} {cure}")
        self.cure = cure


class ConfigError(DaqError):
    """The experiment file cannot be used as it is."""


class KindError(ConfigError):
    """The code of an installed kind of device is wrong; nothing of it is served."""


class ServeError(DaqError):
    """The PV server cannot start: a port is taken, a PV name is used twice."""


class AlreadyServedError(ServeError):
    """Another process already serves PVs of this process.

    Args:
        name: of such a PV.
        by: the other process.
    """

    def __init__(self, name: str, by: str) -> None:
        super().__init__(
            f"{name} is already served by {by}. End that process, or give each process "
            "its own devices (--only) and its own --name."
        )


class StoreError(DaqError):
    """The store is away, or cannot be used as it is."""

    code = ResultCode.STORE


class SimulatorError(DaqError):
    """A simulator cannot be started: its port is taken, its address is not ours."""


class LinkError(DaqError):
    """An exchange with the outside went wrong."""


class NotConnectedError(LinkError):
    """No connection. The request was not sent: it is safe to send it again."""

    code = ResultCode.NOT_CONNECTED


class NoAnswerError(LinkError):
    """The request left, and no whole answer came back.

    Attributes:
        timed_out: True when the deadline passed, False when the connection was cut.
    """

    code = ResultCode.NO_ANSWER

    def __init__(self, text: str, *, timed_out: bool) -> None:
        super().__init__(text)
        self.timed_out = timed_out


class ProtocolError(LinkError):
    """The answer does not follow the protocol."""

    code = ResultCode.PROTOCOL


class CommandError(DaqError):
    """A command of a device did not reach its end."""


class RefusedError(CommandError):
    """The command is not possible in the present state. Nothing was sent."""

    code = ResultCode.REFUSED


class BusyError(RefusedError):
    """Another command runs. Nothing was sent."""

    code = ResultCode.BUSY


class OperationError(CommandError):
    """The device refused or failed a step; it stays where that step began."""

    code = ResultCode.FAILED


class AbortedError(CommandError):
    """Another command or client ended the command."""

    code = ResultCode.ABORTED


class UnknownOutcomeError(CommandError):
    """A step was sent, no answer came, and the device is not where it should be."""

    code = ResultCode.UNKNOWN_OUTCOME


_quotes = reprlib.Repr()
_quotes.maxstring = 80


def quoted(text: str) -> str:
    """`text` in quotes; of a long one beginning and end, so that the sentence lasts."""
    return _quotes.repr(text)


def counted(number: int, what: str) -> str:
    """How many there are, in words: "1 file", "2 files"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def sentence(error: object) -> str:
    """The text of `error` with its full stop, so that another sentence can follow."""
    text = str(error)
    return text if text.endswith((".", "?", "!")) else f"{text}."
