"""Words in place of values: which of them a channel expects."""

from __future__ import annotations

from collections.abc import Mapping

from daqpv.instruments.driver import Raw
from daqpv.instruments.settings import Channel, ChannelType


class Expected:
    """The words that may come in place of the values of channels.

    A word that no channel expects may be garbage, which came before the answer.
    """

    def __init__(self, channels: Mapping[str, Channel]) -> None:
        self._words = {
            key: _words(channel)
            for key, channel in channels.items()
            if channel.type is not ChannelType.TEXT
        }

    def has_all(self, values: Mapping[str, Raw]) -> bool:
        """Whether all words in `values` are expected."""
        if str not in map(type, values.values()):  # most often
            return True
        for key, value in values.items():
            if type(value) is str and value not in self._words.get(key, (value,)):
                return False
        return True


def _words(channel: Channel) -> frozenset[str]:
    states = {str(state.raw) for state in channel.states if state.raw is not None}
    labels = {state.label for state in channel.states}
    return frozenset(channel.words.keys() | states | labels)
