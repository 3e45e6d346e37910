"""Code that several commands share: loading the file, running until a signal."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from daqpv.cli.collector import building
from daqpv.cli.output import OutputError
from daqpv.core.lines import is_text, plain
from daqpv.errors import AlreadyServedError, ConfigError, DaqError

if TYPE_CHECKING:
    from daqpv.config import AnyKind, Experiment

EXIT_FAILED = 1
EXIT_CONFIG = 2
EXIT_SERVE = 3
EXIT_SERVED = 4

END_TIMEOUT = 1.5  # [s] from a signal to the end of the process

FILE = click.argument("file", type=click.Path(path_type=Path))
COUNT = click.IntRange(1, 2**31 - 1)
RUN = click.IntRange(0, 2**31 - 1)  # number of a run; databases take no greater one


class _Seconds(click.FloatRange):
    """A duration; "nan" is refused, which click accepts in any range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return seconds


SECONDS = _Seconds(0, 1e6)


class _Text(click.types.StringParamType):
    """Text for a PV, or its name: UTF-8, as arguments may be any bytes."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        text = str(super().convert(value, param, ctx))
        if not is_text(text):
            self.fail(f"{os.fsencode(text)!r} is not UTF-8.", param, ctx)
        return text


TEXT = _Text()


class _Name(_Text):
    """The name of a PV."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        name = super().convert(value, param, ctx)
        if not name:
            self.fail("the name is empty.", param, ctx)
        return name


PV = _Name()


def fail(error: DaqError | str, code: int) -> NoReturn:
    """Print the error to stderr, and exit with `code`."""
    complain(error)
    sys.exit(code)


def complain(error: DaqError | str) -> None:
    """Print the error to stderr; it may contain a text of a device."""
    click.echo(plain(str(error)), err=True)


def load_or_exit(file: Path) -> tuple[Experiment, tuple[AnyKind, ...]]:
    """The experiment in `file` and the installed kinds; each problem on stderr."""
    from daqpv.config import installed_kinds, load  # noqa: PLC0415 - 0.2 s, not for put

    try:
        with building():
            installed = installed_kinds()
            kinds = installed.kinds
            return load(file, kinds, faults=installed.faults), kinds
    except ConfigError as error:
        fail(error, EXIT_CONFIG)


def load_fixed_or_exit(file: Path) -> Experiment:
    """The keys of `file` that belong to no kind, such as the store.

    It takes a third of the time, and reports no errors in sections.
    """
    from daqpv.config import load_fixed  # noqa: PLC0415 - 0.1 s, not for put

    try:
        return load_fixed(file)
    except ConfigError as error:
        fail(error, EXIT_CONFIG)


@contextmanager
def printing() -> Iterator[None]:
    """End a command that only prints silently on Ctrl-C, or when its reader has gone.

    Raises:
        OutputError: standard output cannot be written, as on a full disk.
    """
    try:
        yield
    except KeyboardInterrupt:
        pass
    except OutputError as error:
        if not error.nobody_reads:
            raise


def settle() -> None:
    """Keep the event loop prompt from now on; call it when all devices are built.

    The objects that exist now stay until the end. They are excluded from garbage
    collection, which took 50 to 120 ms every few seconds (measured). There is no last
    collection: it would block the loop, and only 1 % of the objects are garbage. A
    thread that computes, such as the store's, gives way after 0.5 ms instead of 5.
    """
    sys.setswitchinterval(0.0005)
    gc.freeze()


def run_until_signal(main: Coroutine[Any, Any, None]) -> None:
    """Run `main`; SIGINT, SIGTERM and SIGHUP cancel it, with exit code 0.

    Exits with 3 if the PV server or a simulator cannot start, with 4 if another process
    serves the same PVs. If the end takes too long, the process is ended with exit code
    1, within 2 s of the signal.
    """
    ended: list[tuple[BaseException, int]] = []
    try:
        asyncio.run(_cancelled_by_signal(main))
    except* asyncio.CancelledError:
        pass
    except* AlreadyServedError as group:
        ended.append((_first(group), EXIT_SERVED))
    except* DaqError as group:
        ended.append((_first(group), EXIT_SERVE))
    except* OutputError as group:
        ended.append((_first(group), EXIT_FAILED))
    # not inside of except*, where Python 3.11.2 makes a group of any exit
    for error, code in ended:
        fail(str(error), code)


async def _cancelled_by_signal(main: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)

    def end() -> None:
        task.cancel()
        guard = threading.Timer(END_TIMEOUT, _cut_short)
        guard.daemon = True
        guard.start()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
        loop.add_signal_handler(signal.SIGHUP, end)
    await task


def _cut_short() -> None:
    words = f"Something held up the end for {END_TIMEOUT:g} s; it was cut short."
    said = threading.Thread(target=click.echo, args=[words], kwargs={"err": True})
    said.daemon = True  # it may block if the output is not read
    said.start()
    said.join(0.1)
    os._exit(EXIT_FAILED)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
