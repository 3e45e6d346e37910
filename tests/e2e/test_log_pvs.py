"""The log as PVs: camonitor Log:Last, caput Log:Note; and what the plain file has."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import epics
import pytest

from daqpv.errors import DaqError
from daqpv.links.ca import pv as links_pv
from tests.support.experiment import CA_PORT, Lab, making
from tests.support.waiting import DEADLINE, until

WHO = r"\[\S+@\S+\]"
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two simulated CoBos, served for the tests that need nothing else."""
    with making(tmp_path_factory.mktemp("log"), CA_PORT) as make:
        lab = make(cobos=2)
        lab.simulate()
        lab.serve()
        lab.client().until("Online", "Online")
        yield lab


def log_of(lab: Lab) -> Any:
    return lab.client("", kind="Log")


def lines(lab: Lab, name: str) -> list[str]:
    """The lines of the plain file that tell of events with this name."""
    text = (lab.folder / "exp.log").read_text()
    return [line for line in text.splitlines() if re.search(rf" {name}: ", line)]


def facts(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line[line.index(" {") :])
    return found


# -- one process -----------------------------------------------------------------------


def test_a_note_is_an_event_with_who_wrote_it(served: Lab) -> None:
    log = log_of(served)
    last = log.monitor("Last")
    log.put("Note", "changed the gas bottle")

    def told() -> list[str]:
        return [text for text in last.texts if "gas bottle" in text]

    (line,) = until(told, lambda: str(last.texts))
    assert re.fullmatch(rf"{MOMENT} Log: changed the gas bottle {WHO}", line)
    assert log.get("Note") == "changed the gas bottle"
    assert line in log.get("Text").splitlines()


def test_a_note_may_be_long(served: Lab) -> None:
    log, note = log_of(served), "the beam was off " * 50
    log.put("Note", note)
    assert log.get("Note") == note.strip()


def test_an_empty_note_is_refused(served: Lab) -> None:
    with pytest.raises(DaqError):
        log_of(served).put("Note", " ")


def test_the_newest_of_recent_is_the_first(served: Lab) -> None:
    log = log_of(served)
    for n in range(3):
        log.put("Note", f"note {n}")

    def notes() -> list[str]:
        recent = tuple(epics.caget(f"{log.prefix}Recent"))
        return [line[9:] for line in recent if ": note " in line]

    until(lambda: len(notes()) == 3, lambda: str(notes()))
    assert notes() == [f"Log: note {n}" for n in (2, 1, 0)]


def test_a_refused_command_is_one_warning_with_the_reason_and_who(served: Lab) -> None:
    log, cobo = log_of(served), served.client()
    with pytest.raises(DaqError):
        cobo.put("Command", "Start")

    def told_in(texts: str) -> list[str]:
        return [line for line in texts.splitlines() if "no 'Start'" in line]

    (line,) = until(lambda: told_in(log.get("Text")), lambda: log.get("Text"))
    assert re.fullmatch(rf"{MOMENT} warning CoBo0: .*no 'Start' from .*{WHO}", line)
    assert int(log.get("WarningCount")) > 0
    pv = f'"{cobo.prefix}Command"'
    told = until(lambda: [one for one in lines(served, "put") if pv in one], "the put")
    assert [facts(one)["result"] for one in told] == ["refused"]
    assert facts(told[0])["aside"]


def test_a_setting_that_is_put_is_one_event_with_old_and_new(served: Lab) -> None:
    cobo = served.client("CoBo1")
    cobo.put("Online.DESC", "the left one")
    pv = f'"{cobo.prefix}Online.DESC"'
    told = until(lambda: [one for one in lines(served, "put") if pv in one], "the put")
    assert len(told) == 1
    assert facts(told[0]) | {"duration": 0} == {
        "pv": f"{cobo.prefix}Online.DESC",
        "old": "Whether it answers",
        "new": "the left one",
        "result": "done",
        "duration": 0,
    }
    assert re.search(r" by \S+@\S+ \{", told[0])


def test_a_thousand_puts_in_a_row_do_not_flood_the_log(served: Lab) -> None:
    pv = epics.PV(f"{served.client('CoBo1').prefix}PollPeriod.HIGH")
    assert pv.wait_for_connection(DEADLINE)
    for n in range(1000):
        pv.put(float(n))
    pv.put(2000.0, wait=True, timeout=DEADLINE)

    def told() -> list[str]:
        return [one for one in lines(served, "put") if "PollPeriod.HIGH" in one]

    until(told, "the first of them")
    assert len(told()) < 50
    pv.disconnect()


def test_clients_that_come_and_go_are_for_the_record_alone(served: Lab) -> None:
    script = "import epics, sys; epics.caget(sys.argv[1])"
    served.run_python(script, f"{served.prefix}Log:Last")
    until(lambda: lines(served, "client"), "the client in the file")
    assert "connected from" not in log_of(served).get("Text")


# -- faults ----------------------------------------------------------------------------


def test_a_lost_server_is_one_error_and_no_alarm_of_the_log(lab: Lab) -> None:
    log, cobo = log_of(lab), lab.client()
    cobo.until("Online", "Online")
    last = log.monitor("Last")
    lab.sim()("/faults", "PUT", GetState={"do": "hang"})
    until(lambda: " ERROR CoBo0: Hung" in str(last.texts), lambda: str(last.texts))
    assert log.get("ErrorCount") == "1"
    assert {event["severity"] for event in last.events} == {0}
    lab.sim()("/faults", "DELETE")
    until(lambda: "CoBo0 answers again" in str(last.texts), lambda: str(last.texts))
    assert log.get("ErrorCount") == "1"


def test_after_a_restart_the_log_goes_on(lab: Lab) -> None:
    log_of(lab).put("Note", "before the restart")
    lab.serve_no_more()
    lab.renew(forget=False)
    lab.serve()
    log = log_of(lab)
    until(lambda: "before the restart" in log.get("Text"), lambda: log.get("Text"))
    texts = log.get("Text").splitlines()
    (before,) = (n for n, text in enumerate(texts) if "before the restart" in text)
    assert any("daqpv ends" in text for text in texts[before:])
    assert int(log.get("InfoCount")) < len(texts)  # since the start


# -- several processes -----------------------------------------------------------------


def test_the_log_is_served_once_and_shows_all_processes(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab(cobos=2)
    lab.simulate()
    lab.serve_in_parts(["ecc.CoBo0"], ["ecc.CoBo1", "system", "log"])
    log, cobo = log_of(lab), lab.client()
    cobo.until("Online", "Online")
    with pytest.raises(DaqError):
        cobo.put("Command", "Start")
    until(lambda: "no 'Start'" in log.get("Text"), lambda: log.get("Text"))
    told = [line for line in log.get("Text").splitlines() if "no 'Start'" in line]
    assert len(told) == 1
    assert re.match(rf"{MOMENT} warning CoBo0: .*{WHO}$", told[0])


def test_a_process_with_only_other_devices_serves_no_log(lab: Lab) -> None:
    lab.serve_no_more()
    lab.renew()
    lab.serve("--only", "ecc")
    with pytest.raises(DaqError):
        links_pv.get(f"{lab.prefix}Log:Last", timeout=0.5)


def test_without_a_store_the_log_shows_its_own_process(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab()
    lab.file.write_text(f"store: none\n{lab.file.read_text()}")
    lab.simulate()
    lab.serve()
    log = log_of(lab)
    log.put("Note", "nobody keeps it")
    until(lambda: "nobody keeps it" in log.get("Last"), lambda: log.get("Last"))
    assert not list(lab.folder.glob("*.db"))
