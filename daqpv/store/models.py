"""The tables of the store.

Times are UTC [us since 1970]: exact, and the same in every engine. Texts of people and
devices have no limit but the engine's 16 MB; what PVs and names bound is bounded.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LONG = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")  # their TEXT is 64 kB
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
    value: Mapped[Any] = mapped_column(JSON)
    file: Mapped[Any] = mapped_column(JSON)
    time: Mapped[int] = mapped_column(BigInteger)
    who: Mapped[str] = mapped_column(String(120))


_MARIADB = {"charset": "utf8mb4", "collate": "utf8mb4_bin", "engine": "InnoDB"}

for _table in Base.metadata.tables.values():
    for _key, _value in _MARIADB.items():  # whatever the database's own are
        _table.kwargs[f"mysql_{_key}"] = _table.kwargs[f"mariadb_{_key}"] = _value
