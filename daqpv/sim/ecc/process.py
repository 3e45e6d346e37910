"""One getEccSoapServer process: its state and its methods."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from daqpv.ecc.codes import EccState, Operation, Transition
from daqpv.sim.ecc.engine import Engine
from daqpv.sim.ecc.faults import Fault, Kind
from daqpv.sim.ecc.repository import (
    CommandError,
    Link,
    MalformedIdError,
    Repository,
    format_id,
    format_links,
    format_senders,
    parse_id,
    parse_links,
)
from daqpv.sim.ecc.soap import Answer, Build, Call

BUSY = "The ECC state machine is busy!"
DURATIONS: Mapping[Operation, float] = {
    Operation.DESCRIBE: 2.0,
    Operation.PREPARE: 6.0,
    Operation.CONFIGURE: 8.0,
    Operation.START: 1.0,
    Operation.STOP: 1.0,
    Operation.PAUSE: 0.5,
    Operation.RESUME: 0.5,
    Operation.BREAKUP: 2.0,
    Operation.UNDO: 2.0,
}
"""Duration of each operation [s]: estimated, not measured."""

_PART = {
    Operation.DESCRIBE: "describe",
    Operation.PREPARE: "prepare",
    Operation.CONFIGURE: "configure",
}
_FLOW_TYPES = frozenset({"ICE", "TCP", "ZBUF", "FDT", "Debug", "DebugFrames"})
_OPERATIONS = {operation.value: operation for operation in Operation}


class ProcessDiedError(Exception):
    """The server process has ended; the text gives the cause."""


@dataclass(kw_only=True)
class Behaviour:
    """How a simulated server behaves. Every attribute may be set at any time.

    Attributes:
        build: which version of the server it is.
        durations: of the operations [s]; see `DURATIONS`.
        speed: durations are divided by it.
        jitter: durations vary by up to this fraction, up and down.
        seed: of that variation.
        receive_timeout: time without data after which a request is given up [s].
        exit_within: time from ServerExit to the end of the process [s].
        keep_alive: time after which a process that ended is started again [s], as
            launchd does; None: it is not.
        is_shelf_ready: called when a MuTAnT is configured: are all CoBos configured?
    """

    build: Build = Build.CURRENT
    durations: dict[Operation, float] = field(default_factory=lambda: dict(DURATIONS))
    speed: float = 1.0
    jitter: float = 0.0
    seed: int | None = None
    receive_timeout: float = 60.0
    exit_within: float = 5.0
    keep_alive: float | None = None
    is_shelf_ready: Callable[[], bool] = lambda: True

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def duration(self, operation: Operation) -> float:
        """How long the operation takes this time [s]."""
        varied = 1 + self.jitter * self._random.uniform(-1, 1)
        return self.durations[operation] * varied / self.speed


class EccProcess:
    """The server process. A new one is Idle."""

    def __init__(self, repository: Repository, behaviour: Behaviour) -> None:
        self.repository = repository
        self.behaviour = behaviour
        self.engine = Engine()
        self.cached = EccState.IDLE  # what GetState answers; renewed by transitions
        self.transition = Transition.NONE
        self.transition_began = 0.0
        self.senders: tuple[str, ...] = ()
        self.links: tuple[Link, ...] = ()
        self.last_id = dict.fromkeys(_PART.values(), "")
        self.is_leaving = False
        self._hurry = asyncio.Event()

    @property
    def build(self) -> Build:
        """Which version of the server it is."""
        return self.behaviour.build

    async def answer(self, call: Call, fault: Fault | None) -> Answer:
        """Execute a call.

        Raises:
            ProcessDiedError: the call ended the process.
        """
        operation = _OPERATIONS.get(call.method)
        if fault is not None and not fault.is_worked:
            return self.success(call.method)
        if operation is not None:
            return await self._operate(operation, call, fault)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
            if fault.do is Kind.CRASH:
                raise ProcessDiedError(f"{call.method}: crash on request")
            if fault.do is Kind.REFUSE:
                message = fault.message or "Unknown error"
                return replace(self.success(call.method), code=1, message=message)
        return self._ask(call)

    def success(self, method: str) -> Answer:
        """The answer of a method that did nothing and reports success."""
        if method == "GetState":
            return self._state()
        return Answer(text=None if method == "ServerExit" else "")

    def _ask(self, call: Call) -> Answer:
        """Answer a method that is no operation of the state machine."""
        if call.method == "GetState":
            return self._state()
        if call.method == "GetConfigIDs":
            return Answer(text=self.repository.list_ids(self.build))
        if call.method == "Special":
            return self._special(call.arguments["command"])
        self.is_leaving = True
        return Answer()

    def _state(self) -> Answer:
        message = BUSY if self.transition else ""
        return Answer(0, message, state=(self.cached, self.transition))

    def _special(self, command: str) -> Answer:
        name, *words = command.split() or [""]
        name = name.lower()
        try:
            _check_special(name, words, has_boards=bool(self.senders))
        except CommandError as error:
            return Answer(self.transition or 1, str(error), text="")
        return Answer(text="")

    async def _operate(
        self, operation: Operation, call: Call, fault: Fault | None
    ) -> Answer:
        if self.transition:
            return Answer(operation.transition, BUSY, text="")
        self.transition = operation.transition
        self.transition_began = asyncio.get_running_loop().time()
        try:
            return await self._step(operation, call, fault)
        finally:
            self.cached = self.engine.state
            self.transition = Transition.NONE

    async def _step(
        self, operation: Operation, call: Call, fault: Fault | None
    ) -> Answer:
        """One operation of the state machine, which is busy until its end."""
        name = ""
        if part := _PART.get(operation):
            try:
                parts = parse_id(call.arguments["configID"])
            except MalformedIdError as error:
                raise ProcessDiedError(f"{call.method}: malformed {error}") from error
            if part not in parts:
                message = f"Configuration identifier '{format_id(parts)}' is not valid."
                return Answer(operation.transition, message, text="")
            name = parts[part]
        if self.engine.accepts(operation):
            try:
                await self._act(operation, name, call.arguments["table"], fault)
            except CommandError as error:
                self.engine.fail(operation)
                return Answer(operation.transition, str(error), text="")
            self.engine.succeed(operation)
        elif fault is not None and fault.do is Kind.CRASH:
            raise ProcessDiedError(f"{call.method}: crash on request")
        return self._report(operation)

    async def _act(
        self, operation: Operation, name: str, table: str, fault: Fault | None
    ) -> None:
        """Execute an operation on the boards.

        Raises:
            CommandError: it fails.
            ProcessDiedError: it ended the process.
        """
        if part := _PART.get(operation):
            self._open(part, name)
        seconds = self._duration(operation) + (fault.seconds if fault else 0.0)
        if fault is not None and fault.do is Kind.CRASH:
            await self._work(seconds / 2)
            raise ProcessDiedError(f"{operation.value}: crash on request")
        await self._work(seconds)
        if fault is not None and fault.do is Kind.REFUSE:
            raise CommandError(fault.message or self._typical(operation))
        if operation is Operation.CONFIGURE:
            self._configure(parse_links(table, self.build))
        if operation is Operation.UNDO and self.cached is EccState.DESCRIBED:
            self.senders = self.links = ()

    def hurry(self) -> None:
        """End the running operation now, as if its time were over."""
        self._hurry.set()

    async def _work(self, seconds: float) -> None:
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    def _duration(self, operation: Operation) -> float:
        seconds = self.behaviour.duration(operation)
        if operation is Operation.BREAKUP and self.engine.is_taking_data:
            seconds += self.behaviour.duration(Operation.STOP)
        return seconds

    def _open(self, part: str, name: str) -> None:
        """Open the file of an operation and remember its name."""
        if part == "describe":
            self.last_id = {}
        self.last_id[part] = name
        self.repository.check(part, name, self.build)
        if part == "describe":
            self.senders = tuple(self.repository.describes[name])

    def _configure(self, links: list[Link]) -> None:
        """Check the MuTAnTs, then link each data sender to its router."""
        mutants = [sender for sender in self.senders if sender.startswith("Mutant[")]
        if mutants:
            _check_mutants(mutants)
            if not self.behaviour.is_shelf_ready():
                raise CommandError(
                    "Status register indicates master shelf is not ready!"
                )
        self.links = tuple(link for link in links if link.sender in self.senders)
        for sender in self.senders:
            _connect(sender, self.links)

    def _report(self, operation: Operation) -> Answer:
        """The answer of an operation that did not fail, whether ignored or done."""
        if operation is Operation.DESCRIBE:
            return Answer(text=format_senders(self.senders))
        if operation is not Operation.CONFIGURE:
            return Answer(text="")
        text = format_links(self.links) + "\n"
        try:
            text += self.repository.config_set(self.last_id, self.build)
        except CommandError as error:
            return Answer(operation.transition, str(error), text=text)
        return Answer(text=text)

    def _typical(self, operation: Operation) -> str:
        """A message of such a failure, as real servers send it."""
        board = self.senders[0] if self.senders else "CoBo[0]"
        kind, instance = board.rstrip("]").split("[")
        messages = {
            Operation.DESCRIBE: f"Could not connect to '{kind}' node '{instance}' at "
            "127.0.0.1:46001. Ice::ConnectionRefusedException",
            Operation.START: "Could not start run (Ice::ConnectionLostException)",
            Operation.STOP: "Could not stop run (Ice::ConnectionLostException)",
            Operation.BREAKUP: "Unknown error!",
        }
        several = "".join(f"{sender}: Error: simulated | " for sender in self.senders)
        return messages.get(operation) or several or "Unknown error!"


def _check_special(name: str, words: list[str], *, has_boards: bool) -> None:
    if name not in ("asad-inject", "connect", "write", "writereg"):
        raise CommandError(f"Special command '{name}' is unknown.")
    if name == "writereg":
        try:
            int(words[1], 0)
        except (IndexError, ValueError):
            raise CommandError(
                f"Could not parse arguments for command '{name}'."
            ) from None
    if name in ("asad-inject", "write") and not has_boards:
        raise CommandError("Could not connect to AsAd pulser manager. ")


def _check_mutants(mutants: list[str]) -> None:
    masters = sum("master" in mutant.lower() for mutant in mutants)
    if masters != 1:
        raise CommandError(
            f"{masters} of the {len(mutants)} MuTanT module(s) have been declared "
            "as master!"
        )
    if len(mutants) - masters > 2:
        raise CommandError("There can be at most 2 MuTanT slave modules!")


def _connect(sender: str, links: tuple[Link, ...]) -> None:
    mine = [link for link in links if link.sender == sender]
    if not mine:
        raise CommandError(
            f"Could not find a valid data router for data sender '{sender}'"
        )
    for link in mine:
        if link.type not in _FLOW_TYPES:
            raise CommandError(
                f"Could not connect data sender '{sender}' to its data router: "
                f"Unknown data sender type '{link.type}'"
            )
