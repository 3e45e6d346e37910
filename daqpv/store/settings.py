"""The settings of an experiment in the store."""

from __future__ import annotations

from sqlalchemy import Connection, select

from daqpv.core import Origin, Setting
from daqpv.store.models import ExperimentRow, SettingRow


def read_settings(connection: Connection, experiment: str) -> list[Setting]:
    """All settings of `experiment`: of each field of a device the last."""
    columns = SettingRow.__table__.c
    rows = connection.execute(
        select(
            *(columns.time, columns.device, columns.field),
            *(columns.value, columns.file, columns.who),
        )
        .join(ExperimentRow, ExperimentRow.id == SettingRow.experiment_id)
        .where(ExperimentRow.name == experiment)
    )
    return [
        Setting(
            time=row.time / 1e6,
            device=row.device,
            field=row.field,
            value=row.value,
            file=row.file,
            origin=Origin.parse(row.who),
        )
        for row in rows
    ]
