"""The questions of ``daqpv init`` on a terminal; each answer is checked at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from daqpv.cli.file.answers import Answers, Judge, watch
from daqpv.ecc.easy_setup import easy_setup
from daqpv.errors import ConfigError
from daqpv.instruments.section.first_section import FirstInstrument

_FORMS = (
    "tcp://192.168.41.70:4001",
    "serial:///dev/ttyUSB0?baud=9600",
    "modbus-tcp://192.168.41.71?unit=1",
    "file:/data/*.csv",
)
_PLACEHOLDER = re.compile(r"\b[A-Z]{4,}\b")  # ADDRESS, HOST


def asked(judge: Judge, out: str | None, *, force: bool) -> tuple[Answers, str]:
    """Ask for all that a first file needs.

    Args:
        judge: of the answers.
        out: the file to write; None: it is asked for.
        force: a file that exists is overwritten.

    Returns:
        The answers, and the file to write.
    """
    click.echo("Enter takes the answer in brackets; Ctrl-C ends without a file.")
    name = _ask("Name of the experiment", "e00000", partial(judge.fixed, "experiment"))
    cobos = _cobos()
    prefix = _ask(
        "Beginning of all PV names",
        "AT:" if cobos else "LAB:",
        partial(judge.fixed, "prefix"),
    )
    instruments = _instruments(judge, may_be_none=bool(cobos))
    if out is None:
        out = _ask("File to write", f"{name}.yaml", partial(_is_new, force=force))
    return Answers(name, prefix, cobos, instruments), out


def _ask(text: str, default: str | None, check: Callable[[str], None]) -> str:
    """Ask until the answer is good."""
    while True:
        answer = click.prompt(text, default=default, show_default=bool(default))
        answer = str(answer).strip()
        try:
            check(answer)
        except (ConfigError, ValueError) as error:
            click.echo(f"  {error}")
        else:
            return answer


def _cobos() -> dict[str, Any]:
    """The keywords of `easy_setup`; {}: there are no CoBos."""
    most = click.IntRange(0, 64)
    count = click.prompt("CoBos of GET electronics (0: none)", default=0, type=most)
    if not count:
        return {}
    found: dict[str, Any] = {"cobos": count}
    first = _ask("Address of CoBo 0", None, partial(_is_address, found, "first_ip"))
    found["first_ip"] = first
    text = "Address of the MuTAnT's ECC server (empty: none)"
    if mutant := _ask(text, "", partial(_is_address, found, "mutant")):
        found["mutant"] = mutant
    text = "User for SSH on the routers' computers (empty: not watched)"
    user = _ask(text, "", _is_user)
    return {**found, "watch": watch(user or None)}


def _is_address(found: dict[str, Any], key: str, answer: str) -> None:
    """Check an address of the electronics, beside the answers before.

    Raises:
        ValueError: it cannot be used.
    """
    try:
        given: dict[str, Any] = {**found, key: answer}
        easy_setup(experiment="e", prefix="E:", **given)
    except ValueError as error:
        raise ValueError(str(error).partition(": ")[2]) from error


def _is_user(answer: str) -> None:
    watch(answer or None)


def _is_new(answer: str, *, force: bool) -> None:
    """Check that a file can be written.

    Raises:
        ConfigError: it cannot.
    """
    if answer == "-":
        return
    if not Path(answer).absolute().parent.is_dir():
        raise ConfigError("there is no such folder")
    if Path(answer).exists() and not force:
        raise ConfigError(f"{answer} exists: choose another name")


def _instruments(judge: Judge, *, may_be_none: bool) -> Sequence[FirstInstrument]:
    """Ask for instruments until there is no more."""
    found: list[FirstInstrument] = []

    def is_name(answer: str) -> None:
        if answer:
            judge.name(answer, found)
        elif not found and not may_be_none:
            raise ConfigError("there is nothing to serve yet: name an instrument")

    while name := _ask("An instrument? Its name (empty: no more)", "", is_name):
        model = _model(judge)
        found.append(FirstInstrument(name, model, _connection(judge, model)))
    return found


def _model(judge: Judge) -> str:
    """Ask for a model; ``?`` lists them."""

    def is_model(answer: str) -> None:
        if answer == "?":
            raise ConfigError(_models(judge))
        if answer:
            judge.model(answer)

    return _ask(
        "  Its model ('?' lists them; empty: no description fits)", "", is_model
    )


def _models(judge: Judge) -> str:
    """A line for each model."""
    all_ = list(judge.library.all(lambda _: None))
    width = max((len(one.name) for one in all_), default=0)
    return "\n  ".join(
        f"{one.name:{width}}  {one.facts.title} ({one.facts.vendor})" for one in all_
    )


def _connection(judge: Judge, model: str) -> str:
    """Ask for a connection; the description says how it may be reached."""
    found = judge.library.find(model) if model else None
    forms = found.facts.wiring.connections if found else _FORMS
    click.echo(f"  Such as {'  '.join(forms)}")
    default = None if not found or _PLACEHOLDER.search(forms[0]) else forms[0]
    return _ask(
        "  Its connection",
        default,
        lambda answer: judge.instrument(FirstInstrument("a", model, answer)),
    )
