"""daqpv serve and its store: control never waits for it, and what happened is kept."""

from __future__ import annotations

import resource
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress

import epics
import pytest

from tests.support.experiment import Client, Lab, Running
from tests.support.lab_store import events, locked
from tests.support.waiting import DEADLINE, until


def severity(client: Client, signal_: str) -> int:
    answer = epics.caget(f"{client.prefix}{signal_}.SEVR", timeout=DEADLINE)
    assert answer is not None
    return int(answer)


def spooled(lab: Lab) -> bytes:
    """What waits in the spool."""
    waiting = b""
    for path in lab.folder.glob("exp.spool/main/*.spool"):
        with suppress(FileNotFoundError):  # it is in the store meanwhile
            waiting += path.read_bytes()
    return waiting


def test_what_happened_is_in_the_store_and_nothing_else_is_written(lab: Lab) -> None:
    arch = lab.client("", "Arch")
    arch.until("StoreOnline", "Online")
    lab.client().put("Target", "Described")
    lab.serve_no_more()
    files = {path.name for path in lab.folder.rglob("*") if path.is_file()}
    locks = {"lock", "served.lock"}
    assert files <= {"lab.yaml", "exp.db", "exp.log", "exp.settings.json", *locks}
    texts = [text for _, text in events(lab)]
    assert any(text.startswith("Go to Described: done") for text in texts)
    names = [name for name, _ in events(lab)]
    assert (names.count("start"), names.count("end")) == (1, 1)


def test_control_goes_on_while_the_store_is_locked(lab: Lab) -> None:
    arch, cobo = lab.client("", "Arch"), lab.client()
    arch.until("StoreOnline", "Online")
    with locked(lab):
        cobo.put("Target", "Described")
        arch.until("StoreOnline", "Offline")
        assert severity(arch, "StoreOnline") == 2
        assert "locked" in arch.get("Message")
        assert int(arch.get("Backlog")) > 0
        cobo.put("Target", "Idle")
        assert cobo.get("State") == "Idle"
    arch.until("StoreOnline", "Online")
    arch.until("Backlog", "0")
    assert severity(arch, "StoreOnline") == 0
    told = [text for name, text in events(lab) if name == "command"]
    assert [t.partition(":")[0] for t in told] == ["Go to Described", "Go to Idle"]
    names = [name for name, _ in events(lab)]
    assert names.count("store away") == names.count("store back") >= 1


def test_a_full_disk_stops_no_value_and_costs_no_event(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab()
    lab.simulate()
    serve = lab.serve()
    arch, cobo = lab.client("", "Arch"), lab.client()
    arch.until("StoreOnline", "Online")
    arch.until("Backlog", "0")
    resource.prlimit(serve.process.pid, resource.RLIMIT_FSIZE, (1, -1))  # no file grows
    cobo.put("Target", "Described")
    arch.until("StoreOnline", "Offline")
    until(lambda: severity(arch, "WriteErrors") == 2, "an alarm of the spool")
    cobo.put("Target", "Prepared")
    assert cobo.get("State") == "Prepared"
    assert int(arch.get("Backlog")) > 0
    resource.prlimit(serve.process.pid, resource.RLIMIT_FSIZE, (-1, -1))
    arch.until("StoreOnline", "Online")
    arch.until("Backlog", "0")
    until(lambda: severity(arch, "WriteErrors") == 0, "the alarm to go")
    told = [text for name, text in events(lab) if name == "command"]
    assert [t.partition(":")[0] for t in told] == ["Go to Described", "Go to Prepared"]
    with closing(sqlite3.connect(lab.folder / "exp.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_kill_loses_nothing_that_waited(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    lab.simulate()
    serve = lab.serve()
    arch, cobo = lab.client("", "Arch"), lab.client()
    arch.until("StoreOnline", "Online")
    with locked(lab):
        cobo.put("Target", "Described")
        until(lambda: b"Go to Described: done" in spooled(lab), "it to be in the spool")
        serve.end(signal.SIGKILL)
    lab.serve()
    until(lambda: [name for name, _ in events(lab)].count("start") == 2, "the restart")
    told = [text for name, text in events(lab) if name == "command"]
    assert [t.partition(":")[0] for t in told] == ["Go to Described"]
    until(lambda: spooled(lab) == b"", "the spool to be empty")


def wrong(lab: Lab, store: str) -> str:
    """What daqpv serve says before it ends with exit code 2."""
    lab.file.write_text(f"{lab._text()}store: {store}\n")
    running = Running("serve", lab.file.name, cwd=lab.folder)
    assert running.wait() == 2
    return running.text


@pytest.mark.parametrize(
    ("store", "why"),
    [
        ("sqlite:////proc/a.db", "/proc/a.db: the store cannot be used: unable"),
        ("{spool: /proc/a}", "/proc/a: the spool of the store cannot be written"),
        (
            "sqlite:///lab.yaml",
            "lab.yaml: the store cannot be used: file is not a data",
        ),
    ],
)
def test_a_place_that_cannot_be_written_is_said_at_the_start(
    make_lab: Callable[..., Lab], store: str, why: str
) -> None:
    text = wrong(make_lab(), store)
    assert why in text
    assert "`store`" in text
    assert "Traceback" not in text


def test_a_store_of_another_version_is_refused_at_the_start(lab: Lab) -> None:
    lab.client("", "Arch").until("StoreOnline", "Online")
    lab.serve_no_more()
    with closing(sqlite3.connect(lab.folder / "exp.db")) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
        db.commit()
    assert "exp.db was written by a newer daqpv" in wrong(lab, "")
    with closing(sqlite3.connect(lab.folder / "exp.db")) as db:
        db.execute("UPDATE alembic_version SET version_num = '0000'")
        db.commit()
    assert "`daqpv db upgrade FILE`" in wrong(lab, "")


def test_without_a_store_nothing_is_written_and_no_alarm_is_up(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab()
    lab.file.write_text(f"{lab._text()}store: none\n")
    lab.serve()
    arch = lab.client("", "Arch")
    assert arch.get("StoreOnline") == "Offline"
    assert severity(arch, "StoreOnline") == 0
    assert not list(lab.folder.glob("exp.db*"))
    assert {p.name for p in lab.folder.glob("exp.spool/*")} <= {"served.lock"}


def test_a_server_that_is_away_at_the_start_is_no_reason_not_to_start(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab()
    lab.file.write_text(f"{lab._text()}store: postgresql://u:secret@127.0.0.1:1/d\n")
    serve = lab.serve()
    arch = lab.client("", "Arch")
    until(lambda: severity(arch, "StoreOnline") == 2, "the alarm of the store")
    assert "refused" in arch.get("Message")
    assert serve.end() == 0
    assert "secret" not in serve.text + (lab.folder / "exp.log").read_text()
    assert b'"start"' in spooled(lab)
