"""``daqpv sim``: sets faults of a simulated ECC server, by its control door."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from daqpv.cli.common import EXIT_CONFIG, EXIT_FAILED, FILE, fail, load_or_exit
from daqpv.config import did_you_mean
from daqpv.ecc.settings import EccSettings
from daqpv.sim.ecc.faults import Kind
from daqpv.sim.ecc.port import is_loopback

DEADLINE = 5.0  # [s]

NAME = click.argument("name")
SECONDS = click.option(
    "--seconds",
    type=click.FloatRange(0, 3600),
    default=5.0,
    show_default=True,
    help="Until it is back.",
)


@click.group()
def sim() -> None:
    """Set faults of a simulated ECC server of FILE, or show its state.

    \b
        daqpv sim fault local.yaml CoBo0 Configure refuse --times 1
        daqpv sim fault local.yaml CoBo0 GetState hang
        daqpv sim clear local.yaml CoBo0
        daqpv sim crash local.yaml CoBo0 --seconds 5

    FILE is the file that daqpv simulate --local has written, or that of daqpv demo.
    """


@sim.command()
@FILE
@NAME
def show(file: Path, name: str) -> None:
    """Show state, faults and counts of the simulator NAME of FILE, as JSON.

    \b
        daqpv sim show local.yaml CoBo0
    """
    click.echo(json.dumps(_ask(file, name, "GET"), indent=2))


@sim.command()
@FILE
@NAME
@click.argument("method")
@click.argument("do", type=click.Choice([kind.value for kind in Kind]))
@click.option(
    "--times", type=click.IntRange(1), help="Number of calls [until cleared]."
)
@click.option("--message", help="Its ErrorMessage (refuse, fault).")
@click.option("--seconds", type=click.FloatRange(0, 3600), help="Delay of slow [s].")
def fault(file: Path, name: str, method: str, do: str, **facts: Any) -> None:
    """Set a fault of METHOD of the simulator NAME: Configure, GetState, or * for all.

    \b
        daqpv sim fault local.yaml CoBo0 Configure refuse --message "no power"
        daqpv sim fault local.yaml CoBo0 Start slow --seconds 20 --times 1
    """
    given = {key: value for key, value in facts.items() if value is not None}
    _ask(file, name, "PUT", "/faults", {method: {"do": do, **given}})


@sim.command()
@FILE
@NAME
def clear(file: Path, name: str) -> None:
    """Clear all faults of the simulator NAME.

    \b
        daqpv sim clear local.yaml CoBo0
    """
    _ask(file, name, "DELETE", "/faults")


@sim.command()
@FILE
@NAME
@SECONDS
def crash(file: Path, name: str, seconds: float) -> None:
    """Crash the process of the simulator NAME; it starts again in Idle.

    \b
        daqpv sim crash local.yaml CoBo0 --seconds 5
    """
    _ask(file, name, "POST", f"/crash?seconds={seconds:g}")


@sim.command()
@FILE
@NAME
@SECONDS
def offline(file: Path, name: str, seconds: float) -> None:
    """Cut the network of the simulator NAME for a while; it keeps its state.

    \b
        daqpv sim offline local.yaml CoBo0 --seconds 5
    """
    _ask(file, name, "POST", f"/offline?seconds={seconds:g}")


def _ask(file: Path, name: str, verb: str, path: str = "", body: Any = None) -> Any:
    """The answer of the door of the simulator `name`; exits if there is none."""
    url = _url(file, name)
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}sim{path}", data, method=verb)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=DEADLINE) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            why = json.load(error)["error"]
        except (ValueError, KeyError):
            why = f"no simulator answers at {url}: {error}"
        fail(f"{name}: {why}", EXIT_FAILED)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        fail(f"{name}: no simulator answers at {url}: {why}", EXIT_FAILED)


def _url(file: Path, name: str) -> str:
    servers = load_or_exit(file)[0].sections["ecc"]
    if name not in servers:
        fail(f"no ECC server {name!r}{did_you_mean(name, servers)}", EXIT_CONFIG)
    settings = servers[name]
    assert isinstance(settings, EccSettings)
    if not is_loopback(urlsplit(settings.url).hostname or ""):
        fail(f"{name} at {settings.url} is no simulator of this computer", EXIT_CONFIG)
    return settings.url
