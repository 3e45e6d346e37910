"""The PVs of the texts that are kept with a run: ``$(P)Run:Documents``."""

from __future__ import annotations

from daqpv.core import Site
from daqpv.core.threads import shared_crews
from daqpv.ecc import Server
from daqpv.links.files.config_files import ConfigFiles
from daqpv.links.ssh.connections import shared_hosts
from daqpv.runs import Run
from daqpv.runs.record.documents import Documents
from daqpv.serve import Group, long, longin


class DocumentsGroup(Group[Documents]):
    """The documents of the last run."""

    documents = longin("Documents", doc="Configuration files kept of it")
    missing = long("DocumentsMissing", doc="Whose files are not kept, and why")


def add_documents(site: Site, run: Run) -> None:
    """Keep the configuration files of all ECC servers with each run."""
    prefix = site.prefix_of("Run")
    documents = Documents(
        [_files(site, server) for server in site.find(Server)],
        keep=run.keep,
        events=site.events,
        prefix=prefix,
    )
    run.observe(documents.observe)
    site.add(documents, DocumentsGroup(prefix, documents))


def _files(site: Site, server: Server) -> ConfigFiles:
    settings = site.settings("ecc", server.name)
    folder, place = settings.config_dir, None
    if settings.ssh and folder:
        place = site.shared(shared_hosts).host(settings.ssh)
    disk = site.shared(shared_crews).of(f"the disk of {folder}")
    return ConfigFiles(server, folder, place or disk)
