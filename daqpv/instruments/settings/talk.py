"""Settings of how an instrument speaks in lines or messages of bytes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from daqpv.config import TIME, Model, wanted


class Ask(Model):
    """One exchange of a cycle: a question, and how its answer is read."""

    ask: str | None = None
    """The question, without its terminator. None: only listen (see `stream`)."""

    answer: str | dict[str, str] = ""
    """The pattern of the answer: ``{pressure:g},{temperature:g}``. Braces name
    channels; docs/instruments/patterns.md has all forms. A mapping: the answer is
    JSON, with a path for each channel, ``{pressure: $.gauge.p}``."""

    lines: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Lines of the answer."""

    every: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """It is asked in every so many cycles."""


def _listed(given: object) -> object:
    """One thing is a list of one."""
    return [given] if isinstance(given, dict | str) else given


def _patterns(given: object) -> object:
    """A text is the pattern of a line."""
    given = _listed(given)
    if not isinstance(given, list):
        return given
    return [{"answer": one} if isinstance(one, str) else one for one in given]


Asks = Annotated[
    tuple[Ask, ...],
    BeforeValidator(_listed, json_schema_input_type=Ask | tuple[Ask, ...]),
]
Lines = Annotated[
    tuple[Ask, ...],
    BeforeValidator(
        _patterns, json_schema_input_type=str | Ask | tuple[str | Ask, ...]
    ),
]


class Acknowledge(Model):
    """An answer in two steps: a line that accepts, and after `then` the data."""

    ok: str = "\x06"
    """The line that accepts the command."""

    refused: str = "\x15"
    """The line that refuses it."""

    then: str | None = "\x05"
    """What is sent to get the data, without a terminator. None: they come at once."""

    why: str | None = None
    """What to ask for the reason of a refusal; its answer goes into LastError."""

    reasons: dict[str, str] = Field(default_factory=dict)
    """What answers to `why` mean: ``{"0001": "it does not know this command"}``."""


def _encoding(name: str) -> str:
    """Return `name`, if Python has that encoding.

    Raises:
        PydanticCustomError: it has not.
    """
    try:
        "".encode(name)
    except LookupError:
        raise wanted("an encoding, such as utf-8 or latin-1") from None
    return name


class Talk(Model):
    """How an instrument speaks; keys of the instrument itself."""

    terminator: str | None = None
    """End of a line, both ways; ``"\\r\\n"`` if none of the three is given."""

    send_terminator: str | None = None
    """End of what is sent. Default: `terminator`."""

    receive_terminator: str | None = None
    """End of what comes. ``""``: a silence of `gap` ends it. Default: `terminator`."""

    answer_length: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Bytes of each answer, in place of a terminator."""

    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """Of texts; ``latin-1`` for those with a degree sign of one byte."""

    timeout: Annotated[float, TIME.within(0.01, 600)] = 1.0
    """Longest time for an answer [s]."""

    retries: Annotated[int, Field(ge=0, le=10)] = 0
    """A question without an answer is asked so many times more; commands are not."""

    gap: Annotated[float, TIME.within(0, 60)] = 0.0
    """Least time between an answer and the next question [s]."""

    echo: bool | Literal["character"] = False
    """The instrument sends each line back before its answer; it is compared.
    ``character``: each character is sent when the echo of the one before has come."""

    acknowledge: Acknowledge | None = None
    """Answers come in two steps."""

    checksum: str | None = None
    """Name of the check sum at the end of each message, both ways: ``sum8``, ``xor8``,
    ``crc16-modbus``; docs/instruments/patterns.md has all of them."""

    wake: str | None = None
    """Sent as it is after each connection, before anything else, without a terminator;
    what comes until the line is silent is dropped. It ends what a program has begun
    that is gone: ``"\\x03"``."""

    identity: Ask | None = None
    """Asked after each connection, before `init`: an answer that does not fit the
    pattern is that of another instrument."""

    init: Annotated[
        tuple[str | Ask, ...],
        BeforeValidator(
            _listed, json_schema_input_type=str | Ask | tuple[str | Ask, ...]
        ),
    ] = ()
    """Commands after each connection: a text is sent without waiting for an answer,
    ``{ask: ..., answer: ...}`` expects one."""

    settle_time: Annotated[float, TIME.within(0, 60)] = 0.0
    """Wait after the connection before anything is sent; what comes meanwhile is
    dropped (an Arduino restarts when its port opens)."""

    read: Asks = ()
    """Questions of each cycle, and how their answers are read."""

    stream: Lines = ()
    """Patterns of lines that come unasked."""

    comment: str | None = None
    """Lines of a stream that begin so are ignored."""

    errors: dict[str, str] = Field(default_factory=dict)
    """Patterns of answers that mean a refusal, and their meaning: ``{"ERR*": "not
    understood", "E0?": "out of range"}``; ``*`` and ``?`` stand for any text."""

    deny: tuple[str, ...] = ()
    """Commands that must never be sent, with ``*`` and ``?``; a description names those
    that are dangerous."""
