"""The sums of all routers: not more often than an archiver takes them."""

from __future__ import annotations

from tests.support.runs import Lab, Storage


async def test_a_dozen_routers_do_not_change_the_sums_a_dozen_times() -> None:
    lab = Lab()
    lab.storages = [Storage(f"data{i}") for i in range(12)]
    async with lab.running() as run:
        await run.start()
        rates: list[float] = []
        run.watch(lambda snapshot, _: rates.append(snapshot.rate))
        for second in range(1, 4):
            for storage in lab.storages:
                storage.becomes(rate=second * 1e6)
        assert len(set(rates)) <= 2
