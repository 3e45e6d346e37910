"""Text files on a real disk: they grow, rotate, are cut, vanish, hang."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daqpv.core import Events
from daqpv.errors import LinkError, NotConnectedError, RefusedError
from daqpv.instruments.driver import Block, Fault, Frame, Read, Write
from daqpv.instruments.settings import Channel, Columns
from daqpv.instruments.textfiles.layout import Layout
from daqpv.links.textfiles import reader
from daqpv.links.textfiles.driver import TextFiles
from daqpv.links.textfiles.follower import Follower
from daqpv.links.textfiles.positions_file import PositionsFile

T0 = 1_700_000_000


class Heard:
    """Keeps what a driver says."""

    def __init__(self) -> None:
        self.all: list[Frame | Block] = []
        self.errors: list[LinkError] = []
        self.news = asyncio.Event()

    def heard(self, frame: Frame | Block) -> None:
        self.all.append(frame)
        self.news.set()

    def broken(self, error: LinkError) -> None:
        self.errors.append(error)
        self.news.set()

    @property
    def present(self) -> list[Any]:
        """The values of `a` that were shown as present."""
        return [
            one.values["a"]
            for one in self.all
            if isinstance(one, Frame) and not one.is_history and "a" in one.values
        ]

    @property
    def history(self) -> list[Any]:
        """The values of `a` that were history."""
        values: list[Any] = []
        for one in self.all:
            if isinstance(one, Block):
                values += one.columns["a"].tolist()
            elif one.is_history and "a" in one.values:
                values.append(one.values["a"])
        return values

    @property
    def values(self) -> list[Any]:
        """All of them."""
        return sorted(self.history + self.present)

    @property
    def late(self) -> int:
        return sum(one.late for one in self.all if isinstance(one, Frame))

    @property
    def bad(self) -> list[str]:
        return [text for one in self.all for text in one.bad]

    @property
    def good(self) -> int:
        return sum(one.good for one in self.all)

    async def until(self, is_so: Callable[[Heard], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so(self):
                self.news.clear()
                await self.news.wait()


class Logger:
    """Writes lines `time,a,b` to a file, a second apart."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self.path = path
        self.count = start

    def write(self, number: int = 1, *, end: str = "\n") -> None:
        with self.path.open("a") as file:
            for _ in range(number):
                file.write(line(self.count).rstrip("\n") + end)
                self.count += 1


def line(count: int) -> str:
    return f"{T0 + count},{count},{count / 2}\n"


COLUMNS: dict[str, Any] = {"time": "unix", "names": ["a", "b"]}


def driver(
    folder: Path, pattern: str = "*.csv", since: float | None = None, **columns: Any
) -> TextFiles:
    channels = {"a": Channel(words={"OVER": "major"}), "b": Channel()}  # type: ignore[dict-item]
    layout = Layout(Columns(**(COLUMNS | columns)), channels)
    kept = folder.parent / f"{folder.name}.positions"
    return TextFiles(
        "gauges",
        Follower(str(folder / pattern), layout, since=since),
        positions=PositionsFile(kept),
        events=Events(process="test", prefix="T:"),
        period=0.01,
    )


@asynccontextmanager
async def followed(files: TextFiles) -> AsyncIterator[Heard]:
    heard = Heard()
    files.listen(heard)
    await files.open()
    try:
        yield heard
    finally:
        await files.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


async def test_lines_that_are_appended_are_present_values(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(3)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [2])
        logger.write()
        await heard.until(lambda h: h.present == [2, 3])
        logger.write(2)
        await heard.until(lambda h: h.present == [2, 3, 4, 5])
    assert sorted(heard.history) == [0, 1]
    assert heard.good == 6
    last = heard.all[-1]
    assert isinstance(last, Frame)
    assert last.time == T0 + 5
    assert last.values == {"a": 5.0, "b": 2.5}


async def test_the_end_of_a_line_is_awaited(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(2)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [1])
        with logger.path.open("a") as file:
            for part in line(2)[:5], line(2)[5:-1]:
                file.write(part)
                file.flush()
                await asyncio.sleep(0.05)  # some passes see the part
                assert heard.present == [1]
            file.write("\n")
        await heard.until(lambda h: h.present == [1, 2])
    assert heard.bad == []


async def test_new_files_in_nested_folders_are_found(folder: Path) -> None:
    Logger(folder / "x.csv").write(2)
    async with followed(driver(folder, "**/*.csv")) as heard:
        await heard.until(lambda h: h.present == [1])
        below = folder / "2026" / "11"
        below.mkdir(parents=True)
        Logger(below / "y.csv", 2).write(2)
        Logger(below / "y.txt", 9).write(2)
        await heard.until(lambda h: h.present == [1, 2, 3])


async def test_the_rest_of_a_renamed_file_is_read_before_the_new_one(
    folder: Path,
) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(2)
    async with followed(driver(folder, "x.csv")) as heard:
        await heard.until(lambda h: h.present == [1])
        with logger.path.open("a") as old:  # one turn of the loop sees all of it
            old.write(line(2))
            old.flush()
            logger.path.rename(folder / "x.csv.1")
            Logger(folder / "x.csv", 3).write(1)
            await heard.until(lambda h: h.present == [1, 2, 3])
            old.write(line(4))  # the logger has not noticed yet
            old.flush()
            await heard.until(lambda h: h.values == [0, 1, 2, 3, 4])
    assert heard.late == 0
    assert heard.bad == []


@pytest.mark.parametrize("pattern", ["x.csv", "x.csv*"])
async def test_a_rotation_while_daqpv_is_away_loses_and_doubles_nothing(
    folder: Path, pattern: str
) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(2)
    async with followed(driver(folder, pattern)) as heard:
        await heard.until(lambda h: h.present == [1])
    logger.write(2)
    logger.path.rename(folder / "x.csv.1")
    Logger(folder / "x.csv", 4).write(2)
    async with followed(driver(folder, pattern)) as heard:
        await heard.until(lambda h: h.present == [5])
        await heard.until(lambda h: h.values == [2, 3, 4, 5])


async def test_a_file_that_is_cut_begins_again(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(5)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [4])
        os.truncate(logger.path, 0)
        logger.write(2)
        await heard.until(lambda h: h.present == [4, 5, 6])
    assert heard.values == [0, 1, 2, 3, 4, 5, 6]


async def test_a_file_that_was_cut_and_grew_beyond_the_old_size(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(5)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [4])
    os.truncate(logger.path, 0)
    logger.write(20)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [24])
    assert heard.values == list(range(5, 25))


@pytest.mark.parametrize("is_away", [False, True])
async def test_copy_and_truncate_loses_and_doubles_nothing(
    folder: Path, is_away: bool
) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(5)
    files = driver(folder, "x.csv*")
    async with followed(files) as heard:
        await heard.until(lambda h: h.present == [4])
        if not is_away:
            copy_and_truncate(logger)
            await heard.until(lambda h: h.values == list(range(9)))
    if is_away:
        copy_and_truncate(logger)
        async with followed(driver(folder, "x.csv*")) as heard:
            await heard.until(lambda h: h.present == [8])
        assert heard.values == list(range(5, 9))


def copy_and_truncate(logger: Logger) -> None:
    logger.write(2)
    (logger.path.parent / "x.csv.1").write_bytes(logger.path.read_bytes())
    os.truncate(logger.path, 0)
    logger.write(2)


async def test_a_file_that_is_replaced_by_a_longer_copy_goes_on(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(3)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [2])
        for count in 3, 4, 5:
            new = folder / "x.new"
            new.write_text(logger.path.read_text() + line(count))
            new.rename(logger.path)
            await heard.until(lambda h, n=count: h.present[-1] == n)  # type: ignore[misc]
    assert heard.values == [0, 1, 2, 3, 4, 5]


async def test_lines_from_while_daqpv_was_away_are_history(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(3)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [2])
    logger.write(4)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [6])
        blocks = [one for one in heard.all if isinstance(one, Block)]
        assert [block.times.tolist() for block in blocks] == [[T0 + 3, T0 + 4, T0 + 5]]
        assert heard.history == [3, 4, 5]
        assert heard.good == 4


async def test_after_a_restart_without_news_the_last_line_is_shown(
    folder: Path,
) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(3)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [2])
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [2])
        assert heard.good == 0
        assert heard.history == []


async def test_a_cut_in_the_positions_reads_again_and_loses_nothing(
    folder: Path,
) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(3)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [2])
    kept = folder.parent / "data.positions"
    os.truncate(kept, 20)
    logger.write(1)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [3])
        assert heard.values == [0, 1, 2, 3]


async def test_late_lines_are_history_and_counted(folder: Path) -> None:
    logger = Logger(folder / "x.csv", 10)
    logger.write(2)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [11])
        Logger(folder / "y.csv", 5).write(2)
        await heard.until(lambda h: h.late == 2)
        logger.write()
        await heard.until(lambda h: h.present == [11, 12])
    assert heard.history == [10, 5, 6]


async def test_a_logger_whose_clock_is_set_back_is_present_again(folder: Path) -> None:
    logger = Logger(folder / "x.csv", 3600)
    logger.write(2)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [3601])
        logger.count = 0
        while len(heard.present) == 1:
            logger.write()
            seen = len(heard.all)
            await heard.until(lambda h, n=seen: len(h.all) > n)  # type: ignore[misc]
    assert heard.present[-1] == 3
    assert heard.late == 3


async def test_bad_lines_are_counted_and_kept(folder: Path) -> None:
    path = folder / "x.csv"
    path.write_text(f"{line(0)}rubbish\n{line(1)}{T0 + 2},1\n{T0 + 3},x,y\n{line(4)}")
    files = driver(folder)
    async with followed(files) as heard:
        await heard.until(lambda h: h.present == [4])
        assert heard.good == files.lines_ok == 3
        assert len(heard.bad) == files.lines_bad == 3
        kept = files.bad_lines
        assert [(bad.line, bad.text) for bad in kept] == [
            (2, "rubbish"),
            (4, f"{T0 + 2},1"),
            (5, f"{T0 + 3},x,y"),
        ]
        assert kept[0].reason == "1 column in place of 3"
        assert path.read_bytes()[kept[1].offset :].startswith(b"1700000002,1\n")
        with path.open("a") as file:
            file.write(f"{T0 + 5},,nonsense\n{T0 + 6},7,nonsense\n{T0 + 7},OVER,1\n")
        await heard.until(lambda h: "OVER" in h.present)
    shown = [one.values for one in heard.all if isinstance(one, Frame)]
    faulty = Fault("'nonsense' is no number")
    assert {"b": faulty} not in shown
    assert {"a": 7.0, "b": faulty} in shown


async def test_a_line_is_reparsed_with_its_place_and_not_counted(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(10)
    files = driver(folder)
    async with followed(files) as heard:
        await heard.until(lambda h: h.present == [9])
        first = heard.all[0]
        assert isinstance(first, Block)
        before = len(heard.all)
        assert await files.reparse(T0 + 6) == 4
        again = heard.all[before]
        assert isinstance(again, Block)
        assert again.is_again
        assert again.times.tolist() == [T0 + 6, T0 + 7, T0 + 8, T0 + 9]
        assert again.source == first.source
        assert again.offsets[:3].tolist() == first.offsets[6:9].tolist()
        assert files.lines_ok == 10
        logger.write()
        await heard.until(lambda h: h.present == [9, 10])


async def test_since_leaves_out_old_lines_at_the_first_start(folder: Path) -> None:
    path = folder / "x.csv"
    now = int(time.time())
    path.write_text(f"{now - 9000},1,1\n{now - 10},2,2\n{now - 5},3,3\n")
    async with followed(driver(folder, since=3600)) as heard:
        await heard.until(lambda h: h.present == [3])
        assert heard.history == [2]


async def test_a_file_that_is_older_than_since_is_passed_over_unread(
    folder: Path,
) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(2)
    os.utime(logger.path, (T0, T0))
    now = int(time.time())
    (folder / "y.csv").write_text(f"{now - 5},7,1\n")
    async with followed(driver(folder, since=3600)) as heard:
        await heard.until(lambda h: h.present == [7])
        logger.count = now - T0
        logger.write()
        await heard.until(lambda h: h.present == [7, now - T0])
        assert heard.good == 2
    assert heard.history == []


async def test_a_missing_file_is_not_connected(folder: Path) -> None:
    files = driver(folder)
    files.listen(Heard())
    with pytest.raises(NotConnectedError, match="no file matches"):
        await files.open()
    await files.close()
    Logger(folder / "x.csv").write(2)
    async with followed(files) as heard:
        await heard.until(lambda h: h.present == [1])


async def test_a_folder_that_goes_away_breaks_and_comes_back(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(2)
    files = driver(folder)
    async with followed(files) as heard:
        await heard.until(lambda h: h.present == [1])
        os.rename(folder, folder.parent / "away")
        await heard.until(lambda h: len(h.errors) == 1)
        assert not files.is_open
        assert "Is the disk mounted" in str(heard.errors[0])
        await files.close()
        with pytest.raises(NotConnectedError):
            await files.open()
        await files.close()
        os.rename(folder.parent / "away", folder)
        logger.write(2)
        await files.open()
        await heard.until(lambda h: h.present == [1, 3])
        assert heard.values == [0, 1, 2, 3]


async def test_a_deleted_file_is_read_to_its_end(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(2)
    Logger(folder / "y.csv", 50).write(1)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [50])
        with logger.path.open("a") as old:
            logger.path.unlink()
            old.write(line(60))
            old.flush()
            await heard.until(lambda h: h.present == [50, 60])
        assert heard.errors == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_a_file_without_permission_is_reported_and_tried_again(
    folder: Path,
) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(2)
    secret = Logger(folder / "y.csv", 5)
    secret.write(2)
    secret.path.chmod(0)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [1])
        await heard.until(lambda h: len(h.bad) == 1)
        assert "y.csv cannot be read: Permission denied" in heard.bad[0]
        secret.path.chmod(0o644)
        await heard.until(lambda h: h.present == [1, 5, 6])
        assert len(heard.bad) == 1


async def test_a_file_that_cannot_be_looked_at_is_reported_once(folder: Path) -> None:
    Logger(folder / "x.csv").write(2)
    (folder / "y.csv").symlink_to("y.csv")
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [1])
        Logger(folder / "x.csv", 2).write(1)
        await heard.until(lambda h: h.present == [1, 2])
        assert len(heard.bad) == 1
        assert "y.csv: Too many levels of symbolic links" in heard.bad[0]


async def test_a_named_pipe_is_no_file(folder: Path) -> None:
    os.mkfifo(folder / "pipe.csv")
    Logger(folder / "x.csv").write(2)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [1])


async def test_a_disk_that_hangs_breaks_after_its_time(folder: Path) -> None:
    Logger(folder / "x.csv").write(2)
    files = driver(folder)
    gate = threading.Event()
    async with followed(files) as heard:
        await heard.until(lambda h: h.present == [1])
        disk = files._follower.disk
        look = disk.folders.look

        def stalled() -> Any:
            gate.wait(20)
            return look()

        disk.folders.look = stalled  # type: ignore[method-assign]
        disk._patience = 0.1
        await heard.until(lambda h: len(h.errors) == 1)
        assert "has not answered in 0.1 s" in str(heard.errors[0])
        await files.close()
        with pytest.raises(NotConnectedError, match="hangs: 1 call did not return"):
            await files.open()
        await files.close()
        gate.set()
        crew = disk._crew
        assert crew is not None
        async with asyncio.timeout(20):
            while crew.stuck:  # noqa: ASYNC110 - a thread has no event
                await asyncio.sleep(0.005)
        disk.folders.look = look  # type: ignore[method-assign]
        Logger(folder / "x.csv", 2).write(1)
        await files.open()
        await heard.until(lambda h: h.present == [1, 2])


async def test_files_are_not_written(folder: Path) -> None:
    Logger(folder / "x.csv").write(1)
    files = driver(folder)
    async with followed(files):
        assert await files.exchange(Read()) == Frame(good=0)
        with pytest.raises(RefusedError, match="text files can only be read"):
            await files.exchange(Write("a", 1.0))
    with pytest.raises(NotConnectedError):
        await files.exchange(Read())


async def test_positions_that_cannot_be_kept_are_reported_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "data.positions").mkdir()  # no file can have that name
    logger = Logger(folder / "x.csv")
    logger.write(2)
    files = driver(folder)
    said: list[str] = []
    files._events.add(lambda event: said.append(event.text))
    async with followed(files) as heard:
        await heard.until(lambda h: h.present == [1])
    assert len(said) == 2, said
    assert said[1].startswith("gauges: the positions in its files cannot be kept")


async def test_many_lines_at_once_are_a_block(folder: Path) -> None:
    logger = Logger(folder / "x.csv")
    logger.write(1)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [0])
        logger.write(5000)
        await heard.until(lambda h: h.present == [0, 5000])
    assert heard.history == list(range(1, 5000))
    assert heard.good == 5001


def in_order(values: Sequence[float]) -> bool:
    return list(values) == sorted(values)


async def test_a_file_larger_than_a_piece_arrives_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "CHUNK", 4096)
    logger = Logger(folder / "x.csv")
    logger.write(3000)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [2999])
        assert in_order(heard.history)
        assert heard.history == list(range(2999))


async def test_text_without_an_end_of_line_is_bad_and_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "CHUNK", 4096)
    logger = Logger(folder / "x.csv")
    logger.write(1)
    with logger.path.open("ab") as file:
        file.write(b"\0" * 10_000 + b"\n")
    logger.write(2)
    async with followed(driver(folder)) as heard:
        await heard.until(lambda h: h.present == [2])
        assert heard.values == [0, 1, 2]
        assert len(heard.bad) >= 1
        assert "zero bytes" in heard.bad[0]
