"""Examines an instrument: directly, or through the PVs of the process that has it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from daqpv.core import Examination, Finding, Site
from daqpv.errors import ConfigError, sentence
from daqpv.instruments.driver.absent import NoDriver
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.driver.installed import driver_of
from daqpv.instruments.examining.examine import examined
from daqpv.instruments.section.section import LEVEL
from daqpv.instruments.settings import InstrumentSettings
from daqpv.iocs.instruments.served import Served
from daqpv.links.examine.place import examined_place


async def examine(
    name: str, settings: InstrumentSettings, site: Site, examination: Examination
) -> AsyncGenerator[Finding, None]:
    """Examine an instrument; what another process has, through its PVs."""
    if examination.served_by and not examination.is_direct:
        served = Served(site.prefix_of(LEVEL, name), settings, site.readings)
        async with served.followed(until=examination.until):
            for finding in served.findings(examination.served_by):
                yield finding
            if not served.is_free:
                return
    async with aclosing(_directly(name, settings, site, examination)) as findings:
        async for finding in findings:
            yield _shared(finding, examination)


async def _directly(
    name: str, settings: InstrumentSettings, site: Site, examination: Examination
) -> AsyncGenerator[Finding, None]:
    """Examine the place of the connection, then the instrument."""
    until = examination.until
    # what is read here must be read again by the process that serves it
    is_file = settings.file is not None
    with TemporaryDirectory() if is_file else nullcontext() as folder:
        if folder:
            settings = settings.model_copy(update={"positions": Path(folder)})
        try:
            driver = driver_of(name, settings, site)
        except ConfigError as error:
            yield Finding("settings", False, f"{name}: {sentence(error)}")
            return
        if isinstance(driver, NoDriver):
            text = f"{name}: all of its channels are computed."
            yield Finding("connection", True, text)
            return
        if settings.connection is not None:
            connection = Connection.of(settings.connection, settings.options)
            async for finding in examined_place(name, connection, until=until):
                yield finding
                if not finding.good:
                    return
        async with aclosing(examined(driver, settings, until=until)) as findings:
            async for finding in findings:
                yield finding


def _shared(finding: Finding, examination: Examination) -> Finding:
    """The finding; if another process has the instrument, a failure may be its."""
    if finding.good or not (examination.served_by and examination.is_direct):
        return finding
    if finding.step not in ("connection", "exchange"):
        return finding
    cure = (
        f"{examination.served_by} serves it at the same time: many instruments take "
        "one client only, and this one probably does. Leave out --direct."
    )
    return Finding(
        finding.step,
        False,
        finding.text,
        cure=f"{finding.cure} {cure}".lstrip(),
        facts=finding.facts,
    )
