"""What a description says about an instrument besides its settings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from daqpv.config import Matching, Model

ModelName = Annotated[
    str, Matching(r"[a-z0-9]+([._-][a-z0-9]+)*", "a model, such as pfeiffer-tpg36x")
]
"""The name of a description: that of its file, without ``.yaml``."""


def _listed(given: object) -> object:
    return [given] if isinstance(given, str) else given


def _variants(given: object) -> object:
    """A list of further names, or a mapping of names to what differs."""
    return dict.fromkeys(given) if isinstance(given, list) else given


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Manual(Model):
    """Where the protocol of the instrument is described."""

    document: str
    """Title and number."""

    page: str | int = ""
    """Page or chapter."""


class Wiring(Model):
    """What must be right at the instrument before it can be reached."""

    connections: Annotated[Texts, Field(min_length=1)]
    """URLs to copy: ``serial:///dev/ttyUSB0?baud=9600``."""

    connector: Texts = ()
    """Plugs and cables."""

    front_panel: Texts = ()
    """Settings at the instrument itself."""


class Confirmation(Model):
    """Somebody has seen the description work on the true instrument."""

    firmware: str
    """Version of the instrument's firmware."""

    by: str
    """Person or laboratory."""

    date: date
    """Day."""


class Facts(Model):
    """The keys of a description that are no settings."""

    title: Annotated[str, Field(min_length=1, max_length=80)]
    """What the instrument is, in one line."""

    vendor: str
    """Who makes it."""

    models: Annotated[
        dict[ModelName, dict[str, Any] | None], BeforeValidator(_variants)
    ] = Field(default_factory=dict)
    """Further names of the description: a list, or a mapping from names to keys that
    differ: ``{pfeiffer-tpg361: {tables: {gauges: {index: [1]}}}}``."""

    manual: tuple[Manual, ...] = ()
    """Where its protocol is described."""

    wiring: Wiring
    """What must be right before it can be reached."""

    dangers: Texts = ()
    """What is dangerous, and why."""

    confirmed: tuple[Confirmation, ...] = ()
    """Who has used the description with a true instrument. Empty: nobody yet."""
