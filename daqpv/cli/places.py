"""Where an experiment keeps what happened."""

from __future__ import annotations

from pathlib import Path

from daqpv.config import Experiment
from daqpv.errors import StoreError


def log_path(experiment: Experiment) -> Path:
    """The plain log file."""
    from iocs.log import KIND as LOG  # noqa: PLC0415 - it imports the PV server

    (settings,) = experiment.of(LOG).values()
    return settings.file or Path(f"{experiment.experiment}.log")


def store_url(experiment: Experiment) -> str:
    """The URL of the store.

    Raises:
        StoreError: the experiment wants none.
    """
    url = experiment.store.url
    if url == "none":
        raise StoreError(f"{experiment.path} wants no store (store: none)")
    return url or f"sqlite:///{Path(f'{experiment.experiment}.db').absolute()}"


def spool_path(experiment: Experiment) -> Path:
    """The folder where records wait while the store is away, by process.

    Each experiment has its own: one file is often a copy of another's.
    """
    name, shared = experiment.experiment, experiment.store.spool
    return Path(f"{name}.spool").absolute() if shared is None else shared / name


def settings_path(experiment: Experiment) -> Path:
    """The file of what operators chose."""
    return _beside_spool(experiment, "settings.json")


def pulse_path(experiment: Experiment) -> Path:
    """The file that tells until when the open run was seen."""
    return _beside_spool(experiment, "pulse.json")


def _beside_spool(experiment: Experiment, name: str) -> Path:
    """In the folder of the spool; without a store in the working directory."""
    if experiment.store.url == "none":
        return Path(f"{experiment.experiment}.{name}").absolute()
    return spool_path(experiment) / name
