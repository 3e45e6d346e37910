"""``daqpv log``: prints the events of an experiment from its store."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path

import click
from sqlalchemy import Connection, Engine

from daqpv.cli.common import (
    EXIT_FAILED,
    FILE,
    RUN,
    fail,
    load_fixed_or_exit,
    load_or_exit,
    printing,
)
from daqpv.cli.db.not_in_store import not_in_store
from daqpv.cli.default_paths import log_path, store_url
from daqpv.cli.log.formats import FORMATS, Printer
from daqpv.cli.time_options import moment
from daqpv.cli.waiting import sign_of_life
from daqpv.config import Experiment, did_you_mean
from daqpv.core import AHEAD, EventSeverity
from daqpv.core.lines import one_line
from daqpv.core.names import last_name
from daqpv.core.records.plain import clean
from daqpv.core.timing.utc import utc_text
from daqpv.errors import StoreError, sentence
from daqpv.store.reading.query import (
    Follower,
    KeptEvent,
    Selection,
    devices,
    every,
    newest,
)
from daqpv.store.reading.reader import reader
from daqpv.store.tables.engine import translated

SHOWN = 100  # events
MOST = 100_000  # events that are held in memory; with `all` they are not held
POLL = 0.5  # [s]
AFTER = 1.0  # [s] from the stop of a run to its event
_PAGE = 500  # events that are printed at once


def _count_of(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    """A number of events; None for all."""
    if value == "all":
        return None
    if not value.isdecimal() or int(value) > MOST:
        raise click.BadParameter(
            f"{value!r} is given; wanted is a number up to {MOST}, or all"
        )
    return int(value)


@click.command()
@FILE
@click.option(
    "--since", callback=moment, metavar="TIME", help="Events since this time."
)
@click.option(
    "--until", callback=moment, metavar="TIME", help="Events before this time."
)
@click.option("--run", type=RUN, metavar="NUMBER", help="Events of this run.")
@click.option(
    "--severity",
    type=click.Choice([one.value for one in EventSeverity], case_sensitive=False),
    default=EventSeverity.INFORMATION.value,
    help="Events of this severity and above.",
)
@click.option(
    "--device", default="", metavar="NAME", help="CoBo3, ECC:CoBo3, 'CoBo*'; - = none."
)
@click.option("--text", default="", metavar="TEXT", help="A part of the event's text.")
@click.option("--who", default="", metavar="USER", help="user, user@host, '*@host'.")
@click.option(
    "--name", default="", metavar="NAME", help="The name of the event: put, alarm ..."
)
@click.option(
    "-n",
    "--limit",
    callback=_count_of,
    default=str(SHOWN),
    show_default=True,
    metavar="N",
    help="The newest N events, or all.",
)
@click.option(
    "--remote",
    metavar="NAME",
    help="Instead: the last lines of the log file of this ECC server or router.",
)
@click.option("-f", "--follow", is_flag=True, help="Wait for new events.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="table",
    show_default=True,
    help="json: an object per line.",
)
def log(  # noqa: PLR0913 - one parameter per option
    file: Path,
    *,
    since: float | None,
    until: float | None,
    run: int | None,
    severity: str,
    limit: int | None,
    remote: str | None,
    follow: bool,
    form: str,
    **wanted: str,
) -> None:
    """Show the events in the experiment of FILE: what happened, and by whom.

    It prints the newest events that match all options, the newest last. TIME is a time
    ago (30min, 1h, 2d) or a time in UTC (14:00, 2026-11-20, "2026-11-20 14:00"). Names
    may contain * and ?; names and TEXT are case-insensitive. With --run it shows the
    events from the start to the stop of the run, and later changes of its record. It
    reads the store, even if daqpv does not run, and changes nothing.

    \b
        daqpv log e20009.yaml --since 1h --severity warning
        daqpv log e20009.yaml --device CoBo3 --since "2026-11-20 14:00"
        daqpv log e20009.yaml --who anna --text refused -n all --format csv
        daqpv log e20009.yaml --run 12
        daqpv log e20009.yaml --follow
        daqpv log e20009.yaml --remote CoBo0
    """
    if remote is not None:
        from daqpv.cli.log.remote import show_remote  # noqa: PLC0415 - seldom

        show_remote(file, remote)
        return
    _check_times(since, until, run=run, follow=follow)
    experiment = load_fixed_or_exit(file)
    if run is not None:
        since, until = _times_of(experiment, run)
    least = EventSeverity(severity)
    texts = {option: clean(text) for option, text in wanted.items()}
    selection = Selection(since=since, until=until, severity=least, run=run, **texts)
    with printing():
        _Log(experiment, selection, FORMATS[form]()).show(limit, follow=follow)


def _check_times(
    since: float | None, until: float | None, *, run: int | None, follow: bool
) -> None:
    """Refuse options whose times contradict each other."""
    if run is not None and (follow or since is not None or until is not None):
        raise click.UsageError(
            "--run sets both times: --since and --until are not valid."
        )
    if follow and until is not None:
        raise click.UsageError("--follow waits for new events: --until is not valid.")
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since is not before --until: no event can match.")


def _times_of(experiment: Experiment, number: int) -> tuple[float, float | None]:
    """From the start of a run to just after its stop; exit if there is none."""
    from daqpv.store.reading.runs import one_run  # noqa: PLC0415 - 0.1 s, seldom

    try:
        url = store_url(experiment)
        with reader(url) as engine, translated(url), engine.connect() as connection:
            found = one_run(connection, experiment.experiment, number)
    except StoreError as error:
        fail(sentence(error), EXIT_FAILED)
    return found.start, None if found.stop is None else found.stop + AFTER


class _Log:
    """The log of an experiment, printed."""

    def __init__(
        self, experiment: Experiment, selection: Selection, show: Printer
    ) -> None:
        self._experiment = experiment
        self._name = experiment.experiment
        self._selection = selection
        self._print = show

    def show(self, limit: int | None, *, follow: bool) -> None:
        """Print the newest events, then new ones; exit if there is no store."""
        try:
            url = store_url(self._experiment)
            with reader(url) as engine:
                with translated(url), engine.connect() as connection:
                    follower = Follower(connection, self._name, self._selection)
                    self._show_newest(connection, limit, follower)
                self._tell_waiting()
                while follow and not _is_closed_after(POLL):
                    self._show_news(engine, url, follower)
        except StoreError as error:
            fail(f"{sentence(error)} {self._elsewhere()}", EXIT_FAILED)

    def _show_newest(
        self, connection: Connection, limit: int | None, follower: Follower
    ) -> None:
        more = ""
        found: Iterable[KeptEvent]
        if limit is None:
            found = every(connection, self._name, self._selection)
        else:
            found = newest(connection, self._name, self._selection, limit + 1)
            if len(found) > limit:
                found = found[1:]
                more = f"The newest {limit}; there are more: -n {10 * limit or SHOWN}"
            found = [*found, *self._hidden(connection, found, limit)]
        shown = 0
        for page in _signed(_pages(found)):
            follower.skip(page)
            self._print(page)
            shown += len(page)
        if more and limit:
            _say(f"{more}, -n all, --since, --until")
        elif not shown and limit != 0:
            _say(sentence(f"No event{self._nothing(connection)}"))

    def _hidden(
        self, connection: Connection, found: Sequence[KeptEvent], limit: int
    ) -> Sequence[KeptEvent]:
        """The events until now that are hidden by events ahead of our clock.

        After a clock was set back, new events are older than earlier ones.
        """
        now = time.time() + AHEAD
        if self._selection.until or not found or found[-1].event.time <= now:
            return ()
        known = {one.id for one in found}
        by_now = newest(
            connection, self._name, replace(self._selection, until=now), limit
        )
        last = utc_text(found[-1].event.time)
        _say(
            f"Events until {last} are ahead of the clock of this "
            "computer, which may have been set back: they come first."
        )
        return [one for one in by_now if one.id not in known]

    def _tell_waiting(self) -> None:
        """Report events of this computer's processes that wait for the store."""
        if text := not_in_store(self._experiment):
            _say(f"{text} {self._elsewhere()}")

    def _nothing(self, connection: Connection) -> str:
        """Why no event is found, if that is known."""
        if self._selection == Selection():
            return " yet"
        names = list(devices(connection, self._name))
        if any(map(self._selection.has_device, names)):
            return " fits"
        names += list(map(last_name, names))
        device = self._selection.device
        return f" of a device {device}{did_you_mean(device, filter(None, names))}"

    def _show_news(self, engine: Engine, url: str, follower: Follower) -> None:
        """Print new events; report a store that does not answer, and wait for it."""
        try:
            with translated(url), engine.connect() as connection:
                for page in _pages(follower.news(connection)):
                    self._print(page)
        except StoreError as error:
            if not self._is_away:
                _say(f"{sentence(error)} {self._elsewhere()}")
            self._is_away = True
        else:
            if self._is_away:
                _say("The store answers again.")
            self._is_away = False

    _is_away = False

    def _elsewhere(self) -> str:
        """The file with the newest events, if the store cannot be read."""
        experiment, _ = load_or_exit(self._experiment.path)
        return f"The newest events are in {log_path(experiment)}, too."


def _pages(events: Iterable[KeptEvent]) -> Iterator[list[KeptEvent]]:
    events = iter(events)
    while page := list(islice(events, _PAGE)):
        yield page


def _signed(pages: Iterator[list[KeptEvent]]) -> Iterator[list[KeptEvent]]:
    """`pages`, with a sign of life until the first page; to a file until the last."""
    count = 0
    with ExitStack() as sign:
        sign.enter_context(
            sign_of_life(
                lambda: f"{count:,} events written" if count else "Reading the log"
            )
        )
        for page in pages:
            if sys.stdout.isatty():
                sign.close()
            yield page
            count += len(page)


def _say(text: str) -> None:
    """Print a message that is no event to stderr."""
    click.echo(one_line(text), err=True)


def _is_closed_after(seconds: float) -> bool:
    """Wait; return at once with True if the reader of our output has gone."""
    output = select.poll()
    output.register(
        sys.stdout.fileno(), 0
    )  # errors and the hang-up are always reported
    return bool(output.poll(1000 * seconds))
