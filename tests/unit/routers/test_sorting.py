"""How files get to the directories of their runs."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.errors import LinkError, NotConnectedError, OperationError
from daqpv.routers import moving as module
from tests.support.routers import OFFLINE, Watched

RUN = b"e20009/run_0012"


async def test_files_go_to_the_directory_of_the_run(watched: Watched) -> None:
    watched.link.staging.update({b"a.graw": 1, b"b\n.graw": 2})
    await watched.sort()
    assert watched.link.folders[RUN] == {b"a.graw": 1, b"b\n.graw": 2}
    assert watched.moved == [
        ("/data/e20009/run_0012/a.graw", 1),
        ("/data/e20009/run_0012/b\\n.graw", 2),
    ]
    assert watched.snapshot.staging_empty  # at once, so that a start need not wait
    events = [event for event in watched.events if event.name == "file moved"]
    assert [event.fields["path"] for event in events] == [p for p, _ in watched.moved]
    assert all(event.is_aside for event in events)


async def test_it_waits_until_they_have_stopped_growing(watched: Watched) -> None:
    loop = asyncio.get_running_loop()
    watched.link.staging[b"a.graw"] = 0
    watched.link.rate = 1e6
    begin = loop.time()
    work = asyncio.ensure_future(watched.sort())
    await asyncio.sleep(20)
    assert RUN not in watched.link.folders
    watched.link.staging.clear()
    watched.link.staging[b"a.graw"] = 123
    watched.link.rate = 0
    await work
    assert watched.moved == [("/data/e20009/run_0012/a.graw", 123)]
    assert loop.time() - begin < 20 + 1  # the figure: within a second of their rest


async def test_who_grows_for_ever_is_said(watched: Watched) -> None:
    watched.link.staging[b"a.graw"] = 0
    watched.link.rate = 1e6
    with pytest.raises(OperationError, match="still grow after 120 s, so they stay"):
        await watched.sort()
    assert b"a.graw" in watched.link.staging


async def test_without_files_there_is_nothing_to_do(watched: Watched) -> None:
    await watched.sort()
    assert watched.moved == []
    assert RUN not in watched.link.folders


async def test_after_a_cut_each_file_is_told_just_once(watched: Watched) -> None:
    watched.link.staging.update({f"{n}.graw".encode(): n for n in range(6)})
    watched.link.cut = 3
    with pytest.raises(LinkError, match="cut"):
        await watched.sort()
    assert len(watched.link.folders[RUN]) == 3
    assert watched.moved == []
    await watched.sort()
    names = [path for path, _ in watched.moved]
    assert names == [f"/data/e20009/run_0012/{n}.graw" for n in range(6)]
    assert len(watched.told("file moved")) == 6


async def test_a_name_that_is_taken_stays_and_the_others_go(watched: Watched) -> None:
    watched.link.folders[RUN] = {b"a.graw": 99}
    watched.link.staging.update({b"a.graw": 1, b"b.graw": 2})
    with pytest.raises(OperationError) as caught:
        await watched.sort()
    assert str(caught.value) == (
        "1 file left in /data, the others are in e20009/run_0012: a.graw: "
        "a file of that name exists"
    )
    assert watched.link.folders[RUN] == {b"a.graw": 99, b"b.graw": 2}
    assert watched.moved == [("/data/e20009/run_0012/b.graw", 2)]
    assert watched.snapshot.staged == ("a.graw",)


async def test_what_had_been_moved_for_a_daqpv_that_ended_is_told(
    watched: Watched,
) -> None:
    watched.link.folders[RUN] = {b"a.graw": 1}
    await watched.sort()
    assert watched.moved == [("/data/e20009/run_0012/a.graw", 1)]


async def test_a_dead_router_keeps_its_files_from_nobody(watched: Watched) -> None:
    """dataRouter has ended: its directory is known, and the computer answers."""
    watched.link.staging[b"a.graw"] = 1
    looked = watched.link.looks

    async def observe(*, timeout: float) -> None:
        watched.link.looks += 1
        raise OFFLINE

    watched.link.observe = observe  # type: ignore[method-assign]
    await watched.until(lambda: watched.link.looks > looked + 3)
    assert not watched.snapshot.online
    await watched.sort()
    assert watched.link.folders[RUN] == {b"a.graw": 1}
    assert await watched.router.has_run("e20009", 12) is True


async def test_before_its_directory_is_known_nothing_can_be_sorted() -> None:
    watched = Watched()
    watched.link.lost = OFFLINE
    for work in (watched.sort(), watched.router.has_run("e20009", 1)):
        with pytest.raises(LinkError, match="connection refused"):
            await work
    watched.link.lost = None
    watched.link.empty = True
    with pytest.raises(NotConnectedError, match="not known yet to which directory"):
        await watched.sort()


async def test_left_over_files_are_put_aside(watched: Watched) -> None:
    watched.link.staging.update({b"a.graw": 1, b"b.graw": 2})
    path = await watched.router.sweep()
    folder = path.removeprefix("/data/")
    assert folder.startswith("unassigned/2")
    assert folder.endswith("Z")
    assert watched.link.folders[folder.encode()] == {b"a.graw": 1, b"b.graw": 2}
    assert await watched.router.sweep() == ""


async def test_a_sweep_does_not_cross_the_sorting_that_it_ends(
    watched: Watched,
) -> None:
    """The move on the wire goes on there: a file would get two new names."""
    names = {f"{n}.graw".encode(): 1 for n in range(3)}
    watched.link.staging.update(names)
    real, moves = watched.link.move, []

    async def slow(*arguments: object, **more: object) -> object:
        moves.append("begin")
        await asyncio.sleep(1)
        moves.append("end")
        return await real(*arguments, **more)  # type: ignore[arg-type]

    watched.link.move = slow  # type: ignore[assignment, method-assign]
    work = asyncio.ensure_future(watched.sort())
    await watched.until(lambda: moves)
    work.cancel()
    assert await watched.router.sweep() == ""
    with pytest.raises(asyncio.CancelledError):
        await work
    assert watched.link.folders[RUN] == names
    assert moves in (["begin", "end"], ["begin", "end", "begin", "end"])


async def test_whether_it_has_a_run(watched: Watched) -> None:
    assert await watched.router.has_run("e20009", 12) is False
    watched.link.folders[RUN] = {}
    assert await watched.router.has_run("e20009", 12) is True
    assert await watched.router.has_run("e20009", 112) is False


async def test_two_sorts_do_not_mix(watched: Watched) -> None:
    watched.link.staging.update({b"a.graw": 1, b"b.graw": 2})
    await asyncio.gather(watched.sort(12), watched.sort(13))
    assert len(watched.moved) == 2
    assert b"e20009/run_0013" not in watched.link.folders


def test_two_looks_and_the_moves_fit_into_a_second() -> None:
    assert 2 * module.STILL <= 0.5
