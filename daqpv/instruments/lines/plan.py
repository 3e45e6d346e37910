"""What is asked in which cycle, and which channels are in the answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from daqpv.instruments.channels import status, unit
from daqpv.instruments.driver import Raw, Read
from daqpv.instruments.lines.exchanges import Answer
from daqpv.instruments.parsing import Pattern
from daqpv.instruments.settings import Ask, ChannelType, InstrumentSettings

_OWN = "value"  # the name of the channel itself in patterns of its own


@dataclass(frozen=True, slots=True)
class Part:
    """One pattern of an answer.

    Attributes:
        pattern: as a whole.
        keys: the channels, by the names in the pattern.
        every: it is read in every so many cycles.
        is_plain: the names are those of channels.
    """

    pattern: Pattern
    keys: Mapping[str, str]
    every: int = 1
    is_plain: bool = False

    @property
    def channels(self) -> frozenset[str]:
        """Those that it gives."""
        return frozenset(self.keys.values())

    def values(self, text: str) -> dict[str, Raw]:
        """The values of an answer, by channel.

        Raises:
            ValueError: it does not fit.
        """
        values: dict[str, Any] = self.pattern.parse(text)
        if self.is_plain:
            return values
        keys = self.keys
        return {keys[name]: values[name] for name in values if name in keys}


@dataclass
class Question:
    """A question, and how its answer is read.

    Attributes:
        text: without its end.
        lines: of the answer.
        parts: patterns that all fit the answer; none: there is no answer.
        every: without an answer, it is sent in every so many cycles.
    """

    text: str
    lines: int = 1
    parts: list[Part] = field(default_factory=list)
    every: int = 1

    @property
    def channels(self) -> frozenset[str]:
        """Those that the answer gives."""
        return frozenset().union(*(part.channels for part in self.parts))

    @property
    def is_even(self) -> bool:
        """Whether it is asked as a whole in each cycle."""
        return self.every == 1 and all(part.every == 1 for part in self.parts)

    @cached_property
    def answer(self) -> Answer | None:
        """How the answer is read; None: there is none."""
        if not self.parts:
            return None
        is_binary = any(part.pattern.is_binary for part in self.parts)
        one = self.parts[0].values if len(self.parts) == 1 else self.values
        return Answer(one, self.lines, is_binary=is_binary)

    def values(self, text: str) -> dict[str, Raw]:
        """The values of an answer, by channel.

        Raises:
            ValueError: it does not fit.
        """
        values: dict[str, Raw] = {}
        for part in self.parts:
            values |= part.values(text)
        return values

    def due(self, request: Read) -> Question | None:
        """The same with those parts that are wanted now; None: none is."""
        if not self.parts:
            wanted = request.channels is None and request.cycle % self.every == 0
            return self if wanted else None
        parts = [part for part in self.parts if _is_wanted(part, request)]
        if len(parts) == len(self.parts):
            return self
        return Question(self.text, self.lines, parts) if parts else None


def _key(name: str, own: str | None) -> str:
    """The channel that a name in a pattern means, its status or unit."""
    if own and _channel_of(name) == _OWN:
        return own + name.removeprefix(_OWN)
    return name


def _channel_of(name: str) -> str:
    """The channel of a value, a status or a unit."""
    return name.removesuffix(status.SUFFIX).removesuffix(unit.SUFFIX)


def _is_wanted(part: Part, request: Read) -> bool:
    if request.channels is None:
        return request.cycle % part.every == 0
    return not request.channels.isdisjoint(part.channels)


class Plan:
    """The questions of an instrument, and the patterns of lines that come unasked.

    Args:
        settings: of the instrument.

    Raises:
        ValueError: a pattern is wrong, or names what is no channel.

    Attributes:
        questions: in the order of the file; those with equal texts are one.
        streams: in the order in which they are tried.
    """

    def __init__(self, settings: InstrumentSettings) -> None:
        self._channels = settings.channels
        questions: dict[str, Question] = {}
        for ask in settings.read:
            self._add(questions, ask, "read")
        for key, channel in settings.channels.items():
            if channel.ask is not None:
                own = Ask(
                    ask=channel.ask,
                    answer="{value}" if channel.answer is None else channel.answer,
                    every=channel.every,
                )
                self._add(questions, own, f"channel {key}", key)
            elif channel.answer is not None:
                raise ValueError(f"channel {key}: answer needs ask beside it")
        self.questions = list(questions.values())
        self.streams = [
            self.part(one.answer, "stream") for one in settings.stream if one.answer
        ]
        self._check(settings)
        self._is_even = all(q.is_even for q in self.questions)

    @property
    def reads(self) -> frozenset[str]:
        """The channels whose values come in cycles, or unasked."""
        asked = (question.channels for question in self.questions)
        return frozenset().union(*asked, *(part.channels for part in self.streams))

    def due(self, request: Read) -> Iterable[Question]:
        """The questions of a cycle, or those that read certain channels."""
        if self._is_even and request.channels is None:
            return self.questions
        return list(self._due(request))

    def part(
        self, answer: str | dict[str, str], where: str, own: str | None = None
    ) -> Part:
        """Read a pattern.

        Args:
            answer: the pattern, or paths into JSON by channel.
            where: it stands, for messages.
            own: the channel that the name ``value`` means.

        Raises:
            ValueError: it is not valid, or names what is no channel.
        """
        texts = [k for k, c in self._channels.items() if c.type is ChannelType.TEXT]
        texts += [_OWN] * (own in texts)
        try:
            pattern = Pattern(answer, texts=texts)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if not pattern.names and str(answer).startswith("pairs:"):
            own_names = {key: key for key in self._channels}
            return Part(pattern, own_names)
        keys = {name: _key(name, own) for name in pattern.names}
        for key in keys.values():
            if _channel_of(key) not in self._channels:
                raise ValueError(
                    f"{where}: the pattern {answer!r} names {key}, which is no "
                    "channel. Declare it under channels"
                )
        is_plain = all(name == key for name, key in keys.items())
        return Part(pattern, keys, is_plain=is_plain)

    def _add(
        self,
        questions: dict[str, Question],
        ask: Ask,
        where: str,
        own: str | None = None,
    ) -> None:
        if ask.ask is None:
            raise ValueError(
                f"{where}: ask is missing; lines that come unasked stand under stream"
            )
        question = questions.setdefault(ask.ask, Question(ask.ask, ask.lines))
        question.every = ask.every
        if question.lines != ask.lines and question.parts:
            raise ValueError(
                f"{where}: the answer to {ask.ask!r} has {question.lines} lines "
                f"elsewhere, and {ask.lines} here"
            )
        if ask.answer:
            part = self.part(ask.answer, where, own)
            question.parts.append(replace(part, every=ask.every))

    def _check(self, settings: InstrumentSettings) -> None:
        """Check that each channel can get a value, or can be set.

        Raises:
            ValueError: one cannot.
        """
        begun = [
            self.part(one.answer, "init").channels
            for one in settings.init
            if isinstance(one, Ask) and one.answer
        ]
        known = self.reads.union(*begun)
        for key, channel in settings.channels.items():
            if channel.is_read and not channel.is_settable and key not in known:
                raise ValueError(
                    f"channel {key} never gets a value: no pattern of `read` or "
                    "`stream` names it, and it has no question (`ask`) of its own"
                )

    def _due(self, request: Read) -> Iterator[Question]:
        for question in self.questions:
            due = question.due(request)
            if due is not None:
                yield due
