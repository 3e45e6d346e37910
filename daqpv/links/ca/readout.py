"""Reads any PV for display: state labels, digits, units, severity."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daqpv.core import Severity, Status
from daqpv.core.timing.utc import iso_text
from daqpv.errors import NoAnswerError, NotConnectedError
from daqpv.links.ca.channel import Client, Nature, Update
from daqpv.links.ca.description import Description
from daqpv.links.ca.pv import NOT_FOUND

_MOST_DIGITS = 15
_PLAIN = 1e16  # larger numbers are written with an exponent


@dataclass(frozen=True, slots=True)
class Readout:
    """The value of a PV at one time.

    Attributes:
        name: of the PV.
        value: int, float, text, or a list of them; of an enum the index.
        text: the value for display, without units.
        units: of numbers.
        severity: of its alarm.
        status: of its alarm.
        time: UTC [s since 1970].
        is_enum: `text` is the label of the state.
    """

    name: str
    value: Any
    text: str
    units: str
    severity: Severity
    status: Status
    time: float
    is_enum: bool = False

    def as_json(self) -> dict[str, Any]:
        """As JSON: an enum as its label, NaN and infinity as null."""
        index = {"index": self.value} if self.is_enum else {}
        return {
            "pv": self.name,
            "value": self.text if self.is_enum else _finite(self.value),
            **index,
            "units": self.units,
            "severity": self.severity.name,
            "status": self.status.name,
            "time": iso_text(self.time, "auto"),
        }


class Reader:
    """One PV of any server, read once or monitored.

    Args:
        name: of the PV, optionally with a field or filters.
        client: joins Channel Access to the event loop.
        lost: called when the PV disconnects.
    """

    def __init__(
        self, name: str, client: Client, lost: Callable[[], None] = lambda: None
    ) -> None:
        self.name = name
        self._lost = lost
        self._up = asyncio.Event()
        self._description = Description()
        self._channel = client.channel(name, self._connected)

    @property
    def is_connected(self) -> bool:
        """Whether the PV is connected."""
        return self._up.is_set()

    async def ready(self, timeout: float | None = None) -> None:
        """Wait until the PV is connected and its type is known.

        Args:
            timeout: how long to wait [s]; None: no limit.

        Raises:
            NotConnectedError: the PV was not found.
            NoAnswerError: its server does not answer.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._up.wait()
                self._nature = self._channel.nature()
                self._description = await self._channel.describe()
        except TimeoutError:
            raise self._late(timeout) from None

    async def read(self, timeout: float) -> Readout:
        """Read the present value; the PV must be ready.

        Raises:
            NotConnectedError, NoAnswerError, OperationError: the read failed.
        """
        nature = self._nature
        try:
            async with asyncio.timeout(timeout):
                update = await self._channel.get(nature.form, is_array=nature.is_array)
        except TimeoutError:
            raise self._late(timeout) from None
        return self._readout(update)

    def follow(self, show: Callable[[Readout], None]) -> None:
        """Call `show` with the present value and each update; the PV must be ready."""
        self._channel.follow(
            self._nature.form,
            lambda update: show(self._readout(update)),
            is_array=self._nature.is_array,
        )

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _connected(self, up: bool) -> None:
        if up:
            self._up.set()
        else:
            self._up.clear()
            self._lost()

    def _late(self, timeout: float | None) -> NotConnectedError | NoAnswerError:
        within = f"within {timeout:g} s"
        if self.is_connected:
            text = f"{self.name}: its server does not answer {within}"
            return NoAnswerError(text, timed_out=True)
        return NotConnectedError(f"{self.name}: no such PV {within}. {NOT_FOUND}")

    def _readout(self, update: Update) -> Readout:
        return Readout(
            name=self.name,
            value=update.value,
            text=_text(update.value, self._nature, self._description),
            units=self._description.units,
            severity=update.severity,
            status=update.status,
            time=update.time,
            is_enum=self._nature.is_enum and not self._nature.is_array,
        )


def _text(value: Any, nature: Nature, description: Description) -> str:
    if isinstance(value, list):
        between = "\n" if value and isinstance(value[0], str) else " "
        return between.join(_text(one, nature, description) for one in value)
    if nature.is_enum and 0 <= value < len(description.labels):
        return str(description.labels[value])
    if isinstance(value, float) and abs(value) < _PLAIN:
        digits = min(max(description.precision, 0), _MOST_DIGITS)
        return f"{value:.{digits}f}"
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
