"""A real sshd on loopback, and a process called dataRouter."""

from __future__ import annotations

from tests.support.sshd import data_router, host, port, sshd, staging

__all__ = ["data_router", "host", "port", "sshd", "staging"]
