"""Settings of MQTT: options of the connection, and the topics of channels."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from daqpv.config import Bytes, LocalPath, Model, wanted

_LONGEST = 65535  # [bytes] of a topic


def _filter(text: str) -> str:
    *first, last = text.split("/")
    is_plain = not any("#" in level for level in first) and "#" not in last[1:]
    if last.startswith("#") and last != "#":
        is_plain = False
    is_whole = all(level == "+" or "+" not in level for level in (*first, last))
    if not (is_plain and is_whole and "\0" not in text and _fits(text)):
        raise wanted(
            "a topic such as lab/gauge/p; + stands for one level, # for the rest"
        )
    return text


def _topic(text: str) -> str:
    if any(sign in text for sign in "+#\0") or not _fits(text):
        raise wanted("a topic such as lab/gauge/set, without + and #")
    return text


def _fits(text: str) -> bool:
    return len(text.encode()) <= _LONGEST


Filter = Annotated[str, AfterValidator(_filter)]
Topic = Annotated[str, AfterValidator(_topic)]


class MqttOptions(Model):
    """Options of ``mqtt://HOST:1883`` and ``mqtts://HOST:8883``."""

    user: str | None = None
    """For a broker that wants a user and a password."""

    password: str | None = None
    """Of the user."""

    client: str | None = None
    """Name of this client at the broker, which drops another of the same name. Default:
    a name of its own at each connection."""

    keepalive: Annotated[int, Field(ge=1, le=600)] = 5
    """A broker that says nothing for twice this time [s] is lost."""

    qos: Annotated[int, Field(ge=0, le=2)] = 0
    """Quality of service of the subscriptions. With 1 and 2 a broker drops messages of
    which too many wait; the newest value counts, so 0 is best."""

    alive: Topic = ""
    """Topic with the state of the instrument, such as its last will."""

    online: str = "online"
    """What `alive` says as long as the instrument is there."""

    ca: LocalPath | None = None
    """Of mqtts: file with the certificate of the authority, if the system does not know
    it."""

    verify: bool = True
    """Of mqtts; false: the certificate is not checked."""

    most: Bytes = 2.0**20
    """Longer payloads are dropped."""


class MqttAt(Model):
    """The topic of a channel."""

    topic: Filter = ""
    """Whose messages are its values; + and # stand for other topics."""

    path: str = ""
    """JSONPath in the payload: ``$.p``. None: the payload is the value."""

    time: str = ""
    """JSONPath of the time in the payload: seconds (or ms, us, ns) since 1970, or a
    text such as 2026-11-29T12:00:00Z. None: the time of arrival."""

    set: Topic = ""
    """Topic to which values are written, with QoS 1."""

    payload: str = "{value}"
    """What is written: ``{value:g}``, ``{"v": {value}}``."""

    retain: bool = False
    """Whether the broker keeps what is written."""

    @model_validator(mode="after")
    def _is_any(self) -> Self:
        if not (self.topic or self.set):
            raise wanted("a topic to read, or one to set")
        return self


def _at(given: object) -> object:
    """``lab/gauge/p`` is short for ``{topic: lab/gauge/p}``."""
    return {"topic": given} if isinstance(given, str) else given


MqttPlace = Annotated[MqttAt, BeforeValidator(_at)]
