"""The connection of an instrument: a URL, as the experiment file has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from daqpv.config import Model

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection, taken apart.

    Attributes:
        text: the whole URL.
        scheme: in lower case.
        host: name or IP address; "" if there is none.
        port: 0 if there is none.
        path: with its first "/"; "" if there is none.
        rest: all after ``scheme:`` and before ``?``, for forms of one's own.
        options: the part after ``?``, and the settings' `options`, which win.
    """

    text: str
    scheme: str
    host: str
    port: int
    path: str
    rest: str
    options: Mapping[str, Any]

    @classmethod
    def of(cls, text: str, options: Mapping[str, Any] | None = None) -> Connection:
        """Take a connection apart.

        Raises:
            ValueError: it is not a URL; the text does not contain it, for it may hold a
                secret.
        """
        scheme, colon, rest = text.partition(":")
        if not colon or not scheme.replace("-", "").replace(".", "").isalnum():
            raise ValueError(
                "a connection begins with what it is: tcp://HOST:PORT, "
                "serial:///dev/ttyUSB0"
            )
        is_resource = "::" in rest and "[" not in rest  # TCPIP::HOST::INSTR
        try:
            parts = urlsplit(text)
            port = 0 if is_resource else parts.port or 0
        except ValueError as error:
            raise ValueError(f"not a URL: {error}") from None
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(
            text=text,
            scheme=scheme.lower(),
            host="" if is_resource else parts.hostname or "",
            port=port,
            path=unquote(parts.path),
            rest=rest.partition("?")[0],
            options=query | dict(options or {}),
        )

    def read(self, model: type[M]) -> M:
        """The options, checked.

        Raises:
            ValueError: an option does not exist, or its value is not valid.
        """
        try:
            return model.model_validate(dict(self.options))
        except ValidationError as error:
            raise ValueError(_sentence(error, model)) from None

    def address(self, wanted: str, *, port: int = 0) -> tuple[str, int]:
        """Host and port.

        Args:
            wanted: the form of the URL, for the message: ``tcp://HOST:PORT``.
            port: the default; 0: there is none.

        Raises:
            ValueError: there is no host, or no port.
        """
        if not self.host or not (self.port or port):
            raise ValueError(f"{wanted} is wanted")
        return self.host, self.port or port


def _sentence(error: ValidationError, model: type[Model]) -> str:
    """The first problem of the options."""
    problem = error.errors(include_input=False, include_url=False)[0]
    key = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"no such option of the connection: {key} (it has: {known})"
    return f"option {key} of the connection: {problem['msg']}"
