"""One lab for all tests of ECC servers as PVs. Each server in it is another case.

The one that is walked up to Running is the only one of its experiment, so that the
order of servers leaves it free; the others are an experiment under the same prefix.

A test gets a server at rest (Idle, enabled, no faults) and must leave it so that its
PVs can bring it back there; what daqpv sent is counted from the test's beginning.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import epics
import pytest

from daqpv.ecc import ConfigId, Operation
from daqpv.errors import OperationError
from daqpv.links.soap.ecc import EccSoapLink

NORMAL, OTHER, BARE, HASTY, DISABLED, GHOST, UNLISTED = (f"CoBo{n}" for n in range(7))
LONG_NAME = "a-configuration-with-a-name-longer-than-a-string"


DEADLINE = 30.0  # [s] for whatever a busy machine may take


def wait(condition: Callable[[], Any], what: str) -> Any:
    """Wait until `condition()` is true, and return it."""
    end = time.monotonic() + DEADLINE
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {DEADLINE:g} s: {what}"
        threading.Event().wait(0.02)
    return result


class Server:
    """An ECC server: its PVs, its simulator, and what was asked of it in this test."""

    def __init__(self, lab: Any, name: str) -> None:
        client = lab.client(name)
        self.name = name
        self.prefix = client.prefix
        self.get: Callable[[str], str] = client.get
        self.put: Callable[..., None] = client.put
        self.put_as: Callable[..., None] = client.put_as
        self.put_only: Callable[[str, str], None] = client.put_only
        self.monitor: Callable[[str], Any] = client.monitor
        self.until: Callable[..., None] = client.until
        self.close: Callable[[], None] = client.close
        self.sim = lab.sim(name)
        self._log: Path = lab.folder / ("lone.log" if name == NORMAL else "exp.log")
        self._url = lab.urls[name]

    def begin(self) -> None:
        """Remember how everything is."""
        self.until("Transition", "None")
        self._config = self.get("Config")
        self._durations = self.sim()["durations"]
        self._before = self.sim("/requests")["requests"][-1]["number"]

    def rest(self) -> None:
        """Bring everything back to where it was."""
        self.close()
        self.sim("/faults", "DELETE")
        self.sim("/durations", "PUT", **self._durations)
        self.sim("/hurry", "POST")
        self.put("Enable", "1")
        self.put("PollPeriod", "1")
        self.put("Target", "Idle")
        if self.get("Config") != self._config:
            self.put("Config", self._config)

    def requests(self) -> list[dict[str, Any]]:
        """What daqpv has asked of the server in this test."""
        log = self.sim(f"/requests?after={self._before}")["requests"]
        return [request for request in log if request["path"] == "/"]

    def sent(self) -> list[str]:
        """The operations among that."""
        names = {operation.value for operation in Operation}
        return [one["method"] for one in self.requests() if one["method"] in names]

    def logged(self, text: str, *, times: int) -> None:
        """Wait until daqpv's log says something of this server so often, in all."""
        start = f" {self.name} "

        def lines() -> list[str]:
            every = self._log.read_text().splitlines()
            return [line for line in every if start in line and text in line]

        wait(lambda: len(lines()) >= times, f"{text!r} in the log, {times} times")
        assert len(lines()) == times

    def refused(self, signal: str, text: str, *, result: str = "Refused") -> str:
        """A put that fails and sends nothing; returns LastError."""
        sent, count = self.sent(), self.get("ResultCount")
        with pytest.raises(OperationError):
            self.put(signal, text)
        assert self.sent() == sent
        assert self.get("Result") == result
        assert int(self.get("ResultCount")) == int(count) + 1
        return self.get("LastError")

    def foreign(self, *operations: Operation) -> None:
        """What another client does, past daqpv; returns when it is done."""

        async def all_of_them() -> None:
            link = EccSoapLink("foreign", f"{self._url}foreign")
            config = ConfigId(self.name.lower(), "exp", "exp")
            for operation in operations:
                await link.operate(operation, config, (), timeout=9)

        asyncio.run(all_of_them())

    def polls(self) -> list[float]:
        """When daqpv asked GetState in this test."""
        requests = self.requests()
        return [one["time"] for one in requests if one["method"] == "GetState"]

    def channel(self, signal: str) -> Any:
        """The libca channel of a PV."""
        chid = epics.ca.create_channel(self.prefix + signal)
        assert epics.ca.connect_channel(chid, timeout=9), signal
        return chid

    def read(self, signal: str) -> dict[str, Any]:
        """Value, status, severity and timestamp, as a get brings them."""
        chid = self.channel(signal)
        form = epics.ca.promote_type(chid, use_time=True)
        reading: dict[str, Any] = epics.ca.get_with_metadata(chid, ftype=form)
        return reading


def experiment(lab: Any) -> dict[str, Any]:
    """The experiment file; JSON is YAML."""
    ecc: dict[str, dict[str, Any]] = {
        name: {"url": url, "config": f"{name.lower()}/exp/exp"}
        for name, url in lab.urls.items()
    }
    routers: dict[str, dict[str, Any]] = {}
    for name in (NORMAL, OTHER, BARE, HASTY, DISABLED, UNLISTED):
        number = name.removeprefix("CoBo")
        routers[f"data{number}"] = {"address": "127.0.0.1"}
        ecc[name]["links"] = [{"sender": f"CoBo[{number}]", "router": f"data{number}"}]
    routers["exporter"] = {"address": "127.0.0.1", "port": 46007, "type": "ZBUF"}
    ecc[NORMAL]["links"] += [{"sender": "CoBo[0]", "router": "exporter"}]
    ecc[NORMAL] |= {"role": "cobo", "log_path": "/var/log/ecc0.log", "desc": "left"}
    ecc[OTHER]["config"] = f"cobo1/deep/{LONG_NAME}"
    ecc[HASTY]["timeout"] = {"describe": 1, "prepare": 1}
    ecc[DISABLED]["enable"] = False
    ecc[GHOST]["period"] = 6  # long unknown, and then lost
    return {
        "experiment": "exp",
        "prefix": lab.prefix,
        "defaults": {"ecc": {"timeout": {"get_state": 1}}},
        "ecc": ecc,
        "routers": routers,
    }
