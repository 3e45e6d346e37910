"""Identity of a daqpv process for other ones: its name, clock and experiment file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from daqpv.core import NO_ALARM
from daqpv.serve.pv.source import Source
from daqpv.serve.values.arrays import LongText
from daqpv.serve.values.meta import Meta

SINCE = b".DAQPV"  # a field of every PV of daqpv: when its process began to serve it
IDENTITY = b".DAQPVID"  # a field of every PV of daqpv: the process that serves it
_SIZE = 8192  # [bytes] of its text
_END = 2**33  # [s since 1970] the largest valid time
_MOST = 200  # maximum number of sections, and of characters in each


class Identity(NamedTuple):
    """Another daqpv process.

    Attributes:
        process: ``name@host``.
        clock: its time when it answered, UTC [s since 1970].
        file: a hash of each section of its experiment file.
    """

    process: str
    clock: float
    file: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Identity | None:
        """Parse the answer of another process; None if it is not valid."""
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
    """Our own identity: the value of the field `IDENTITY` of any PV name."""

    __slots__ = ("_say",)

    def __init__(self, say: Callable[[], Mapping[str, Any]]) -> None:
        form = LongText(_SIZE)
        super().__init__("", form, Meta(), form.blank, NO_ALARM, time.time())
        self._say = say

    def asked(self) -> OwnIdentity:
        """Return a copy with the present time of this process."""
        self.time = time.time()
        self.value = json.dumps({**self._say(), "clock": self.time})
        self.stale()
        return self
