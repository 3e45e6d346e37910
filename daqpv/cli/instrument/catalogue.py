"""The descriptions that the commands show, and how their channels are listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from daqpv.cli.common import EXIT_CONFIG, complain, fail
from daqpv.config import ConfigProblems
from daqpv.instruments.descriptions import Description
from daqpv.instruments.descriptions.merge import entries
from daqpv.instruments.settings import Channel, InstrumentSettings, Table, library

BESIDE = click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An experiment file: descriptions/ beside it counts, too.",
)


def folder_of(file: Path | None) -> Path | None:
    """The folder of an experiment file; exits if there is no such file."""
    if file is not None and not file.is_file():
        fail(f"{file}: no such file", EXIT_CONFIG)
    return None if file is None else file.absolute().parent


def all_descriptions(file: Path | None) -> list[Description]:
    """All descriptions without errors; those of others are reported."""
    found = []
    known = library(folder_of(file))
    for one in known.all(complain):
        problems = [] if known.is_own(one) else one.problems(InstrumentSettings)
        if problems:
            complain(ConfigProblems(problems))
        else:
            found.append(one)
    return found


def description(name: str, file: Path | None) -> Description:
    """The description of a model; exits if there is none, or it is wrong."""
    known = library(folder_of(file))
    try:
        found = known.find(name)
        if found is not None and (problems := found.problems(InstrumentSettings)):
            raise ConfigProblems(problems)
    except ConfigProblems as error:
        fail(error, EXIT_CONFIG)
    if found is None:
        near = known.near(name) or ". 'daqpv instrument list' shows all"
        fail(f"no model {name!r}{near}", EXIT_CONFIG)
    return found


def channels(one: Description) -> Iterator[tuple[str, Channel]]:
    """The channels of a description; those of a table once, with ``<n>``."""
    for table in _mapping(one.settings.get("tables")).values():
        yield from Table.model_validate(table).channels.items()
    for name, channel in _mapping(one.settings.get("channels")).items():
        yield name, Channel.model_validate(channel or {})


def indexes(one: Description) -> dict[str, tuple[int | str, ...]]:
    """What ``<n>`` stands for, by table."""
    tables = _mapping(one.settings.get("tables"))
    return {name: entries(table["index"]) for name, table in tables.items()}


def number_of_channels(one: Description) -> int:
    """How many PVs of channels an instrument of this model has."""
    return len(InstrumentSettings.model_validate(dict(one.settings)).channels)


def schemes(one: Description) -> str:
    """The sorts of connections: "tcp, serial"."""
    urls = one.facts.wiring.connections
    return ", ".join(dict.fromkeys(url.partition(":")[0] for url in urls))


def confirmed(one: Description) -> str:
    """Who has used it with a true instrument, in words."""
    return ", ".join(
        f"firmware {each.firmware}, {each.by}, {each.date}"
        for each in one.facts.confirmed
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
