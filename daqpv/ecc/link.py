"""The interface of the link to an ECC server, and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import PlainSerializer, PlainValidator

from daqpv.ecc.codes import EccState, Operation, Transition
from daqpv.errors import quoted


@dataclass(frozen=True, slots=True, order=True)
class ConfigId:
    """The three configuration names of an ECC server; shown as ``d/p/c``."""

    describe: str
    prepare: str
    configure: str

    def __str__(self) -> str:
        return f"{self.describe}/{self.prepare}/{self.configure}"

    @classmethod
    def parse(cls, text: str) -> ConfigId:
        """Read ``describe/prepare/configure``.

        Raises:
            ValueError: not three names, none of them empty, with "/" between.
        """
        parts = [part.strip() for part in text.split("/")]
        if len(parts) != 3 or not all(parts):
            raise ValueError(
                f"{quoted(text)} is not describe/prepare/configure, "
                "e.g. cobo0/e20009/e20009"
            )
        return cls(*parts)


def _config(text: object) -> ConfigId:
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not describe/prepare/configure")
    return ConfigId.parse(text)


Config = Annotated[ConfigId, PlainValidator(_config), PlainSerializer(str)]
"""A configuration that is kept as the text that operators put."""


@dataclass(frozen=True, slots=True)
class DataLink:
    """The data link of one sender.

    Attributes:
        sender: ``CoBo[0]``, ``Mutant[master]``: the instance of the describe file.
        router: name of the data router.
        address: IPv4 address of the router.
        port: TCP port of the router.
        type: ICE, TCP, ZBUF or FDT, in exactly this case.
    """

    sender: str
    router: str
    address: str
    port: int
    type: str


@dataclass(frozen=True, slots=True)
class StateAnswer:
    """The answer to GetState."""

    state: EccState
    transition: Transition
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class OperationAnswer:
    """The answer to an operation, to GetConfigIDs (its text) or to Special.

    Error code 0 says that nothing failed, *not* that something was done: the server
    ignores an illegal operation with code 0.
    """

    error_code: int
    error_message: str = ""
    text: str = ""


class EccLink(Protocol):
    """An exchange with one ECC server. Each call is one request and has a deadline.

    All raise NotConnectedError (nothing was sent), NoAnswerError (sent, no whole
    answer) or ProtocolError (the answer is not valid); an ErrorCode is not an error.
    Deadlines are in seconds and count from the call.
    """

    async def state(self, *, timeout: float) -> StateAnswer:
        """Ask GetState."""

    async def configs(self, *, timeout: float) -> Sequence[ConfigId]:
        """Ask GetConfigIDs: the configurations that the server lists, in its order."""

    async def operate(
        self,
        operation: Operation,
        config: ConfigId | None,
        links: Sequence[DataLink],
        *,
        timeout: float,
    ) -> OperationAnswer:
        """Send `operation`; returns when the server has ended it.

        Without `config` both strings are sent empty (the way down needs none).
        """

    async def special(self, command: str, *, timeout: float) -> OperationAnswer:
        """Send a Special command, e.g. ``asad-inject 100``."""

    async def exit(self, *, timeout: float) -> OperationAnswer:
        """Ask the server process to end (ServerExit)."""
