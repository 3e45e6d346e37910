"""What several commands share: loading the file, running until a signal."""

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
RUN = click.IntRange(0, 2**31 - 1)  # its number; more no database takes


class _Seconds(click.FloatRange):
    """A duration; "nan" is within no range, and click lets it pass."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return seconds


SECONDS = _Seconds(0, 1e6)


class _Text(click.types.StringParamType):
    """Text for a PV, or the name of one; arguments of a process may be any bytes."""

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
    """Say what is wrong on stderr, and end with `code`."""
    complain(error)
    sys.exit(code)


def complain(error: DaqError | str) -> None:
    """Say on stderr what is wrong; a text of a device may be part of it."""
    click.echo(plain(str(error)), err=True)


def load_or_exit(file: Path) -> tuple[Experiment, tuple[AnyKind, ...]]:
    """The experiment in `file` and the installed kinds; each problem on stderr."""
    from daqpv.config import installed_kinds, load  # noqa: PLC0415 - 0.2 s, not for put

    try:
        installed = installed_kinds()
        kinds = installed.kinds
        return load(file, kinds, faults=installed.faults), kinds
    except ConfigError as error:
        fail(error, EXIT_CONFIG)


def load_fixed_or_exit(file: Path) -> Experiment:
    """What `file` says to no kind: the store, above all. It takes a third of the time.

    What is wrong in its sections is not told here.
    """
    from daqpv.config import load_fixed  # noqa: PLC0415 - 0.1 s, not for put

    try:
        return load_fixed(file)
    except ConfigError as error:
        fail(error, EXIT_CONFIG)


@contextmanager
def printing() -> Iterator[None]:
    """Print, and do nothing else: Ctrl-C ends it, and a reader that goes away.

    Raises:
        OutputError: standard output takes no more, as on a full disk.
    """
    try:
        yield
    except KeyboardInterrupt:
        pass
    except OutputError as error:
        if not error.nobody_reads:
            raise


def settle() -> None:
    """Keep the event loop prompt from now on; call it when everything is built.

    What is there by now stays to the end: the garbage collector, which went through it
    every few seconds for 50 to 120 ms (measured), looks only at what comes. It does not
    do so even once: that would be the first block, and 1 % of it is garbage. A thread
    that computes, as the store's does, gives way after 0.5 ms instead of 5.
    """
    sys.setswitchinterval(0.0005)
    gc.freeze()


def run_until_signal(main: Coroutine[Any, Any, None]) -> None:
    """Run `main`; SIGINT, SIGTERM and SIGHUP cancel it, and that is a good end.

    Exits with 3 if the PV server or a simulator cannot start, with 4 if another process
    serves the same PVs. Should anything hold up the end, the process is cut short with
    exit code 1, within 2 s of the signal.
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
    said.daemon = True  # and it has no more time than that, should nobody read
    said.start()
    said.join(0.1)
    os._exit(EXIT_FAILED)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
