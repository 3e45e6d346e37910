"""daqpv bench: its IOC and its client, as a user runs them, and with libca."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daqpv.bench.child import Followers
from daqpv.bench.measure import MEASURES, listen, measure, set_rate
from daqpv.bench.target import Target
from daqpv.links.ca import pv
from tests.support import forks

N, M = 20, 24


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """`daqpv bench ioc` as a process."""
    prefix = f"B{secrets.token_hex(3)}:"
    arguments = ("--prefix", prefix, "--n", str(N), "--m", str(M), "--rate", "10")
    with forks.Process(
        [sys.executable, "-m", "daqpv", "bench", "ioc", *arguments, "--mix"],
        cwd=tmp_path_factory.mktemp("bench"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert re.fullmatch(
            rf"ready: {N + M + 7} PVs under {prefix}, CA port \d+\n", line
        )
        port = int(os.environ["EPICS_CAS_SERVER_PORT"])
        yield Target("ours", "127.0.0.1", port, prefix, N, M, process.pid)
        process.terminate()
        assert process.wait(30) == 0


def figures(target: Target, name: str) -> dict[str, float]:
    """The figures of a measurement, all of which have to be there."""
    found = measure(target, name)
    assert [(one.row, one.why) for one in found] == [
        (row, "") for row in MEASURES[name][1]
    ]
    return {one.row: one.value for one in found if one.value is not None}


def test_the_pvs_are_what_the_help_says(target: Target) -> None:
    names = [f"d{i}" for i in range(8)] + ["e", "l", "s", "rate"]
    types = [pv.get(f"{target.prefix}{name}.RTYP") for name in names]
    assert types == [
        *("ao", "longout", "ao", "mbbo", "ao", "bo", "ao", "stringout"),
        *("mbbo", "longout", "stringout", "ao"),
    ]
    assert pv.labels(f"{target.prefix}e") == ("zero", "one", "two")
    assert pv.get(f"{target.prefix}d0.HIHI") == "1000000000000.000"
    assert pv.get(f"{target.prefix}w.NELM") == "1000000"


def test_a_slow_put_takes_five_seconds_and_the_loop_is_free(target: Target) -> None:
    begin = time.monotonic()
    figure = figures(target, "slow")["slow_p50"]
    assert time.monotonic() - begin > 5
    assert 1 < figure < 10_000  # us


def test_a_put_to_block_holds_up_everybody_for_100_ms(target: Target) -> None:
    assert 90 < figures(target, "block")["block_worst"] < 5_000


def test_libca_connects_to_all(target: Target) -> None:
    assert 0 < figures(target, "connect")["connect"] < 20


def test_an_array_comes_back_as_it_was_put(target: Target) -> None:
    assert min(figures(target, "wave").values()) > 1  # MB/s


def test_no_event_of_any_type_is_lost_or_repeated(target: Target) -> None:
    try:
        set_rate(target, 50)
        with Followers(target, 2, M) as followers:
            stream = listen(target, followers, 2.0)
    finally:
        set_rate(target, 10)
    assert stream.lost == 0
    assert stream.rate == pytest.approx(2 * 50 * M, rel=0.5)
    assert 0 < stream.p50 <= stream.p99 < 5_000
    assert stream.cpu is not None
    assert stream.cpu > 0


def test_a_loss_is_seen(target: Target) -> None:
    """A counter that is only told of in steps of four, since its MDEL is 3."""
    pv.put(f"{target.prefix}m0.MDEL", "3", timeout=10)
    try:
        with Followers(target, 1, 1) as followers:
            stream = listen(target, followers, 2.0)
    finally:
        pv.put(f"{target.prefix}m0.MDEL", "0", timeout=10)
    assert stream.lost >= 3  # of each four


def test_a_stopped_client_leaves_the_others_alone(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.bench.measure._STOPPED", 2.0)
    found = figures(target, "stopped")
    assert found["stopped_lost"] == 0
    assert found["stopped_memory"] < 20


def test_a_server_without_the_pvs_is_said_to_lack_them(target: Target) -> None:
    lacking = Target("x", target.host, target.port, target.prefix, N + 1, M + 1)
    for figure in measure(lacking, "one"):
        assert figure.value is None
        assert f"{target.prefix}m{M}: the server does not have it" in figure.why


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "daqpv", "bench", "client", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_client_prints_a_table_of_servers_side_by_side(
    target: Target, tmp_path: Path
) -> None:
    address = f"{target.host}:{target.port}"
    done = run(
        *("--prefix", target.prefix, "--n", str(N), "--m", str(M)),
        *("--server", f"one={address}", "--server", f"two={address}"),
        *("--only", "latency"),
    )
    assert done.returncode == 0, done.stderr
    head, get, put, load = done.stdout.splitlines()
    assert head.split() == ["what", "one", "two", "goal"]
    assert re.search(r"p50 +[\d,]+ us.* [\d,]+ us \(x [\d.]+\) +<= 70 us", get)
    assert put.startswith("put with callback")
    assert load.startswith("load of this computer")


def test_the_client_says_who_does_not_answer() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        done = run("--server", f"nobody=127.0.0.1:{silent.getsockname()[1]}")
    assert done.returncode == 1
    assert "B:d0: no server at 127.0.0.1:" in done.stderr
