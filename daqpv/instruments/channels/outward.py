"""Converts a value that was put to a channel into what its driver sends."""

from __future__ import annotations

from daqpv.errors import RefusedError
from daqpv.instruments.driver import Raw
from daqpv.instruments.formula import Formula, FormulaError, inverse
from daqpv.instruments.gate import Value
from daqpv.instruments.settings.channel import Channel, ChannelType

_STATES = (ChannelType.BOOLEAN, ChannelType.ENUM)


class Outward:
    """Undoes what `Conversion` does to the values of one channel.

    Args:
        name: of the channel, for sentences.
        channel: its settings.

    Raises:
        ValueError: `scale` is not linear, and there is no `unscale`.
    """

    def __init__(self, name: str, channel: Channel) -> None:
        self._name = name
        self._channel = channel
        self._unscale = _unscale(channel)

    def raw(self, value: Value) -> Raw:
        """What is sent for `value`.

        Raises:
            RefusedError: `unscale` has no result for it.
        """
        if isinstance(value, str):
            return value
        try:
            if isinstance(value, tuple):
                return self._array(value)
            if self._channel.type in _STATES:
                return self._state(int(value))
            return self._number(value)
        except FormulaError as error:
            raise RefusedError(
                f"{self._name}: {value!r} cannot be sent: {error}. Put another value, "
                "or correct `unscale` in the settings"
            ) from error

    def _number(self, value: float) -> float | int:
        raw = value
        if self._unscale is not None:
            raw = self._unscale.number({"value": value})
        if self._channel.type is ChannelType.INTEGER and raw == int(raw):
            return int(raw)
        return raw

    def _state(self, index: int) -> Raw:
        if index >= len(self._channel.states):
            return index  # a boolean without names
        raw = self._channel.states[index].raw
        if raw is None:
            return index
        if isinstance(raw, str) and raw.lstrip("-").isdecimal():
            return int(raw) if str(int(raw)) == raw else raw  # not that of "01"
        return raw

    def _array(self, value: tuple[float, ...]) -> Raw:
        import numpy as np  # noqa: PLC0415 - slow; few channels are arrays

        values = np.asarray(value, dtype=float)
        if self._unscale is not None:
            values = np.asarray(self._unscale({"value": values}), dtype=float)
        return values


def _unscale(channel: Channel) -> Formula | None:
    if channel.unscale is not None:
        return Formula(channel.unscale, names=("value",), foreign=False)
    if channel.scale is None:
        return None
    undone = inverse(Formula(channel.scale, names=("value",), foreign=False))
    if undone is None:
        raise ValueError(
            f"scale {channel.scale!r} cannot be undone for a put: say how, with unscale"
        )
    return undone
