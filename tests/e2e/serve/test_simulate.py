"""``daqpv simulate``: servers for all that a file names."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daqpv.config import installed_kinds, load
from daqpv.iocs.ecc import KIND as ECC
from tests.support.signals import END, ended_by
from tests.support.waiting import DEADLINE

FAR = """\
experiment: far
prefix: "FAR:"
ecc:
  CoBo0: {url: "http://192.168.41.60:8083/", config: a/b/c}
  CoBo1: {url: "http://192.168.41.61:8083/", config: a/b/c}
"""


@pytest.fixture
def far(tmp_path: Path) -> Path:
    (tmp_path / "far.yaml").write_text(FAR)
    return tmp_path


def test_addresses_of_a_laboratory_are_not_simulated(
    far: Path, start: Callable[..., Any]
) -> None:
    refused = start("simulate", "far.yaml", cwd=far)
    assert (refused.wait(), refused.lines) == (
        3,
        [
            "CoBo0, CoBo1: not at a loopback address, and simulators run on this "
            "computer only. Use --local OUT"
        ],
    )


def test_a_local_copy_names_simulators_that_answer(
    far: Path, start: Callable[..., Any]
) -> None:
    command = ("simulate", "far.yaml", "--local", "local.yaml")
    running = start(*command, cwd=far, popen=subprocess.Popen)
    assert running.ready() == "ready: 2 simulated ECC servers"
    said = dict(re.findall(r"^(\w+) is simulated at (\S+)$", running.text, re.M))
    copy = (far / "local.yaml").read_text()
    assert re.findall(r'url: "?(http:[^",}]+)', copy) == list(said.values())
    assert "simulated: true" in copy
    for url in said.values():
        host, port = url.removeprefix("http://").rstrip("/").split(":")
        socket.create_connection((host, int(port)), DEADLINE).close()
    assert ended_by(signal.SIGTERM, running) < END


def test_a_local_copy_logs_in_nowhere(far: Path, start: Callable[..., Any]) -> None:
    with (far / "far.yaml").open("a") as file:
        file.write("defaults: {ecc: {ssh: daq@192.168.41.60, config_dir: /data}}\n")
    start("simulate", "far.yaml", "--local", "local.yaml", cwd=far).ready()
    experiment = load(far / "local.yaml", installed_kinds().kinds)
    servers = experiment.of(ECC).values()
    assert [server.ssh for server in servers] == [None, None]


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("far.yaml", "--local far.yaml would overwrite FILE: name another"),
        ("no/l.yaml", "--local no/l.yaml: there is no directory no"),
    ],
)
def test_a_copy_that_cannot_be_made_is_told_in_one_line(
    far: Path, start: Callable[..., Any], out: str, says: str
) -> None:
    refused = start("simulate", "far.yaml", "--local", out, cwd=far)
    assert (refused.wait(), refused.lines) == (2, [says])
    assert (far / "far.yaml").read_text() == FAR


def test_a_port_that_is_taken_is_told_in_one_line(
    lab: Any, start: Callable[..., Any]
) -> None:
    refused = start("simulate", lab.file.name, cwd=lab.folder)
    assert refused.wait() == 3
    (said,) = refused.lines
    assert re.fullmatch(
        r"CoBo0: cannot listen on 127\.0\.0\.1:\d+ \(Address already in use\); "
        r"is another simulator or server running there\?",
        said,
    )


def test_a_file_without_servers_has_nothing_to_simulate(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    (tmp_path / "none.yaml").write_text('experiment: e\nprefix: "E:"\n')
    refused = start("simulate", "none.yaml", cwd=tmp_path)
    assert (refused.wait(), refused.lines) == (
        2,
        ["none.yaml names nothing that can be simulated"],
    )
