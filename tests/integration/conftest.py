"""IOC processes, and a client that counts whether it gets every event just once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support import forks
from tests.support.ioc import REPEATER_PORT, Ioc, making
from tests.support.ports import udp_is_free
from tests.support.waiting import until


@pytest.fixture(scope="session")
def repeater() -> Iterator[int]:
    """The port of a repeater of our own: one of libca's would outlive the tests."""
    script = "from daqpv.links.ca.repeater import main; main()"
    environ = os.environ | {"EPICS_CA_REPEATER_PORT": str(REPEATER_PORT)}
    with forks.Process([sys.executable, "-c", script], env=environ) as process:
        until(lambda: not udp_is_free(REPEATER_PORT), "a repeater")
        yield REPEATER_PORT
        process.terminate()


@pytest.fixture
def make_ioc(repeater: int) -> Iterator[Callable[..., Ioc]]:
    """Make IOCs of one test's own."""
    with making() as make:
        yield make


@pytest.fixture(scope="module")
def make_module_ioc(repeater: int) -> Iterator[Callable[..., Ioc]]:
    """Make IOCs for all tests of a module."""
    with making() as make:
        yield make


@pytest.fixture(scope="module")
def ioc(make_module_ioc: Callable[..., Ioc]) -> Ioc:
    """A valve and its like, served for all tests of a module."""
    return make_module_ioc()


@pytest.fixture(scope="module")
def busy_ioc(make_module_ioc: Callable[..., Ioc]) -> Ioc:
    """The same, and 10,000 changes a second."""
    return make_module_ioc("1000", "10")
