"""One simulated ECC server: listens, serves its process, and fails on request."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from types import TracebackType
from typing import Self

from daqpv.ecc.codes import EccState, Transition
from daqpv.sim.ecc import door, http
from daqpv.sim.ecc.conversation import Conversation, Reply, cut
from daqpv.sim.ecc.faults import Faults
from daqpv.sim.ecc.port import Port
from daqpv.sim.ecc.process import Behaviour, EccProcess, ProcessDiedError
from daqpv.sim.ecc.received import Received
from daqpv.sim.ecc.repository import Repository
from daqpv.sim.ecc.soap import Call


class EccSimulator:
    """A simulated getEccSoapServer, listening on a loopback address.

    ::

        async with EccSimulator("CoBo0") as simulator:
            simulator.faults.set("Configure", Fault(do=Kind.REFUSE, times=1))
            ...  # simulator.url, .state, .requests

    Attributes:
        name: for messages.
        repository: its configuration files.
        behaviour: build, durations, timeouts.
        faults: the faults on request.
        process: the server process; another one after a restart.
        counts: requests so far, by method.
        requests: the last 1000 requests.
        lives: number of server processes so far.
        crashed: why the process crashed; None while it runs or if it exited normally.
    """

    def __init__(
        self,
        name: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        repository: Repository | None = None,
        behaviour: Behaviour | None = None,
    ) -> None:
        """Prepare a simulator; `port` 0 takes a free one at `start`.

        Raises:
            ValueError: `host` is not an IPv4 loopback address.
        """
        self.name = name
        self.repository = repository or Repository({"cobo0": ("CoBo[0]",)}, ("e20009",))
        self.behaviour = behaviour or Behaviour()
        self.faults = Faults()
        self.process = EccProcess(self.repository, self.behaviour)
        self.counts: Counter[str] = Counter()
        self.requests: deque[Received] = deque(maxlen=1000)
        self.lives = 1
        self.crashed: str | None = None
        self._is_alive = True
        self._main: asyncio.Task[None] | None = None
        self._port = Port(name, host, port)
        self._conversations: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def host(self) -> str:
        """Address on which it listens."""
        return self._port.host

    @property
    def port(self) -> int:
        """Port on which it listens; a free one is known after `start`."""
        return self._port.number

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}/"

    @property
    def state(self) -> EccState:
        """The answer of GetState: during a transition the state before."""
        return self.process.cached

    @property
    def transition(self) -> Transition:
        """The transition that is running."""
        return self.process.transition

    @property
    def transition_for(self) -> float:
        """Time since that transition began [s]."""
        if not self.transition:
            return 0.0
        return asyncio.get_running_loop().time() - self.process.transition_began

    @property
    def is_listening(self) -> bool:
        """Whether connections are accepted."""
        return self._port.is_open

    async def start(self) -> None:
        """Listen.

        Raises:
            SimulatorError: the port is taken.
        """
        listening = asyncio.Event()
        self._main = asyncio.create_task(self._run(listening), name=f"sim {self.name}")
        waiting = asyncio.create_task(listening.wait())
        try:
            await asyncio.wait({self._main, waiting}, return_when="FIRST_COMPLETED")
        except asyncio.CancelledError:
            await self.stop()
            raise
        finally:
            waiting.cancel()
        if self._main.done():
            await self._main

    async def stop(self) -> None:
        """End it: cut all connections, close the port."""
        if self._main is None:
            return
        self._main.cancel()
        await asyncio.wait({self._main})
        if not self._main.cancelled():
            self._main.result()

    async def served(self) -> None:
        """Wait for the end: `stop`, or a defect of the simulator."""
        if self._main is not None:
            await asyncio.shield(self._main)

    async def _run(self, listening: asyncio.Event) -> None:
        """Own everything that runs, until cancelled."""
        self._port.open()
        async with asyncio.TaskGroup() as self._group:
            try:
                await self._port.serve(self._accept)
                listening.set()
                await asyncio.get_running_loop().create_future()
            finally:
                self._port.release()

    def hurry(self) -> None:
        """End the running operation now, as if its time were over."""
        self.process.hurry()

    def crash(self, reason: str, *, seconds: float | None = None) -> None:
        """Crash the process: all connections are cut, the port is closed.

        It is started again after `seconds`, or else after `Behaviour.keep_alive`.
        """
        self.crashed = reason
        self._end(self.behaviour.keep_alive if seconds is None else seconds)

    async def restart(self) -> None:
        """End the process, if it lives, and start a new one on the same port."""
        self._end(None)
        self.crashed = None
        self._is_alive = True
        self.process = EccProcess(self.repository, self.behaviour)
        self.lives += 1
        await self._listen()

    def go_offline(self, seconds: float | None = None) -> None:
        """Cut the network: the process lives, and its operation goes on.

        The network is back after `seconds`, or with `go_online`.
        """
        self._port.close()
        for writer in self._conversations.values():
            cut(writer)
        if seconds is not None:
            self._group.create_task(self._back(seconds))

    async def go_online(self) -> None:
        """Restore the network, if a process is running."""
        if self._is_alive and not self.is_listening:
            await self._listen()

    def describe(self) -> dict[str, object]:
        """State, faults and counts as plain values."""
        behaviour = self.behaviour
        return {
            "name": self.name,
            "state": self.state.label,
            "transition": self.transition.label,
            "transition_for": round(self.transition_for, 3),
            "faults": self.faults.describe(),
            "counts": dict(self.counts),
            "speed": behaviour.speed,
            "durations": {op.value: s for op, s in behaviour.durations.items()},
        }

    def note(self, call: Call, path: str) -> Received:
        """Count and keep a request (called by its connection)."""
        self.counts[call.method] += 1
        received = Received.of(
            call,
            number=self.counts.total(),
            path=path,
            process=self.lives,
            state=self.state,
            transition=self.transition,
        )
        self.requests.append(received)
        return received

    def received_after(self, number: int) -> list[Received]:
        """The requests after `number` that are still kept."""
        return [request for request in self.requests if request.number > number]

    def control(self, head: http.Head, body: bytes) -> Reply:
        """Answer a request to the control door (called by its connection)."""
        return door.answer(self, head, body)

    def leave(self) -> None:
        """The process was asked to exit (called by the connection that asked)."""
        self._group.create_task(self._exit(self.process))

    async def _exit(self, process: EccProcess) -> None:
        await asyncio.sleep(self.behaviour.exit_within)
        if self.process is process:
            self._end(self.behaviour.keep_alive)

    async def _revive(self, process: EccProcess, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.process is process:
            await self.restart()

    async def _back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.go_online()

    async def _listen(self) -> None:
        self._port.open()
        await self._port.serve(self._accept)

    def _end(self, seconds: float | None) -> None:
        """End the process; after `seconds` a new one is started."""
        self._is_alive = False
        self._port.close()
        current = asyncio.current_task()
        for task in self._conversations:
            if task is not current:
                task.cancel()
        if seconds is not None:
            self._group.create_task(self._revive(self.process, seconds))

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.process.is_leaving:  # its accept loop ends with this connection
            cut(writer)
            self._end(self.behaviour.keep_alive)
            return
        conversation = Conversation(self, self.process, reader, writer)
        task = self._group.create_task(self._serve(conversation))
        self._conversations[task] = writer
        task.add_done_callback(self._conversations.pop)

    async def _serve(self, conversation: Conversation) -> None:
        try:
            await conversation.run()
        except ProcessDiedError as death:
            self.crash(str(death))
