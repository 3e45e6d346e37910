"""The log of a program on another computer: by the command, and as a PV on request."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import epics
import psutil
import pytest

from daqpv.core import Result
from daqpv.ecc import EccState
from daqpv.errors import OperationError
from tests.support import forks
from tests.support.experiment import Client, Lab, Running
from tests.support.remote import following
from tests.support.sshd import DataRouter, Sshd, data_router, port, sshd, staging
from tests.support.waiting import soon, until

__all__ = ["data_router", "port", "sshd", "staging"]


LONG = 60.0  # [s] of an operation, until it is hurried


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What a program has written until now."""
    log = tmp_path / "a.log"
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(100)) + b"caf\xe9 \x1b[2J")
    return log


NEWEST = "\n".join([*(f"line {n}" for n in range(51, 100)), "caf\ufffd \\x1b[2J"])


def test_the_command_prints_it(
    tmp_path: Path, log: Path, sshd: Sshd, start: Callable[..., Running]
) -> None:
    (tmp_path / "e.yaml").write_text(
        'experiment: exp\nprefix: "T:"\n'
        f"ecc: {{CoBo0: {{url: 'http://127.0.0.1:1/', ssh: '{sshd.target}',"
        f" log_path: {log}}}, CoBo1: {{url: 'http://127.0.0.1:2/'}}}}\n"
        f"routers: {{data0: {{address: 1.2.3.4, log_path: {log}x,"
        f" watch: {{ssh: '{sshd.target}'}}}}}}\n"
    )

    def said(name: str) -> tuple[int, str]:
        running = start("log", "e.yaml", "--remote", name, cwd=tmp_path)
        return running.wait(), running.text

    assert said("CoBo0") == (0, NEWEST)
    code, text = said("CoBo1")
    assert code == 2
    assert "ecc.CoBo1: to read its log, say ssh: user@host and log_path" in text
    code, text = said("CoBo")
    assert (code, "router, did you mean 'CoBo" in text) == (2, True)
    code, text = said("data0")
    assert code != 0
    assert "No such file or directory" in text


@pytest.fixture
def router(
    staging: Path, port: int, data_router: Callable[..., DataRouter]
) -> DataRouter:
    """A dataRouter process, at `port`."""
    return data_router(staging, port)


@pytest.fixture
def lab(
    make_lab: Callable[..., Lab], log: Path, sshd: Sshd, port: int, router: DataRouter
) -> Lab:
    """A simulated CoBo and its router, whose logs are on another computer."""
    lab = make_lab(cobos=2)
    where = f"log_path: {log}, period: 0.2"
    text = lab.file.read_text().replace(
        "    config: cobo0/exp/exp\n",
        f"    config: cobo0/exp/exp\n    ssh: {sshd.target}\n    log_path: {log}\n",
    )
    text = text.replace(
        "data0: {address: 127.0.0.1}",
        f"data0: {{address: 127.0.0.1, port: {port}, {where}, "
        f"watch: {{ssh: '{sshd.target}'}}}}",
    )
    lab.file.write_text(text + "run: {checks: {disk_free: 0}}\n")
    lab.simulate()
    lab.serve()
    lab.client("", "Sys").until("Online", "Online")
    return lab


def held(sshd: Sshd, cobo: Client) -> Callable[[], None]:
    """Press ReadLog, and let it hang there; return what lets it go."""
    began, go = sshd.hold("tail")
    cobo.put_only("ReadLog", "1")
    until(began.exists, "the log is being read")
    assert cobo.get("ReadLog") == "Busy"
    return go.touch


@pytest.mark.parametrize(("name", "kind"), [("CoBo0", "ECC"), ("data0", "Router")])
def test_who_presses_has_the_end_of_the_log(lab: Lab, name: str, kind: str) -> None:
    device = lab.client(name, kind)
    assert device.get("RemoteLog") == ""
    pressed = device.monitor("ReadLog")
    device.put("ReadLog", "1")
    assert device.get("RemoteLog") == NEWEST
    pressed.until("Busy")
    pressed.until("Done")
    assert device.get("LastError") == ""
    assert (device.get("Result"), device.get("ResultCount")) == ("None", "0")


def test_caget_shows_it_as_a_long_string(lab: Lab) -> None:
    cobo = lab.client()
    cobo.put("ReadLog", "1")
    chid = epics.ca.create_channel(cobo.prefix + "RemoteLog", connect=True)
    assert epics.ca.field_type(chid) == epics.dbr.CHAR
    assert epics.ca.element_count(chid) == 16_000
    assert bytes(epics.ca.get(chid)).rstrip(b"\0").decode() == NEWEST


def test_a_log_that_cannot_be_read_fails_the_put_and_stays(
    lab: Lab, log: Path, sshd: Sshd
) -> None:
    cobo = lab.client()
    cobo.put("ReadLog", "1")
    log.unlink()
    with pytest.raises(OperationError):
        cobo.put("ReadLog", "1")
    assert "No such file or directory. Correct log_path" in cobo.get("LastError")
    sshd.stop()
    with pytest.raises(OperationError):
        cobo.put("ReadLog", "1")
    said = cobo.get("LastError")
    assert f"CoBo0: its log cannot be read: {sshd.target}: connection refused" in said
    assert "start sshd" in said
    assert cobo.get("RemoteLog") == NEWEST
    assert cobo.get("ReadLog") == "Done"
    assert (cobo.get("Result"), cobo.get("ResultCount")) == ("None", "0")


def test_a_log_of_which_nobody_knows_says_what_to_write(lab: Lab) -> None:
    cobo = lab.client("CoBo1")
    with pytest.raises(OperationError):
        cobo.put("ReadLog", "1")
    said = cobo.get("LastError")
    assert "say in the experiment file ssh: user@host and log_path: ~/Library" in said


def test_it_bars_no_way_neither_up_nor_down(lab: Lab, sshd: Sshd) -> None:
    cobo = lab.client()
    let_go = held(sshd, cobo)
    result = cobo.monitor("Result")
    cobo.put("Target", "Ready")
    lab.sim().takes("Breakup", LONG)
    cobo.put_only("Target", "Prepared")
    until(lambda: lab.sim()()["transition"] == "BreakingUp", "the operation at it")
    cobo.put_only("Target", "Idle")
    lab.sim()("/hurry", "POST")
    cobo.until("State", "Idle")
    assert cobo.get("ReadLog") == "Busy"
    let_go()
    cobo.until("ReadLog", "Done")
    assert cobo.get("RemoteLog") == NEWEST
    assert set(result.texts) <= {"None", "Busy", "Done", "Aborted"}


def test_the_way_goes_on_while_it_is_read(lab: Lab, sshd: Sshd) -> None:
    cobo = lab.client()
    result = cobo.monitor("Result")
    lab.sim().takes("Prepare", LONG)
    cobo.put_only("Target", "Ready")
    cobo.until("Transition", "Preparing")
    cobo.put("ReadLog", "1")
    assert cobo.get("RemoteLog") == NEWEST
    sshd.stop()
    with pytest.raises(OperationError):
        cobo.put("ReadLog", "1")
    assert cobo.get("Result") == "Busy"
    assert "connection refused" in cobo.get("LastError")
    lab.sim()("/hurry", "POST")
    cobo.until("State", "Ready")
    cobo.until("Result", "Done")
    assert cobo.get("LastError") == ""
    assert result.texts == ["None", "Busy", "Done"]


def test_it_is_read_while_a_run_is_open_or_the_server_is_gone(lab: Lab) -> None:
    cobo, run = lab.client(), lab.client("", "Run")
    lab.client("", "Sys").put("Target", "Ready")
    run.put("Start", "1")
    with pytest.raises(OperationError):
        cobo.put("Target", "Idle")
    said = cobo.get("LastError")
    cobo.put("ReadLog", "1")
    assert cobo.get("RemoteLog") == NEWEST
    assert cobo.get("LastError") == said
    run.put("Stop", "1")
    cobo.put("Enable", "0")
    cobo.put("ReadLog", "1")


def test_it_is_neither_archived_nor_saved_nor_an_alarm(lab: Lab) -> None:
    def listed(form: str) -> str:
        command = [sys.executable, "-m", "daqpv", "pvs", str(lab.file), "--format"]
        done = forks.run([*command, form], check=True, capture_output=True, text=True)
        return str(done.stdout)

    names = {row["name"] for row in json.loads(listed("json"))}
    for device in ("ECC:CoBo0:", "ECC:CoBo1:", "Router:data0:"):
        assert f"{lab.prefix}{device}RemoteLog" in names
    for form in ("archiver", "save", "alarm"):
        text = listed(form)
        assert "RemoteLog" not in text
        assert "ReadLog" not in text


def test_it_is_read_over_the_connection_that_there_is(lab: Lab, sshd: Sshd) -> None:
    def connections() -> int:
        assert sshd.process is not None
        return len(psutil.Process(sshd.process.pid).children())

    lab.client("data0", "Router").until("Online", "Online")
    assert connections() == 1
    let_go = held(sshd, lab.client())
    assert connections() == 1
    let_go()
    lab.client().until("ReadLog", "Done")


async def test_a_process_that_follows_the_server_is_not_misled(lab: Lab) -> None:
    lab.sim("CoBo1").takes("Prepare", LONG)
    async with following(lab, "CoBo1") as (server,):
        await soon(lambda: server.snapshot.online, "online")
        walk = asyncio.ensure_future(server.reach(EccState.READY))
        await soon(lambda: server.snapshot.transitioning, "on the way")
        busy: list[bool] = []
        server.watch(lambda snapshot, changed: busy.append(snapshot.busy))
        lab.client("CoBo1").put_only("ReadLog", "1")
        await soon(lambda: "to read its log" in server.snapshot.last_error, "refused")
        assert all(busy)
        lab.sim("CoBo1")("/hurry", "POST")
        await walk
        assert server.snapshot.result is Result.DONE
