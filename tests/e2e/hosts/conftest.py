"""Several computers on one network: network namespaces of this one, and a switch.

Nothing outside of these namespaces is touched; they are removed at the end. The tests
are skipped where they cannot be made (root, or CAP_SYS_ADMIN and CAP_NET_ADMIN).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.network import (
    Network,
)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    network = Network(tmp_path)
    yield network
    network.close()


@pytest.fixture
def experiment(tmp_path: Path) -> Callable[[], Path]:
    """Write an experiment file: two ECC servers that nobody answers for."""

    def write() -> Path:
        file = tmp_path / "e.yaml"
        file.write_text(
            'experiment: e\nprefix: "E:"\nstore: none\n'
            "ecc:\n"
            '  CoBo0: {url: "http://127.0.0.1:9/", config: a/b/c}\n'
            '  CoBo1: {url: "http://127.0.0.1:10/", config: a/b/c}\n'
        )
        return file

    return write
