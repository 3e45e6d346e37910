"""The PVs of the log: ``$(P)Log:``."""

from __future__ import annotations

from daqpv.config import Kind
from daqpv.core import EventSeverity, Site
from daqpv.events import Log
from daqpv.events.settings import LogSettings
from daqpv.iocs.device import command
from daqpv.serve import Group, long, longin, mbbi, strings
from daqpv.store.reading.history import StoredEvents


class LogGroup(Group[Log]):
    """The last events, and notes of the shift."""

    text = long("Text", size=16_000, doc="The last 20 events, the newest last")
    recent = strings("Recent", size=20, doc="The same, short, the newest first")
    info_count = longin(
        "InfoCount",
        of="infos",
        aliases=("Infos",),
        doc="Informations since the start",
    )
    warning_count = longin(
        "WarningCount",
        of="warnings",
        aliases=("Warnings",),
        doc="Warnings since the start",
    )
    error_count = longin("ErrorCount", doc="Errors since the start")
    last_severity = mbbi("LastSeverity", EventSeverity, doc="Of the last event")
    note = long("Note", put=command(Log.write), doc="Writes down what was done")
    # last: a client that waits for it finds the others written
    last = long("Last", doc="The last event, UTC")


def build(name: str, settings: LogSettings, site: Site) -> tuple[Log, LogGroup]:
    """Follow the events of this process, and those of others in the store."""
    prefix = site.prefix_of("Log")
    store = site.store
    log = Log(
        site.events,
        prefix=prefix,
        history=StoredEvents(store, site.experiment) if store else None,
        keep=settings.keep,
    )
    return log, LogGroup(prefix, log)


KIND = Kind(
    section="log",
    settings=LogSettings,
    api=1,
    build=build,
    many=False,
    always=True,
    known_by=("Log", "Last"),
    per_host=True,
)
