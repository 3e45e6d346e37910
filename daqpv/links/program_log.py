"""Turns log records of daqpv and its libraries into events of the process.

All code that uses the standard library's logging arrives here: daqpv, caproto, zeep,
SQLAlchemy, alembic. structlog is configured to use it too; values that are bound to its
loggers become facts of the event.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import cache
from types import TracebackType
from typing import Any, Self

from daqpv.core import Event, Events, EventSeverity, Folding

OURS = ("daqpv",)
"""Loggers with records at level INFO; of all others warnings and errors."""

_SINGLY = 5  # lines that differ only in their arguments: emitted singly within a minute
_KINDS = 50  # different lines

_INTERNAL = ("_record", "_logger", "_name", "message", "asctime")  # facts without use


class ProgramLog(logging.Handler):
    """Emits log records as events of the process; use it as a context manager.

    The event's text is the message; its facts are the logger's name, `extra` and a
    traceback. Repeated lines are folded.

    Args:
        events: receives the events, from any thread.
    """

    def __init__(self, events: Events) -> None:
        super().__init__()
        self._events = events
        self._levels: dict[str, int] = {}
        self._follows_structlog = False

    def __enter__(self) -> Self:
        for name in OURS:
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.setLevel(logging.INFO)
        logging.getLogger().addHandler(self)
        if "structlog" in sys.modules:  # an installed kind uses it
            self.follow_structlog()
        return self

    def follow_structlog(self) -> None:
        """Configure structlog to use the standard library; its import takes 50 ms."""
        import structlog  # noqa: PLC0415 - not before a process is ready

        structlog.configure(
            processors=(
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.PositionalArgumentsFormatter(),
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ),
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )
        self._follows_structlog = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._follows_structlog:  # otherwise a thread may be importing it now
            sys.modules["structlog"].reset_defaults()
        logging.getLogger().removeHandler(self)
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)

    def filter(self, record: logging.LogRecord) -> Any:
        """Accept warnings and errors of all loggers, and information of our own."""
        ours = record.name.partition(".")[0] in OURS
        enough = logging.INFO if ours else logging.WARNING
        return record.levelno >= enough and super().filter(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Emit `record` as an event."""
        facts = _facts(record)
        text = str(facts.pop("event"))
        same = f"{record.name} {text if isinstance(record.msg, dict) else record.msg}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            text = f"{text}: {type(error).__name__}: {error}"
        event = Event(
            time=record.created,
            severity=_severity(record.levelno),
            name="log",
            text=text,
            fields={"logger": record.name, **facts},
            function=f"{record.name}.{record.funcName}",
        )
        folding = Folding(same=same, singly=_SINGLY, kinds=_KINDS)
        self._events.emit(event, folding)


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    """The facts of the record: its message as "event", a traceback as "exception"."""
    facts: Any = record.msg if isinstance(record.msg, dict) else {}
    facts = {"event": record.getMessage(), **facts, "_record": record}
    if record.exc_info:
        facts["exc_info"] = record.exc_info
    for process in _to_facts():
        facts = process(None, record.levelname.lower(), facts)
    assert isinstance(facts, Mapping)
    return {name: fact for name, fact in facts.items() if name not in _INTERNAL}


@cache
def _to_facts() -> tuple[Any, ...]:
    import structlog  # noqa: PLC0415 - not before something is logged

    return (structlog.stdlib.ExtraAdder(), structlog.processors.format_exc_info)


def _severity(level: int) -> EventSeverity:
    if level >= logging.ERROR:
        return EventSeverity.ERROR
    if level >= logging.WARNING:
        return EventSeverity.WARNING
    return EventSeverity.INFORMATION
