"""Declares the facts of a run, each once.

A fact is a field of a dataclass, with a `RunField` that declares its storage and its
names. From that follow the PV, the record, the column of the store, the portable
file, and what ``daqpv runs`` lists, shows, exports and edits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from enum import Enum, auto
from typing import Any

from daqpv.core.records import table as t
from daqpv.core.records.table import NAME, WHO, Column
from daqpv.runs.states import RunClass

_LONG = 16_000  # [bytes] of a title or a comment, in its PV
_KEY = "run field"


class FactType(Enum):
    """The type of a fact, for formatting."""

    TEXT = auto()
    NUMBER = auto()
    MOMENT = auto()  # UTC [s since 1970]
    DURATION = auto()  # [s]
    SIZE = auto()  # [bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPv:
    """The PV by which operators write a fact: of the open run, else of the next.

    Attributes:
        signal: after ``$(P)Run:``.
        doc: its description.
        size: of a long string [bytes]; 0: 40 characters at most.
        choices: whose labels it may have; None: any text.
    """

    signal: str
    doc: str
    size: int = 0
    choices: type[RunClass] | None = None


@dataclass(frozen=True, slots=True)
class RunField:
    """A fact of a run.

    Attributes:
        column: of the store; its name is that of the dataclass's field.
        type: for formatting.
        pv: by which it is written; None: daqpv sets it. A written fact is a text.
        listed: its heading in ``daqpv runs list``; "": not listed.
        shown: its label in ``daqpv runs show``; "": not listed.
        exported: its heading in csv and xlsx; "": not listed.
        key: in JSON, in the history of changes, and as an option of ``daqpv runs
            edit``; "": that of the column.
        searched: whether ``daqpv runs list --text`` searches it.
    """

    column: Column
    type: FactType = FactType.TEXT
    _: KW_ONLY
    pv: WrittenPv | None = None
    listed: str = ""
    shown: str = ""
    exported: str = ""
    key: str = ""
    searched: bool = False

    @property
    def name(self) -> str:
        """Of the dataclass's field."""
        return self.column.attribute

    @property
    def public_name(self) -> str:
        """Outside of the program."""
        return self.key or self.name


def fact(one: RunField) -> Mapping[str, RunField]:
    """The metadata of a dataclass's field that is a fact of a run."""
    return {_KEY: one}


@dataclass(frozen=True, kw_only=True)
class Written:
    """The facts that operators write, of the open run, else of the next.

    To add a text: a line here, a script in db/versions, the page docs/runs.md. Its
    column has ``default=""``, for records that waited in a spool meanwhile.
    """

    title: str = field(
        default="",
        metadata=fact(
            RunField(
                t.text("title"),
                pv=WrittenPv(signal="Title", doc="Of the run", size=_LONG),
                listed="Title",
                shown="Title",
                exported="title",
                searched=True,
            )
        ),
    )
    comment: str = field(
        default="",
        metadata=fact(
            RunField(
                t.text("comment"),
                pv=WrittenPv(signal="Comment", doc="On the run", size=_LONG),
                shown="Comment",
                exported="comment",
                searched=True,
            )
        ),
    )
    operator: str = field(
        default="",
        metadata=fact(
            RunField(
                t.text("operator", WHO),
                pv=WrittenPv(signal="Operator", doc="Who is on shift"),
                listed="Operator",
                shown="Operator",
                exported="operator",
                searched=True,
            )
        ),
    )


CLASS = fact(
    RunField(
        t.text("kind", NAME),
        pv=WrittenPv(signal="Class", doc="What the run is good for", choices=RunClass),
        listed="Class",
        exported="run class",
        key="class",
    )
)
"""The class of a run: a RunClass for its PV, and its label in the record."""


def facts_of(record: type[Any]) -> tuple[RunField, ...]:
    """The facts of a dataclass; what it inherits comes last."""
    found = [one for one in fields(record) if _KEY in one.metadata]
    inherited = [one.name for one in fields(Written)]
    found.sort(key=lambda one: one.name in inherited)
    return tuple(one.metadata[_KEY] for one in found)


def in_order(
    facts: Iterable[RunField], title: Callable[[RunField], str], first: Sequence[str]
) -> list[RunField]:
    """The facts that have a title: first those in `first`, then the others."""
    found = [one for one in facts if title(one)]
    rest = len(first)
    places = {name: place for place, name in enumerate(first)}
    return sorted(found, key=lambda one: places.get(one.name, rest))


def formatted(value: object) -> str:
    """A written value as the record has it."""
    return value.label if isinstance(value, RunClass) else str(value)
