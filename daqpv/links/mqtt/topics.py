"""Which channels a message is for, and their values in it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from daqpv.core import Status
from daqpv.errors import quoted
from daqpv.instruments.driver import Fault, Frame, Raw
from daqpv.instruments.settings import ChannelType, InstrumentSettings
from daqpv.links.json_values import JsonPath, document
from daqpv.links.mqtt.settings import MqttAt

_UNITS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))  # 1e11 s is the year 5138


class _Reader(NamedTuple):
    """How a channel is found in a payload."""

    name: str
    path: JsonPath | None
    time: JsonPath | None


class Topics:
    """The channels of an instrument, by topic.

    Args:
        settings: of the instrument.
        places: where its channels are.

    Raises:
        ValueError: a JSONPath cannot be used.
    """

    def __init__(
        self, settings: InstrumentSettings, places: Mapping[str, MqttAt]
    ) -> None:
        self._encoding = settings.encoding
        self._exact: dict[str, list[_Reader]] = {}
        self._wild: dict[str, list[_Reader]] = {}
        self.names = [name for name, at in places.items() if at.topic]
        for name in self.names:
            at = places[name]
            is_array = settings.channels[name].type is ChannelType.ARRAY
            is_wild = "+" in at.topic or "#" in at.topic
            by_topic = self._wild if is_wild else self._exact
            reader = _reader(name, at, is_array=is_array)
            by_topic.setdefault(at.topic, []).append(reader)

    @property
    def filters(self) -> list[str]:
        """All that is subscribed."""
        return [*self._exact, *self._wild]

    def frames(self, topic: str, payload: bytes) -> list[Frame]:
        """The values in a message: a frame for each time in it."""
        readers = list(self._exact.get(topic, ()))
        for pattern, more in self._wild.items():
            if matches(pattern, topic):
                readers += more
        if not readers:
            return []
        if not payload:
            gone = Fault(f"{topic} was emptied", status=Status.READ)
            return [Frame(values={reader.name: gone for reader in readers})]
        try:
            has_json = any(reader.path or reader.time for reader in readers)
            content = document(payload) if has_json else None
        except ValueError as error:
            return [_bad(topic, readers, error)]
        return self._timed(topic, payload, content, readers)

    def _timed(
        self, topic: str, payload: bytes, content: Any, readers: Iterable[_Reader]
    ) -> list[Frame]:
        by_time: dict[float | None, dict[str, Raw]] = {}
        bad: list[str] = []
        for reader in readers:
            stamp = None
            if reader.time is not None:
                stamp = time_of(reader.time.value(content))
                if stamp is None:
                    bad.append(f"{topic}: no time for {reader.name}")
            value = reader.path.value(content) if reader.path else self._text(payload)
            by_time.setdefault(stamp, {})[reader.name] = value
        first = next(iter(by_time))
        return [
            Frame(values=values, time=at, bad=bad if at is first else ())
            for at, values in by_time.items()
        ]

    def _text(self, payload: bytes) -> Raw:
        try:
            return payload.decode(self._encoding).strip()
        except UnicodeDecodeError:
            return payload


def _reader(name: str, at: MqttAt, *, is_array: bool) -> _Reader:
    try:
        path = JsonPath(at.path, is_array=is_array) if at.path else None
        return _Reader(name, path, JsonPath(at.time) if at.time else None)
    except ValueError as error:
        raise ValueError(f"channel {name}: {error}") from error


def _bad(topic: str, readers: Iterable[_Reader], error: ValueError) -> Frame:
    why = Fault(str(error), status=Status.READ)
    values = {reader.name: why for reader in readers}
    return Frame(values=values, good=0, bad=[f"{topic}: {error}"])


def matches(pattern: str, topic: str) -> bool:
    """Whether a subscription to `pattern` gets messages of `topic`.

    Source: MQTT 3.1.1, section 4.7.
    """
    if topic.startswith("$") and pattern[:1] in "+#":
        return False
    levels = topic.split("/")
    for at, wanted in enumerate(pattern.split("/")):
        if wanted == "#":
            return True
        if at == len(levels) or wanted not in ("+", levels[at]):
            return False
    return pattern.count("/") == topic.count("/")


def time_of(value: Raw) -> float | None:
    """A time of a payload, UTC [s since 1970]; None: it is none."""
    if isinstance(value, str):
        text = value
        try:
            value = float(text)
        except ValueError:
            return _of_text(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    for least, factor in _UNITS:
        if abs(value) >= least:
            value *= factor
            break
    return float(value) if 0 < value < time.time() + 86400 * 366 else None


def _of_text(text: str) -> float | None:
    try:
        stamp = datetime.fromisoformat(text)
        if stamp.tzinfo is None:
            stamp = stamp.replace(tzinfo=UTC)
        return stamp.timestamp()
    except (ValueError, OverflowError):
        return None


def too_long(topic: str, size: int, most: int) -> Frame:
    """What becomes of a payload that is too long."""
    text = f"{quoted(topic)}: a payload of {size} bytes, at most {most} are taken"
    return Frame(good=0, bad=[text])
