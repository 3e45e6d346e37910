"""What operators do first, and what daqpv answers when it refuses."""

from __future__ import annotations

from contextlib import suppress

import pytest

from daqpv.errors import NotConnectedError, OperationError
from tests.support.experiment import Client, Lab
from tests.support.waiting import DEADLINE, until


def ready(lab: Lab) -> tuple[Client, Client]:
    """Serve, and bring all servers to Ready; the PVs of the run and of the system."""
    lab.serve()
    run, system = lab.client("", "Run"), lab.client("", "Sys")
    system.until("Online", "Online")
    system.put("Target", "Ready")
    return run, system


def refusal(client: Client, signal_: str, text: str) -> str:
    """The reason for which a put is refused."""
    with pytest.raises(OperationError):
        client.put(signal_, text)
    return client.get("LastError")


def found_again(client: Client, signal_: str) -> None:
    """Wait until libca of this process has found a PV again that it had lost."""

    def answers() -> bool:
        with suppress(NotConnectedError):
            client.get(signal_)
            return True
        return False

    until(answers, f"{client.prefix}{signal_} to answer", 2 * DEADLINE)
