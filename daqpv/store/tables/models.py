"""The tables of the store.

Times are UTC [us since 1970]: exact, and the same in every engine. Texts of people and
devices have no limit but the engine's 16 MB; what PVs and names bound is bounded.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LONG = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")  # their TEXT is 64 kB


class _JsonText(TypeDecorator[Any]):
    """JSON as plain text: in a column of type JSON, SQLite makes 3 of 3.0."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


VALUE = JSON().with_variant(_JsonText(), "sqlite")
NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers INTEGER only


class Base(DeclarativeBase):
    """All tables of the store."""


class ExperimentRow(Base):
    """An experiment: one file of settings. A store may hold several."""

    __tablename__ = "experiment"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)


class JournalRow(Base):
    """How far a writer has come: it counts with every transaction, in the same one.

    What a writer cannot be sure to have written it offers again; the count says
    whether it is there already.
    """

    __tablename__ = "journal"

    writer: Mapped[str] = mapped_column(String(32), primary_key=True)
    """One start of one process: a random number, in hex."""
    process: Mapped[str] = mapped_column(String(120))
    """``name@host`` of the process."""
    last: Mapped[int] = mapped_column(BigInteger)
    """Number of the last record that was written."""
    time: Mapped[int] = mapped_column(BigInteger)
    experiment_id: Mapped[int | None] = mapped_column(ForeignKey("experiment.id"))
    """null: written before version 0004, by a process that several experiments have."""


class EventRow(Base):
    """One thing that happened (daqpv.core.Event); `id` is the order."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_time", "experiment_id", "time"),
        Index("ix_event_device", "experiment_id", "device", "severity", "time"),
        Index("ix_event_severity", "experiment_id", "severity", "time"),
    )

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiment.id"))
    time: Mapped[int] = mapped_column(BigInteger)
    severity: Mapped[int] = mapped_column(SmallInteger)
    """0 information, 1 warning, 2 error."""
    name: Mapped[str] = mapped_column(String(60))
    device: Mapped[str] = mapped_column(String(60))
    process: Mapped[str] = mapped_column(String(120))
    """``name@host`` of the process."""
    function: Mapped[str] = mapped_column(String(200))
    """Where in the program: ``module.function``."""
    text: Mapped[str] = mapped_column(LONG)
    fields: Mapped[str] = mapped_column(LONG)
    """A JSON object."""
    who: Mapped[str] = mapped_column(String(120))
    """``user@host``; empty if nobody did it."""
    count: Mapped[int] = mapped_column(Integer)
    """How often it happened: repeated events are folded into one."""


class SettingRow(Base):
    """What was chosen last for a field of a device (daqpv.core.Setting)."""

    __tablename__ = "setting"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiment.id"), primary_key=True
    )
    device: Mapped[str] = mapped_column(String(60), primary_key=True)
    field: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[Any] = mapped_column(VALUE)
    file: Mapped[Any] = mapped_column(VALUE)
    time: Mapped[int] = mapped_column(BigInteger)
    who: Mapped[str] = mapped_column(String(120))


class _OfRun:
    """The first columns, and the first of the key, of what belongs to a run."""

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiment.id"), primary_key=True, sort_order=-2
    )
    number: Mapped[int] = mapped_column(
        Integer, primary_key=True, autoincrement=False, sort_order=-1
    )


class RunRow(_OfRun, Base):
    """A run (daqpv.runs.RunRecord)."""

    __tablename__ = "run"

    entry: Mapped[str] = mapped_column(String(20))
    """open, ended, interrupted, failed."""
    start: Mapped[int] = mapped_column(BigInteger)
    stop: Mapped[int | None] = mapped_column(BigInteger)
    seen: Mapped[int] = mapped_column(BigInteger)
    """When it was last known to be open."""
    live_time: Mapped[int] = mapped_column(BigInteger)
    """Without pauses [us]."""
    kind: Mapped[str] = mapped_column(String(60))
    """Its class: Testing, Production, Beam, Junk, Pulser."""
    title: Mapped[str] = mapped_column(LONG)
    comment: Mapped[str] = mapped_column(LONG)
    operator: Mapped[str] = mapped_column(String(120))
    config: Mapped[str] = mapped_column(LONG)
    """Configure names of the ECC servers."""
    note: Mapped[str] = mapped_column(LONG)
    """What is unusual about its start or end."""
    data: Mapped[int] = mapped_column(BigInteger)
    """Size of its files, when last seen [bytes]."""


class RunChangeRow(Base):
    """Somebody has changed what is written of a run (daqpv.runs.RunChange)."""

    __tablename__ = "run_change"
    __table_args__ = (Index("ix_run_change", "experiment_id", "number"),)

    id: Mapped[int] = mapped_column(NUMBER, primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiment.id"))
    number: Mapped[int] = mapped_column(Integer)
    time: Mapped[int] = mapped_column(BigInteger)
    field: Mapped[str] = mapped_column(String(60))
    old: Mapped[str] = mapped_column(LONG)
    new: Mapped[str] = mapped_column(LONG)
    who: Mapped[str] = mapped_column(String(120))


class RunValueRow(_OfRun, Base):
    """An observable of a run (daqpv.runs.RunValue)."""

    __tablename__ = "run_value"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    type: Mapped[str] = mapped_column(String(20))
    """int, float or string."""
    units: Mapped[str] = mapped_column(String(60))
    value: Mapped[Any] = mapped_column(VALUE)
    """By hand, or what was chosen of the readings; null: not known."""
    start: Mapped[Any] = mapped_column(VALUE)
    stop: Mapped[Any] = mapped_column(VALUE)
    mean: Mapped[float | None] = mapped_column(Double)
    low: Mapped[float | None] = mapped_column(Double)
    high: Mapped[float | None] = mapped_column(Double)
    count: Mapped[int] = mapped_column(Integer)
    """Readings in the run."""
    severity: Mapped[int] = mapped_column(SmallInteger)
    """The worst in the run: 0 none, 1 MINOR, 2 MAJOR, 3 INVALID."""


class RunPvRow(_OfRun, Base):
    """What a PV was at the start or the stop of a run (daqpv.runs.RunPv)."""

    __tablename__ = "run_pv"

    moment: Mapped[str] = mapped_column(String(20), primary_key=True)
    """start or stop."""
    pv: Mapped[str] = mapped_column(String(120), primary_key=True)
    value: Mapped[Any] = mapped_column(VALUE)
    """null: it could not be read."""
    severity: Mapped[int] = mapped_column(SmallInteger)
    time: Mapped[int] = mapped_column(BigInteger)


class RunFileRow(_OfRun, Base):
    """A data file of a run (daqpv.runs.RunFile)."""

    __tablename__ = "run_file"

    router: Mapped[str] = mapped_column(String(60), primary_key=True)
    path: Mapped[str] = mapped_column(String(500), primary_key=True)
    """Where it lies now."""
    size: Mapped[int] = mapped_column(BigInteger)
    """[bytes]."""
    time: Mapped[int] = mapped_column(BigInteger)
    """When it was moved there."""


class RunDocumentRow(_OfRun, Base):
    """A text that belongs to a run (daqpv.runs.RunDocument)."""

    __tablename__ = "run_document"

    server: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    text: Mapped[str] = mapped_column(LONG)


_MARIADB = {"charset": "utf8mb4", "collate": "utf8mb4_bin", "engine": "InnoDB"}

for _table in Base.metadata.tables.values():
    for _key, _value in _MARIADB.items():  # whatever the database's own are
        _table.kwargs[f"mysql_{_key}"] = _table.kwargs[f"mariadb_{_key}"] = _value
