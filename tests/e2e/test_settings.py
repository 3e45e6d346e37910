"""What operators choose holds after a restart: daqpv as a process, libca as client.

A process is started again under another prefix, which settings do not care for: libca
looks for PVs that went ever more seldom.
"""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daqpv.errors import OperationError
from tests.support.ports import free_port
from tests.support.waiting import until

CHOSEN = "cobo1/exp/exp"


class Site:
    """One simulated CoBo, and a daqpv process that is killed and started again."""

    def __init__(self, lab: Any, store: str) -> None:
        self.lab = lab
        self.sim = lab.sim("CoBo0")
        self.store = store
        folder = Path(lab.folder)
        if store == "none":
            self.kept = folder / "exp.settings.json"
        else:
            self.kept = folder / "exp.spool" / "settings.json"

    def start(self, *, config: str = "cobo0/exp/exp", period: str = "1 s") -> Any:
        """Kill what serves, and start anew; return a client."""
        self.kill()
        self.lab.renew(forget=False)
        text = self.lab.file.read_text()
        text = text.replace(
            "config: cobo0/exp/exp", f"config: {config}\n    period: {period}"
        )
        self.lab.file.write_text(f"{text}store: {self.store}\n")
        self.running = self.lab.serve()
        return self.lab.client()

    def kill(self) -> None:
        self.lab.serve_no_more(signal.SIGKILL)

    def chosen(self) -> dict[str, Any]:
        """What is kept, by device and field."""
        if not self.kept.exists():
            return {}
        entries = json.loads(self.kept.read_text())["settings"]
        return {f"{one['device']} {one['field']}": one["value"] for one in entries}

    def keeps(self, what: str, value: Any) -> None:
        """Wait until it is kept: nobody waits for the disk, so not the callback."""
        until(lambda: self.chosen().get(what) == value, lambda: str(self.chosen()))


@pytest.fixture
def make_site(simulated_lab: Any) -> Iterator[Callable[[str], Site]]:
    """Make the site of a test, with its store."""
    simulated_lab.sim("CoBo0")("/restart", "POST")
    simulated_lab.renew()
    yield lambda store: Site(simulated_lab, store)
    simulated_lab.serve_no_more(signal.SIGKILL)


@pytest.fixture
def site(make_site: Callable[[str], Site]) -> Site:
    """One without a store."""
    return make_site("none")


@pytest.fixture
def stored(make_site: Callable[[str], Site]) -> Site:
    """One with a store."""
    return make_site("sqlite:///exp.db")


def test_choices_hold_after_a_kill(site: Site) -> None:
    cobo = site.start()
    cobo.put("Config", CHOSEN)
    cobo.put("PollPeriod", "2.5")
    site.keeps("ECC:CoBo0 config", CHOSEN)
    site.keeps("ECC:CoBo0 poll_period", 2.5)
    cobo = site.start()
    assert cobo.get("Config") == CHOSEN
    assert float(cobo.get("PollPeriod")) == 2.5
    said = f"{cobo.prefix}Config '{CHOSEN}', {cobo.prefix}PollPeriod 2.5"
    assert f"As operators chose, not as the experiment file says: {said}" in (
        site.running.text
    )


def test_the_server_is_told_what_was_chosen(site: Site) -> None:
    site.start().put("Config", CHOSEN)
    site.keeps("ECC:CoBo0 config", CHOSEN)
    before = site.sim("/requests")["requests"][-1]["number"]
    site.start().put("Target", "Described")
    log = site.sim(f"/requests?after={before}")["requests"]
    (describe,) = (one for one in log if one.get("method") == "Describe")
    assert 'type="describe">cobo1<' in describe["config_id"]


def test_a_server_that_was_disabled_is_never_asked(site: Site) -> None:
    site.start().put("Enable", "Disabled")
    site.keeps("ECC:CoBo0 enabled", False)
    site.kill()
    asked = site.sim.operations()
    cobo = site.start()
    assert (cobo.get("Enable"), cobo.get("Condition")) == ("Disabled", "Disabled")
    site.lab.client("CoBo1").until("Online", "Online")  # all that is polled was polled
    assert site.sim.operations() == asked
    cobo.put("Enable", "Enabled")
    cobo.until("Online", "Online")


def test_the_system_that_was_disabled_stays_so(site: Site) -> None:
    site.start()
    site.lab.client("", "Sys").put("Enable", "Disabled")
    site.keeps("Sys enabled", False)
    site.start()
    assert site.lab.client("", "Sys").get("Condition") == "Disabled"


def test_the_file_wins_when_its_own_value_changes(site: Site) -> None:
    cobo = site.start()
    cobo.put("PollPeriod", "2.5")
    cobo.put("Config", CHOSEN)
    site.keeps("ECC:CoBo0 config", CHOSEN)
    cobo = site.start(period="3 s")
    assert float(cobo.get("PollPeriod")) == 3.0
    assert cobo.get("Config") == CHOSEN
    (line,) = (one for one in site.running.lines if "is dropped" in one)
    assert f"{cobo.prefix}PollPeriod: 2.5, chosen by " in line
    assert "it said 1.0 and says 3.0, which holds now" in line
    assert float(site.start().get("PollPeriod")) == 1.0  # gone for good


def test_a_put_that_is_refused_is_not_kept(site: Site) -> None:
    cobo = site.start()
    for signal_, text in (("Config", "nosuch/exp/exp"), ("PollPeriod", "100")):
        with pytest.raises(OperationError):
            cobo.put(signal_, text)
    cobo.put("PollPeriod", "2.5")
    site.keeps("ECC:CoBo0 poll_period", 2.5)
    assert list(site.chosen()) == ["ECC:CoBo0 poll_period"]


def test_settings_that_nobody_understands_do_not_hold_up_the_start(site: Site) -> None:
    site.start().put("PollPeriod", "2.5")
    site.keeps("ECC:CoBo0 poll_period", 2.5)
    text = site.kept.read_text()
    site.kept.write_text(text[:-20])
    assert float(site.start().get("PollPeriod")) == 1.0
    assert "exp.settings.json.bad" in site.running.text
    assert site.kept.with_name("exp.settings.json.bad").read_text() == text[:-20]


def test_what_does_not_fit_any_more_is_told_and_left(site: Site) -> None:
    site.start().put("PollPeriod", "2.5")
    site.keeps("ECC:CoBo0 poll_period", 2.5)
    site.kill()
    text = site.kept.read_text()
    site.kept.write_text(text.replace('"value": 2.5', '"value": 0.01'))
    cobo = site.start()
    assert float(cobo.get("PollPeriod")) == 1.0
    assert f"{cobo.prefix}PollPeriod: 0.01, chosen by" in site.running.text
    assert "it must be within 0.2 to 60" in site.running.text


# -- with a store ----------------------------------------------------------------------


def rows(site: Site) -> dict[str, Any]:
    """What the store has, by device and field."""
    with closing(sqlite3.connect(site.lab.folder / "exp.db")) as connection:
        try:
            found = connection.execute("SELECT device, field, value, who FROM setting")
            return {f"{d} {f}": (from_json(v), who) for d, f, v, who in found}
        except sqlite3.OperationalError:  # its tables are just being made
            return {}


def from_json(value: Any) -> Any:
    """Of a column, in which SQLite makes a number of what looks like one."""
    return json.loads(value) if isinstance(value, str) else value


def spooled(site: Site) -> str:
    """What waits for the store."""
    files = (site.lab.folder / "exp.spool" / "main").glob("*")
    return "".join(f.read_text("latin-1") for f in files if f.is_file())


def test_choices_are_in_the_store_with_who_made_them(stored: Site) -> None:
    cobo = stored.start()
    cobo.put("Config", CHOSEN)
    cobo.put("PollPeriod", "2.5")
    until(lambda: len(rows(stored)) == 2, lambda: str(rows(stored)))
    assert rows(stored) == {
        "ECC:CoBo0 config": (CHOSEN, cobo.get("LastBy")),
        "ECC:CoBo0 poll_period": (2.5, cobo.get("LastBy")),
    }
    stored.kill()
    stored.kept.unlink()  # the store alone
    cobo = stored.start()
    assert cobo.get("Config") == CHOSEN
    assert float(cobo.get("PollPeriod")) == 2.5
    stored.keeps("ECC:CoBo0 config", CHOSEN)  # the copy is there again


def test_a_choice_while_the_store_is_away_holds_after_a_kill(
    make_site: Callable[[str], Site],
) -> None:
    site = make_site(f"postgresql://daqpv:secret@127.0.0.1:{free_port()}/exp")
    site.start().put("PollPeriod", "2.5")
    site.keeps("ECC:CoBo0 poll_period", 2.5)
    cobo = site.start()
    assert float(cobo.get("PollPeriod")) == 2.5
    assert "do not hold" in site.running.text  # the warning that the store is away
    assert "secret" not in site.running.text


def test_a_choice_that_waits_is_newer_than_what_the_store_has(stored: Site) -> None:
    cobo = stored.start()
    cobo.put("PollPeriod", "2.5")
    until(lambda: rows(stored), "a row")
    with closing(sqlite3.connect(stored.lab.folder / "exp.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")  # nobody else writes
        cobo.put("PollPeriod", "4.5")
        until(lambda: "4.5" in spooled(stored), lambda: spooled(stored))
        stored.kill()
    stored.kept.unlink()
    assert float(stored.start().get("PollPeriod")) == 4.5
    until(
        lambda: rows(stored)["ECC:CoBo0 poll_period"][0] == 4.5,
        lambda: str(rows(stored)),
    )
