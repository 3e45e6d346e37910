"""The settings of an experiment in the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Empty, SimpleQueue

from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from daqpv.core import Origin, Setting, Store
from daqpv.errors import StoreError, sentence
from daqpv.store.engine import make_engine, translated
from daqpv.store.migrate import version_of
from daqpv.store.models import ExperimentRow, SettingRow

TIMEOUT = 3.0  # [s] that the start of an IOC waits for its settings


class StoredSettings:
    """Keeps settings in the store, and reads them when a process starts.

    Args:
        store: where they go.
        url: of the store, for reading them.
        experiment: whose they are.
    """

    def __init__(self, store: Store, url: str, experiment: str) -> None:
        self._store = store
        self._url = url
        self._experiment = experiment

    def read(self) -> Iterable[Setting]:
        """All settings of the experiment; none if the store is still to be made.

        Raises:
            StoreError: the store is away, or has not answered within 3 s.
        """
        try:
            return _within(TIMEOUT, lambda: read_settings(self._url, self._experiment))
        except StoreError as error:
            raise StoreError(
                f"The settings in the store cannot be read now: {sentence(error)} "
                "What operators chose holds as this computer's copy has it, beside the "
                "spool."
            ) from error

    def add(self, setting: Setting, /) -> None:
        """Keep `setting` soon."""
        self._store.add(setting)


def read_settings(url: str, experiment: str) -> list[Setting]:
    """Read all settings of `experiment`; none if the store is still to be made.

    Raises:
        StoreError: the store is away.
    """
    parsed = make_url(url)
    if (
        parsed.get_backend_name() == "sqlite"
        and not Path(parsed.database or "").exists()
    ):
        return []
    engine = make_engine(url)
    try:
        with translated(url), engine.connect() as connection:
            if version_of(connection) is None:
                return []
            return _settings(connection, experiment)
    finally:
        engine.dispose()


def _settings(connection: Connection, experiment: str) -> list[Setting]:
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


def _within(timeout: float, read: Callable[[], list[Setting]]) -> list[Setting]:
    """Call `read` in a thread; one that hangs is left behind.

    Raises:
        StoreError: it raised one, or has not ended within `timeout` [s].
    """
    answers: SimpleQueue[list[Setting] | StoreError] = SimpleQueue()

    def work() -> None:
        try:
            answers.put(read())
        except StoreError as error:
            answers.put(error)

    threading.Thread(target=work, name="settings", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except Empty:
        raise StoreError(f"no answer within {timeout:g} s") from None
    if isinstance(answer, StoreError):
        raise answer
    return answer
