"""Processes on several computers, whose network comes, goes and comes back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import until

pytestmark = pytest.mark.timeout(240)

_BEACONS = """
import socket
with socket.socket(type=socket.SOCK_DGRAM) as sock:
    sock.bind(("", 5099))
    print("ready", flush=True)
    while True:
        data, (host, _) = sock.recvfrom(100)
        number = int.from_bytes(data[8:12], "big")
        print(host, number, flush=True)
"""


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_two_that_served_through_a_cut_are_told_of_each_other(
    network: Any, experiment: Callable[[], Path]
) -> None:
    """Both are MAJOR and bring nothing up, until one ends: nobody else decides it."""
    file = experiment()
    left, right = network.host(), network.host()
    first = left.serve(file, "--name", "left")
    with pytest.raises(pytest.fail.Exception, match=r"ended with 4") as refused:
        right.serve(file, "--name", "right")
    assert f"is already served by {left.address}:5064" in str(refused.value)
    right.cut()
    right.serve(file, "--name", "right")
    assert left.get("E:IOC:left:Duplicate") == "No"
    beat = "E:IOC:right:HEARTBEAT"  # until it is 3 s old it would give way and end
    until(lambda: int(right.get(beat)) > 5, "an age at which nobody gives way")
    right.heal()
    for host, name in ((left, "left"), (right, "right")):
        there = {"EPICS_CA_ADDR_LIST": host.address, "EPICS_CA_AUTO_ADDR_LIST": "NO"}
        other = right if host is left else left
        host.until(f"E:IOC:{name}:Duplicate", "Yes", **there)
        assert host.get(f"E:IOC:{name}:Duplicate.SEVR", **there) == "MAJOR"
        said = host.get(f"E:IOC:{name}:Message", **there)
        assert f"is served twice: by this process, and by {other.address}:5064" in said
    first.end()
    right.until("E:IOC:right:Duplicate", "No")
    assert right.get("E:IOC:right:Message") == ""


def test_an_interface_that_comes_later_gets_beacons_and_answers(
    network: Any, experiment: Callable[[], Path]
) -> None:
    near, late = network.host(), network.host(joined=False)
    with near.python(_BEACONS) as heard:
        assert line(heard) == "ready\n"
        late.serve(experiment(), EPICS_CAS_BEACON_PORT="5099")
        late.join()
        assert [line(heard) for _ in range(3)] == [
            f"{late.address} {number}\n" for number in range(3)
        ]
        heard.kill()
    assert "no value" not in near.get("E:IOC:main:UPTIME")


def test_an_interface_of_the_list_is_served_when_it_comes(
    network: Any, experiment: Callable[[], Path]
) -> None:
    near, late = network.host(), network.host(joined=False)
    interfaces = f"127.0.0.1 {late.address}"
    serving = late.serve(experiment(), EPICS_CAS_INTF_ADDR_LIST=interfaces)
    assert f"EPICS_CAS_INTF_ADDR_LIST: {late.address}: " in serving.text
    assert "no value" in near.get("E:IOC:main:PROCESS_ID")
    late.join()
    near.until("E:IOC:main:PROCESS_ID", str(serving.process.pid))
