"""Writes a first experiment file for n CoBos, like the easy setup of attpc-daq.

It follows the conventions of AT-TPC: computers with addresses that count up, one ECC
server and one data router on each, one describe file per CoBo (``describe-cobo0.xcfg``)
and one common prepare and configure file named after the experiment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from daqpv.config import EXPERIMENT, PREFIX
from daqpv.config.first_file import checked, head
from daqpv.config.net import ipv4
from daqpv.core import Names
from daqpv.ecc.settings import PORT, Role

_SERVERS = """
# ECC servers. The name goes into the PVs: a letter, then at most 23 letters, digits,
# '_' or '-'. Each server takes
#   url      where it listens; port {port} if none is given
#   role     type of its boards: cobo, mutant, mutant-slave, or all. It decides the
#            order: at Start, for example, the MuTAnT comes last
#   config   describe/prepare/configure: the files describe-NAME.xcfg and so on in the
#            configuration directory of the server. It can be chosen later, too
#   links    where its data go: a sender (TYPE[INSTANCE], as in the describe file) and
#            a router of this file. A sender may have a second router: one line more
#   desc     description of the device: at most 40 characters
#   enable   false: not polled, not commanded
#   period   seconds between two polls; default 1
#   timeout  how long an operation may take, e.g. {{prepare: 3 min, configure: 3 min}}
#   log_path its log file, on its computer
#   config_dir  where its configuration files are there: kept with each run
#   ssh      that computer, as user@host; default: this one
ecc:
"""

_ROUTERS = """
# Data routers. Each takes
#   address  IPv4 address: the boards take no name
#   port     for data; default 46005
#   type     how the boards send: TCP, ZBUF (TCP without copies), FDT or ICE
#   watch    how daqpv reads its files and its disk, one of
#              {ssh: user@host}   {page: "http://host:8081/page"}   {directory: /data}
#   desc, enable, period as above
routers:
"""


def easy_setup(  # noqa: PLR0913 (the questions of one form)
    *,
    experiment: str,
    prefix: str,
    cobos: int,
    first_ip: str,
    first_router_ip: str | None = None,
    one_server: bool = False,
    mutant: str | None = None,
    mutant_router: str | None = None,
    watch: str = "",
) -> str:
    """Write an experiment file, with comments.

    Args:
        experiment: its name.
        prefix: of all PV names.
        cobos: how many CoBos, counted from 0.
        first_ip: address of CoBo 0's ECC server; that of CoBo n is n higher.
        first_router_ip: address of CoBo 0's data router, counted up as well; `first_ip`
            if None: each router runs beside its ECC server.
        one_server: one ECC server, at `first_ip`, has all CoBos.
        mutant: address of the MuTAnT's ECC server, if there is a MuTAnT.
        mutant_router: address of the MuTAnT's data router, if it has one.
        watch: how daqpv polls each router, ``ssh: user@{address}``; "": not at all.

    Raises:
        ValueError: a value cannot be used; the text begins with its key.
    """
    setup = _Setup(
        experiment=experiment,
        prefix=prefix,
        servers=_addresses("first_ip", first_ip, 1 if one_server else cobos),
        routers=_addresses(
            "first_router_ip" if first_router_ip else "first_ip",
            first_router_ip or first_ip,
            cobos,
        ),
        one_server=one_server,
        mutant=_address("mutant", mutant) if mutant else None,
        mutant_router=_address("mutant_router", mutant_router)
        if mutant_router
        else None,
        watch=watch,
    )
    setup.check()
    return setup.text()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setup:
    """The parameters of the setup."""

    experiment: str
    prefix: str
    servers: list[IPv4Address]
    routers: list[IPv4Address]
    one_server: bool
    mutant: IPv4Address | None
    mutant_router: IPv4Address | None
    watch: str

    def check(self) -> None:
        """Raise ValueError if a parameter is not valid."""
        checked("experiment", EXPERIMENT, self.experiment)
        checked("prefix", PREFIX, self.prefix)
        if self.mutant in self.servers:
            raise ValueError(
                f"mutant: {self.mutant} is the ECC server of CoBos already"
            )
        if self.mutant_router and not self.mutant:
            raise ValueError(
                "mutant_router: there is no MuTAnT: give the address of its ECC "
                "server, too"
            )

    def text(self) -> str:
        """Write the file."""
        first = "ECC" if self.one_server else "CoBo0"
        top = head(
            experiment=self.experiment,
            prefix=self.prefix,
            sample=Names(self.prefix).of("ECC", first, "State"),
            defaults="ecc: {timeout: {configure: 4 min}}",
        )
        servers = _SERVERS.format(port=PORT)
        parts = [top, servers, *self._servers(), _ROUTERS, *self._routers()]
        return "".join(parts)

    def _servers(self) -> Iterator[str]:
        links = [(f"CoBo[{n}]", f"data{n}") for n in range(len(self.routers))]
        if self.one_server:
            role = Role.COBO if self.mutant else Role.ALL
            yield self._server("ECC", self.servers[0], role, links)
        else:
            for n, address in enumerate(self.servers):
                name = f"CoBo{n}"
                yield self._server(name, address, Role.COBO, links[n : n + 1])
        if self.mutant:
            links = [("Mutant[master]", "mutant")] if self.mutant_router else []
            yield self._server("MuTAnT", self.mutant, Role.MUTANT, links)

    def _server(
        self, name: str, address: IPv4Address, role: Role, links: list[tuple[str, str]]
    ) -> str:
        of_cobo = role is Role.COBO and not self.one_server
        describe = name.lower() if of_cobo else self.experiment
        text = (
            f"  {name}:\n"
            f"    url: http://{address}:{PORT}/\n"
            f"    role: {role}\n"
            f"    config: {describe}/{self.experiment}/{self.experiment}\n"
        )
        if links:
            text += "    links:\n"
        for sender, router in links:
            text += f'      - {{sender: "{sender}", router: {router}}}\n'
        return text

    def _routers(self) -> Iterator[str]:
        for n, address in enumerate(self.routers):
            yield self._router(f"data{n}", address, "TCP")
        if self.mutant_router:
            yield self._router("mutant", self.mutant_router, "FDT")

    def _router(self, name: str, address: IPv4Address, type_: str) -> str:
        watch = f", watch: {{{self.watch.format(address=address)}}}"
        return (
            f"  {name}: {{address: {address}, port: 46005, type: {type_}"
            f"{watch if self.watch else ''}}}\n"
        )


def _address(key: str, text: str) -> IPv4Address:
    try:
        return IPv4Address(ipv4(text))
    except ValueError:
        what = "an IPv4 address like 192.168.41.60"
        raise ValueError(f"{key}: {text!r} is given; wanted is {what}") from None


def _addresses(key: str, first: str, count: int) -> list[IPv4Address]:
    """Count addresses up, in the last byte only."""
    start = _address(key, first)
    if count < 1:
        raise ValueError(f"cobos: {count} is given; wanted is 1 or more")
    if count > (room := 256 - start.packed[-1]):
        raise ValueError(
            f"{key}: {count} addresses are wanted, and from {first} to .255 there are "
            f"{room}: begin lower, or add the others to the file by hand"
        )
    return [start + n for n in range(count)]
