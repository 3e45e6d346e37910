"""One lab for all tests of ECC servers as PVs. Each server in it is another case.

The one that is walked up to Running is the only one of its experiment, so that the
order of servers leaves it free; the others are an experiment under the same prefix.

A test gets a server at rest (Idle, enabled, no faults) and must leave it so that its
PVs can bring it back there; what daqpv sent is counted from the test's beginning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import (
    BARE,
    DISABLED,
    GHOST,
    HASTY,
    NORMAL,
    OTHER,
    UNLISTED,
    Server,
    experiment,
)


@pytest.fixture(scope="session")
def ecc_lab(make_session_lab: Callable[..., Any]) -> Any:
    lab = make_session_lab(cobos=7)
    content = experiment(lab)
    ghost = content["ecc"].pop(GHOST)
    simulated: Path = lab.folder / "simulated.yaml"
    simulated.write_text(json.dumps(content))
    lone: Path = lab.folder / "lone.yaml"
    normal = {NORMAL: content["ecc"].pop(NORMAL)}
    lone.write_text(json.dumps(content | {"ecc": normal, "log": {"file": "lone.log"}}))
    del content["ecc"][BARE]["config"]
    content["ecc"][UNLISTED]["config"] = "nosuch/exp/exp"
    content["ecc"][GHOST] = ghost
    lab.file.write_text(json.dumps(content))
    lab.start("simulate", simulated.name, "--speed", "50")
    lab.serve()
    lab.first = lab.client(GHOST).monitor("State").events[0]
    lab.start("serve", lone.name, "--only", "ecc", "--name", "lone")
    return lab


@pytest.fixture
def server(ecc_lab: Any) -> Iterator[Callable[[str], Server]]:
    """Take servers, each at rest; afterwards they are so again."""
    taken: list[Server] = []

    def take(name: str) -> Server:
        server = Server(ecc_lab, name)
        server.until("Online", "Online")
        server.begin()
        taken.append(server)
        return server

    yield take
    for one in taken:
        one.rest()


@pytest.fixture
def cobo(server: Callable[[str], Server]) -> Server:
    """A server with all that it needs, and two routers for its data."""
    return server(NORMAL)


@pytest.fixture
def other(server: Callable[[str], Server]) -> Server:
    """One whose three configuration names differ; one of them is long."""
    return server(OTHER)


@pytest.fixture
def bare(server: Callable[[str], Server]) -> Server:
    """One without a configuration."""
    return server(BARE)


@pytest.fixture
def hasty(server: Callable[[str], Server]) -> Server:
    """One whose Describe and Prepare are given 1 s."""
    return server(HASTY)


@pytest.fixture
def unlisted(server: Callable[[str], Server]) -> Server:
    """One whose configuration in the file is none that it lists."""
    return server(UNLISTED)


@pytest.fixture
def disabled(ecc_lab: Any) -> Iterator[Server]:
    """One that the file disables; nobody has asked it anything yet."""
    server = Server(ecc_lab, DISABLED)
    yield server
    server.close()


@pytest.fixture
def ghost(ecc_lab: Any) -> Iterator[Server]:
    """One at whose address nobody has ever listened."""
    server = Server(ecc_lab, GHOST)
    yield server
    server.close()
