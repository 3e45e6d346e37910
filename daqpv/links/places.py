"""Where the channels of an instrument are: their `at`, as the driver's model."""

from __future__ import annotations

from typing import Any

from daqpv.instruments.driver import DriverKind
from daqpv.instruments.driver.installed import place_of
from daqpv.instruments.settings import InstrumentSettings


def places(name: str, kind: DriverKind, settings: InstrumentSettings) -> dict[str, Any]:
    """The place of each channel that is read or written, by its key.

    Raises:
        ValueError: a channel has no place, or one that is not valid.
    """
    found: dict[str, Any] = {}
    for key, channel in settings.channels.items():
        if channel.at is None and not channel.is_read:
            continue  # a formula
        try:
            found[key] = place_of(kind, channel.at)
        except ValueError as error:
            raise ValueError(f"{name}: the `at` of channel {key}: {error}") from None
    return found
