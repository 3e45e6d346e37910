"""Paths of log, store, spool and settings: by default beside the experiment file."""

from __future__ import annotations

from pathlib import Path

from daqpv.config import Experiment
from daqpv.errors import StoreError


def log_path(experiment: Experiment) -> Path:
    """The plain log file."""
    from daqpv.iocs.log import KIND as LOG  # noqa: PLC0415 - it imports the PV server

    (settings,) = experiment.of(LOG).values()
    return settings.file or folder_of(experiment) / f"{experiment.experiment}.log"


def folder_of(experiment: Experiment) -> Path:
    """The folder of the experiment file."""
    return experiment.path.absolute().parent


def store_url(experiment: Experiment) -> str:
    """The URL of the store.

    Raises:
        StoreError: the experiment has no store.
    """
    url = experiment.store.url
    if url == "none":
        raise StoreError(f"{experiment.path} has no store (store: none)")
    return url or f"sqlite:///{folder_of(experiment)}/{experiment.experiment}.db"


def spool_path(experiment: Experiment) -> Path:
    """The folder where records of each process wait while the store is not available.

    Each experiment has its own, since its file is often a copy of another's.
    """
    name, shared = experiment.experiment, experiment.store.spool
    if shared is None:
        return folder_of(experiment) / f"{name}.spool"
    return shared / name


def settings_path(experiment: Experiment) -> Path:
    """The file of operators' choices."""
    return _beside_spool(experiment, "settings.json")


def pulse_path(experiment: Experiment) -> Path:
    """The file with the time until which the open run was seen."""
    return _beside_spool(experiment, "pulse.json")


def _beside_spool(experiment: Experiment, name: str) -> Path:
    """In the folder of the spool; without a store in that of the experiment file."""
    if experiment.store.url == "none":
        return folder_of(experiment) / f"{experiment.experiment}.{name}"
    return spool_path(experiment) / name


def refuse_leftovers(experiment: Experiment) -> None:
    """Refuse to make new files while those of an earlier daqpv are elsewhere.

    Raises:
        StoreError: the store is in the working directory, or records wait in a spool
            that does not name its experiment.
    """
    name, here, folder = experiment.experiment, Path.cwd(), folder_of(experiment)
    names = [f"{name}.{kind}" for kind in ("db", "spool", "settings.json")]
    left = [one for one in names if (here / one).exists()]
    if here != folder and left and not any((folder / one).exists() for one in names):
        files = " ".join(
            str(here / one) + ("*" if one.endswith(".db") else "") for one in left
        )
        raise StoreError(
            f"{here} has {', '.join(left)} of an earlier daqpv, which used the working "
            f"directory. It is now the folder of {experiment.path}: end all daqpv of "
            f"it, then: mv {files} {folder}"
        )
    for old in sorted({p.parent for p in _old_spools(experiment)}):
        raise StoreError(
            f"{old} has records of an earlier daqpv, which does not say of which "
            "experiment they are; settings may be among them. If they are of "
            f"{name}: daqpv db retry {experiment.path} {old}. If they are not: do so "
            "with the file of the other experiment, or move them away"
        )


def _old_spools(experiment: Experiment) -> list[Path]:
    """Files of the spool when all experiments shared the processes' folders."""
    shared = experiment.store.spool
    return [] if shared is None else [*shared.glob("*/[0-9]*.spool")]
