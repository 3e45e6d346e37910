"""What goes wrong around a run, as an operator meets it."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from daqpv.errors import OperationError, RefusedError
from tests.support.experiment import Lab
from tests.support.lab_store import entries, events, locked
from tests.support.operating import ready, refusal
from tests.support.waiting import until


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    lab = make_lab(cobos=2, mutant=True, speed=50.0)
    lab.simulate()
    return lab


def changes(lab: Lab) -> list[tuple[int, str, str]]:
    """Run, field and new text of all changes in the store."""
    with closing(sqlite3.connect(lab.folder / "exp.db")) as store:
        query = "SELECT number, field, new FROM run_change ORDER BY id"
        return store.execute(query).fetchall()


def until_stored(lab: Lab, *runs: tuple[int, str, str, int]) -> None:
    """Wait until the store has exactly these runs."""
    until(lambda: entries(lab) == [*runs], lambda: f"{runs}; there are {entries(lab)}")


def test_the_store_is_away_from_start_to_stop(lab: Lab) -> None:
    run, _ = ready(lab)
    arch = lab.client("", "Arch")
    arch.until("StoreOnline", "Online")
    with locked(lab):
        run.put("Title", "alpha")
        run.put("Start", "1")
        arch.until("StoreOnline", "Offline")
        run.put("Title", "Kälte")
        run.put("Stop", "1")
        assert (run.get("State"), run.get("Result")) == ("Stopped", "Done")
        run.put("Start", "1")
        assert run.get("Number") == "2"
    until_stored(lab, (1, "ended", "Kälte", 0), (2, "open", "Kälte", 1))
    assert changes(lab) == [(1, "title", "Kälte")]
    with locked(lab):
        run.put("Stop", "1")
        arch.until("StoreOnline", "Offline")
    until_stored(lab, (1, "ended", "Kälte", 0), (2, "ended", "Kälte", 0))


def test_a_kill_while_the_store_is_away_forgets_no_run(lab: Lab) -> None:
    run, _ = ready(lab)
    arch = lab.client("", "Arch")
    arch.until("StoreOnline", "Online")
    with locked(lab):
        run.put("Title", "alpha")
        run.put("Start", "1")
        arch.until("StoreOnline", "Offline")
        lab.serve_no_more(signal.SIGKILL)
        lab.renew(forget=False)
        lab.serve()
        run = lab.client("", "Run")
        run.until("State", "Running")
        assert (run.get("Number"), run.get("Title")) == ("1", "alpha")
        run.put("Stop", "1")
    until_stored(lab, (1, "ended", "alpha", 0))


def test_a_title_of_10000_characters(lab: Lab) -> None:
    run, _ = ready(lab)
    title = ("Kälte, 300 µbar; 粒子 " * 1000)[:9999] + "!"
    run.put("Title", title)
    run.put("Start", "1")
    assert run.get("Title") == title
    again = f"ö{title[1:]}"
    run.put("Title", again)
    run.put("Stop", "1")
    until_stored(lab, (1, "ended", again, 0))
    assert changes(lab) == [(1, "title", again)]
    with pytest.raises((OperationError, RefusedError)):  # never cut in silence
        run.put("Title", "粒" * 100_000)
    assert run.get("Title") == again


def test_an_abort_of_the_system_during_a_stop(lab: Lab) -> None:
    run, system = ready(lab)
    run.put("Start", "1")
    lab.sim("MuTAnT").takes("Stop", 2.0)
    run.put_only("Stop", "1")
    run.until("State", "Stopping")
    system.until("Transitioning", "Yes")
    system.put("Abort", "1")
    run.until("State", "Failed")
    assert "aborted" in run.get("LastError")
    assert f"caput {run.prefix}Stop 1" in run.get("LastError")
    assert entries(lab) == [(1, "open", "", 1)]
    run.put("Stop", "1")
    assert (run.get("State"), system.get("State")) == ("Stopped", "Ready")
    until_stored(lab, (1, "ended", "", 0))


def test_a_number_put_while_running(lab: Lab) -> None:
    run, _ = ready(lab)
    run.put("Start", "1")
    assert "There is a run 1 already. 2 is free." in refusal(run, "NextNumber", "1")
    assert run.get("NextNumber") == "2"
    run.put("NextNumber", "40")
    assert (run.get("Number"), run.get("State")) == ("1", "Running")
    run.put("Stop", "1")
    lab.sim("CoBo0").takes("Start", 1.0)
    run.put_only("Start", "1")
    run.until("State", "Starting")
    assert "takes its number" in refusal(run, "NextNumber", "50")
    run.until("State", "Running")
    assert (run.get("Number"), run.get("NextNumber")) == ("40", "41")
    run.put("Stop", "1")
    until_stored(lab, (1, "ended", "", 0), (40, "ended", "", 0))


def test_a_run_stops_by_itself(lab: Lab) -> None:
    run, system = ready(lab)
    run.put("AutoStop", "1")
    run.put("Start", "1")
    run.until("State", "Stopped")
    assert system.get("State") == "Ready"
    assert run.get("LastBy") == "daqpv@Run"
    until_stored(lab, (1, "ended", "", 0))
    until(lambda: ("run stops by itself", "AutoStop after 1 s") in events(lab), "why")


def test_a_lost_server_ends_the_run_if_so_set(lab: Lab) -> None:
    lab.file.write_text(lab.file.read_text() + "run: {on_loss: stop}\n")
    run, _ = ready(lab)
    run.put("Start", "1")
    lab.sim("CoBo1")("/crash?seconds=600", "POST")
    run.until("State", "Failed")  # who does not answer may still take data
    assert "CoBo1" in run.get("LastError")
    for name in ("MuTAnT", "CoBo0"):
        assert lab.client(name).get("State") == "Ready"
    assert entries(lab) == [(1, "open", "", 1)]
    lab.client("CoBo1").put("Enable", "0")
    run.put("Stop", "1")
    until_stored(lab, (1, "ended", "", 0))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_daqpv_ends_in_the_middle_of_a_stop(lab: Lab, number: signal.Signals) -> None:
    run, _ = ready(lab)
    run.put("Start", "1")
    lab.sim("MuTAnT").takes("Stop", 1.5)
    run.put_only("Stop", "1")
    run.until("State", "Stopping")
    until(lambda: lab.sim("MuTAnT").operations().get("Stop"), "the stop to be sent")
    until(lambda: '"STOPPING"' in saved_state(lab), "what is on its way to be kept")
    lab.serve_no_more(number)
    lab.renew(forget=False)
    lab.serve()
    run = lab.client("", "Run")
    until(lambda: run.get("State") in ("Stopped", "Failed"), "an end")
    if run.get("State") == "Failed":  # CoBos still run: nothing is commanded by itself
        run.put("Stop", "1")
    until_stored(lab, (1, "ended", "", 0))


def saved_state(lab: Lab) -> str:
    """What a restart would know of the state of the run."""
    with closing(sqlite3.connect(lab.folder / "exp.db")) as store:
        query = (
            "SELECT value FROM device_state WHERE device = 'Run' AND field = 'state'"
        )
        return str(store.execute(query).fetchone())


def test_a_copy_of_the_file_for_another_experiment_begins_anew(lab: Lab) -> None:
    """Both name the same store and spool, as the one that was copied."""
    kept = 'store: {url: "sqlite:///exp.db", spool: exp.spool}\n'
    lab.file.write_text(lab.file.read_text() + kept)
    run, _ = ready(lab)
    run.put("Title", "alpha")
    run.put("Start", "1")
    run.put("Stop", "1")
    run.put("Start", "1")
    lab.client("CoBo1").put("PollPeriod", "2.5")
    lab.serve_no_more()
    lab.renew(forget=False)
    copy = lab.file.read_text().replace("experiment: exp", "experiment: other") + kept
    lab.file.write_text(copy)
    lab.serve()
    run, arch = lab.client("", "Run"), lab.client("", "Arch")
    arch.until("StoreOnline", "Online")
    run.until("State.SEVR", "MINOR")  # what the other one has left takes data
    figures = {one: run.get(one) for one in ("State", "Number", "NextNumber", "Title")}
    assert list(figures.values()) == ["Stopped", "-1", "1", ""]
    assert float(lab.client("CoBo1").get("PollPeriod")) != 2.5
    run.put("Stop", "1")  # what the other one has left running
    run.put("Start", "1")
    run.put("Stop", "1")
    with closing(sqlite3.connect(lab.folder / "exp.db")) as store:
        query = "SELECT experiment_id, number FROM run ORDER BY 1, 2"
        expected = [(1, 1), (1, 2), (2, 1)]
        until(lambda: store.execute(query).fetchall() == expected, str(expected))
