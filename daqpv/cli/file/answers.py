"""The answers from which ``daqpv init`` writes a file, checked as the file will be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from daqpv.app import App
from daqpv.config import AnyKind, ConfigProblems, Problem, installed_kinds, load
from daqpv.config.first_file import head
from daqpv.core import Events, Names
from daqpv.ecc.easy_setup import easy_setup
from daqpv.errors import ConfigError
from daqpv.instruments.section.first_section import FirstInstrument, first_section
from daqpv.instruments.section.section import LEVEL
from daqpv.instruments.settings import library
from daqpv.instruments.settings.described import FOLDER

_FIXED = {"experiment": "e", "prefix": "E:", "store": "none"}


@dataclass(slots=True)
class Answers:
    """What the file is to say.

    Attributes:
        experiment: its name.
        prefix: of all PV names.
        cobos: keywords of `easy_setup`; {}: there is no ECC server.
        instruments: as they were told.
    """

    experiment: str = "e00000"
    prefix: str = "AT:"
    cobos: Mapping[str, Any] = field(default_factory=dict)
    instruments: Sequence[FirstInstrument] = ()

    def text(self, folder: Path) -> str:
        """The file.

        Args:
            folder: where it will be; it may have descriptions of the site.

        Raises:
            ValueError: an answer of `cobos` cannot be used; the text begins with its
                key.
        """
        name, prefix = self.experiment, self.prefix
        if self.cobos:
            text = easy_setup(experiment=name, prefix=prefix, **self.cobos)
        else:
            text = head(
                experiment=name,
                prefix=prefix,
                sample=Names(prefix).of(LEVEL, _first(self.instruments), "Online"),
                defaults="instruments: {period: 5 s}",
            )
        if self.instruments:
            known = library(folder)
            text += first_section(self.instruments, prefix=prefix, library=known)
        return text


def _first(instruments: Sequence[FirstInstrument]) -> str:
    return instruments[0].name if instruments else "NAME"


def watch(user: str | None) -> str:
    """The `watch` settings of the routers.

    Raises:
        ConfigError: `user` is no valid name.
    """
    if user is None:
        return ""
    if not re.fullmatch(r"[A-Za-z_][\w.-]{0,31}", user, re.ASCII):
        raise ConfigError(f"--ssh: {user!r} is given; wanted is a user's name")
    return f"ssh: {user}@{{address}}"


class Judge:
    """Judges answers as ``daqpv check`` would.

    Args:
        folder: of the file; it may have descriptions of the site.

    Attributes:
        library: the descriptions.

    Raises:
        ConfigError: a kind of daqpv's own cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.library = library(self._folder)
        self._kinds: tuple[AnyKind, ...] = installed_kinds().kinds

    def problems(self, text: str) -> list[Problem]:
        """What is wrong with the text of a file."""
        with TemporaryDirectory() as folder:
            site = self._folder / FOLDER
            if site.is_dir():
                Path(folder, FOLDER).symlink_to(site)
            path = Path(folder, "file.yaml")
            path.write_text(text, encoding="utf-8")
            try:
                App(load(path, self._kinds), self._kinds, Events())
            except ConfigProblems as error:
                return list(error.problems)
        return []

    def fixed(self, key: str, value: str) -> None:
        """Check the name of the experiment, or the prefix.

        Raises:
            ConfigError: it cannot be used.
        """
        self._check({**_FIXED, key: value}, key)

    def name(self, name: str, others: Sequence[FirstInstrument] = ()) -> None:
        """Check the name of an instrument.

        Raises:
            ConfigError: it cannot be used, or is that of another.
        """
        for one in others:
            if one.name.casefold() == name.casefold():
                raise ConfigError(f"there is an instrument {one.name} already")
        some = {"connection": "tcp://127.0.0.1:1"}
        self._check({**_FIXED, "instruments": {name: some}}, f"instruments.{name}")

    def model(self, model: str) -> None:
        """Check the name of a description.

        Raises:
            ConfigError: there is none, or it is wrong.
        """
        some = {"model": model, "connection": "tcp://127.0.0.1:1"}
        self._check({**_FIXED, "instruments": {"a": some}}, "instruments.a.model")

    def instrument(self, one: FirstInstrument) -> None:
        """Check all of an instrument.

        Raises:
            ConfigError: it cannot be used; the sentence of the loader.
        """
        self._check({**_FIXED, "instruments": {"a": one.settings()}}, "instruments.a")

    def _check(self, file: Mapping[str, Any], key: str) -> None:
        """Check a file, for problems at `key` and below."""
        for problem in self.problems(json.dumps(file)):  # JSON is YAML, too
            if problem.key == key or problem.key.startswith(f"{key}."):
                raise ConfigError(problem.text)
