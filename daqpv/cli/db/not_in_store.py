"""Describes the records of this computer that are not in the store."""

from __future__ import annotations

from daqpv.cli.default_paths import spool_path
from daqpv.config import Experiment
from daqpv.store.writing import refused
from daqpv.store.writing.spool import waiting


def not_in_store(experiment: Experiment) -> str:
    """The records that wait for the store or were refused, in words; "" if none."""
    folder, parts = spool_path(experiment), []
    if size := sum(waiting(folder).values()):
        parts.append(f"{size / 1e6:.3f} MB wait in {folder}")
    if count := sum(refused.counts(folder).values()):
        parts.append(f"it refuses {count} records: daqpv db retry {experiment.path}")
    return f"Not all is in the store yet: {'; '.join(parts)}." if parts else ""
