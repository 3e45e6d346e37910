"""Values, times and puts of instruments are true whatever happens meanwhile."""

from __future__ import annotations

import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import epics
import pytest

from daqpv.errors import OperationError
from tests.support.experiment import CA_PORT, Client, Lab, making
from tests.support.ground import Ground, instrument, serve, write
from tests.support.ports import free_port
from tests.support.set_clock import PROGRAM, SetClock
from tests.support.waiting import until

HOUR = 3600.0  # [s]
DISABLE = "18"  # libca has 16 labels of a status


class Counter:
    """Answers ``n,n`` to the n-th question; takes ``V x``, and answers ``V?`` slowly.

    Attributes:
        count: of questions ``N?`` so far.
        overlaps: lines that came while it had not answered the one before.
        volts: what it was set to.
        wrote: how often.
    """

    def __init__(self, ground: Ground, *, slow: float = 0.0) -> None:
        self._ground, self._slow = ground, slow
        self.count = 0
        self._is_busy = False
        self.overlaps: list[bytes] = []
        self.volts, self.wrote = b"0", 0
        self.device = ground.device(self._asked)

    def _asked(self, line: bytes) -> None:
        if self._is_busy:
            self.overlaps.append(line)
        self._is_busy = True
        self._ground.later(self._slow, self._answer, line)

    def _answer(self, line: bytes) -> None:
        if line == b"N?":
            self.count += 1
            answer = b"%d,%d" % (self.count, self.count)
        elif line == b"V?":
            answer = self.volts
        else:
            self.volts, answer = line.removeprefix(b"V "), b"OK"
            self.wrote += 1
        self._is_busy = False
        self.device.send(answer + b"\n")

    def settings(self, **keys: Any) -> dict[str, Any]:
        return {
            "connection": self.device.address,
            "terminator": "\n",
            "period": 0.05,
            "read": [{"ask": "N?", "answer": "{a:g},{b:g}"}],
            "channels": {
                "a": {},
                "b": {},
                "volts": {
                    "ask": "V?",
                    "answer": "{value:g}",
                    "write": "V {value:g}",
                    "reply": "OK",
                    "every": 2,
                },
            },
            **keys,
        }


@pytest.fixture
def ground() -> Iterator[Ground]:
    with Ground() as ground:
        yield ground


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with making(tmp_path, CA_PORT) as make:
        yield make(cobos=0)


class Followed:
    """The events of some PVs of one instrument, in the order in which they came."""

    def __init__(self, client: Client, *signals: str) -> None:
        self.events: list[tuple[str, float, float]] = []  # signal, value, time
        self._pvs = [
            epics.PV(client.prefix + one, callback=self._add, form="time")
            for one in signals
        ]

    def _add(self, *, pvname: str, value: float, timestamp: float, **_: object) -> None:
        self.events.append((pvname.rpartition(":")[2], value, timestamp))

    def answers(self) -> list[list[tuple[str, float, float]]]:
        """The events of whole answers; each ends with Sequence."""
        found: list[list[tuple[str, float, float]]] = [[]]
        for event in tuple(self.events):
            found[-1].append(event)
            if event[0] == "Sequence":
                found.append([])
        return found[4:-1]  # the first ones are of the subscriptions

    def until_answers(self, number: int) -> None:
        def is_there() -> bool:
            epics.ca.poll()
            return len(self.answers()) >= number

        until(is_there, "answers")

    def close(self) -> None:
        for pv in self._pvs:
            pv.disconnect()


def test_the_values_of_an_answer_come_together_and_sequence_last(
    lab: Lab, ground: Ground
) -> None:
    serve(lab, {"x": Counter(ground).settings()})
    client = instrument(lab, "x")
    client.until("Status", "OK")
    followed = Followed(client, "a", "b", "Sequence")
    followed.until_answers(20)
    for answer in followed.answers():
        assert [signal for signal, _, _ in answer] == ["a", "b", "Sequence"]
        (_, a, time_a), (_, b, time_b), (_, _, time_s) = answer
        assert a == b
        assert time_a == time_b <= time_s
    followed.close()


def test_a_put_never_meets_a_reading(lab: Lab, ground: Ground) -> None:
    counter = Counter(ground, slow=0.02)
    serve(lab, {"x": counter.settings()})
    client = instrument(lab, "x")
    client.until("Status", "OK")
    for volts in range(1, 11):
        client.put("volts", str(volts))
        assert client.get("volts_RBV") == f"{volts}.000"
    with pytest.raises(OperationError):
        client.put("volts", "nan")
    assert "nan" in client.get("LastError")
    assert counter.wrote == 10
    assert counter.overlaps == []
    assert (client.get("LinesBad"), client.get("LateAnswers")) == ("0", "0")


def test_a_stopped_instrument_is_left_to_others_also_after_a_restart(
    lab: Lab, ground: Ground
) -> None:
    counter = Counter(ground)
    serve(lab, {"x": counter.settings()})
    client = instrument(lab, "x")
    until(lambda: float(client.get("a")) > 2, "values")
    client.put("State", "Stopped")
    assert ground.call(len, counter.device.clients) == 0
    assert float(client.get("a")) == counter.count
    assert client.get("a.SEVR") == "NO_ALARM"
    assert client.get("a.STAT") == DISABLE
    assert (client.get("Status"), client.get("Status.SEVR")) == ("Off", "NO_ALARM")
    with pytest.raises(OperationError):
        client.put("volts", "5")
    assert "x is stopped. To begin: " in client.get("LastError")
    kept = lab.folder / "exp.settings.json"
    until(lambda: kept.exists() and "STOPPED" in kept.read_text(), "it to be kept")
    lab.serve_no_more(signal.SIGKILL)
    lab.renew(forget=False)
    before = len(counter.device.asked)
    serve(lab, {"x": counter.settings()})
    client = instrument(lab, "x")
    assert client.get("State") == "Stopped"
    assert client.get("a.UDF") == "1"
    assert len(counter.device.asked) == before
    client.put("State", "Acquiring")
    client.until("Status", "OK")
    assert counter.wrote == 0


def test_a_clock_that_is_set_makes_nothing_stale_and_stops_nothing(
    lab: Lab, ground: Ground
) -> None:
    clock = SetClock(lab.folder)
    lab.program = PROGRAM
    serve(lab, {"x": Counter(ground).settings(stale=5)}, **clock.environ)
    client = instrument(lab, "x")
    client.until("Status", "OK")
    status = client.monitor("Status")
    followed = Followed(client, "a", "b", "Sequence")
    for offset in (HOUR, -HOUR, 0.0):
        clock.set(offset)

        def is_told(offset: float = offset) -> bool:
            """Whether values have times of the clock as it is now."""
            epics.ca.poll()
            answers = followed.answers()
            return bool(answers) and all(
                abs(stamp - time.time() - offset) < HOUR / 2
                for _, _, stamp in answers[-1]
            )

        until(is_told, f"times that are off by {offset} s")
        seen = len(followed.answers())
        followed.until_answers(seen + 10)
    values = [answer[0][1] for answer in followed.answers()]
    assert values == [values[0] + n for n in range(len(values))]  # none is missing
    assert status.texts == ["OK"]
    assert client.get("Online") == "Online"
    followed.close()


def test_a_store_that_is_away_stops_no_instrument(lab: Lab, ground: Ground) -> None:
    away = f"postgresql://lab@127.0.0.1:{free_port()}/lab"
    write(lab, {"x": Counter(ground).settings()}, store=away)
    lab.serve()
    client, arch = instrument(lab, "x"), lab.client("", "Arch")
    arch.until("StoreOnline", "Offline")
    client.put("volts", "5")
    assert client.get("volts_RBV") == "5.000"
    before = float(client.get("a"))
    until(lambda: float(client.get("a")) > before + 5, "more values")


def test_a_full_disk_stops_no_instrument(lab: Lab, ground: Ground) -> None:
    counter, file = Counter(ground), lab.folder / "weather.csv"
    file.write_text("1.5\n")
    weather = {"file": str(file), "columns": {"names": ["t"]}, "period": 0.1}
    found = {
        "x": counter.settings(),
        "weather": weather | {"channels": {"t": {}}},
    }
    write(lab, found, store=None)
    process = lab.serve().process
    client, arch = instrument(lab, "x"), lab.client("", "Arch")
    arch.until("StoreOnline", "Online")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, -1))  # no file grows
    client.put("volts", "5")
    arch.until("StoreOnline", "Offline")
    with file.open("a") as logger:
        logger.write("2.5\n")
    instrument(lab, "weather").until("t", "2.500")
    before = float(client.get("a"))
    until(lambda: float(client.get("a")) > before + 5, "more values")
    client.put("volts", "6")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (-1, -1))
    arch.until("StoreOnline", "Online")
    arch.until("Backlog", "0")
    with closing(sqlite3.connect(lab.folder / "exp.db")) as db:
        texts = [text for (text,) in db.execute("SELECT text FROM event")]
    told = [text.partition(":")[0] for text in texts if text.startswith("Set ")]
    assert told == ["Set volts to 5", "Set volts to 6"]
