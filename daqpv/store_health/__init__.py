"""How well the history of the experiment is kept."""

from daqpv.store_health.store_health import Archive, ArchiveSnapshot

__all__ = ["Archive", "ArchiveSnapshot"]
