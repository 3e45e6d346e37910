"""Records are kept: in order, none lost, none twice, whatever the store does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from daqpv.core import EventSeverity, Origin, Setting
from daqpv.errors import StoreError
from tests.support.keeping import event, numbers, running
from tests.support.waiting import DEADLINE

DAY = 1_700_000_000.0


async def test_events_are_kept_in_order_with_all_that_they_say(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as kept:
        for n in range(2500):
            kept.store.add(event(n))
        kept.store.add(
            event(
                2500,
                at=DAY + 0.123456,
                severity=EventSeverity.ERROR,
                device="ECC:CoBo0",
                fields={"step": 3, "why": "no"},
                origin=Origin("ann", "hut"),
                process="left@hut",
                function="daqpv.ecc.step",
                count=7,
            )
        )
        await kept.written()
        assert await kept.texts() == numbers(2501)
        columns = "time, severity, device, fields, who, process, " + "function, count"
        last = await kept.asked(f"SELECT {columns} FROM event ORDER BY id DESC LIMIT 1")
        assert last == [
            (
                int(DAY * 1e6) + 123456,
                2,
                "ECC:CoBo0",
                '{"step": 3, "why": "no"}',
                "ann@hut",
                "left@hut",
                "daqpv.ecc.step",
                7,
            )
        ]
        assert kept.store.figures().online
        assert kept.names() == []


async def test_what_was_added_last_is_there_after_the_end(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as kept:
        await kept.until(lambda: kept.store.figures().online)
        for n in range(300):
            kept.store.add(event(n))
    async with running(store_url, tmp_path) as kept:
        await kept.until(lambda: kept.store.figures().online)
        await kept.written()
        assert await kept.texts() == numbers(300)


HOSTILE = "\udc80 lone, \0 NUL, \ud83d half, \u2028, 漢字, 🍺, %s :x {y} ' \" \\ ;--"


async def test_what_devices_send_harms_no_engine(
    store_url: str, tmp_path: Path
) -> None:
    fields = {
        HOSTILE: [HOSTILE, float("nan"), float("inf"), 2**80, {1: None}],
        "object": object,
        "bytes": b"\xff\0",
    }
    async with running(store_url, tmp_path) as kept:
        odd = event(0, text=HOSTILE, name=HOSTILE * 9, device=HOSTILE, fields=fields)
        kept.store.add(odd)
        kept.store.add(event(1, at=float("nan")))  # unreadable as a whole
        circle: dict[str, Any] = {}
        circle["circle"] = circle
        kept.store.add(event(2, fields=circle))
        kept.store.add(event(3, text="x" * 1_000_000))
        kept.store.add(event(4, text="漢" * 3_000_000))
        kept.store.add(event(5))
        await kept.written()
        first, nan, round_, long, longer, last = await kept.texts()
    assert first == HOSTILE.replace("\udc80", r"\udc80").replace("\0", r"\x00").replace(
        "\ud83d", r"\ud83d"
    )
    assert "could not be kept" in nan
    assert "could not be kept" in round_
    assert long == "x" * 1_000_000
    assert longer.endswith("漢...")
    assert len(longer) == 2_000_000
    assert last == "event 5"
    assert kept.store.figures().write_errors == 0


async def test_the_order_is_that_of_adding_when_the_clock_jumps_back(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as kept:
        for n in range(20):
            kept.store.add(event(n, at=DAY - 3600 * (n > 9) + n))
        await kept.written()
        assert await kept.texts() == numbers(20)


async def test_the_newest_setting_holds(store_url: str, tmp_path: Path) -> None:
    def setting(value: Any, at: float, **more: Any) -> Setting:
        return Setting(
            time=at,
            device="ECC:CoBo0",
            field=more.pop("field", "config"),
            value=value,
            file=None,
            **more,
        )

    async with running(store_url, tmp_path) as kept:
        assert list(kept.store.read()) == []
        kept.store.add(setting([None, 1.5, {"a": "\0"}], DAY, field="other"))
        kept.store.add(setting("first", DAY))
        kept.store.add(setting("second", DAY + 2, origin=Origin("ann", "hut")))
        kept.store.add(setting("older, from a spool", DAY + 1))
        await kept.written()
    async with running(store_url, tmp_path) as kept:
        assert sorted(kept.store.read(), key=lambda one: one.field) == [
            setting("second", DAY + 2, origin=Origin("ann", "hut")),
            setting([None, 1.5, {"a": "\\x00"}], DAY, field="other"),
        ]
    async with running(store_url, tmp_path, experiment="e2") as kept:
        assert list(kept.store.read()) == []


async def test_a_question_has_a_deadline_and_an_error(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as kept:
        await kept.until(lambda: kept.store.figures().online)

        answers = threading.Event()
        with pytest.raises(StoreError, match=r"not answered in 0\.05 s"):
            await kept.store.ask(lambda _: answers.wait(DEADLINE), timeout=0.05)
        answers.set()
        with pytest.raises(StoreError, match="nonsense"):
            await kept.asked("SELECT nonsense FROM event")
        assert await kept.asked("SELECT 1") == [(1,)]
