"""Those who put, each to the PVs of one device, and what befalls the servers."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from daqpv.ecc import ConfigId, EccState, EccTarget, Operation
from daqpv.ecc.snapshot import EccCommand
from daqpv.errors import LinkError, NoAnswerError, NotConnectedError, OperationError
from daqpv.links.soap.ecc import EccSoapLink
from tests.e2e.sequences.raw_put import connect, put_and_leave, put_only
from tests.e2e.sequences.timing import DEADLINE, OUTAGE
from tests.support.experiment import Client, Lab
from tests.support.waiting import until

FOLLOWED = (
    "State", "State_RBV", "Target", "Result", "ResultCount", "Online", "Condition",
    "Enable", "Message", "LastError",
)  # fmt: skip
TARGETS = [target.label for target in EccTarget]
COMMANDS = [command.label for command in EccCommand]
OPERATIONS = [operation.value for operation in Operation]
FAULTS = [
    "refuse", "slow", "ignore", "hang", "cut", "fault", "html", "truncated", "garbage",
    "oversized",
]  # fmt: skip
NONSENSE = ["Nosuch", "", "8", "-1", "1.5", "nan", "inf", "1e300", "Broken"]

Acts = Mapping[Callable[[], None], int]
"""What may be done, and how often beside the others."""


@dataclass
class Put:
    """A put with callback.

    Attributes:
        name: of the PV, without the prefix.
        text: what was put.
        counts: it ends as a command, or together with one.
        began: when it was put.
        ended: when its callback came; None: it has not, or daqpv has gone.
        is_done: what the callback said.
    """

    name: str
    text: str
    counts: bool
    began: float
    ended: float | None = None
    is_done: bool = False

    @property
    def is_stop(self) -> bool:
        """Whether it stops data taking, and does nothing else."""
        return (self.name, self.text) in (("Stop", "1"), ("Command", "Stop"))


class Player:
    """The PVs of one device, and all that is put to them in a burst.

    Attributes:
        name: of the device.
        client: its PVs.
        monitors: of those that are followed.
        puts: with callback, of this burst.
        since: when the PVs were connected [s].
        counted: of the puts of this burst, those that end as a command of their own.
        perhaps: those that do, or join another.
        random: goes by the seed of the burst.
    """

    followed: tuple[str, ...] = FOLLOWED

    def __init__(self, name: str, client: Client, pool: ThreadPoolExecutor) -> None:
        self.name = name
        self.client = client
        self.random = random.Random()
        self._pool = pool
        self.monitors = {signal: client.monitor(signal) for signal in self.followed}
        self.begin(0)

    def begin(self, seed: int) -> None:
        """Forget the last burst."""
        self.random.seed(f"{seed} {self.name}")
        self.history: list[str] = []
        self.puts: list[Put] = []
        self.since = 0.0
        self._pending: list[Future[Any]] = []
        self.counted = self.perhaps = 0
        self.count = int(self.client.get("ResultCount"))
        for monitor in self.monitors.values():
            del monitor.events[:-1]

    def act(self, port: int) -> None:
        """Do one thing, to a server of PVs at `port`."""
        acts: Acts = {**self.acts(), partial(self.leave, port): 1}
        (act,) = self.random.choices(list(acts), list(acts.values()))
        act()

    def acts(self) -> Acts:
        """What this one does."""
        raise NotImplementedError

    def wish(self) -> None:
        """Wish a state."""
        text = self.random.choice(TARGETS)
        self.put(self.random.choice(["State", "Target"]), text, joins=text != "None")

    def back(self) -> None:
        """One state back."""
        self.put("StepBack", "1", joins=True)

    def abort(self) -> None:
        """No further step."""
        self.put("Abort", self.random.choice(["1", "1", "1", "0"]), counts=False)

    def nonsense(self) -> None:
        """Put what cannot be."""
        self.put(self.random.choice(["State", "Target"]), self.random.choice(NONSENSE))

    def enable(self) -> None:
        """Leave it alone, or do not."""
        self.put("Enable", self.random.choice(["0", "1", "1", "Disabled"]))

    def leave(self, port: int) -> None:
        """Go away in the middle of a put."""
        text = self.random.choice(TARGETS[1:])
        self.say(f"caput -c Target {text!r}, and away")
        self.perhaps += 1
        put_and_leave(port, f"{self.client.prefix}Target", text)

    def put(
        self, name: str, text: str, *, counts: bool = True, joins: bool = False
    ) -> None:
        """Put, with callback or without, and wait for nothing."""
        self.counted += counts and not joins
        self.perhaps += counts and joins
        if self.random.random() < 0.3:
            self.say(f"caput {name} {text!r}")
            put_only(self.client.prefix + name, text)
            return
        self.say(f"caput -c {name} {text!r}")
        connect(self.client.prefix + name)  # daqpv may be ended before the put is sent
        put = Put(name, text, counts, time.time())
        self.puts.append(put)
        self.do(self._put_to_the_end, put)

    def _put_to_the_end(self, put: Put) -> None:
        """Wait for the callback, whatever it says, unless daqpv ends."""
        try:
            self.client.put(put.name, put.text, DEADLINE)
            put.is_done = True
        except OperationError:
            pass
        except NoAnswerError as error:
            if error.timed_out:
                raise
            return
        put.ended = time.time()

    def do(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Do something beside; its end is waited for when the burst is over."""
        self._pending.append(self._pool.submit(work, *arguments))

    def finish(self) -> None:
        """Wait for the end of all that was begun."""
        for future in self._pending:
            future.result(DEADLINE)
        self._pending.clear()

    def put_now(self, name: str, text: str, *, counts: bool = True) -> None:
        """Put, and wait for the end.

        Raises:
            OperationError: the put failed.
        """
        self.say(f"caput -c {name} {text!r}")
        self.counted += counts
        self.client.put(name, text, DEADLINE)

    def enable_now(self) -> None:
        """Enable it; that is refused while a command runs."""
        error = ""

        def is_enabled() -> bool:
            nonlocal error
            try:
                self.put_now("Enable", "1")
            except OperationError as refusal:
                error = f"{refusal}; {self.client.get('LastError')}"
                pause(0.2)
                return False
            return True

        until(is_enabled, lambda: f"{self.name}: an end of the command; {error}")

    def gone(self) -> None:
        """Daqpv has ended: whoever waits is told, or could not put any more."""
        for future in self._pending:
            with contextlib.suppress(NotConnectedError):
                future.result(DEADLINE)
        self._pending.clear()

    def restarted(self) -> None:
        """Another daqpv serves: it knows nothing of the last one's commands."""
        self.say("daqpv is another one")
        self.counted = self.perhaps = self.count = 0
        self.puts.clear()
        until(lambda: self.monitors["State"].pv.connected, "libca to connect again")
        until(lambda: self.client.get("ResultCount") == "0", "the new daqpv")
        self.since = time.time()

    def say(self, text: str) -> None:
        """Write down what is done."""
        self.history.append(f"{time.time() % 1000:7.2f} {text}")


class SystemPlayer(Player):
    """Whoever commands all servers at once."""

    followed = (*FOLLOWED, "Step", "OnlineCount", "EnabledCount")

    def acts(self) -> Acts:
        return {
            self.wish: 8,
            self.stop: 3,
            self.back: 2,
            self.abort: 1,
            self.rename: 1,
            self.nonsense: 1,
            self.enable: 1,
        }

    def stop(self) -> None:
        """Stop whatever runs."""
        self.put("Stop", "1", joins=True)

    def rename(self) -> None:
        """Choose a configuration for all."""
        self.put("ConfigName", self.random.choice(["exp", "exp", "nosuch", ""]))


class EccPlayer(Player):
    """Whoever commands a single server, and what befalls this one.

    Attributes:
        config: the configuration that it is to have.
        sim: the door of its simulator.
        had_outage: connections were cut in this burst.
    """

    followed = (*FOLLOWED, "Transition")

    def __init__(self, name: str, lab: Lab, pool: ThreadPoolExecutor) -> None:
        super().__init__(name, lab.client(name), pool)
        self.sim = lab.sim(name)
        self.config = self.client.get("Config")
        self._foreign = EccSoapLink("foreign", lab.urls[name] + "foreign")
        self._read = 0  # of the simulator's log

    def begin(self, seed: int) -> None:
        super().begin(seed)
        self.had_outage = False

    def acts(self) -> Acts:
        return {
            self.wish: 5,
            self.command: 4,
            self.back: 1,
            self.abort: 2,
            self.nonsense: 1,
            self.enable: 1,
            self.choose: 1,
            self.refresh: 1,
            self.poll_every: 1,
            self.fault: 3,
            self.outage: 1,
            self.mend: 1,
            self.foreign: 2,
            self.wait_for_a_transition: 2,
        }

    # What operators do

    def command(self) -> None:
        """Exactly one operation."""
        text = self.random.choice(COMMANDS)
        self.put("Command", text, joins=text != "None")

    def choose(self) -> None:
        """Choose a configuration, perhaps one that is none."""
        others = ["cobo1/exp/exp", "nosuch/exp/exp", "//", "", "a/b", "x" * 30]
        self.put("Config", self.random.choice([self.config, *others]))

    def refresh(self) -> None:
        """Read the list of configurations again."""
        self.put("RefreshConfigs", "1")

    def poll_every(self) -> None:
        """Poll as often as before, or ask for what cannot be."""
        text = self.random.choice(["0.2", "0.2", "-1", "nan", "1e9"])
        self.put("PollPeriod", text, counts=text != "0.2")

    def wait_for_a_transition(self) -> None:
        """Let the next act fall into a transition."""
        self.say("wait for a transition")
        end = time.monotonic() + 0.5
        while self.client.get("Transition") == "None" and time.monotonic() < end:
            pause(0.01)

    # What befalls the server

    def fault(self) -> None:
        """Let something go wrong."""
        struck = [OPERATIONS, OPERATIONS, ["GetState"], ["GetConfigIDs"], ["*"]]
        methods, do = self.random.choice(struck), self.random.choice(FAULTS)
        waits = do not in ("slow", "ignore")  # an answer that comes late tells little
        fault = {
            "do": do,
            "times": self.random.choice([1, 2, 4]),
            "seconds": self.random.choice([0.0, 0.3])
            if waits
            else 0.8 * (do == "slow"),
            "acts": self.random.random() < 0.5,
            "megabytes": 1,
        }
        self.say(f"fault {methods}: {fault}")
        self.door("/faults", "PUT", **dict.fromkeys(methods, fault))

    def outage(self) -> None:
        """Let the server die, or the network."""
        seconds = self.random.choice([0.1, 0.5, 1.5])
        what = self.random.choice(["crash", "offline"])
        path = f"/{what}?seconds={seconds}"
        if self.random.random() < 0.3:
            path = "/restart"
        self.say(path)
        self.had_outage = True
        self.door(path, "POST")

    def mend(self) -> None:
        """Let all go right again."""
        self.say("faults cleared")
        self.door("/faults", "DELETE")

    def foreign(self) -> None:
        """Command the server as another client does."""
        operation = self.random.choice(list(Operation))
        self.say(f"another client: {operation.value}")
        config = ConfigId.parse(self.config)

        async def operate() -> None:
            with contextlib.suppress(LinkError):
                await self._foreign.operate(operation, config, (), timeout=3)

        self.do(asyncio.run, operate())

    def lose(self) -> None:
        """Be gone for so long that no command, and no client, is kept waiting."""
        self.say("gone for long")
        self.had_outage = True
        end = time.monotonic() + OUTAGE
        self.door(f"/crash?seconds={OUTAGE}", "POST")
        self.finish()
        self.enable_now()
        until(lambda: self.client.get("Online") == "Offline", "Offline", OUTAGE)
        assert time.monotonic() < end, "the loss was told too late"

    def door(self, path: str, method: str = "GET", **body: Any) -> Any:
        """Ask the simulator; None while its port is closed."""
        try:
            return self.sim(path, method, **body)
        except OSError:
            return None

    def is_back(self) -> None:
        """Wait until the simulator listens, without faults."""
        until(lambda: self.door("/faults", "DELETE"), f"the simulator of {self.name}")

    def at_rest(self) -> EccState:
        """Wait until the simulator does nothing; return where it is."""
        until(lambda: self.sim()["transition"] == "None", f"{self.name} to be quiet")
        return EccState[self.sim()["state"].upper()]

    def read_on(self) -> list[dict[str, Any]]:
        """The simulator's log since it was last read."""
        log: list[dict[str, Any]]
        log = self.sim(f"/requests?after={self._read}")["requests"]
        if log:
            assert log[0]["number"] == self._read + 1, "the log was read too late"
            self._read = log[-1]["number"]
        return log


def pause(seconds: float) -> None:
    """Let time pass: when things happen is a part of what happens."""
    threading.Event().wait(seconds)
