"""The address lists of EPICS: what DNS does not know, knows late, or never answers."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from daqpv.core import Events, Shown, Snapshot
from daqpv.errors import ServeError
from daqpv.serve import Group, Server, ai
from daqpv.serve.ca.addresses import Addresses, Searches

NOBODY = "archiver.invalid"
LISTS = (
    "EPICS_CAS_BEACON_ADDR_LIST",
    "EPICS_CAS_INTF_ADDR_LIST",
    "EPICS_CAS_IGNORE_ADDR_LIST",
    "EPICS_CA_ADDR_LIST",
)


class Plain(Group[Shown[Snapshot]]):
    value = ai("Value")


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What DNS knows; it is asked at each look."""
    known = {"localhost": "127.0.0.1"}

    def look_up(name: str) -> str:
        if name not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known[name]

    monkeypatch.setattr("daqpv.serve.ca.hosts.socket.gethostbyname", look_up)
    monkeypatch.setattr("daqpv.serve.ca.hosts.AGAIN", 0.0)
    return known


def lists(**more: str) -> dict[str, str]:
    return {"EPICS_CA_AUTO_ADDR_LIST": "NO", "EPICS_CAS_SERVER_PORT": "5064"} | more


def seen(variable: str, addresses: Addresses) -> list[str]:
    """The hosts of one of `LISTS`, as a server uses them."""
    if "INTF" in variable:
        return list(addresses.interfaces)
    if "IGNORE" in variable:
        return sorted(addresses.ignored)
    return [host for host, _ in addresses.beacons]


async def until(condition: Callable[[], Any], look: Callable[[], None]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            look()
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("variable", LISTS)
async def test_a_host_that_dns_does_not_know_is_said_and_the_others_count(
    dns: dict[str, str], caplog: pytest.LogCaptureFixture, variable: str
) -> None:
    addresses = Addresses(lists(**{variable: f"127.0.0.1 {NOBODY} 127.0.0.2"}))
    assert seen(variable, addresses) == ["127.0.0.1", "127.0.0.2"]
    addresses.look()
    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    words = f"{variable}: '{NOBODY}': Name or service not known"
    assert warning.getMessage().startswith(words)


@pytest.mark.parametrize("variable", LISTS)
async def test_a_host_that_dns_knows_later_counts_from_then_on(
    dns: dict[str, str], variable: str
) -> None:
    addresses = Addresses(lists(**{variable: f"127.0.0.1 {NOBODY}"}))
    assert seen(variable, addresses) == ["127.0.0.1"]
    dns[NOBODY] = "127.0.0.9"
    both = ["127.0.0.1", "127.0.0.9"]
    await until(lambda: seen(variable, addresses) == both, addresses.look)


@pytest.mark.parametrize("variable", LISTS)
async def test_a_dns_that_never_answers_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    answer = threading.Event()

    def hang(name: str) -> str:
        answer.wait(60)
        return "127.0.0.9"

    monkeypatch.setattr("daqpv.serve.ca.hosts.socket.gethostbyname", hang)
    monkeypatch.setattr("daqpv.serve.ca.hosts.PATIENCE", 0.05)
    environ = lists(**{variable: f"127.0.0.1 {NOBODY}"})
    addresses = Addresses(environ)
    Searches(environ, addresses).look()
    assert seen(variable, addresses) == ["127.0.0.1"]
    answer.set()
    both = ["127.0.0.1", "127.0.0.9"]
    await until(lambda: seen(variable, addresses) == both, addresses.look)


@pytest.mark.parametrize("variable", LISTS)
async def test_an_entry_counts_once_however_it_is_written(
    dns: dict[str, str], variable: str
) -> None:
    text = "127.0.0.1 127.0.0.1 localhost 127.0.0.1"
    assert seen(variable, Addresses(lists(**{variable: text}))) == ["127.0.0.1"]


async def test_searches_go_where_dns_knows_hosts_later(dns: dict[str, str]) -> None:
    environ = lists(EPICS_CA_ADDR_LIST=NOBODY, EPICS_CA_NAME_SERVERS=f"{NOBODY}:77")
    searches = Searches(environ, Addresses(lists()))
    assert searches.name_servers() == ()
    dns[NOBODY] = "127.0.0.9"
    await until(searches.name_servers, searches.look)
    assert searches.name_servers() == (("127.0.0.9", 77),)
    assert ("127.0.0.9", 5064) in searches.datagrams()


async def test_libca_gets_no_name_to_look_up(dns: dict[str, str]) -> None:
    environ = lists(
        EPICS_CA_ADDR_LIST=f"localhost 127.0.0.2:77 {NOBODY}",
        EPICS_CA_NAME_SERVERS="localhost:78",
    )
    assert Searches(environ, Addresses(lists())).environ() == {
        "EPICS_CA_ADDR_LIST": "127.0.0.1:5064 127.0.0.2:77",
        "EPICS_CA_NAME_SERVERS": "127.0.0.1:78",
    }


async def test_no_interface_that_is_known_is_not_all_interfaces(
    dns: dict[str, str],
) -> None:
    with pytest.raises(ServeError, match=f"EPICS_CAS_INTF_ADDR_LIST: '{NOBODY}'"):
        Server(environ=lists(EPICS_CAS_INTF_ADDR_LIST=NOBODY))


async def test_an_interface_that_is_not_here_is_said_and_the_others_serve(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    group = Plain("S:", Shown("plain", Snapshot(), events=Events()))
    environ = {"EPICS_CAS_INTF_ADDR_LIST": "192.0.2.1 127.0.0.1"}
    server = await bench.serve(group, environ=environ)
    await bench.client(server)
    (text,) = [one for one in caplog.messages if "192.0.2.1" in one]
    assert "Cannot assign requested address. It is used when it appears" in text


async def test_no_interface_that_is_here_is_one_clear_line(bench: Any) -> None:
    environ = {"EPICS_CAS_INTF_ADDR_LIST": "192.0.2.1"}
    with pytest.raises(ServeError, match=r"cannot listen on 192\.0\.2\.1: Cannot"):
        await bench.serve(environ=environ)
