"""Errors of asyncua, in the words of daqpv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.ua.uaerrors import UaStatusCodeError

from daqpv.core import Severity, Status
from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    ProtocolError,
)
from daqpv.instruments.driver import Fault
from daqpv.links.endpoint import Endpoint, reason

if TYPE_CHECKING:  # the import of numpy is slow
    from numpy.typing import NDArray

_USER = ("BadUserAccessDenied", "BadIdentityTokenInvalid", "BadIdentityTokenRejected")
_TRUST = (
    "BadSecurityChecksFailed",
    "BadCertificateUntrusted",
    "BadCertificateInvalid",
    "BadCertificateUriInvalid",
)
_AWAY = ("BadNoCommunication", "BadNotConnected", "BadCommunicationError")


def words_of(status: ua.StatusCode) -> str:
    """A status code in words: "BadNotWritable: The access level does not allow ..."."""
    name, doc = str(status.name), str(status.doc).rstrip(".")
    return f"{name}: {doc}" if doc and doc != name else name


def fault_of(
    status: ua.StatusCode, value: float | int | str | NDArray[Any] | None = None
) -> Fault:
    """What a status that is not good makes of a value."""
    name = str(status.name)
    if status.is_uncertain():
        return Fault(name, Severity.MINOR, Status.READ, value)
    alarm = Status.COMM if name.startswith(_AWAY) else Status.READ
    return Fault(name, Severity.INVALID, alarm)


def translated(endpoint: Endpoint, error: Exception, timeout: float) -> LinkError:
    """The error of daqpv for `error`, which an exchange has raised."""
    who = endpoint.who
    match error:
        case LinkError():
            return error
        case TimeoutError():
            return NoAnswerError(
                f"{who} has not answered in {timeout:g} s. Does it run?", timed_out=True
            )
        case ConnectionRefusedError():
            return endpoint.not_connected(error)
        case ConnectionError():
            return NoAnswerError(
                f"{who}: the connection is gone ({reason(error)})", timed_out=False
            )
        case OSError():
            return endpoint.not_connected(error)
        case UaStatusCodeError():
            return _of_status(who, ua.StatusCode(error.code))
    return ProtocolError(f"{who}: {error or type(error).__name__}. Is it OPC UA?")


def _of_status(who: str, status: ua.StatusCode) -> LinkError:
    words = words_of(status)
    if status.name in _USER:
        return NotConnectedError(f"{who}: {words}. Are user and password right?")
    if status.name in _TRUST:
        return NotConnectedError(
            f"{who}: {words}. Make the server trust our certificate, and see its log"
        )
    if status.name in ("BadTimeout", "BadRequestTimeout"):
        return NoAnswerError(f"{who}: {words}. Does it run?", timed_out=True)
    return ProtocolError(f"{who} answers {words}")
