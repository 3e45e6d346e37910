"""Examines devices of an experiment without serving them, all at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from daqpv.app.site import ExperimentSite, bare_site
from daqpv.config import AnyKind, Experiment, did_you_mean
from daqpv.core import Events, Examination, Finding, Names
from daqpv.core.plugins import reason
from daqpv.errors import ConfigError, sentence
from daqpv.links.ca.readings import AnyReadings
from daqpv.serve import DuplicateServers, LocalPvs, Server

SEARCHES = 2  # for a process that serves the device
GRACE = 3.0  # [s] for an examination to end after its deadline: it closes connections
_CANCELLED_WITHIN = 1.0  # [s]
APART = 0.01  # [s] between two beginnings: work for all at once would spoil the times


class Subject(NamedTuple):
    """A device that can be examined."""

    kind: AnyKind
    name: str
    settings: Any


@dataclass(slots=True)
class Examined:
    """What was found of one device.

    Attributes:
        section: of the device in the file; "": it is this computer.
        name: of the device.
        findings: step by step.
        is_stuck: its examination does not end: the code of its driver does not return.
    """

    section: str
    name: str
    findings: list[Finding] = field(default_factory=list)
    is_stuck: bool = False

    @property
    def good(self) -> bool:
        """Whether all steps have succeeded."""
        return all(finding.good for finding in self.findings)


def subjects(
    experiment: Experiment, kinds: Iterable[AnyKind], names: Collection[str]
) -> list[Subject]:
    """The devices to examine, in the order of the file.

    Args:
        experiment: the contents of the file.
        kinds: the installed kinds of device.
        names: of devices, ``gas`` or ``instruments.gas``; none: all that are enabled.

    Raises:
        ConfigError: there is no such device, or its kind cannot be examined.
    """
    every = [
        Subject(kind, name, settings)
        for kind in kinds
        for name, settings in experiment.of(kind).items()
    ]
    able = [one for one in every if one.kind.examine is not None]
    if not names:
        return [one for one in able if getattr(one.settings, "enable", True)]
    found: dict[int, Subject] = {}
    for name in names:
        fitting = [i for i, one in enumerate(able) if name in _names(one)]
        if not fitting:
            raise ConfigError(_unknown(name, able, every))
        found |= {i: able[i] for i in fitting}
    return [found[i] for i in sorted(found)]


def _names(subject: Subject) -> tuple[str, str]:
    return subject.name, f"{subject.kind.section}.{subject.name}"


def _unknown(name: str, able: Sequence[Subject], every: Sequence[Subject]) -> str:
    for one in every:
        if name in _names(one):
            return f"{name} is of the section {one.kind.section}: it cannot be examined"
    return f"{name}: the file has no such device{did_you_mean(name, map(_first, able))}"


def _first(subject: Subject) -> str:
    return subject.name


class Examinations:
    """Examines devices at the same time, each with a deadline.

    Args:
        experiment: the contents of the file.
        kinds: the installed kinds of device.
        timeout: for each device [s].
        is_direct: connect to devices, even if another process serves them.

    Raises:
        ServeError: an EPICS variable is not valid.
    """

    def __init__(
        self,
        experiment: Experiment,
        kinds: Sequence[AnyKind],
        *,
        timeout: float,
        is_direct: bool = False,
    ) -> None:
        self._prefix = experiment.prefix
        self._timeout = timeout
        self._is_direct = is_direct
        self._server = Server()  # it serves nothing; searches come from it
        self._readings = AnyReadings(LocalPvs(self._server))
        self._site: ExperimentSite = bare_site(
            experiment, kinds, events=Events(), readings=self._readings
        )

    async def run(self, chosen: Sequence[Subject]) -> AsyncGenerator[Examined, None]:
        """Examine devices; yield each in the order given, as soon as it has ended."""
        async with self._reading():
            tasks = []
            for turn, one in enumerate(chosen):
                examined = Examined(one.kind.section, one.name)
                work = self._examine(one, examined, turn * APART)
                tasks.append((examined, asyncio.create_task(work)))
            now = asyncio.get_running_loop().time()
            end = now + len(tasks) * APART + self._timeout + GRACE
            try:
                for examined, task in tasks:
                    await self._ended(examined, task, end)
                    yield examined
            finally:
                for _, task in tasks:
                    task.cancel()

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[None, None]:
        """Read PVs meanwhile, and close their channels at the end."""
        task = asyncio.create_task(self._readings.run())
        try:
            yield
        finally:
            await asyncio.sleep(0)  # let it begin, or it closes nothing
            task.cancel()
            await asyncio.wait([task])

    async def _ended(
        self, examined: Examined, task: asyncio.Task[None], end: float
    ) -> None:
        """Wait for an examination; one that does not end is given up."""
        left = max(end - asyncio.get_running_loop().time(), 0.0)
        await asyncio.wait([task], timeout=left)
        if task.done():
            return
        task.cancel()
        await asyncio.wait([task], timeout=_CANCELLED_WITHIN)
        examined.is_stuck = not task.done()
        text = f"{examined.name}: its examination has not ended in {self._timeout:g} s."
        examined.findings.append(Finding("deadline", False, text))

    async def _examine(self, one: Subject, examined: Examined, wait: float) -> None:
        """Examine a device after `wait` [s]; errors of its code are findings."""
        assert one.kind.examine is not None
        await asyncio.sleep(wait)
        until = asyncio.get_running_loop().time() + self._timeout
        try:
            examination = Examination(
                until=until,
                served_by=await self._server_of(one),
                is_direct=self._is_direct,
            )
            found = one.kind.examine(one.name, one.settings, self._site, examination)
            async with aclosing(cast("AsyncGenerator[Finding, None]", found)) as steps:
                async for finding in steps:
                    examined.findings.append(finding)
        except Exception as error:  # the code of drivers may be a third party's
            text = f"{one.name}: its examination failed: {sentence(reason(error))}"
            examined.findings.append(
                Finding("examination", False, text, cure="Its driver has a bug.")
            )

    async def _server_of(self, one: Subject) -> str:
        """The process that serves a device now; "": none."""
        if one.kind.known_by is None:
            return ""
        level, signal = one.kind.known_by
        pv = Names(self._prefix).of(level, one.name, signal)
        search = DuplicateServers([pv], self._server, foreign=True)
        for other in await search.find(tries=SEARCHES):
            if other.identity is None:
                return f"the server at {other.address}"
            return f"daqpv {other.identity.process} at {other.address}"
        return ""
