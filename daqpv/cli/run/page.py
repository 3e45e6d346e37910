"""Formats the whole record of a run as a page for people."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from daqpv.cli.run.facts import amount_text, duration_text, fact_text
from daqpv.core import Severity
from daqpv.core.lines import one_line
from daqpv.core.timing.utc import utc_text
from daqpv.runs import RunChange, RunDocument, RunFile, RunPv, RunRecord, RunValue
from daqpv.runs.record.fields import FactType, in_order
from daqpv.runs.record.records import FACTS

_INDENT = "  "
_FIRST = (
    *("title", "start", "seen", "stop", "live_time", "data", "operator"),
    *("config", "comment", "note"),
)
_FACTS = in_order(FACTS, lambda fact: fact.shown, _FIRST)
_LABEL = 15  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """The whole record of a run in the store.

    Attributes:
        run: its facts.
        values: its observables, in the order of the page.
        pvs: chosen PVs at its start and its stop.
        changes: corrections of its record.
        files: its data files.
        documents: texts that belong to it.
    """

    run: RunRecord
    values: Sequence[RunValue]
    pvs: Sequence[RunPv]
    changes: Sequence[RunChange]
    files: Sequence[RunFile]
    documents: Sequence[RunDocument]

    def lines(self, width: int) -> Iterator[str]:
        """The page; long texts are folded at `width` characters."""
        run = self.run
        yield one_line(f"Run {run.number}: {run.kind}, {run.entry}")
        for label, text in self._facts():
            yield from _folded(label, text, width)
        parts = {
            "Observables": self._observables(),
            "PVs": self._pvs(),
            "Changes": map(_change, self.changes),
            "Files": self._files(),
            "Documents": map(_document, self.documents),
        }
        for title, lines in parts.items():
            shown = [one_line(line) for line in lines]
            if shown:
                yield f"\n{title}"
                yield from (f"{_INDENT}{line}" for line in shown)

    def _facts(self) -> Iterator[tuple[str, str]]:
        run = self.run
        for fact in _FACTS:
            if fact.name == "live_time":
                yield "Duration", duration_text(run.lasted(time.time()))
            if fact.name == "seen" and run.stop is not None:
                continue
            if fact.type is FactType.TEXT:
                yield fact.shown, str(getattr(run, fact.name))
            elif text := fact_text(fact, run):
                is_moment = fact.type is FactType.MOMENT
                yield fact.shown, f"{text} UTC" if is_moment else text

    def _observables(self) -> Iterator[str]:
        width = max((len(one.name) for one in self.values), default=0)
        for one in self.values:
            value = "-" if one.value is None else _value(one.value)
            units = f" {one.units}" if one.units and one.value is not None else ""
            readings = _readings(one) if one.count or one.severity else ""
            yield f"{one.name:{width}}  {value}{units}{readings}"

    def _pvs(self) -> Iterator[str]:
        by_name = sorted(self.pvs, key=lambda one: (one.pv, one.moment))
        for name, those in groupby(by_name, key=lambda one: one.pv):
            moments = (f"{one.moment} {_reading(one)}" for one in those)
            yield f"{name}: {', '.join(moments)}"

    def _files(self) -> Iterator[str]:
        for router, those in groupby(self.files, key=lambda one: one.router):
            of_router = list(those)
            size = amount_text(sum(one.size for one in of_router))
            count = len(of_router)
            yield f"{router}: {count} {'file' if count == 1 else 'files'}, {size}"
            yield from (f"{_INDENT}{one.path}" for one in of_router)


def _folded(label: str, text: str, width: int) -> Iterator[str]:
    """`label` and its text beside it; nothing if there is no text."""
    if not text.strip():
        return
    room = max(width - _LABEL, 20)
    lines = (
        part
        for line in text.splitlines()
        for part in textwrap.wrap(one_line(line), room) or [""]
    )
    for line in lines:
        yield f"{label:{_LABEL}}{line}".rstrip()
        label = ""


def _readings(one: RunValue) -> str:
    facts: Iterable[tuple[str, Any]] = (
        ("start", one.start),
        ("stop", one.stop),
        ("mean", one.mean),
        ("low", one.low),
        ("high", one.high),
    )
    shown = [f"{name} {_value(value)}" for name, value in facts if value is not None]
    count = f"{one.count} {'reading' if one.count == 1 else 'readings'}"
    return f"  ({', '.join([*shown, count])}{_worst(one.severity)})"


def _reading(one: RunPv) -> str:
    value = "not read" if one.value is None else _value(one.value)
    return f"{value}{_worst(one.severity)}"


def _worst(severity: Severity) -> str:
    return f", {severity.name}" if severity else ""


def _value(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _change(one: RunChange) -> str:
    by = f" [{one.origin}]" if one.origin else ""
    return f"{utc_text(one.time)} {one.field}: {one.old!r} -> {one.new!r}{by}"


def _document(one: RunDocument) -> str:
    return f"{one.server}/{one.name}, {len(one.text)} characters"
