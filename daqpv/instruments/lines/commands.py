"""The commands that write channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daqpv.errors import RefusedError
from daqpv.instruments.driver import Raw
from daqpv.instruments.lines.plan import Part, Plan
from daqpv.instruments.parsing import Pattern
from daqpv.instruments.settings import InstrumentSettings


@dataclass(frozen=True, slots=True)
class _Command:
    pattern: Pattern
    reply: Part | None


class Commands:
    """Makes the command that writes a channel, and reads the reply.

    Raises:
        ValueError: a pattern is wrong.
    """

    def __init__(self, who: str, settings: InstrumentSettings, plan: Plan) -> None:
        self._who = who
        self._commands: Mapping[str, _Command] = {
            key: _Command(
                _pattern(channel.write, key),
                None
                if channel.reply is None
                else plan.part(channel.reply, f"channel {key}: reply", key),
            )
            for key, channel in settings.channels.items()
            if isinstance(channel.write, str)
        }

    def command(self, key: str, value: Raw) -> tuple[str | bytes, Part | None]:
        """The command, and how its reply is read; None: there is no reply.

        Raises:
            RefusedError: the channel has no command, or the value does not fit it.
        """
        command = self._commands.get(key)
        if command is None:
            raise RefusedError(
                f"{self._who}: channel {key} has no command that writes it. Give one "
                "in its settings: write: ..."
            )
        try:
            return command.pattern.format(value=value), command.reply
        except (ValueError, TypeError, KeyError) as error:
            raise RefusedError(
                f"{self._who}: {key}: {value!r} cannot be sent: {error}. Put another "
                "value, or correct `write` in the settings"
            ) from error


def _pattern(text: str, key: str) -> Pattern:
    try:
        pattern = Pattern(text)
    except ValueError as error:
        raise ValueError(f"channel {key}: write: {error}") from error
    if others := [name for name in pattern.names if name != "value"]:
        raise ValueError(
            f"channel {key}: write: the pattern {text!r} names {others[0]}. What is "
            "put is {value}"
        )
    return pattern
