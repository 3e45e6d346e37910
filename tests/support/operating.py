"""What operators do first, and what daqpv answers when it refuses."""

from __future__ import annotations

import pytest

from daqpv.errors import OperationError
from tests.support.experiment import Client, Lab


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
