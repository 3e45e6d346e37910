"""Settings of how an instrument is simulated: part of its description."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from daqpv.config import TIME, Model


class Rule(Model):
    """What a simulated instrument does with a question or command that fits."""

    ask: str
    """The pattern of the question: ``SP {wanted:g}``; braces name variables."""

    when: str | None = None
    """A formula over the variables that must be true for the rule to be taken."""

    set: dict[str, str | float] = Field(default_factory=dict)
    """Variables that get new values: formulas."""

    answer: str | None = None
    """What it answers, after `set`; braces show variables: ``{volts:.3f}``. None:
    nothing; with `acknowledge` it says that it has accepted."""

    refuse: bool = False
    """With `acknowledge`: it says that it has refused."""


def _listed(given: object) -> object:
    return [given] if isinstance(given, dict) else given


class Simulator(Model):
    """A simulated instrument: variables, what changes them, and what it answers."""

    variables: dict[str, Any] = Field(default_factory=dict)
    """Their first values: numbers, texts."""

    tick: Annotated[float, TIME.within(0.01, 60)] = 0.1
    """Time between two runs of `change` [s]."""

    change: dict[str, str] = Field(default_factory=dict)
    """What becomes of variables per tick: formulas, with ``t`` [s] since the start,
    ``dt`` [s] and ``noise(sigma)``."""

    rules: Annotated[
        tuple[Rule, ...],
        BeforeValidator(_listed, json_schema_input_type=Rule | tuple[Rule, ...]),
    ] = ()
    """For instruments that speak in lines; the first that fits is taken."""

    unknown: str | None = None
    """The answer to what fits no rule. None: nothing."""

    stream: str | None = None
    """The line that it sends unasked, every `stream_period`."""

    stream_when: str | None = None
    """A formula that must be true for it to send. Default: it always does."""

    stream_period: Annotated[float, TIME.within(0.01, 3600)] = 1.0
    """Time between two such lines [s]."""

    points: dict[str, Any] = Field(default_factory=dict)
    """For instruments with registers, OIDs or nodes: by the channel's name, the
    formula of its value. Default: the variable of that name; a write sets it."""
