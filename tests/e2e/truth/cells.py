"""What an operator sees of each cause in each state of a run: the table as data.

A cell says what is seen as soon as the cause has struck, what after a Stop while it
lasts, and what is left when it is mended and the run is stopped. Texts are patterns,
found anywhere.
"""

from __future__ import annotations

from typing import NamedTuple

STATES = ("Starting", "Running", "Paused", "Stopping", "Sorting", "Failed")


class Cell(NamedTuple):
    """What is true of a run to which something has happened.

    Attributes:
        struck: State, severity and a pattern of Message when it has happened.
        stopped: the same after Run:Stop, while it lasts.
        entry: of the run in the store at the end; "" if no number was taken.
        note: a pattern of the note there; "" if there is none.
        place: where its data file at data1 is at the end: "run", "staging", "aside".
        log: names of events, beside those of each run.
    """

    struck: tuple[str, str, str]
    stopped: tuple[str, str, str]
    entry: str = "ended"
    note: str = ""
    place: str = "run"
    log: tuple[str, ...] = ()


CLOCK = r"\d\d:\d\d:\d\d"
SPAN = rf"from {CLOCK} to {CLOCK} UTC"
OPEN = rf"from {CLOCK} UTC"

DONE = ("Stopped", "NO_ALARM", "done in|moved to its directory")
STARTED = ("Running", "NO_ALARM", "Start a run: done in")
STOP_FAILED = ("Failed", "MAJOR", r"CoBo0: Stop failed: no .*Run:Stop 1; or close")
LEFT = (
    "Stopped",
    "MINOR",
    "CoBo1 is disabled and was Running: it may still take data.*:Enable 1, then: "
    ".*Run:Stop 1.*Run:Reset 1",
)
STOP_LOST = ("Failed", "MAJOR", "CoBo1 is Offline: it may still take data.*Run:Stop 1")
STOP_HUNG = ("Failed", "MAJOR", "CoBo1 is Hung: it may still take data.*Run:Stop 1")
WAITS = ("Stopped", "NO_ALARM", "done in|files at data1 not sorted yet")
STAYS = (
    "Stopped",
    "NO_ALARM",
    "done in|data1 is disabled, so its files stay where they are.*data1:Enable 1",
)
CLOCK_SET = "The clock was set forward by 3600.0 s at "
TWICE = (
    r"\S+ is served twice: by this process, and by 127\.0\.0\.1:\d+\. Both command the "
    "same servers. End one of them"
)
STOPPED_TWICE = ("Stopped", "MINOR", TWICE)
TWICE_NOTED = rf"Another process served the same devices {OPEN}\."


def goes_on(what: str, state: str = "Running") -> tuple[str, str, str]:
    """An open run without one of its members."""
    return state, "MINOR", rf"goes on\. {what} since {CLOCK} UTC"


def well(state: str) -> tuple[str, str, str]:
    """An open run that has all its members again."""
    return state, "NO_ALARM", "all is well"


STOOD_STILL = f"daqpv stood still for [67] s until {CLOCK} UTC"


def served_again(*ends: str) -> dict[str, Cell]:
    """The cells of an end of daqpv, which has events of that, and is served again."""
    log = (*ends, "run goes on")
    goes_on = r"Run \d+ goes on; daqpv was away for \d+ s"
    away = rf"daqpv was away from {CLOCK} UTC for \d+ s\."
    begun = "daqpv was restarted while it was started: it began earlier"
    return {
        "Starting": Cell(("Running", "NO_ALARM", ""), DONE, note=begun, log=ends),
        "Running": Cell(("Running", "NO_ALARM", goes_on), DONE, note=away, log=log),
        "Paused": Cell(("Paused", "NO_ALARM", goes_on), DONE, note=away, log=log),
        "Stopping": Cell(
            ("Stopped", "NO_ALARM", "has ended|moved to its directory"), DONE, log=ends
        ),
        "Sorting": Cell(("Stopped", "NO_ALARM", ""), DONE, log=ends),
        "Failed": Cell(
            ("Failed", "MAJOR", "Run:Stop 1"), DONE, log=(*ends, "run found failed")
        ),
    }


def unharmed(*log: str) -> dict[str, Cell]:
    """The cells of what does not concern the run."""
    return {
        "Starting": Cell(STARTED, DONE, log=log),
        "Running": Cell(("Running", "NO_ALARM", ""), DONE, log=log),
        "Paused": Cell(("Paused", "NO_ALARM", ""), DONE, log=log),
        "Stopping": Cell(DONE, DONE, log=log),
        "Sorting": Cell(("Stopped", "NO_ALARM", ""), DONE, log=log),
        "Failed": Cell(STOP_FAILED, DONE, log=log),
    }


CELLS: dict[str, dict[str, Cell]] = {
    "a server restarts": {
        "Starting": Cell(
            ("Failed", "MAJOR", "CoBo1 .*Run:Stop 1"), DONE, entry="", place="aside"
        ),
        "Running": Cell(
            goes_on("CoBo1 is Idle"),
            DONE,
            note=rf"CoBo1: Idle {OPEN} \(restarted\)",
            log=("run gap",),
        ),
        "Paused": Cell(
            goes_on("CoBo1 is Idle", "Paused"),
            DONE,
            note=rf"CoBo1: Idle {OPEN} \(restarted\)",
            log=("run gap",),
        ),
        "Stopping": Cell(
            DONE, DONE, note=rf"CoBo1: Idle {OPEN} \(restarted\)", log=("run gap",)
        ),
        "Sorting": Cell(DONE, DONE),
        "Failed": Cell(
            STOP_FAILED,
            DONE,
            note=rf"CoBo1: Idle {OPEN} \(restarted\)",
            log=("run gap",),
        ),
    },
    "a server is lost": {
        "Starting": Cell(
            ("Failed", "MAJOR", "CoBo1 is Offline: it may still take data"),
            STOP_LOST,
            entry="",
            place="aside",
        ),
        "Running": Cell(
            goes_on("CoBo1 is Offline"),
            STOP_LOST,
            note=f"CoBo1: Offline {SPAN}",
            log=("lost", "run gap"),
        ),
        "Paused": Cell(
            goes_on("CoBo1 is Offline", "Paused"),
            STOP_LOST,
            note=f"CoBo1: Offline {SPAN}",
            log=("lost", "run gap"),
        ),
        "Stopping": Cell(
            ("Failed", "MAJOR", "CoBo1 was lost in the middle of Stopping|CoBo1 is"),
            STOP_LOST,
            note=f"CoBo1: Offline {SPAN}",
            log=("lost", "run gap"),
        ),
        "Sorting": Cell(DONE, STOP_LOST, log=("lost",)),
        "Failed": Cell(
            STOP_FAILED,
            STOP_LOST,
            note=f"CoBo1: Offline {SPAN}",
            log=("lost", "run gap"),
        ),
    },
    "the network to a server is cut": {
        "Starting": Cell(
            ("Failed", "MAJOR", "CoBo1 is Hung: it may still take data"),
            STOP_HUNG,
            entry="",
            place="aside",
        ),
        "Running": Cell(
            goes_on("CoBo1 is Hung"),
            STOP_HUNG,
            note=f"CoBo1: Hung {SPAN}",
            log=("lost", "run gap"),
        ),
        "Paused": Cell(
            goes_on("CoBo1 is Hung", "Paused"),
            STOP_HUNG,
            note=f"CoBo1: Hung {SPAN}",
            log=("lost", "run gap"),
        ),
        "Stopping": Cell(
            ("Failed", "MAJOR", "CoBo1 was lost in the middle of Stopping|CoBo1 is"),
            STOP_HUNG,
            note=f"CoBo1: Hung {SPAN}",
            log=("lost", "run gap"),
        ),
        "Sorting": Cell(DONE, STOP_HUNG, log=("lost",)),
        "Failed": Cell(
            STOP_FAILED,
            STOP_HUNG,
            note=f"CoBo1: Hung {SPAN}",
            log=("lost", "run gap"),
        ),
    },
    "a server is disabled": {
        "Starting": Cell(
            goes_on("CoBo1 is disabled while Running"),
            LEFT,
            note=f"CoBo1: disabled while Running {OPEN}",
            log=("run gap", "server left running"),
        ),
        "Running": Cell(
            goes_on("CoBo1 is disabled while Running"),
            LEFT,
            note=f"CoBo1: disabled while Running {OPEN}",
            log=("run gap", "server left running"),
        ),
        "Paused": Cell(
            goes_on("CoBo1 is disabled while Paused", "Paused"),
            LEFT,
            note=f"CoBo1: disabled while Paused {OPEN}",
            log=("run gap", "server left running"),
        ),
        "Stopping": Cell(
            DONE, DONE, note=f"CoBo1: disabled while Ready {OPEN}", log=("run gap",)
        ),
        "Sorting": Cell(DONE, DONE),
        "Failed": Cell(
            STOP_FAILED,
            DONE,
            note=f"CoBo1: disabled while Ready {OPEN}",
            log=("run gap",),
        ),
    },
    "another client stops a server": {
        "Starting": Cell(
            ("Failed", "MAJOR", "CoBo1 is Ready, not by this command.*Run:Stop 1"),
            DONE,
            entry="",
            place="aside",
        ),
        "Running": Cell(
            goes_on("CoBo1 is Ready"),
            DONE,
            note=f"CoBo1: Ready {OPEN}",
            log=("run gap",),
        ),
        "Paused": Cell(
            goes_on("CoBo1 is Ready", "Paused"),
            DONE,
            note=f"CoBo1: Ready {OPEN}",
            log=("run gap",),
        ),
        "Stopping": Cell(DONE, DONE),
        "Sorting": Cell(DONE, DONE),
        "Failed": Cell(STOP_FAILED, DONE),
    },
    "a router is lost": {
        "Starting": Cell(
            goes_on("Router data1 is in error"),
            WAITS,
            note=f"Router data1: in error {OPEN}",
            log=("lost", "run gap", "sorting cut"),
        ),
        "Running": Cell(
            goes_on("Router data1 is in error"),
            WAITS,
            note=f"Router data1: in error {OPEN}",
            log=("lost", "run gap", "sorting cut"),
        ),
        "Paused": Cell(
            goes_on("Router data1 is in error", "Paused"),
            WAITS,
            note=f"Router data1: in error {OPEN}",
            log=("lost", "run gap", "sorting cut"),
        ),
        "Stopping": Cell(
            WAITS,
            WAITS,
            note=f"Router data1: in error {OPEN}",
            log=("lost", "run gap", "sorting cut"),
        ),
        "Sorting": Cell(WAITS, WAITS, log=("lost",)),
        "Failed": Cell(
            STOP_FAILED,
            WAITS,
            note=f"Router data1: in error {OPEN}",
            log=("lost", "run gap", "sorting cut"),
        ),
    },
    "a router restarts": {
        "Starting": Cell(STARTED, DONE, log=("lost",)),
        "Running": Cell(
            well("Running"),
            DONE,
            note=f"Router data1: in error {SPAN}",
            log=("lost", "run gap", "run gap over"),
        ),
        "Paused": Cell(
            well("Paused"),
            DONE,
            note=f"Router data1: in error {SPAN}",
            log=("lost", "run gap", "run gap over"),
        ),
        "Stopping": Cell(
            DONE,
            DONE,
            note=f"Router data1: in error {SPAN}",
            log=("lost", "run gap", "run gap over"),
        ),
        "Sorting": Cell(WAITS, DONE, log=("lost",)),
        "Failed": Cell(
            STOP_FAILED,
            DONE,
            note=f"Router data1: in error {SPAN}",
            log=("lost", "run gap", "run gap over"),
        ),
    },
    "a router is disabled": {
        "Starting": Cell(
            STARTED,
            STAYS,
            note=f"Router data1: disabled {OPEN}",
            log=("run gap", "files stay"),
        ),
        "Running": Cell(
            ("Running", "NO_ALARM", ""),
            STAYS,
            note=f"Router data1: disabled {OPEN}",
            log=("run gap", "files stay"),
        ),
        "Paused": Cell(
            ("Paused", "NO_ALARM", ""),
            STAYS,
            note=f"Router data1: disabled {OPEN}",
            log=("run gap", "files stay"),
        ),
        "Stopping": Cell(
            STAYS,
            DONE,
            note=f"Router data1: disabled {OPEN}",
            log=("run gap", "files stay"),
        ),
        "Sorting": Cell(DONE, DONE),
        "Failed": Cell(
            STOP_FAILED,
            STAYS,
            note=f"Router data1: disabled {OPEN}",
            log=("run gap", "files stay"),
        ),
    },
    "daqpv is killed, and served again": served_again(),
    "daqpv is ended (SIGTERM), and served again": served_again("end"),
    "its terminal is closed (SIGHUP), and it is served again": served_again("end"),
    "daqpv stands still": {
        "Starting": Cell(STARTED, DONE, log=("stood still",)),
        "Running": Cell(
            ("Running", "NO_ALARM", ""), DONE, note=STOOD_STILL, log=("stood still",)
        ),
        "Paused": Cell(
            ("Paused", "NO_ALARM", ""), DONE, note=STOOD_STILL, log=("stood still",)
        ),
        "Stopping": Cell(DONE, DONE, note=STOOD_STILL, log=("stood still",)),
        "Sorting": Cell(("Stopped", "NO_ALARM", ""), DONE, log=("stood still",)),
        "Failed": Cell(STOP_FAILED, DONE, note=STOOD_STILL, log=("stood still",)),
    },
    "the clock is set": {
        "Starting": Cell(STARTED, DONE, log=("clock set",)),
        "Running": Cell(
            ("Running", "NO_ALARM", ""), DONE, note=CLOCK_SET, log=("clock set",)
        ),
        "Paused": Cell(
            ("Paused", "NO_ALARM", ""), DONE, note=CLOCK_SET, log=("clock set",)
        ),
        "Stopping": Cell(DONE, DONE, note=CLOCK_SET, log=("clock set",)),
        "Sorting": Cell(("Stopped", "NO_ALARM", ""), DONE, log=("clock set",)),
        "Failed": Cell(STOP_FAILED, DONE, note=CLOCK_SET, log=("clock set",)),
    },
    "a second daqpv serves the same PVs": {
        "Starting": Cell(("Running", "MINOR", TWICE), STOPPED_TWICE, note=TWICE_NOTED),
        "Running": Cell(
            ("Running", "MINOR", rf"goes on\. {TWICE}"),
            STOPPED_TWICE,
            note=TWICE_NOTED,
            log=("duplicate",),
        ),
        "Paused": Cell(
            ("Paused", "MINOR", rf"goes on\. {TWICE}"),
            STOPPED_TWICE,
            note=TWICE_NOTED,
            log=("duplicate",),
        ),
        "Stopping": Cell(
            STOPPED_TWICE, STOPPED_TWICE, note=TWICE_NOTED, log=("duplicate",)
        ),
        "Sorting": Cell(STOPPED_TWICE, STOPPED_TWICE, log=("duplicate",)),
        "Failed": Cell(
            STOP_FAILED, STOPPED_TWICE, note=TWICE_NOTED, log=("duplicate",)
        ),
    },
    "the store is away": unharmed("note"),
    "the store's file is moved": unharmed("note"),
    "the disk of store and spool is full": unharmed("note"),
    "the store refuses a record": unharmed("note"),
}
