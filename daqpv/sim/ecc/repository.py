"""The configuration directory of an ECC server, and its XML documents."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lxml import etree

from daqpv.sim.ecc.soap import Build

PARTS = ("describe", "prepare", "configure", "hardware")
"""The types of a SubConfigId, in the order in which the server sorts them."""
_PREFIX = {"hardware": "hardwareDescription_"}


class CommandError(Exception):
    """An operation fails; the text is the ErrorMessage."""


class MalformedIdError(Exception):
    """A ConfigId that ends the server process."""


@dataclass
class Repository:
    """The files of the directory; they are read at each call, as by the server.

    Attributes:
        describes: for each describe file, the data senders of its boards
            (``CoBo[0]``, ``Mutant[master]``); none: boards without read-out.
        configures: names of the configure files.
        prepares: names of the prepare files, of which only the build of 2014 knows;
            None: a link for each configure file, as is usual.
        files: contents by file name, instead of the generated ones.
    """

    describes: Mapping[str, Sequence[str]]
    configures: Sequence[str]
    prepares: Sequence[str] | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def names(self, part: str, build: Build) -> Iterable[str]:
        """Names of the files that `part` of a ConfigId may name."""
        if part == "describe":
            return self.describes
        if part == "hardware":
            return ["get"]
        if part == "prepare" and build is Build.MAY_2014 and self.prepares is not None:
            return self.prepares
        return self.configures

    def check(self, part: str, name: str, build: Build) -> None:
        """Open a file.

        Raises:
            CommandError: there is no file of that name.
        """
        if name not in self.names(part, build):
            raise CommandError(f"Configuration '{name}' does not exist.")

    def list_ids(self, build: Build) -> str:
        """The ConfigIdSet: sorted, names as they are, markup or not.

        The current build pairs each describe file with each configure file and lets
        the prepare name repeat the configure name; that of 2014 lists all triples.
        """
        describes = sorted(self.names("describe", build))
        configures = sorted(self.names("configure", build))
        triples: Iterable[tuple[str, str, str]]
        if build is Build.MAY_2014:
            prepares = sorted(self.names("prepare", build))
            triples = itertools.product(describes, prepares, configures)
        else:
            triples = ((d, c, c) for d in describes for c in configures)
        ids = (dict(zip(PARTS, triple, strict=False)) for triple in triples)
        return _lines("ConfigIdSet", (format_id(parts) for parts in ids))

    def content(self, part: str, name: str, build: Build) -> str:
        """Name and content of a file, as a File of a ConfigSet.

        Raises:
            CommandError: there is no such file.
        """
        self.check(part, name, build)
        is_shared = part == "prepare" and build is Build.CURRENT
        text = self._read("configure" if is_shared else part, name)
        return (
            f'\n<File filename="{_filename(part, name)}" format="xcfg" '
            f'subConfigType="{part}" subConfigId="{name}">\n{text}</File>'
        )

    def _read(self, part: str, name: str) -> str:
        text = self.files.get(_filename(part, name))
        if text is not None:
            return text
        if part == "describe":
            return _describe_file(self.describes[name])
        return f'<Setup>\n\t<Node id="CoBo" />\n\t<!-- {part} {name} -->\n</Setup>\n'

    def config_set(self, parts: Mapping[str, str], build: Build) -> str:
        """The ConfigSet of a ConfigId; describe files name their hardware file.

        Raises:
            CommandError: a file does not exist.
        """
        full = {part: parts[part] for part in PARTS if part in parts}
        if self.describes.get(full.get("describe", "")):
            full["hardware"] = "get"
        files = [self.content(part, name, build) for part, name in full.items()]
        return f"<ConfigSet>{''.join(files)}\n</ConfigSet>"


def _filename(part: str, name: str) -> str:
    return f"{_PREFIX.get(part, part + '-')}{name}.xcfg"


def _describe_file(senders: Sequence[str]) -> str:
    lines = ["<Setup>"]
    for sender in senders:
        kind, instance = sender.rstrip("]").split("[")
        lines += [
            f'\t<Node id="{kind}"><Instance id="{instance}">',
            "\t\t<Endpoint>127.0.0.1:46001</Endpoint>",
            "\t\t<HardwareConfigId>get</HardwareConfigId>",
            "\t</Instance></Node>",
        ]
    return "\n".join([*lines, "</Setup>", ""])


def format_id(parts: Mapping[str, str]) -> str:
    """A ConfigId, sorted, without blanks."""
    inner = "".join(
        f'<SubConfigId type="{part}">{parts[part]}</SubConfigId>'
        for part in PARTS
        if part in parts
    )
    return f"<ConfigId>{inner}</ConfigId>"


def parse_id(text: str) -> dict[str, str]:
    """Read a ConfigId; empty if it is not one. Of two parts of a type the first counts.

    Raises:
        MalformedIdError: a type that is missing or unknown, or an empty SubConfigId.
    """
    root = _parse(text)
    if root is None or root.tag != "ConfigId":
        return {}
    parts: dict[str, str] = {}
    for element in root:
        if element.tag != "SubConfigId":
            continue
        part, name = element.get("type"), " ".join((element.text or "").split())
        if part not in PARTS or not name:
            raise MalformedIdError(f"SubConfigId type={part!r} {name!r}")
        parts.setdefault(part, name)
    return parts


class Link(NamedTuple):
    """A DataLink."""

    sender: str
    router: str
    address: str
    port: str
    type: str

    def __str__(self) -> str:
        return (
            f'<DataLink><DataSender id="{self.sender}" /><DataRouter '
            f' name="{self.router}" ipAddress="{self.address}" port="{self.port}"'
            f' type="{self.type}" /></DataLink>'
        )


def parse_links(text: str, build: Build) -> list[Link]:
    """Read a DataLinkSet. A link that is incomplete or has no valid port is dropped.

    The set of the current build is ordered by sender alone: of two links of a sender
    the second is dropped. The AT-TPC sends two, so that of 2014 kept both.
    """
    root = _parse(text)
    if root is None or root.tag != "DataLinkSet":
        return []
    links: list[Link] = []
    for element in root.iterfind("DataLink"):
        link = _parse_link(element)
        if link is None:
            continue
        if build is Build.CURRENT and any(link.sender == x.sender for x in links):
            continue
        links.append(link)
    return sorted(links, key=lambda link: link.sender)


def _parse_link(element: etree._Element) -> Link | None:
    sender, router = element.find("DataSender"), element.find("DataRouter")
    if sender is None or router is None or not sender.get("id"):
        return None
    port = router.get("port", "46005")
    if not (port.isascii() and port.isdecimal() and int(port) <= 0xFFFF):
        return None
    return Link(
        sender.get("id", ""),
        router.get("name", ""),
        router.get("ipAddress", ""),
        port,
        router.get("type", "Tcp"),
    )


def format_links(links: Iterable[Link]) -> str:
    """A DataLinkSet."""
    return _lines("DataLinkSet", map(str, links))


def format_senders(senders: Iterable[str]) -> str:
    """A DataSenderSet, sorted."""
    return _lines(
        "DataSenderSet", (f'<DataSender id="{sender}" />' for sender in sorted(senders))
    )


def _lines(name: str, elements: Iterable[str]) -> str:
    inner = "".join(f"\t{element}\n" for element in elements)
    return f"<{name}>\n{inner}</{name}>"


def _parse(text: str) -> etree._Element | None:
    """Parse a document that came as text; None if it is not XML."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(text.strip().encode(), parser)
    except etree.XMLSyntaxError:
        return None
