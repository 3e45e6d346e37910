"""Several ECC servers in memory, the system over them, and who watches the order.

The servers are those of the tests of one ECC server. `Watch` is written from the table
of the design, by hand, and shares nothing with the code under test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from daqpv.core import Event, Events, Interlock
from daqpv.ecc import (
    ConfigId,
    Deadlines,
    Ecc,
    EccSnapshot,
    EccState,
    Operation,
    OperationAnswer,
)
from daqpv.errors import DaqError
from daqpv.system import Order, System, SystemSnapshot, Table
from tests.support.ecc import CONFIG, DEADLINE, Fault, Server, acting
from tests.support.virtual import CLOCK

SYS = "AT:Sys:"
ROLES = {"MuTAnT": "mutant", "CoBo0": "cobo", "CoBo1": "cobo", "CoBo2": "all"}
SLAVES = {"MuTAnT": "mutant", "Slave": "mutant-slave", "CoBo0": "cobo", "CoBo1": "cobo"}
STOP = 15.0  # [s] deadline of Stop


class Sent(NamedTuple):
    """An operation that left daqpv."""

    time: float
    server: str
    what: str


class Watch:
    """Looks at every operation that daqpv sends, and at where all servers then are."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.sent: list[Sent] = []
        self.offences: list[str] = []
        self.blind: set[str] = set()  # whom daqpv cannot see, or leaves alone
        self.group_order = True  # nobody of another group is on its way
        self.judges = True

    def sees(self, member: Member, what: str) -> None:
        self.sent.append(Sent(asyncio.get_running_loop().time(), member.name, what))
        if self.judges and (problem := self._problem(member, what)):
            self.offences.append(f"{what} to {member.name}: {problem}")

    def _problem(self, member: Member, what: str) -> str:  # noqa: PLR0912 (by rows)
        others = [
            one
            for one in self.members.values()
            if one is not member and one.name not in self.blind
        ]
        at = {one.name: one.process.state for one in others}
        rest = [n for n in at if self.members[n].process.transition]
        kin = {one.name for one in others if one.part == member.part}
        above = [n for n in at if self.members[n].part != "C"]
        cobos = [n for n in at if self.members[n].part == "C"]
        at_once = what == "Describe" or (what == "Undo" and member.process.state == 2)
        strangers = set(rest) - kin
        if self.group_order and what != "Stop" and not at_once and strangers:
            return f"{strangers} are still on their way"
        match what, member.part:
            case "Prepare", "C":
                bad = [n for n in above if at[n] < 3]
            case "Prepare", "S":
                bad = [n for n in above if self.members[n].part == "M" and at[n] < 3]
            case "Configure", "M":
                bad = [n for n in cobos if at[n] != 4]
                bad += [n for n in above if at[n] != 4]
            case "Configure", "S":
                bad = [n for n in cobos if at[n] != 4]
            case "Start", "C":
                bad = [n for n in at if at[n] not in (4, 5)]
                bad += [n for n in above if at[n] != 4]
            case "Start", "S":
                bad = [n for n in cobos if at[n] != 5]
                bad += [n for n in above if at[n] not in (4, 5)]
            case "Start", "M":
                bad = [n for n in at if at[n] != 5]
            case "Pause", "M":
                bad = [n for n in at if at[n] != 5]
            case "Pause", _:
                bad = [n for n in at if at[n] not in (5, 6)]
                bad += [n for n in above if self.members[n].part == "M" and at[n] != 6]
            case "Resume", _:
                bad = [n for n in at if at[n] not in (5, 6)]
            case "Breakup", _:
                bad = [n for n in (*at, member.name) if self.state(n) in (5, 6)]
            case "Undo", _:
                bad = [n for n in at if at[n] > member.process.state]
            case _:
                bad = []
        return f"{ {n: self.state(n) for n in bad} }" if bad else ""

    def state(self, name: str) -> int:
        return self.members[name].process.state

    def order(self) -> list[str]:
        """What was sent, those of one operation and one part together, once."""
        groups: list[str] = []
        for one in self.sent:
            group = f"{one.what} {self.members[one.server].part}"
            if group not in groups[-1:]:
                groups.append(group)
        return groups


class Member(Server):
    """One ECC server of several; tells the watch what arrives."""

    def __init__(self, name: str, role: str, watch: Watch) -> None:
        super().__init__(name)
        self.part = {"mutant": "M", "mutant-slave": "S"}.get(role, "C")
        self._watch = watch
        watch.members[name] = self

    async def operate(
        self,
        operation: Operation,
        config: ConfigId | None,
        links: Collection[Any],
        *,
        timeout: float,
    ) -> OperationAnswer:
        if self.fault is not Fault.OFFLINE and not self.process.died.done():
            self._watch.sees(self, operation.value)
        return await super().operate(operation, config, links, timeout=timeout)


class Lab:
    """Some ECC servers, each followed by an Ecc, and the system of all."""

    def __init__(
        self,
        roles: dict[str, str],
        *,
        table: Table | None = None,
        config: ConfigId | None = CONFIG,
        disabled: Collection[str] = (),
        reconfigures: bool = False,
        interlock: Interlock | None = None,
    ) -> None:
        self.watch = Watch()
        self.watch.blind = set(disabled)
        self.table = table or Table()
        self.events: list[Event] = []
        self.shown: list[SystemSnapshot] = []
        self._puts: list[asyncio.Task[Any]] = []
        events = Events()
        events.add(self.events.append)
        self.members = {n: Member(n, role, self.watch) for n, role in roles.items()}
        self.eccs: dict[str, Ecc] = {}
        order = Order(
            lambda: list(self.eccs.values()),
            table=self.table,
            prefix=SYS,
            interlock=interlock,
        )
        for name, role in roles.items():
            self.eccs[name] = Ecc(
                name,
                self.members[name],
                snapshot=EccSnapshot(
                    config=config, role=role, enabled=name not in disabled
                ),
                deadlines=Deadlines(
                    operations=dict.fromkeys(Operation, DEADLINE)
                    | {Operation.STOP: STOP}
                ),
                events=events,
                clock=CLOCK,
                prefix=f"AT:ECC:{name}:",
                guard=order.guard(name),
            )
        self.system = System(
            list(self.eccs.values()),
            table=self.table,
            events=events,
            clock=CLOCK,
            prefix=SYS,
            patience=DEADLINE,
            reconfigures=reconfigures,
            interlock=interlock,
        )
        self.system.watch(lambda snapshot, _: self.shown.append(snapshot))

    @property
    def now(self) -> SystemSnapshot:
        return self.system.snapshot

    @property
    def states(self) -> dict[str, int]:
        """Where the servers truly are."""
        return {name: one.process.state for name, one in self.members.items()}

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [(one.server, one.what) for one in self.watch.sent]

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    def put(
        self, wish: Coroutine[Any, Any, None], by: str = "ann@hut"
    ) -> asyncio.Task[None]:
        """Begin what a client asks for, in a task of the server's."""
        with acting(by):
            task = asyncio.ensure_future(wish)
        self._puts.append(task)
        return task

    async def until(self, is_so: Callable[[], object], within: float = 400.0) -> None:
        """Let time pass until `is_so()`."""
        async with asyncio.timeout(within):
            while not is_so():  # noqa: ASYNC110 - the clock is virtual
                await asyncio.sleep(0.005)

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def on_the_wire(self, what: str, *names: str) -> None:
        """Let time pass until all these servers are doing `what`."""
        wanted = {(name, what) for name in names}
        await self.until(lambda: wanted <= set(self.sent))
        await self.pass_time(0.01)

    async def at(self, states: dict[str, EccState] | EccState) -> None:
        """Have the servers in these states, and seen there."""
        if isinstance(states, EccState):
            states = dict.fromkeys(self.members, states)
        for name, state in states.items():
            self[name].set(state)
        await self.until(
            lambda: all(
                self.eccs[name].snapshot.state is state
                for name, state in states.items()
                if self.eccs[name].snapshot.enabled
            )
        )
        await self.pass_time(0.02)

    async def lost(self, *names: str, fault: Fault = Fault.OFFLINE) -> None:
        """Have servers that are lost, and seen so."""
        for name in names:
            self[name].state_fault = self[name].fault = fault
            self[name].list_fault = fault
            self.watch.blind.add(name)
        await self.until(lambda: all(self.eccs[n].snapshot.is_lost for n in names))
        await self.pass_time(0.02)

    def run(self) -> list[asyncio.Task[None]]:
        """Begin to follow all servers, and the system over them."""
        tasks = [asyncio.create_task(ecc.run()) for ecc in self.eccs.values()]
        return [*tasks, asyncio.create_task(self.system.run())]

    async def close(self) -> None:
        for put in self._puts:
            put.cancel()
        await asyncio.gather(*self._puts, return_exceptions=True)
        for member in self.members.values():
            await member.close()


@asynccontextmanager
async def laboratory(
    roles: dict[str, str] = ROLES,
    states: dict[str, EccState] | EccState = EccState.IDLE,
    **settings: Any,
) -> AsyncIterator[Lab]:
    lab = Lab(roles, **settings)
    tasks = lab.run()
    try:
        await lab.until(
            lambda: all(
                one.snapshot.configs
                for one in lab.eccs.values()
                if one.snapshot.enabled
            )
        )
        await lab.at(states)
        yield lab
        assert lab.watch.offences == []
        assert [one.crimes for one in lab.members.values() if one.crimes] == []
        assert not any(task.done() for task in tasks), "a follower died"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await lab.close()


async def ended(going: asyncio.Future[None], within: float = 600.0) -> str | None:
    """Wait for the end of a put; return what it says, None if it is done."""
    await asyncio.wait({going}, timeout=within)
    error = going.exception()
    if error is not None and not isinstance(error, DaqError):
        raise error
    return None if error is None else f"{type(error).__name__}: {error}"
