"""The PVs of the store: ``$(P)Arch:``."""

from __future__ import annotations

from daqpv.config import Kind
from daqpv.core import Site
from daqpv.serve import Group, ai, bi, long, longin
from daqpv.store_health import Archive
from daqpv.store_health.settings import ArchiveSettings


class ArchiveGroup(Group[Archive]):
    """The health of the store."""

    store_online = bi(
        "StoreOnline",
        labels=("Offline", "Online"),
        doc="Whether the store takes records",
    )
    backlog = longin(
        "Backlog", high=10_000, hihi=1_000_000, doc="Records not yet in the store"
    )
    spool = ai(
        "Spool", units="MB", precision=1, display=(0, 1000), doc="Of them on this disk"
    )
    write_errors = longin("WriteErrors", doc="Attempts to write that failed")
    message = long("Message", doc="Why the store takes nothing")


def build(
    name: str, settings: ArchiveSettings, site: Site
) -> tuple[Archive, ArchiveGroup]:
    """Watch the store of this process."""
    store = site.store
    archive = Archive(store.figures if store else None, events=site.events)
    return archive, ArchiveGroup(site.prefix_of("Arch"), archive)


KIND = Kind(
    section="archive",
    settings=ArchiveSettings,
    api=1,
    build=build,
    many=False,
    always=True,
    per_host=True,
)
