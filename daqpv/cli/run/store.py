"""Opens the store of an experiment, and lists the observables of its file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection

from daqpv.cli.default_paths import store_url
from daqpv.cli.run.options import errors_reported
from daqpv.config import Experiment
from daqpv.runs.settings import Observable, RunSettings
from daqpv.store.reading.reader import reader
from daqpv.store.tables.engine import translated


@contextmanager
def reading(experiment: Experiment) -> Iterator[Connection]:
    """The store as of one moment; exit if there is none."""
    with errors_reported():
        url = store_url(experiment)
        with (
            reader(url, snapshot=True) as engine,
            translated(url),
            engine.connect() as connection,
        ):
            yield connection


def observables(experiment: Experiment) -> Mapping[str, Observable]:
    """The observables of the file, in its order; none if no section was read."""
    settings = experiment.sections.get("run", {}).get("")
    return settings.observables if isinstance(settings, RunSettings) else {}


def in_order(experiment: Experiment, names: Collection[str]) -> list[str]:
    """`names` as the file has them; last those that it does not have any more."""
    order = observables(experiment)
    known = [name for name in order if name in names]
    return known + sorted(set(names).difference(order))
