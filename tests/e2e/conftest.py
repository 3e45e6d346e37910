"""Experiments of simulated servers, served by real processes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import forks
from tests.support.experiment import (
    CA_PORT,
    REPEATER_PORT,
    SESSION_PORT,
    SHARED_PORT,
    Lab,
    Running,
    making,
)
from tests.support.ports import udp_is_free
from tests.support.waiting import until


@pytest.fixture(scope="session", autouse=True)
def ca_repeater() -> Iterator[None]:
    """One of our own: a repeater that libca started would outlive the tests."""
    script = "from daqpv.links.ca.repeater import main; main()"
    with forks.Process([sys.executable, "-c", script]) as repeater:
        until(lambda: not udp_is_free(REPEATER_PORT), "a repeater")
        yield
        repeater.terminate()


@contextmanager
def starting() -> Iterator[Callable[..., Running]]:
    """Start daqpv commands; at the end those that still run are ended."""
    started: list[Running] = []

    def start_one(*arguments: str, cwd: Path, **more: Any) -> Running:
        started.append(Running(*arguments, cwd=cwd, **more))
        return started[-1]

    try:
        yield start_one
    finally:
        for running in started:
            running.end()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Start daqpv commands of one test."""
    with starting() as start:
        yield start


@pytest.fixture(scope="module")
def start_for_module() -> Iterator[Callable[..., Running]]:
    """Start daqpv commands for all tests of a module."""
    with starting() as start:
        yield start


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Make experiments; all that they started is ended."""
    with making(tmp_path, CA_PORT) as make:
        yield make


@pytest.fixture(scope="session")
def make_session_lab(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Lab]]:
    """Make the one experiment that runs until the session ends."""
    with making(tmp_path_factory.mktemp("session"), SESSION_PORT) as make:
        yield make


@pytest.fixture(scope="module")
def simulated_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two CoBos, simulated for all tests of a module, and served by none."""
    with making(tmp_path_factory.mktemp("simulated"), CA_PORT) as make:
        lab = make(cobos=2)
        lab.simulate()
        yield lab


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two simulated CoBos, served for all tests of a module."""
    with making(tmp_path_factory.mktemp("shared"), SHARED_PORT) as make:
        lab = make(cobos=2)
        lab.simulate()
        lab.serve()
        yield lab


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """One simulated CoBo, served."""
    lab = make_lab()
    lab.simulate()
    lab.serve()
    return lab
