"""Arguments and error messages that all commands on runs share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from daqpv.cli.common import EXIT_FAILED, RUN, fail
from daqpv.errors import DaqError, sentence
from daqpv.runs import RunClass

NUMBER = click.argument("number", type=RUN)
CLASSES = click.Choice([one.label for one in RunClass], case_sensitive=False)


@contextmanager
def errors_reported() -> Iterator[None]:
    """Print the error, and exit."""
    try:
        yield
    except DaqError as error:
        fail(sentence(str(error)), EXIT_FAILED)


def terminal_width() -> int | None:
    """Of the terminal [characters]; None: stdout is no terminal."""
    if not sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80
