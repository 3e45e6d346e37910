"""Checks the servers and routers before a run starts, and names the cures."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from daqpv.core import Cure
from daqpv.errors import DaqError, counted, sentence
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
    """Separate findings that refuse a start from those that the file switches off."""
    refusing = [one for one in findings if getattr(checks, one.check)]
    return refusing, [one for one in findings if one not in refusing]


async def check_all(
    detector: Detector,
    storages: Sequence[Storage],
    *,
    experiment: str,
    number: int,
    disk_free: float,
    prefix: str,
) -> list[Finding]:
    """Make all checks, and return all findings; `prefix` is that of the run."""
    used = storages_in_use(storages)
    found = [*_servers(detector), *_routers(used, disk_free), *_staging(used, prefix)]
    answers = await asyncio.gather(*(_has_run(o, experiment, number) for o in used))
    have = [one for one, answer in zip(used, answers, strict=True) if answer is True]
    if have:
        found.append(_taken(have, number, prefix))
    return [*found, *(one for one in answers if isinstance(one, Finding))]


def findings_text(findings: Sequence[Finding]) -> str:
    """All findings, numbered: a full stop after a command would be typed with it."""
    if len(findings) == 1:
        return findings[0].text
    return " ".join(f"({n}) {one.text}" for n, one in enumerate(findings, 1))


def storages_in_use(storages: Sequence[Storage]) -> list[Storage]:
    """The storages that are not disabled."""
    return [one for one in storages if one.snapshot.enabled]


def _servers(detector: Detector) -> Iterator[Finding]:
    if unready := detector.unready:
        yield Finding(
            "ready",
            f"{_several(unready)}. First: {Cure(detector.prefix, 'Target', 'Ready')}",
        )
    if clock := detector.missing_clock:
        yield Finding(
            "mutant",
            f"{clock.name} is disabled: there is no trigger without it. To enable it: "
            f"{Cure(clock.prefix, 'Enable', 1)}",
        )


def _routers(storages: Sequence[Storage], disk_free: float) -> Iterator[Finding]:
    for one in storages:
        snapshot = one.snapshot
        if not snapshot.online:
            yield Finding(
                "routers",
                f"Router {one.name}: {_reason(one)} {go_without(one)}",
            )
            continue
        if disk_free and not snapshot.disk_free >= disk_free:
            free = snapshot.disk_free / 1e9
            has = "an unknown space" if math.isnan(free) else f"{free:.1f} GB"
            yield Finding(
                "disk_free",
                f"Router {one.name} has {has} free; wanted are {disk_free / 1e9:g} GB. "
                "Make room, or want less in the file: run: checks: disk_free",
            )


def _staging(storages: Sequence[Storage], prefix: str) -> Iterator[Finding]:
    seen = [one for one in storages if one.snapshot.online]
    left = [one for one in seen if one.snapshot.staging_empty is False]
    if left:
        has = [
            f"{counted(len(one.snapshot.staged), 'file')} in {one.snapshot.directory}"
            for one in left
        ]
        yield Finding(
            "staging",
            f"{_named(left)} files of an earlier run: {_several(has)}. To put them "
            f"aside: {Cure(prefix, 'Sweep', 1)}",
        )
    for one in seen:
        if one.snapshot.staging_empty is None:
            text = f"Router {one.name}: it is not known whether its staging is empty."
            yield Finding("staging", text)


def _taken(storages: Sequence[Storage], number: int, prefix: str) -> Finding:
    return Finding(
        "number",
        f"{_named(storages)} files of a run {number} already. Another number: "
        f"{Cure(prefix, 'NextNumber', number + 1)}",
    )


async def _has_run(storage: Storage, experiment: str, number: int) -> Finding | bool:
    try:
        async with asyncio.timeout(PATIENCE):
            return await storage.has_run(experiment, number)
    except TimeoutError:
        text = f"Router {storage.name} does not say whether it has run {number}."
        return Finding("number", text)
    except DaqError as error:
        text = f"Router {storage.name}: whether it has run {number} is not known"
        why = f". {error}" if storage.snapshot.online else ""  # reported already
        return Finding("number", f"{text}{why}")


def go_without(storage: Storage) -> str:
    """The last cure for a lost router."""
    return f"Or go without it: {Cure(storage.prefix, 'Enable', 0)}"


def _reason(storage: Storage) -> str:
    """Why it is lost, as a sentence."""
    seen = storage.snapshot
    return sentence(seen.message) if seen.known else "It has not been seen yet."


def _named(storages: Sequence[Storage]) -> str:
    names = _several([one.name for one in storages])
    return f"Router {names} has" if len(storages) == 1 else f"Routers {names} have"


def _several(texts: Sequence[str]) -> str:
    rest = len(texts) - _MOST
    more = f" and {rest} more" if rest > 0 else ""
    return ", ".join(texts[:_MOST]) + more
