"""``daqpv instrument try``: reads one instrument, and shows each byte."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from daqpv.app.site import bare_site
from daqpv.cli.common import (
    COUNT,
    EXIT_CONFIG,
    EXIT_FAILED,
    FILE,
    fail,
    load_or_exit,
    printing,
)
from daqpv.cli.instrument.report import Report
from daqpv.config import AnyKind, Experiment, did_you_mean
from daqpv.core import Events
from daqpv.errors import ConfigError, DaqError
from daqpv.instruments.driver import Driver, Read
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.driver.installed import (
    driver_kind,
    driver_of,
    missing,
    scheme_of,
)
from daqpv.instruments.driver.trace import Traceable
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.ca.readings import AnyReadings
from daqpv.serve import LocalPvs, Server

SECTION = "instruments"
_CLOSING = 2.0  # [s]

_PASSWORDS = ("community", "write", "auth", "priv", "password", "token")
"""Options of connections that are secrets."""


@click.command("try")
@FILE
@click.argument("name")
@click.option("--once", is_flag=True, help="One cycle, the same as --count 1.")
@click.option("--count", type=COUNT, metavar="N", help="So many cycles [until Ctrl-C].")
def try_(file: Path, name: str, *, once: bool, count: int | None) -> None:
    """Read the instrument NAME of FILE, and show each byte.

    \b
        daqpv instrument try lab.yaml gauges --once
        daqpv instrument try lab.yaml gauges --count 100

    It connects to the true instrument as `daqpv serve` would, sends what the settings
    send at the beginning, and reads it once in each period. Nothing is written to its
    channels, and nothing is served. Bytes that are sent have a >, those that come a <;
    then the values of the channels follow, with alarms and problems.

    Many instruments take one connection only: end `daqpv serve` before, or set its
    State to Stopped.

    Exit code: 0 if all was well, 1 if there was a problem: no connection, no answer, an
    answer that does not fit, a value that is INVALID.
    """
    experiment, kinds = load_or_exit(file)
    settings = _settings(experiment, name)
    report = Report(
        name,
        settings,
        is_terminal=sys.stdout.isatty(),
        secrets=_secrets(experiment, name, settings),
    )
    with printing(), TemporaryDirectory() as own:
        # `serve` goes on where it has read a file, whatever was tried
        settings = settings.model_copy(update={"positions": Path(own)})
        try:
            driver = _driver(name, settings, experiment, kinds)
        except ConfigError as error:
            fail(f"{experiment.where(SECTION, name)}: {error}", EXIT_CONFIG)
        try:
            asyncio.run(_read(driver, settings, report, 1 if once else count))
        finally:
            report.end()
    if report.problems:
        sys.exit(EXIT_FAILED)


def _settings(experiment: Experiment, name: str) -> InstrumentSettings:
    known = experiment.sections.get(SECTION, {})
    if name not in known:
        fail(f"no instrument {name!r}{did_you_mean(name, known)}", EXIT_CONFIG)
    settings = known[name]
    assert isinstance(settings, InstrumentSettings)
    return settings


def _secrets(
    experiment: Experiment, name: str, settings: InstrumentSettings
) -> set[bytes]:
    """What is not shown of the bytes: values from the environment, passwords."""
    nodes = experiment.nodes[SECTION, name].walk()
    found = {str(node.value) for node in nodes if node.source}
    if settings.connection is not None:
        options = Connection.of(settings.connection, settings.options).options
        found |= {str(options[key]) for key in _PASSWORDS if options.get(key)}
    return {text.encode() for text in found if text}


def _driver(
    name: str,
    settings: InstrumentSettings,
    experiment: Experiment,
    kinds: tuple[AnyKind, ...],
) -> Driver:
    """The driver of the instrument.

    Raises:
        ConfigError: there is none, a library is missing, or a setting cannot be used.
    """
    scheme = scheme_of(settings)
    if scheme is None:
        raise ConfigError("all channels are formulas: there is nothing to read")
    if (text := missing(driver_kind(scheme))) is not None:
        raise ConfigError(text)
    readings = AnyReadings(LocalPvs(Server()))
    site = bare_site(experiment, kinds, events=Events(), readings=readings)
    return driver_of(name, settings, site)


async def _read(
    driver: Driver, settings: InstrumentSettings, report: Report, count: int | None
) -> None:
    """Read it `count` times, or until cancelled."""
    driver.listen(report)
    if isinstance(driver, Traceable):
        driver.trace(report.bytes)
    report.begin(driver)
    loop = asyncio.get_running_loop()
    cycle = 0
    due = loop.time()
    try:
        while count is None or cycle < count:
            await asyncio.sleep(due - loop.time())
            await _cycle(driver, settings, report, cycle)
            cycle += 1
            due = max(due + settings.period, loop.time())
    finally:
        try:
            async with asyncio.timeout(_CLOSING):
                await driver.close()
        except (TimeoutError, DaqError) as error:
            report.problem(f"it was not closed properly: {error}")


async def _cycle(
    driver: Driver, settings: InstrumentSettings, report: Report, cycle: int
) -> None:
    """Connect if that is needed, and read once."""
    try:
        async with asyncio.timeout(settings.longest_cycle + settings.longest_opening):
            if not driver.is_open:
                await driver.open()
            frame = await driver.exchange(Read(cycle))
    except DaqError as error:
        report.problem(str(error))
        if not driver.is_open:
            await driver.close()
        return
    except TimeoutError:
        report.problem("the cycle took too long")
        await driver.close()
        return
    if driver.polls:
        report.heard(frame)
    else:
        await report.waited()
