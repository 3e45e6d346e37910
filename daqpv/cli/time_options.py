"""Reads times of options: a time ago, a time of the last 24 hours, a date."""

from __future__ import annotations

import time

import click

from daqpv.config.moments import moment_of


def moment(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> float | None:
    """UTC [s since 1970] of a time ago, or of a time of day or date."""
    if value is None:
        return None
    try:
        return moment_of(value, time.time())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
