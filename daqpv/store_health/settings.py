"""The section ``archive`` of the experiment file."""

from __future__ import annotations

from daqpv.config.model import Model


class ArchiveSettings(Model):
    """Nothing to say yet: where the store is, says the key ``store``."""
