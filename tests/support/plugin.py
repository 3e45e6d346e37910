"""What pytest checks for every test: nothing is left behind, no test needs a rerun."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator

import pytest
from _pytest.terminal import TerminalReporter

from tests.support.leftovers import Leftovers, pending_tasks

LEFT = pytest.StashKey[Leftovers]()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Look for tasks in the event loop of each test that has one."""
    if (
        isinstance(item, pytest.Function)
        and inspect.iscoroutinefunction(item.function)
        and "no_task_is_left" not in item.fixturenames
    ):
        item.fixturenames.insert(0, "no_task_is_left")


@pytest.fixture
async def no_task_is_left() -> AsyncIterator[None]:
    yield
    if left := pending_tasks():
        pytest.fail(f"the test leaves tasks: {left}")


@pytest.fixture(autouse=True)
def before_the_test(request: pytest.FixtureRequest) -> None:
    """Note what fixtures of a module or of the session have started."""
    request.node.stash[LEFT] = Leftovers()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test that leaves a thread or a process when all its fixtures are gone."""
    yield
    if (before := item.stash.get(LEFT, None)) and (left := before.now()):
        pytest.fail(f"the test leaves {left}")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Count the tests that failed first and passed when they were run again."""
    again = {report.nodeid for report in terminalreporter.getreports("rerun")}
    if len(again) == 1:
        terminalreporter.line("1 test needed a rerun: this is a defect", red=True)
    elif again:
        text = f"{len(again)} tests needed a rerun: these are defects"
        terminalreporter.line(text, red=True)
