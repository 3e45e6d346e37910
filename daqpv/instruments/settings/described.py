"""Completes settings of an instrument by the description of its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daqpv.config import ConfigProblems, Model, wanted
from daqpv.config.fields import Context
from daqpv.instruments.descriptions import Description, Library, merged

FOLDER = "descriptions"
"""Folder of a site's own descriptions, beside the experiment file."""


_REMOVABLE = ("acknowledge", "identity", "simulator")
"""Mappings of a description that a file can take away: ``identity: null``."""


def library(folder: Path | None) -> Library:
    """The descriptions that an experiment file in `folder` can name."""
    return Library(None if folder is None else folder / FOLDER)


def with_description(
    given: Mapping[str, Any], context: object, settings: type[Model]
) -> dict[str, Any]:
    """`given`, with what it does not say from the description of its model, if any.

    Args:
        given: the settings of an instrument, not yet validated.
        context: of the validation; its folder may have descriptions of the site.
        settings: the model of an instrument's settings.
    """
    model = given.get("model")
    if not isinstance(model, str):
        return dict(given)
    try:
        found = _found(model, context, settings)
    except ConfigProblems:  # `check_model` reports them
        return dict(given)
    both: dict[str, Any] = merged(given, found.settings if found else {})
    return both | {key: None for key in _REMOVABLE if given.get(key, "") is None}


def check_model(model: str, context: object, settings: type[Model]) -> None:
    """Check that there is a description of `model`, and that it has no errors.

    Args:
        model: as in the file.
        context: of the validation.
        settings: the model of an instrument's settings.

    Raises:
        PydanticCustomError: there is none.
        ValueError: it is wrong; the text names its file, line and key.
    """
    try:
        found = _found(model, context, settings)
    except ConfigProblems as error:
        raise ValueError(f"its description is wrong: {error}") from None
    if found is None:
        near = _library_of(context).near(model)
        raise wanted(f"a model that 'daqpv instrument list' shows{near}")


def _found(model: str, context: object, settings: type[Model]) -> Description | None:
    """The description of `model`; those of daqpv are checked by its tests.

    Raises:
        ConfigProblems: it is wrong.
    """
    known = _library_of(context)
    found = known.find(model)
    if found is None or known.is_own(found):
        return found
    if problems := found.problems(settings):
        raise ConfigProblems(problems)
    return found


def _library_of(context: object) -> Library:
    return library(context.folder if isinstance(context, Context) else None)
