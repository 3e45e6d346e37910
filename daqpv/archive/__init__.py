"""How well the history of the experiment is kept."""

from daqpv.archive.archive import Archive, ArchiveSnapshot

__all__ = ["Archive", "ArchiveSnapshot"]
