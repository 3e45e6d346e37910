"""The health of the store, as PVs."""

from daqpv.store_health.store_health import Archive, ArchiveSnapshot

__all__ = ["Archive", "ArchiveSnapshot"]
