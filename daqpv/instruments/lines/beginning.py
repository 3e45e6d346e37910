"""What is sent to an instrument after each connection, before anything else."""

from __future__ import annotations

from collections.abc import Iterator

from daqpv.errors import OperationError, ProtocolError, RefusedError
from daqpv.instruments.lines.exchanges import Answer, Exchanges
from daqpv.instruments.lines.inbox import Exchange
from daqpv.instruments.lines.plan import Plan
from daqpv.instruments.settings import Ask, InstrumentSettings


class Beginning:
    """The exchanges after each connection: wake, identity, init, begin of streams.

    Args:
        settings: of the instrument.
        plan: reads the patterns of answers.
        exchanges: makes the exchanges.

    Raises:
        ValueError: something must not be sent, or cannot be, or a pattern is wrong.
    """

    def __init__(
        self, settings: InstrumentSettings, plan: Plan, exchanges: Exchanges
    ) -> None:
        self._plan, self._exchanges = plan, exchanges
        self._wake = (settings.wake or "").encode(settings.encoding)
        self._identity = settings.identity
        streams = (one.ask for one in settings.stream if one.ask)
        self._starts: tuple[str | Ask, ...] = (*settings.init, *streams)
        self._check()

    def steps(self) -> Iterator[Exchange | None]:
        """The exchanges in their order; None: rest, and drop what comes."""
        if self._wake:
            yield Exchange("wake", self._wake)
            yield None
        if self._identity is not None:
            yield self._exchange(self._identity)
        for start in self._starts:
            yield self._exchange(start)
        if any(isinstance(start, str) for start in self._starts):
            yield None

    def failed(
        self, exchange: Exchange, error: OperationError | ProtocolError
    ) -> ProtocolError:
        """The error of the opening when an exchange of it has failed."""
        if self._identity is not None and exchange.text == self._identity.ask:
            return ProtocolError(
                f"{error}. Is this another instrument? If it is the right one, correct "
                "`identity` in the settings, or set it to null"
            )
        if isinstance(error, ProtocolError):
            return error
        return ProtocolError(f"{error}. Correct `init` in the settings")

    def _exchange(self, start: str | Ask) -> Exchange:
        if isinstance(start, str):
            return self._exchanges.text(start)
        text = start.ask or ""
        if not start.answer:
            return self._exchanges.order(text)
        part = self._plan.part(start.answer, "init")
        return self._exchanges.question(text, Answer(part.values, start.lines))

    def _check(self) -> None:
        """Check all that is sent by itself.

        Raises:
            ValueError: it must not, or cannot be sent.
        """
        starts = [one for one in (self._identity, *self._starts) if one is not None]
        texts = [one if isinstance(one, str) else one.ask or "" for one in starts]
        for one in starts:
            if isinstance(one, Ask) and one.answer:
                self._plan.part(one.answer, "init")
        try:
            for text in (*texts, *(one.text for one in self._plan.questions)):
                self._exchanges.check(text)
        except RefusedError as error:
            raise ValueError(str(error)) from error
