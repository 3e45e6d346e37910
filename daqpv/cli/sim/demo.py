"""``daqpv demo``: runs a simulated experiment and serves its PVs."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from daqpv.app import App
from daqpv.cli.common import (
    EXIT_CONFIG,
    EXIT_SERVED,
    fail,
    load_or_exit,
    run_until_signal,
)
from daqpv.cli.serve.persistence import keep
from daqpv.cli.sim.demo_file import demo_file
from daqpv.cli.sim.screen import Screen
from daqpv.cli.sim.simulate import copy_for, stage
from daqpv.core import Events, Names
from daqpv.core.stage import simulate
from daqpv.links.files.console import Console

FIRST_PORT = 5070  # not 5064: a demo keeps out of the way of a laboratory's IOCs


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the experiment file and the log there [a temporary folder].",
)
@click.option("--cobos", type=click.IntRange(1, 64), default=4, show_default=True)
@click.option(
    "--speed",
    type=click.FloatRange(0.01, 1000),
    default=2.0,
    show_default=True,
    help="How many times faster than real servers.",
)
@click.option(
    "--prefix",
    default="DEMO:",
    show_default=True,
    help="Of all its PVs; each demo on a computer needs another prefix.",
)
def demo(folder: Path | None, cobos: int, speed: float, prefix: str) -> None:
    """Run a simulated experiment with its PVs, until Ctrl-C.

    \b
        daqpv demo
        daqpv demo --cobos 10 --dir my-demo

    All servers listen on loopback only, on a Channel Access port of their own. It
    prints commands for a second terminal, and shows their effect live.

    Exit code: 0 after a signal, 2 if an option is wrong, 4 if another demo
    has the prefix.
    """
    text = _experiment(prefix, cobos)
    with ExitStack() as stack:
        _claim(prefix, stack)
        folder = _folder(folder, stack)
        port = _port_of_its_own(prefix, stack)
        os.environ |= _environment(port)
        plan = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "demo.yaml"
        plan.write_text(text, encoding="utf-8")
        run_until_signal(_demo(plan, folder, speed=speed, port=port))


def _experiment(prefix: str, cobos: int) -> str:
    """The experiment file, before its addresses are replaced by free ports."""
    try:
        return demo_file(prefix, cobos)
    except ValueError as error:
        fail(f"--{error}", EXIT_CONFIG)


def _folder(folder: Path | None, stack: ExitStack) -> Path:
    """Make the folder of the experiment; a temporary one is deleted at the end."""
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="daqpv-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"{folder}: {error.strerror}", EXIT_CONFIG)
    return folder.absolute()


async def _demo(plan: Path, folder: Path, *, speed: float, port: int) -> None:
    file = folder / "demo.yaml"
    simulated = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        parts = stage(*load_or_exit(plan), folder=folder / "data", speed=speed)
        tasks.create_task(simulate(list(parts.values()), simulated.set))
        await simulated.wait()
        copy_for(parts, plan, file)
        experiment, kinds = load_or_exit(file)
        with ExitStack() as files:
            keeping = keep(experiment, kinds, "main", files)
            events, saved, store = keeping.events, keeping.saved, keeping.store
            app = App(
                experiment,
                kinds,
                events,
                saved=saved,
                durable=keeping.durable,
                store=store,
            )
            keeping.claim(app)
            await _show(app, events, _words(app, file, port))


async def _show(app: App, events: Events, words: str) -> None:
    """Run `app`, and print its events: as a live table, or as lines to a pipe."""
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(app.run(lambda _: ready.set()))
        await ready.wait()
        if sys.stdout.isatty():
            with Screen(app.experiment, app.infos(), words) as screen:
                events.add(screen)
                await screen.run()
        else:
            with Console() as console:
                console.say(words)
                events.add(console)
                await asyncio.get_running_loop().create_future()


def _words(app: App, file: Path, port: int) -> str:
    programs = Path(sys.executable).parent
    prefix = app.experiment.prefix
    system, cobo = (Names(prefix).device(*one) for one in (("Sys",), ("ECC", "CoBo0")))
    gas = Names(prefix).device("Inst", "gas")
    failing = next(iter(app.experiment.sections["ecc"]))
    return f"""\
ready: {len(app.infos())} PVs under {prefix}, CA port {port}

A simulated experiment: nothing here is real. Its file: {file}
In a second terminal, with any EPICS client:

    export EPICS_CA_ADDR_LIST=127.0.0.1:{port} EPICS_CA_AUTO_ADDR_LIST=NO

    caget  {system}State
    caput -c -w 600 {system}Target Ready       # all servers, in order
    caput -S {prefix}Run:Title "alpha source, 300 Torr"
    caput -c -w 600 {prefix}Run:Start 1        # checks, starts, takes the number
    camonitor {prefix}Run:State {prefix}Run:DurationText {cobo}State
    caput -c -w 600 {prefix}Run:Stop 1         # never refused; files go to run_0001/
    caput -c -w 600 {system}Target Idle        # all the way down again

Three instruments are simulated, too: a gas controller, a PLC, a text file.

    camonitor {gas}pressure {gas}density {prefix}Inst:cooling:water
    caput -c -w 60 {gas}setpoint 350     # a ramp; returns when the pressure is there
    caput -c -w 60 {gas}setpoint 490     # fails at 480; {gas}LastError says why

What they were in the run, and the rest:

    {programs}/daqpv runs show {file} 1
    {programs}/daqpv log {file}

The order holds for single servers, too: a CoBo is prepared after the MuTAnT, and

    caput -c -w 600 {cobo}Target Ready
    caget -S {cobo}LastError

says so if it is not. No EPICS tools here? Then the same by

    {programs}/daqpv put {system}Target Ready
    {programs}/daqpv get {system}State
    {programs}/daqpv monitor {system}State {cobo}State

Let a step fail, and see {system}LastError:

    {programs}/daqpv sim fault {file} {failing} Configure refuse --times 1

Ctrl-C ends it.
"""


def _environment(port: int) -> dict[str, str]:
    return {
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_SERVER_PORT": str(port),
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_CA_ADDR_LIST": f"127.0.0.1:{port}",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
    }


def _claim(prefix: str, stack: ExitStack) -> None:
    """Claim `prefix`; exits if another demo has it, and names that one."""
    try:
        stack.enter_context(_name(f"prefix-{prefix}"))
    except OSError:
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as names:
            form = re.compile(f"@daqpv-demo-port-([0-9]+)-{re.escape(prefix)}$")
            ports = [found[1] for line in names if (found := form.search(line))]
        at = f", on CA port {ports[0]}" if ports else ""
        fail(
            f"A demo on this computer serves {prefix} already{at}. Use that one, or "
            "give this one a prefix of its own: daqpv demo --prefix DEMO2:",
            EXIT_SERVED,
        )


def _port_of_its_own(prefix: str, stack: ExitStack) -> int:
    """The first port from 5070 on that is free for TCP and UDP, and no other demo's."""
    for port in itertools.count(FIRST_PORT):
        try:
            claim = _name(f"port-{port}")
        except OSError:
            continue
        try:
            with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
        else:
            stack.enter_context(claim)
            stack.enter_context(_name(f"port-{port}-{prefix}"))  # other demos read it
            return port
    raise AssertionError  # not reached: the count has no end


def _name(name: str) -> socket.socket:
    """Take a name in the abstract namespace of Unix sockets: it ends with the process.

    Raises:
        OSError: another demo on this computer has it.
    """
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0daqpv-demo-{name}")
    except OSError:
        claim.close()
        raise
    return claim
