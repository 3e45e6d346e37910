"""daqpv doctor as operators type it, beside a daqpv serve and without one."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from daqpv.links.ca import pv
from tests.support.commands import daqpv, process
from tests.support.distribution import GAUGE, install
from tests.support.doctor import written
from tests.support.experiment import Running
from tests.support.terminal import in_terminal
from tests.support.waiting import DEADLINE, until


class OneClient:
    """A gauge on TCP that talks to one client; others are closed when they ask.

    Attributes:
        port: where it listens.
        clients: how many have come.
    """

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.clients = 0
        self._turn = threading.Lock()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.clients += 1
            self._open.append(client)
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        is_first = self._turn.acquire(blocking=False)
        try:
            with client, client.makefile("rb") as lines:
                for _ in lines:
                    if not is_first:
                        break
                    client.sendall(b"1.5\r\n")
        except OSError:
            pass
        finally:
            if is_first:
                self._turn.release()

    def close(self) -> None:
        """Nobody listens any more."""
        for one in (self._server, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes the threads
            one.close()


@pytest.fixture
def gauge() -> Iterator[OneClient]:
    gauge = OneClient()
    yield gauge
    gauge.close()


@pytest.fixture
def prefix() -> str:
    """Another one for each test: libca looks for PVs that went ever more seldom."""
    return f"T{secrets.token_hex(3)}:"


@pytest.fixture
def file(tmp_path: Path, gauge: OneClient, prefix: str) -> Path:
    settings = {
        "connection": f"tcp://127.0.0.1:{gauge.port}",
        "read": {"ask": "P?", "answer": "{p:g}"},
        "channels": {"p": {"units": "mbar"}},
        "period": 0.1,
    }
    path = tmp_path / "lab.yaml"
    path.write_text(written({"gauge": settings}, prefix))
    return path


@pytest.fixture
def serve(start: Callable[..., Running], file: Path, prefix: str) -> Callable[[], None]:
    """Serve the file, until the gauge has a value."""

    def serve() -> None:
        start("serve", "--quiet", file.name, cwd=file.parent).ready()
        until(
            lambda: pv.get(f"{prefix}Inst:gauge:p", timeout=DEADLINE).startswith("1.5"),
            "a value",
        )

    return serve


def doctor(file: Path, *options: str) -> tuple[int, list[str]]:
    """The exit code, and the lines of the gauge."""
    result = process("doctor", str(file), *options)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0].startswith("this computer: clock: ")
    return result.returncode, lines[1:]


def test_all_is_good(file: Path, gauge: OneClient) -> None:
    code, lines = doctor(file)
    assert code == 0
    assert [line.split(": ")[:3] for line in lines] == [
        ["gauge", "connection", "good"],
        ["gauge", "exchange", "good"],
        ["gauge", "parse", "good"],
    ]
    assert lines[-1].endswith("1 of 1 channel came: p 1.5 mbar.")


def test_a_problem_is_told_with_exit_code_1(file: Path, gauge: OneClient) -> None:
    gauge.close()
    code, lines = doctor(file)
    assert code == 1
    assert "connection refused. Nothing listens there" in lines[-1]


def test_a_file_with_errors_is_told_with_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(written({"gauge": {"connection": "tpc://127.0.0.1:1"}}))
    result = process("doctor", str(path))
    assert (result.returncode, result.stdout) == (2, "")
    assert "no driver for tpc:" in result.stderr


def test_settings_that_no_driver_takes_are_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(written({"gauge": {"connection": "tcp://127.0.0.1"}}))
    result = process("doctor", str(path))
    assert result.returncode == 2
    assert result.stdout.splitlines()[1:] == [
        "gauge: settings: PROBLEM: gauge: tcp://HOST:PORT is wanted."
    ]
    checked = daqpv("check", str(path))
    assert checked.exit_code == 2
    assert checked.stderr == f"{path}:1: instruments.gauge: tcp://HOST:PORT is wanted\n"


def test_an_instrument_that_the_file_does_not_have(file: Path) -> None:
    result = daqpv("doctor", str(file), "guage")
    assert result.exit_code == 2
    assert result.stderr == (
        "guage: the file has no such device, did you mean 'gauge'?\n"
    )


def test_a_file_without_instruments(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(written({}))
    result = process("doctor", str(path))
    assert result.returncode == 0
    assert result.stderr == f"{path} has no instruments to examine.\n"


def test_json_is_an_object_per_device(file: Path) -> None:
    result = process("doctor", str(file), "--json")
    computer, gauge = map(json.loads, result.stdout.splitlines())
    assert computer["name"] == "this computer"
    assert (gauge["section"], gauge["name"]) == ("instruments", "gauge")
    assert [one["step"] for one in gauge["findings"]] == [
        "connection",
        "exchange",
        "parse",
    ]
    assert gauge["findings"][2]["facts"]["values"] == {"p": {"value": 1.5}}


def test_a_terminal_gets_a_table(file: Path) -> None:
    lines = in_terminal("doctor", str(file), columns=100)
    rows = [line.split() for line in lines if line.strip()]
    assert ["gauge", "connection", "good"] in [row[:3] for row in rows]
    assert ["exchange", "good"] in [row[:2] for row in rows]
    assert all(len(line) <= 100 for line in lines)


BUILD = "KIND = Kind("
IGNORES = """
async def examine(name, settings, site, examination):
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
    yield
"""
BLOCKS = """
async def examine(name, settings, site, examination):
    time.sleep(3600)
    yield
"""


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (IGNORES, "A: its examination has not ended in 0.1 s."),
        (BLOCKS, "The code of a driver does not return, and blocks all others"),
    ],
)
def test_code_of_others_that_never_ends_does_not_keep_the_command(
    tmp_path: Path, code: str, says: str
) -> None:
    source = GAUGE.replace(BUILD, f"import asyncio, time\n{code}\n{BUILD}")
    install(tmp_path, source.replace("build=build", "build=build, examine=examine"))
    path = tmp_path / "lab.yaml"
    path.write_text('experiment: e\nprefix: "E:"\ngauges: {A: {port: one}}\n')
    result = process(
        *("doctor", str(path), "--timeout", "0.1"),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert result.returncode == 1
    assert says in result.stdout + result.stderr


# -- beside a daqpv serve --------------------------------------------------------------


@pytest.mark.usefixtures("ca_repeater")
def test_what_is_served_is_examined_through_its_pvs(
    file: Path, gauge: OneClient, serve: Any
) -> None:
    serve()
    code, lines = doctor(file)
    assert code == 0
    assert gauge.clients == 1
    assert "daqpv main@" in lines[0]
    assert "examined through its PVs" in lines[0]
    assert lines[1].startswith("gauge: connection: good: Online, last seen ")
    assert lines[2].startswith("gauge: exchange: good: Status OK, ")
    assert lines[3] == "gauge: parse: good: 1 of 1 channel have a value: p 1.5 mbar."


@pytest.mark.usefixtures("ca_repeater")
def test_direct_says_that_it_is_probably_busy(
    file: Path, gauge: OneClient, serve: Any
) -> None:
    serve()
    code, lines = doctor(file, "--direct")
    assert code == 1
    assert gauge.clients > 1
    assert "serves it at the same time: many instruments take one client" in lines[-1]
    assert lines[-1].endswith("Leave out --direct.")


@pytest.mark.usefixtures("ca_repeater")
def test_what_is_served_and_stopped_is_examined_directly(
    file: Path, gauge: OneClient, serve: Any, prefix: str
) -> None:
    serve()
    pv.put(f"{prefix}Inst:gauge:State", "Stopped", timeout=DEADLINE)
    code, lines = doctor(file)
    assert code == 0
    assert "it is stopped. So it is examined directly." in lines[0]
    assert lines[-1].endswith("1 of 1 channel came: p 1.5 mbar.")


@pytest.mark.usefixtures("ca_repeater")
def test_what_is_served_and_disabled_may_still_be_connected(
    file: Path, gauge: OneClient, serve: Any, prefix: str
) -> None:
    serve()
    pv.put(f"{prefix}Inst:gauge:Enable", "0", timeout=DEADLINE)
    code, lines = doctor(file)
    assert code == 0
    assert gauge.clients == 1
    assert lines[1] == (
        "gauge: connection: warning: It is disabled there, and may still be "
        f"connected. To examine it: caput {prefix}Inst:gauge:State Stopped"
    )


@pytest.mark.usefixtures("ca_repeater")
def test_what_the_server_cannot_reach_is_examined_directly(
    file: Path, gauge: OneClient, serve: Any, prefix: str
) -> None:
    serve()
    gauge.close()
    until(
        lambda: pv.get(f"{prefix}Inst:gauge:Condition", timeout=DEADLINE) == "Offline",
        "the loss",
    )
    code, lines = doctor(file)
    assert code == 1
    assert "cannot connect to it (Offline: gauge at 127.0.0.1:" in lines[0]
    assert "connection refused" in lines[1]
