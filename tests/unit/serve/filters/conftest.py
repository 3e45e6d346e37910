"""Records of every sort, ours and those of a C IOC, and what comes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daqpv.core import Events, Shown, Snapshot
from tests.support.filters import _IN_C, Records


@pytest.fixture
def group() -> Records:
    group = Records("P:", Shown("records", Snapshot(), events=Events()))
    group.ao.post(0.0)
    group.mbbo.post(0)
    return group


@pytest.fixture
async def raw(bench: Any, group: Records) -> Any:
    return await bench.client(await bench.serve(group))


@pytest.fixture
async def c_ioc(bench: Any, tmp_path: Path) -> Any:
    return await bench.serve_in_c(_IN_C, tmp_path)
