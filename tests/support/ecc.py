"""A laboratory in memory: a true model of an ECC server, on a clock that jumps.

The model is written from what the GET server does (its state machine, its cached
GetState record, its busy flag), with the numbers and names of the wire, and shares no
table with the code under test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import Enum
from typing import Any, TypeVar

from daqpv.core import Event, Events, Origin, origin
from daqpv.ecc import (
    ConfigId,
    Deadlines,
    Ecc,
    EccSnapshot,
    EccState,
    Operation,
    OperationAnswer,
    StateAnswer,
    Transition,
)
from daqpv.errors import NoAnswerError, NotConnectedError, ProtocolError
from tests.support.virtual import CLOCK

T = TypeVar("T")

CONFIG = ConfigId("cobo0", "e20009", "e20009")
OTHER = ConfigId("cobo0", "e20009", "pulser")
DEADLINE = 60.0  # [s] of an operation
PREFIX = "AT:ECC:CoBo0:"
BUSY = "The ECC state machine is busy!"


_CODES = [
    "None", "Describe", "Prepare", "Configure", "Start", "Stop", "Pause", "Resume",
    "Breakup", "Undo",
]  # fmt: skip
_TABLE = {
    (1, "Describe"): 2,
    (2, "Prepare"): 3, (2, "Undo"): 1,
    (3, "Configure"): 4, (3, "Undo"): 2,
    (4, "Start"): 5, (4, "Breakup"): 3,
    (5, "Stop"): 4, (5, "Pause"): 6, (5, "Breakup"): 3,
    (6, "Resume"): 5, (6, "Stop"): 4, (6, "Breakup"): 3,
}  # fmt: skip


class Fault(Enum):
    """What may befall an exchange."""

    OFFLINE = "nobody there: refused"
    HANG = "done, and the answer never comes"
    DEAF = "taken, never done, and never answered"
    CUT = "done, and the connection is cut at once"
    SWALLOW = "not done, and the connection is cut at once"
    GARBAGE = "done, and the answer is no answer"
    IDLER = "not done, and answered with success"


class Process:
    """One life of a getEccSoapServer process."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.state = 1
        self.transition = 0
        self.halted = False  # after a failed Undo from Prepared: ignores everything
        self.died = asyncio.get_running_loop().create_future()
        self.tasks: set[asyncio.Future[Any]] = set()

    async def operate(
        self, name: str, config: ConfigId | None, by: str = "daqpv"
    ) -> OperationAnswer:
        code = _CODES.index(name)
        if self.transition:
            self.server.ignored.append((by, name))
            return OperationAnswer(code, BUSY)
        if name in ("Describe", "Prepare", "Configure"):
            part = getattr(config, name.lower()) if config else ""
            if not part:
                self.server.crimes.append(f"{name} without configuration")
                self.die()
            elif part not in {getattr(one, name.lower()) for one in self.server.list}:
                self.server.crimes.append(f"{name} by unlisted {part!r}")
                return OperationAnswer(code, f"Configuration {part!r} does not exist.")
        state = 0 if self.halted else self.state
        after = 3 if (state, name) == (0, "Breakup") else _TABLE.get((state, name))
        if after is None or self.halted:
            self.server.ignored.append((by, name))
            return OperationAnswer(0)
        self.transition = code
        try:
            await asyncio.sleep(self.server.durations.get(name, 2.0))
        finally:
            self.transition = 0
        reason = self.server.failures.pop(name, None)
        if reason is None:
            self.state = after
            return OperationAnswer(0)
        if name == "Breakup":
            self.state = 0
        elif (name, state) == ("Undo", 3):
            self.state, self.halted = 0, True
        return OperationAnswer(code, reason)

    def die(self) -> None:
        if not self.died.done():
            self.died.set_result(None)
        for task in self.tasks:
            task.cancel()


class Server:
    """The computer of an ECC server, its network, and who else commands it.

    Fulfils EccLink. Faults stay until they are taken away.
    """

    def __init__(self, name: str = "CoBo0") -> None:
        self.name = name
        self.list = [CONFIG, OTHER]
        self.durations: dict[str, float] = {}
        self.failures: dict[str, str] = {}  # of the next operation of that name
        self.state_fault: Fault | None = None
        self.fault: Fault | None = None  # of operations
        self.list_fault: Fault | None = None
        self.sent: list[Operation] = []  # what left daqpv
        self.by: list[ConfigId | None] = []  # and by which configuration
        self.links: list[Any] = []
        self.under_way = 0  # operations whose answer has not come
        self.asking = self.asked_at_once = 0  # GetState: now, and at most
        self.ignored: list[tuple[str, str]] = []  # illegal here, or now: who, what
        self.crimes: list[str] = []  # what would kill the true server
        self.polls = 0
        self.listings = 0
        self._lives: list[Process] = []
        self.restart()

    @property
    def process(self) -> Process:
        return self._lives[-1]

    @property
    def is_quiet(self) -> bool:
        return not self.process.transition and not self.under_way

    def restart(self) -> None:
        if self._lives:
            self.process.die()
        self._lives.append(Process(self))

    async def close(self) -> None:
        self.process.die()
        tasks = {task for life in self._lives for task in life.tasks}
        await asyncio.gather(*tasks, return_exceptions=True)

    def set(self, state: EccState) -> None:
        """Put the server into `state`, as if it had been there for long."""
        self.process.state = int(state)

    async def foreign(self, name: str) -> OperationAnswer:
        """Another client's operation, to its end."""
        return await self._deliver(self.process.operate(name, CONFIG, "another"))

    def _deliver(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Whatever becomes of the exchange, the process does its work."""
        task = asyncio.ensure_future(work)
        tasks = self.process.tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return asyncio.shield(task)

    async def state(self, *, timeout: float) -> StateAnswer:
        self.polls += 1

        async def answer() -> StateAnswer:
            process = self.process
            return StateAnswer(
                EccState(process.state),
                Transition(process.transition),
                error_message=BUSY if process.transition else "",
            )

        self.asking += 1
        self.asked_at_once = max(self.asked_at_once, self.asking)
        try:
            return await self._exchange("GetState", self.state_fault, timeout, answer)
        finally:
            self.asking -= 1

    async def configs(self, *, timeout: float) -> list[ConfigId]:
        self.listings += 1

        async def answer() -> list[ConfigId]:
            return list(self.list)

        return await self._exchange("GetConfigIDs", self.list_fault, timeout, answer)

    async def operate(
        self,
        operation: Operation,
        config: ConfigId | None,
        links: Collection[Any],
        *,
        timeout: float,
    ) -> OperationAnswer:
        if self.fault is not Fault.OFFLINE and not self.process.died.done():
            self.sent.append(operation)
            self.by.append(config)
            self.links.append(tuple(links))
        idler = self.fault is Fault.IDLER

        async def answer() -> OperationAnswer:
            if idler:
                return OperationAnswer(0)
            return await self.process.operate(operation.value, config)

        self.under_way += 1
        try:
            return await self._exchange(operation.value, self.fault, timeout, answer)
        finally:
            self.under_way -= 1

    async def special(self, command: str, *, timeout: float) -> OperationAnswer:
        raise NotImplementedError

    async def exit(self, *, timeout: float) -> OperationAnswer:
        raise NotImplementedError

    async def _exchange(
        self,
        what: str,
        fault: Fault | None,
        timeout: float,
        answer: Callable[[], Coroutine[Any, Any, T]],
    ) -> T:
        if fault is Fault.OFFLINE or self.process.died.done():
            raise NotConnectedError(f"{self.name}: nobody answers at {PREFIX}.")
        late = NoAnswerError(f"{self.name}: no answer to {what}.", timed_out=True)
        cut = NoAnswerError(f"{self.name}: {what} was cut.", timed_out=False)
        process = self.process
        await asyncio.sleep(0.001)  # on the network
        if fault in (Fault.DEAF, Fault.SWALLOW):
            work: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        else:
            work = self._deliver(answer())
        if fault in (Fault.CUT, Fault.SWALLOW):
            raise cut
        limit = timeout - 0.001
        if fault in (Fault.HANG, Fault.DEAF):
            await asyncio.wait({process.died}, timeout=limit)
            raise cut if process.died.done() else late
        either: set[asyncio.Future[Any]] = {work, process.died}
        await asyncio.wait(either, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if process.died.done():
            raise cut
        if not work.done():
            raise late
        if fault is Fault.GARBAGE:
            raise ProtocolError(f"{self.name}: {what} was answered by a page of HTML.")
        return work.result()


class Lab:
    """One Ecc that follows one Server, and all that it says."""

    def __init__(self, **settings: Any) -> None:
        self.server = Server()
        self._puts: list[asyncio.Task[None]] = []
        self.events: list[Event] = []
        self.shown: list[tuple[tuple[str, ...], EccSnapshot]] = []
        events = Events()
        events.add(self.events.append)
        settings.setdefault("config", CONFIG)
        self.ecc = Ecc(
            "CoBo0",
            self.server,
            snapshot=EccSnapshot(**settings),
            deadlines=Deadlines(operations=dict.fromkeys(Operation, DEADLINE)),
            events=events,
            clock=CLOCK,
            prefix=PREFIX,
        )
        self.ecc.watch(
            lambda snapshot, names: self.shown.append((tuple(names), snapshot))
        )

    @property
    def now(self) -> EccSnapshot:
        return self.ecc.snapshot

    @property
    def sent(self) -> list[str]:
        return [operation.value for operation in self.server.sent]

    def texts(self, name: str) -> list[str]:
        return [event.text for event in self.events if event.name == name]

    def put(
        self, wish: Coroutine[Any, Any, None], by: str = "ann@hut"
    ) -> asyncio.Task[None]:
        """Begin what a client asks for, in a task of the server's."""
        with acting(by):
            task = asyncio.ensure_future(wish)
        self._puts.append(task)
        return task

    async def begun(
        self, wish: Coroutine[Any, Any, None], what: str
    ) -> asyncio.Task[None]:
        """Begin what ann asks for, until the operation `what` is on the wire."""
        task = self.put(wish, by="ann@hut")
        await self.until(lambda: self.sent[-1:] == [what])
        return task

    async def until(
        self, is_so: Callable[[], object], within: float = 300.0, step: float = 0.01
    ) -> None:
        """Let time pass until `is_so()`."""
        async with asyncio.timeout(within):
            while not is_so():  # noqa: ASYNC110 - the clock is virtual
                await asyncio.sleep(step)

    async def polled(self) -> None:
        """Let time pass until the next poll of its state."""
        polls = self.server.polls
        await self.until(lambda: self.server.polls > polls)

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """End what clients still wait for, as the PV server does when it ends."""
        for put in self._puts:
            put.cancel()
        await asyncio.gather(*self._puts, return_exceptions=True)
        await self.server.close()

    async def at(self, state: EccState) -> None:
        """Have the server in `state`, and seen there."""
        self.server.set(state)
        await self.until(lambda: self.now.known and self.now.state is state)
        await self.pass_time(0.01)


@contextmanager
def acting(by: str) -> Iterator[None]:
    token = origin.set(Origin(*by.split("@")))
    try:
        yield
    finally:
        origin.reset(token)


@asynccontextmanager
async def laboratory(*, start: bool = True, **settings: Any) -> AsyncIterator[Lab]:
    lab = Lab(**settings)
    following = asyncio.ensure_future(lab.ecc.run())
    try:
        if start:
            await lab.until(lambda: lab.now.known and lab.now.configs)
        yield lab
        assert lab.server.crimes == []
        assert not following.done(), "the follower died"
    finally:
        following.cancel()
        await asyncio.wait({following})
        await lab.close()
    if not following.cancelled():
        following.result()
