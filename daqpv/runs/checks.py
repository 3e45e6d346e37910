"""What has to be so before a run starts, each with its reason and its cure."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from daqpv.errors import DaqError
from daqpv.runs.detector import Detector, Storage
from daqpv.runs.settings import Checks

PATIENCE = 15.0  # [s] for the routers to say whether they know a run's number
_MOST = 3  # names in one sentence


class Finding(NamedTuple):
    """Why a run should not start.

    Attributes:
        check: its key in the file, section run, checks.
        text: a sentence with the cure.
    """

    check: str
    text: str


def split(
    findings: Sequence[Finding], checks: Checks
) -> tuple[list[Finding], list[Finding]]:
    """Part what refuses a start from what the file says to overlook."""
    refusing = [one for one in findings if getattr(checks, one.check)]
    return refusing, [one for one in findings if one not in refusing]


async def look(
    detector: Detector,
    storages: Sequence[Storage],
    *,
    experiment: str,
    number: int,
    disk_free: float,
) -> list[Finding]:
    """Look at everything, and return all that is wrong."""
    used = storages_in_use(storages)
    found = [*_servers(detector), *_routers(used, disk_free)]
    answers = await asyncio.gather(*(_has_run(o, experiment, number) for o in used))
    return [*found, *(one for one in answers if one)]


def storages_in_use(storages: Sequence[Storage]) -> list[Storage]:
    """Those that are not disabled."""
    return [one for one in storages if one.snapshot.enabled]


def _servers(detector: Detector) -> Iterator[Finding]:
    if unready := detector.unready:
        yield Finding(
            "ready",
            f"{_several(unready)}. First: caput {detector.prefix}Target Ready",
        )
    if name := detector.missing_clock:
        yield Finding(
            "mutant",
            f"{name} is disabled: there is no trigger without it. To enable it: "
            f"caput {detector.prefix.removesuffix('Sys:')}ECC:{name}:Enable 1",
        )


def _routers(storages: Sequence[Storage], disk_free: float) -> Iterator[Finding]:
    for one in storages:
        snapshot = one.snapshot
        if not snapshot.online:
            yield Finding(
                "routers",
                f"Router {one.name} is offline. Start dataRouter on its computer, or "
                f"go without it: caput {one.prefix}Enable 0",
            )
            continue
        if snapshot.staging_empty is False:
            sweep = one.prefix.split("Router:")[0] + "Run:Sweep"
            yield Finding(
                "staging",
                f"Router {one.name} has {len(snapshot.staged)} files of an earlier run "
                f"in {snapshot.directory}. To put them aside: caput {sweep} 1",
            )
        elif snapshot.staging_empty is None:
            text = f"Router {one.name}: it is not known whether its staging is empty."
            yield Finding("staging", text)
        if disk_free and not snapshot.disk_free >= disk_free:
            free = snapshot.disk_free / 1e9
            has = "an unknown space" if math.isnan(free) else f"{free:.1f} GB"
            yield Finding(
                "disk_free",
                f"Router {one.name} has {has} free; wanted are {disk_free / 1e9:g} GB. "
                "Make room, or want less in the file: run: checks: disk_free",
            )


async def _has_run(storage: Storage, experiment: str, number: int) -> Finding | None:
    try:
        async with asyncio.timeout(PATIENCE):
            has = await storage.has_run(experiment, number)
    except TimeoutError:
        text = f"Router {storage.name} does not say whether it has run {number}."
        return Finding("number", text)
    except DaqError as error:
        text = f"Router {storage.name}: whether it has run {number} is not known. "
        return Finding("number", f"{text}{error}")
    if not has:
        return None
    return Finding(
        "number",
        f"Router {storage.name} has files of a run {number} already. Another number: "
        f"caput {storage.prefix.split('Router:')[0]}Run:NextNumber {number + 1}",
    )


def _several(texts: Sequence[str]) -> str:
    rest = len(texts) - _MOST
    more = f" and {rest} more" if rest > 0 else ""
    return ", ".join(texts[:_MOST]) + more
