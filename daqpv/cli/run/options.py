"""What all commands on runs share: their arguments, and what they tell."""

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
def told() -> Iterator[None]:
    """Tell what is wrong, and exit."""
    try:
        yield
    except DaqError as error:
        fail(sentence(str(error)), EXIT_FAILED)


def terminal_width() -> int | None:
    """Of the terminal [characters]; None: nobody looks at one."""
    if not sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80
