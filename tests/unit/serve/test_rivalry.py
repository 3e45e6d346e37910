"""Who comes to serve our names while we do: found, and found to be gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from daqpv.serve import Other, Rivalry

OTHER = Other("S:State", "10.0.0.5:5064", "2")
WORDS = "S:State is served twice: by this process, and by 10.0.0.5:5064."


class Network:
    """Answers searches: with who is there, or not at all."""

    def __init__(self) -> None:
        self.there: list[Other] = []
        self.error: OSError | None = None
        self.searches = 0
        self.told: list[str] = []
        self.looks = 0

    async def look(self) -> None:
        self.looks += 1

    async def find(self, *, tries: int) -> list[Other]:
        self.searches += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.there

    async def until_searched(self, times: int = 1) -> None:
        wanted = self.searches + times
        async with asyncio.timeout(10):
            while self.searches < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.005)


@pytest.fixture
async def network() -> Network:
    return Network()


@pytest.fixture
async def rivalry(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rivalry]:
    monkeypatch.setattr("daqpv.serve.ca.rivalry.SOON", 0.01)
    rivalry = Rivalry(network, network.told.append, network.look, period=60.0)  # type: ignore[arg-type]
    task = asyncio.ensure_future(rivalry.run())
    yield rivalry
    task.cancel()
    await asyncio.wait([task])


async def test_nobody_is_told_once_per_search(
    network: Network, rivalry: Rivalry
) -> None:
    rivalry.look()
    await network.until_searched()
    assert network.told == [""]
    assert network.looks == 1


async def test_who_is_there_is_told_and_so_is_the_end(
    network: Network, rivalry: Rivalry
) -> None:
    network.there = [OTHER]
    rivalry.look()
    await network.until_searched(2)
    assert set(network.told) == {WORDS}
    network.there = []
    async with asyncio.timeout(10):
        while network.told[-1]:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_one_search_in_vain_settles_nothing(
    network: Network, rivalry: Rivalry, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.there = [OTHER]
    rivalry.look()
    await network.until_searched()
    monkeypatch.setattr("daqpv.serve.ca.rivalry.SOON", 60.0)
    await network.until_searched()
    network.there = []
    rivalry.look()
    await network.until_searched()
    assert network.told[-1] == WORDS
    rivalry.look()
    await network.until_searched()
    assert network.told[-1] == ""


async def test_a_search_that_fails_settles_nothing(
    network: Network, rivalry: Rivalry
) -> None:
    network.there = [OTHER]
    rivalry.look()
    await network.until_searched()
    network.error = OSError(24, "Too many open files")
    await network.until_searched(3)
    assert set(network.told) == {WORDS}


async def test_without_anybody_it_is_looked_again_after_the_period(
    network: Network,
) -> None:
    rivalry = Rivalry(network, network.told.append, network.look, period=0.01)  # type: ignore[arg-type]
    task = asyncio.ensure_future(rivalry.run())
    await network.until_searched(3)
    task.cancel()
    await asyncio.wait([task])
