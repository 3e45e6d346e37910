"""Who a daqpv process is, for other ones: its name, its clock, and its file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from daqpv.core import NO_ALARM
from daqpv.serve.pv.source import Source
from daqpv.serve.values.arrays import LongText
from daqpv.serve.values.meta import Meta

SINCE = b".DAQPV"  # a field of every PV of a daqpv: since when that process serves it
IDENTITY = b".DAQPVID"  # a field of every PV of a daqpv: who serves it
_SIZE = 8192  # [bytes] of its text
_END = 2**33  # [s since 1970] no clock shows more
_MOST = 200  # sections and characters that anybody's text may have


class Identity(NamedTuple):
    """Another daqpv process.

    Attributes:
        process: ``name@host``.
        clock: what it showed when it was asked, UTC [s since 1970].
        file: a hash of each section of its experiment file.
    """

    process: str
    clock: float
    file: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Identity | None:
        """Read what another process says; None if it cannot be understood."""
        try:
            said = json.loads(text)
            process, clock, file = said["process"], said["clock"], said["file"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        is_one = isinstance(process, str) and _is_time(clock)
        if not is_one or not isinstance(file, dict) or len(file) > _MOST:
            return None
        hashes = {key: value[:_MOST] for key, value in file.items() if _is_text(value)}
        return cls(process[:_MOST], float(clock), hashes)


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < _END


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


class OwnIdentity(Source):
    """Our own: what every client reads in which a PV's name and `IDENTITY` are one."""

    __slots__ = ("_say",)

    def __init__(self, say: Callable[[], Mapping[str, Any]]) -> None:
        form = LongText(_SIZE)
        super().__init__("", form, Meta(), form.blank, NO_ALARM, time.time())
        self._say = say

    def asked(self) -> OwnIdentity:
        """The same, with what our clock shows now."""
        self.time = time.time()
        self.value = json.dumps({**self._say(), "clock": self.time})
        self.stale()
        return self
