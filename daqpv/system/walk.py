"""Carries out one command of the system, group by group, by the table."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

from daqpv.core import Command, Cure, Goal
from daqpv.ecc import EccState, Server, is_below
from daqpv.errors import (
    BusyError,
    CommandError,
    DaqError,
    LinkError,
    OperationError,
    RefusedError,
    UnknownOutcomeError,
    sentence,
)
from daqpv.system.means import Means
from daqpv.system.plan import BROKEN, READY, STOP, OnFailure, Part, Spread, Step
from daqpv.system.plural import are, config_of, named, several, where, without
from daqpv.system.sending import Sending
from daqpv.system.servers import (
    is_moving,
    is_there,
    may_take_data,
    rehearse,
    spread,
    standing,
    unlisted,
)
from daqpv.system.stopping import Stopping

_MOST_STEPS = 60  # of a way down; it takes more only if another client leads up


class Walk:
    """The steps of one command of the system.

    Args:
        command: its abort ends the walk before the next step.
        means: servers, order, and owner of sent operations.
    """

    def __init__(self, command: Command, means: Means) -> None:
        self._command = command
        self._means = means
        self._left: dict[str, str] = {}  # servers left behind on the way down, and why
        self._starts = False  # the last step was one after which all have to run
        self._sending = Sending(command, means.tasks)
        self._stopping = Stopping(command, self._sending, means)

    def accepted(self, goal: Goal) -> None:
        """Let other commands to `goal` join from now on."""
        self._command.goal = goal

    # Up

    async def up(self, target: EccState) -> None:
        """Bring all to `target`, first to one level; halt at the first failure.

        Raises:
            RefusedError: it is not possible in the present state; nothing was sent.
            CommandError: it halted.
        """
        self.check_up(target)
        expected: Spread | None = None
        while step := await self._next_up(target, expected):
            if self._means.interlock.rival:
                raise OperationError(
                    f"{step.label}: halted. {self._means.interlock.rival}"
                )
            expected = step.applied(spread(self._enabled()))
            self._starts = step.row.on_failure is OnFailure.STOP
            failed = await self._do(step)
            if failed:
                raise await self._halt(step, failed)

    async def reconfigure(self, *, fresh: Collection[str]) -> None:
        """Configure the MuTAnT again, which gives the clock, so that events begin at 0.

        Args:
            fresh: names of servers that have not started since they were configured.

        Raises:
            RefusedError: another server is not Ready; nothing was sent.
            CommandError: it halted.
        """
        worn = [
            one.name
            for one in self._enabled()
            if standing(one)[0] is not Part.COBO
            and one.snapshot.state is READY
            and one.name not in fresh
        ]
        away = [one for one in self._enabled() if one.snapshot.state is not READY]
        if worn and away:
            runs = any(may_take_data(one.snapshot) for one in away)
            raise RefusedError(
                f"{are(away)}: a run begins when all are Ready. First:",
                cure=self._means.cure(
                    *(("Stop", 1) if runs else ("Target", READY.label))
                ),
            )
        for name in ("breakup", "configure"):
            row = self._means.table.rows[name]
            for group in row.order:
                movers = [
                    one
                    for one in self._enabled()
                    if one.name in worn and standing(one)[0] in group
                ]
                if movers:
                    await self._reconfigure(Step(row, spread(movers)), movers)

    async def _reconfigure(self, step: Step, movers: Sequence[Server]) -> None:
        where_all_are = spread(self._enabled())
        if any(step.row.offenders(part, where_all_are) for part, _ in step.movers):
            raise OperationError(
                f"{step.label}: halted. {are(self._enabled())}, not by this command."
            )
        errors = await self._sending.send(step.label, step.row.operation, movers)
        failed = {o: e for o, e in errors.items() if standing(o)[1] != step.row.after}
        if failed:
            raise await self._halt(step, failed)

    def check_up(self, target: EccState) -> None:
        """Return if the way up to `target` is possible.

        Raises:
            RefusedError: it is not; with the cure.
        """
        servers = self._enabled()
        if not servers:
            raise RefusedError("No ECC server is enabled. Nothing was sent.")
        self._check_at_rest(servers)
        plan = self._means.table.plan(spread(servers), target)
        if plan.blocked is not None:
            raise RefusedError(
                f"{are(servers)}: no way to {target.label} but by Stop. First:",
                cure=self._means.cure("Stop", 1),
            )
        self._command.total, needing = rehearse(plan, servers)
        self._check_configs(unlisted(needing))

    def _check_configs(self, servers: Iterable[Server]) -> None:
        """Refuse configurations that a server needs and does not list."""
        for server in servers:
            config, prefix = server.snapshot.config, server.prefix
            if config is None:
                raise RefusedError(
                    f"{server.name} has no configuration. Choose one of "
                    f"{prefix}ConfigList:",
                    cure=config_of(server),
                )
            raise RefusedError(
                f"{server.name} does not list the configuration {config}. To read the "
                "list again:",
                cure=Cure(prefix, "RefreshConfigs", 1),
            )

    def _check_at_rest(self, servers: Collection[Server]) -> None:
        lost = [one for one in servers if not is_there(one.snapshot)]
        if lost:
            raise RefusedError(f"{are(lost)}. {without(lost)}. Nothing was sent.")
        busy = next((one for one in servers if is_moving(one.snapshot)), None)
        if busy is not None:
            raise BusyError(
                f"{busy.name} is busy: {sentence(busy.snapshot.message)} Nothing was "
                "sent. Wait, or:",
                cure=Cure(busy.prefix, "Abort", 1),
            )

    async def _next_up(self, target: EccState, expected: Spread | None) -> Step | None:
        """The next step; all servers have to be where the last one has led."""
        servers = self._enabled()
        astray = [
            one
            for one in servers
            if not is_there(one.snapshot)
            or (expected is not None and standing(one) not in expected)
        ]
        plan = self._means.table.plan(spread(servers), target)
        if astray or plan.blocked is not None:
            text = (
                f"{self._command.what}: halted. {are(astray or servers)}, not by this "
                f"command. Again: {self._means.cure('Target', target.label)}"
            )
            if self._starts:
                text = several([text, *(await self.stop()).values()])
            raise OperationError(text)
        return plan.steps[0] if plan.steps else None

    # Down

    async def down(self, target: EccState) -> None:
        """Bring all to `target`, each from where it is, the highest step first.

        Servers that are lost or stay busy are left behind, and named at the end.

        Raises:
            CommandError: it halted, or a server was left behind.
        """
        for _ in range(_MOST_STEPS):
            await self._stop_before(target)
            if not self._command.total:
                await self.rest(target, until_running=target <= READY)
                if target <= READY and self._one_takes_data():
                    continue  # one that came back, or by another client: stop it now
            members = self._members()
            plan = self._means.table.plan(spread(members), target)
            self._command.total = self._command.total or rehearse(plan, members)[0]
            step = plan.steps[0] if plan.steps else None
            if step is None or self._is_barred(step):
                break
            if step.row.operation is not STOP:
                await self._do_down(step)
        self._judge(target)

    def _is_barred(self, step: Step) -> bool:
        """Whether servers that were left behind forbid the step, as last read."""
        if not step.row.is_down:
            return bool(self._left)  # not without them
        left = [o for o in self._enabled() if o.name in self._left]
        seen = spread(one for one in left if is_there(one.snapshot))
        return any(step.row.offenders(part, seen) for part, _ in step.movers)

    async def _stop_before(self, target: EccState) -> None:
        if target > READY:
            return
        failures = await self.stop()
        there = {one.name for one in self._enabled() if is_there(one.snapshot)}
        if running := there.intersection(failures):
            raise self._failure(failures[name] for name in sorted(running))
        self._left |= failures

    async def _do_down(self, step: Step) -> None:
        were_broken = {o.name for o in self._members() if o.snapshot.state is BROKEN}
        failed = await self._do(step)
        for server, error in tuple(failed.items()):
            is_lost = not is_there(server.snapshot) or isinstance(error, LinkError)
            if is_lost or server.name in were_broken:
                self._left[server.name] = named(server, error)
                del failed[server]
        if failed:
            raise await self._halt(step, failed)

    async def rest(self, target: EccState, *, until_running: bool = False) -> None:
        """Wait until no server is in a transition; abort commands above `target`.

        Args:
            target: the state.
            until_running: wait no longer when a server takes data.
        """
        for server in self._members():
            goal = server.snapshot.goal
            if goal and is_below(target, EccState(goal)):
                server.abort()

        async def all_at_rest() -> None:
            while moving := [o for o in self._members() if is_moving(o.snapshot)]:
                if until_running and self._one_takes_data():
                    return
                self._command.step(f"Waiting: {are(moving)}")
                self._means.news.clear()
                await self._means.news.wait()

        try:
            async with asyncio.timeout(self._means.patience):
                await self._command.within(all_at_rest())
        except TimeoutError:
            for server in self._members():
                if is_moving(server.snapshot):
                    text = f"{server.name} is busy: {server.snapshot.message}"
                    self._left[server.name] = text

    def _one_takes_data(self) -> bool:
        servers = [one.snapshot for one in self._enabled()]
        return any(is_there(one) and may_take_data(one) for one in servers)

    def _judge(self, target: EccState) -> None:
        """Raise the errors that remain at the end of the way down."""
        away = [one for one in self._members() if one.snapshot.state is not target]
        if self._left or away:
            why = list(self._left.values())
            raise self._failure([*why, are(away)] if away else why)

    def _failure(self, reasons: Iterable[str]) -> CommandError:
        text = f"{self._command.what}: not all are there. {several(reasons)}"
        return OperationError(text)

    async def stop(self) -> dict[str, str]:
        """Stop all servers that take data; see `Stopping.stop`."""
        return await self._stopping.stop()

    async def stop_all(self) -> dict[str, str]:
        """Stop all servers that take data, and check again; see `Stopping.stop_all`."""
        return await self._stopping.stop_all()

    # One step

    async def _do(self, step: Step) -> dict[Server, DaqError]:
        """Do one step; return the servers that are not in its end state, and why."""
        group = [one for one in self._members() if standing(one) in step.movers]
        errors = await self._sending.send(step.label, step.row.operation, group)
        after = step.row.after
        return {
            server: error
            for server, error in errors.items()
            # another client may have brought it there
            if server.snapshot.state is not after or is_moving(server.snapshot)
        }

    async def _halt(
        self, step: Step, failed: Mapping[Server, DaqError]
    ) -> CommandError:
        """Do the action of the table after a failure; return one error."""
        reasons = [named(server, error) for server, error in failed.items()]
        if step.row.on_failure is OnFailure.STOP and self._sending.has_sent:
            not_stopped = await self.stop()
            reasons += [text for name, text in not_stopped.items()]
        text = f"{step.label}: {several(reasons)}"
        errors = failed.values()
        are_refused = all(isinstance(error, RefusedError) for error in errors)
        if are_refused and not self._sending.has_sent:
            return RefusedError(text)
        if any(isinstance(error, UnknownOutcomeError) for error in errors):
            return UnknownOutcomeError(text)
        return OperationError(text)

    # Who takes part

    def _enabled(self) -> list[Server]:
        return [one for one in self._means.servers if one.snapshot.enabled]

    def _members(self) -> list[Server]:
        """Servers that take part: enabled, not lost, and not left behind."""
        enabled = self._enabled()
        for server in enabled:
            if not is_there(server.snapshot):
                text = f"{server.name} is {where(server.snapshot)}"
                self._left.setdefault(server.name, text)
        return [one for one in enabled if one.name not in self._left]
