"""Defines the keys of the experiment file that belong to no kind of device."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from daqpv.config.fields import Context, LocalPath, Matching
from daqpv.config.model import Model
from daqpv.config.units import AMOUNT, TIME

EXPERIMENT = Matching(
    r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.+-]{0,59}",
    "a name good for a directory: at most 60 letters, digits, '_', '-', '+', single "
    "dots, beginning with a letter, a digit or '_'",
)
"""The pattern of an experiment's name."""

PREFIX = Matching(
    r"[!#%&(-\-/-\[\]-~]{1,30}",  # printable ASCII but for the following
    "1 to 30 ASCII characters without blanks, quotes, '.', '$' and '\\'",
)
"""The pattern of the prefix of all PV names."""


class ServerSettings(Model):
    """The PV server."""

    slow_client: Annotated[float, TIME.within(0.1, 86400)] = 30.0
    """A client that has not read its data for this time is disconnected."""

    search_duplicates: Annotated[float, TIME.within(1, 3600)] = 60.0
    """Time between two searches for other processes that serve the same PVs."""

    simulated: bool = False
    """Whether the hardware is simulated; the PV Simulated of the process has it."""


_PORT = re.compile(r"\w+://(?:[^@]*@)?(?:\[[^\]]*\]|[^/:?]*)(?::(?P<port>[^/?]*))?/")
_LAST_PORT = 65535
_WANTED_PORT = (
    "wanted is a port from 1 to 65535 behind the host; in a password '@', ':' and '/' "
    "are written as %40, %3A and %2F"
)
_STORE = r"none|sqlite:///[^?]+|(postgresql|mysql|mariadb)://[^/]+/.+"


def _store(url: str, info: ValidationInfo[Any]) -> str:
    """Let a relative SQLite file start at the experiment file's folder."""
    if not re.fullmatch(_STORE, url):
        raise ValueError(  # without the URL: it may hold a password
            "wanted is sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE, "
            "mysql://USER:PASSWORD@HOST/DATABASE, or none"
        )
    head = "sqlite:///"
    if not url.startswith(head):
        _check_port(url)
        return url
    path = Path(url.removeprefix(head)).expanduser()
    folder = info.context.folder if isinstance(info.context, Context) else Path()
    return f"{head}{folder / path}"


def _check_port(url: str) -> None:
    """Refuse an invalid port, without its text: it may be a part of a password."""
    found = _PORT.match(url)
    port = found["port"] if found else None
    if port is None:
        return
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) <= _LAST_PORT:
        raise ValueError(_WANTED_PORT)


class StoreSettings(Model):
    """Where events, settings and runs are kept permanently."""

    url: Annotated[
        str,
        AfterValidator(_store),
        Field(json_schema_extra={"pattern": f"^({_STORE})$"}),
    ] = ""
    """``sqlite:///FILE``, ``postgresql://...``, ``mysql://...``, or none: only settings
    are kept. Default: the SQLite file EXPERIMENT.db in the folder of the experiment
    file."""

    spool: LocalPath | None = None
    """The folder where records wait while the store is not available; each experiment
    has its own folder there. A relative path starts at the folder of the experiment
    file. Default: EXPERIMENT.spool in that folder."""

    spool_limit: Annotated[float, AMOUNT.within(1e6, 1e13)] = 1e9
    """Greatest size of the spool of a process. Over it, the oldest informations are
    deleted."""


@dataclass(frozen=True, slots=True)
class _OrUrl:
    """Marks the settings of the store, for which its URL may stand alone."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: {"url": value} if isinstance(value, str) else value,
            handler(source),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        text = {"type": "string", "pattern": f"^({_STORE})$"}
        return {"anyOf": [handler(schema), text]}


class Fixed(Model):
    """The keys of the file that belong to no kind."""

    version: Literal[1] = 1
    """Version of this format."""

    experiment: Annotated[str, EXPERIMENT]
    """Name of the experiment; files and directories are named after it."""

    prefix: Annotated[str, PREFIX]
    """The prefix of every PV name; it normally ends in ':'."""

    include: tuple[str, ...] | str = ()
    """Further files, relative to this one: sections are joined name by name."""

    store: Annotated[StoreSettings, _OrUrl()] = StoreSettings()
    """Where events, settings and runs are kept permanently."""

    server: ServerSettings = ServerSettings()
    """The PV server."""


FIXED = (*Fixed.model_fields, "defaults")
"""All keys that belong to no kind."""
