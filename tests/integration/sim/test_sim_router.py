"""Simulated data routers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daqpv.ecc import EccState
from daqpv.sim.router import RouterSimulator, series_of
from tests.support.sim import until


class Bench:
    """A simulated router, and the state of the one server that feeds it."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self.state = EccState.READY
        self.router = RouterSimulator(
            "data0",
            folder,
            senders=["CoBo[0]"],
            states=self._states,
            **options,  # type: ignore[arg-type]
        )
        self._asked = 0

    def _states(self) -> list[EccState]:
        self._asked += 1
        return [self.state]

    async def rounds(self) -> None:
        """Let it look and write twice."""
        enough = self._asked + 2
        await until(lambda: self._asked >= enough)

    async def has(self, count: int) -> None:
        """Wait until there are so many files."""
        await until(lambda: len(self.files) == count)

    @property
    def files(self) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in self.folder.glob("*.graw")}

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.router.run())
        yield
        task.cancel()
        await asyncio.wait({task})


async def test_files_grow_while_a_server_is_running(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data", rate=1e6)
    async with bench.runs():
        await until(bench.folder.is_dir)
        assert not bench.files
        bench.state = EccState.RUNNING
        await until(lambda: sum(bench.files.values()) > 100_000)
        assert len(bench.files) == 4
        for n, name in enumerate(sorted(bench.files)):
            stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}"
            assert re.fullmatch(rf"CoBo0_AsAd{n}_{stamp}_0000\.graw", name)
        bench.state = EccState.PAUSED
        await bench.rounds()
        size = bench.files
        await bench.rounds()
        assert bench.files == size
        bench.state = EccState.RUNNING
        await until(lambda: bench.files != size)
        assert bench.files.keys() == size.keys()  # the run goes on in its files


async def test_each_run_has_files_of_its_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.runs():
        for count in (4, 8):
            bench.state = EccState.RUNNING
            await bench.has(count)
            bench.state = EccState.READY
            await until(lambda: not bench.router._series)


async def test_a_file_that_is_full_is_followed_by_the_next(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rate=1e6, limit=20_000)
    async with bench.runs():
        bench.state = EccState.RUNNING
        await until(lambda: any(name.endswith("_0002.graw") for name in bench.files))
    assert all(size < 1_000_000 for size in bench.files.values())


@pytest.mark.parametrize(
    ("senders", "heads"),
    [
        (["CoBo[0]"], [f"CoBo0_AsAd{n}" for n in range(4)]),
        (["Mutant[master]"], ["MuTanT"]),
        (["CoBo[1]", "Mutant[master]", "Mutant[slave]"], None),
    ],
)
def test_names_are_those_of_the_boards(
    senders: list[str], heads: list[str] | None
) -> None:
    found = series_of(senders)
    assert found == (heads or [*(f"CoBo1_AsAd{n}" for n in range(4)), "MuTanT"])
