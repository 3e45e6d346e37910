"""Reads the section ``archive`` of the experiment file."""

from __future__ import annotations

from daqpv.config.model import Model


class ArchiveSettings(Model):
    """No keys yet: the key ``store`` gives the place of the store."""
