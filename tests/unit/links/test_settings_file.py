"""Settings in a file: written at once, shared, and never lost by a bad moment."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core import (
    DeviceState,
    Event,
    Events,
    EventSeverity,
    Origin,
    Remembered,
    Setting,
)
from daqpv.errors import StoreError
from daqpv.links.files import settings_file
from daqpv.links.files.settings_file import SettingsFile
from tests.support.waiting import until

JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def setting(value: Any = 2.0, **more: Any) -> Setting:
    defaults = {
        "time": 1.8e9,
        "device": "ECC:CoBo0",
        "field": "poll_period",
        "value": value,
        "file": 1.0,
        "origin": Origin("eva", "hut"),
    }
    return Setting(**defaults | more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "settings.json"


class Heard:
    """What is told, in whatever thread."""

    def __init__(self) -> None:
        self.events = Events()
        self._told: list[Event] = []
        self.events.add(self._told.append)

    def __call__(self) -> list[Event]:
        self.events.close()  # delivers what other threads have told
        return self._told


@pytest.fixture
def told() -> Heard:
    return Heard()


@pytest.fixture
def make(path: Path, told: Heard) -> Iterator[Callable[[], SettingsFile]]:
    """Open the file as one more process would."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(SettingsFile(path, told.events))


def kept(path: Path) -> list[Remembered]:
    return list(SettingsFile(path, Events()).read())


def has(path: Path, *settings: Remembered) -> Callable[[], bool]:
    return lambda: path.exists() and kept(path) == list(settings)


def test_no_file_is_no_settings(path: Path) -> None:
    assert kept(path) == []


def test_what_is_added_is_in_the_file_at_once(
    make: Callable[[], SettingsFile], path: Path
) -> None:
    make().add(setting())
    until(has(path, setting()), "the file to be written")


def test_the_last_of_a_field_is_kept(
    make: Callable[[], SettingsFile], path: Path
) -> None:
    file = make()
    for n in range(100):
        file.add(setting(n, time=1.8e9 + n))
    other = setting(field="config", value="a/b/c", origin=None)
    file.add(other)
    until(has(path, other, setting(99, time=1.8e9 + 99)), "the file to be written")


def test_people_can_read_the_file(make: Callable[[], SettingsFile], path: Path) -> None:
    make().add(setting(time=1.8e9 + 1e-6))
    until(path.exists, "the file to be written")
    assert path.read_text() == (
        '{"settings": [\n'
        '{"device": "ECC:CoBo0", "field": "poll_period", "value": 2.0, "file": 1.0, '
        '"by": "eva@hut", "time": "2027-01-15T08:00:00.000001Z"}\n'
        "]}\n"
    )


def test_a_state_of_a_device_stands_beside_the_settings(
    make: Callable[[], SettingsFile], path: Path
) -> None:
    state = DeviceState(time=1.8e9, device="ECC:CoBo0", field="poll_period", value=[1])
    file = make()
    file.add(state)
    file.add(setting())
    until(has(path, setting(), state), "the file to be written")
    assert json.loads(path.read_text())["states"] == [
        {
            "device": "ECC:CoBo0",
            "field": "poll_period",
            "value": [1],
            "time": "2027-01-15T08:00:00.000000Z",
        }
    ]
    make().add(setting(3, device="ECC:CoBo1"))  # a second process
    written = (setting(), setting(3, device="ECC:CoBo1"), state)
    until(has(path, *written), "the file to be written")


@given(
    st.lists(
        st.builds(
            setting,
            JSON,
            file=JSON,
            device=st.text(max_size=8),
            time=st.integers(0, 2**52).map(lambda us: us / 1e6),
            origin=st.none() | st.builds(Origin, st.text(min_size=1), st.just("host")),
        ),
        unique_by=lambda one: one.device,
    )
)
def test_whatever_is_kept_comes_back(
    tmp_path_factory: pytest.TempPathFactory, settings: list[Setting]
) -> None:
    path = tmp_path_factory.mktemp("any") / "settings.json"
    file = SettingsFile(path, Events())
    file._rewrite(settings)
    assert sorted(kept(path), key=lambda one: one.device) == sorted(
        settings, key=lambda one: one.device
    )


def test_a_client_may_call_itself_anything(
    make: Callable[[], SettingsFile], path: Path
) -> None:
    make().add(setting(origin=Origin('"\udc80\n', "@")))
    until(has(path, setting(origin=Origin('"?\n@', ""))), "the file to be written")


def test_what_was_added_last_is_written_when_daqpv_ends(path: Path) -> None:
    with SettingsFile(path, Events()) as file:
        file.add(setting())
    assert kept(path) == [setting()]


def test_two_processes_share_the_file(
    make: Callable[[], SettingsFile], path: Path
) -> None:
    one, two = make(), make()
    ours = [setting(device=f"ECC:CoBo{n}") for n in range(20)]
    for n, each in enumerate(ours):
        (one, two)[n % 2].add(each)
    by_name = sorted(ours, key=lambda each: each.device)
    until(has(path, *by_name), "both to have written")


def test_an_older_one_of_another_process_goes(
    make: Callable[[], SettingsFile], path: Path
) -> None:
    make().add(setting(1))
    until(has(path, setting(1)), "the first")
    make().add(setting(2, time=1.8e9 + 1))
    until(has(path, setting(2, time=1.8e9 + 1)), "the second")


# -- bad moments -----------------------------------------------------------------------

GOOD = '{"settings": [' + settings_file._text(setting()) + "]}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        GOOD[:-20],
        GOOD.replace("2.0,", "2.0"),
        GOOD.replace("2027-01", "2027-13"),
        GOOD.replace('"field"', '"feild"'),
        GOOD.replace('"ECC:CoBo0"', "7"),
        "\x00" * 100,
    ],
)
def test_a_file_that_nobody_understands_is_put_aside(
    path: Path, make: Callable[[], SettingsFile], told: Heard, text: str
) -> None:
    path.parent.mkdir()
    path.write_text(text)
    file = make()
    assert list(file.read()) == []
    (event,) = told()
    assert event.severity is EventSeverity.WARNING
    assert str(path) in event.text
    assert "settings.json.bad" in event.text
    assert path.with_name("settings.json.bad").read_text() == text
    file.add(setting())
    until(has(path, setting()), "a new file")


def test_bytes_that_are_no_text_are_put_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"settings": ["\xff"]}')
    assert kept(path) == []
    assert path.with_name("settings.json.bad").exists()


def test_a_file_that_cannot_be_read_is_told_and_left(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        kept(path)


def test_a_disk_that_is_full_is_told_once_and_tried_again(
    path: Path,
    make: Callable[[], SettingsFile],
    told: Heard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings_file, "RETRY", 0.01)
    is_full, tries = threading.Event(), []
    is_full.set()
    sync = os.fsync

    def full(file: int) -> None:
        if is_full.is_set():
            tries.append(file)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    monkeypatch.setattr(os, "fsync", full)
    make().add(setting())
    until(lambda: len(tries) > 2, "it to try again")
    assert not path.exists()
    is_full.clear()
    until(has(path, setting()), "the file")
    until(lambda: len(told()) == 2, "the good news")
    assert [event.severity for event in told()] == [
        EventSeverity.ERROR,
        EventSeverity.INFORMATION,
    ]
    assert "No space left on device" in told()[0].text


def test_a_write_that_is_cut_leaves_the_old_file(
    path: Path, make: Callable[[], SettingsFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    make().add(setting(1))
    until(has(path, setting(1)), "the file")

    def cut(file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", cut)
    file = SettingsFile(path, Events())
    with pytest.raises(OSError, match="Input/output error"):
        file._rewrite([setting(2)])
    assert kept(path) == [setting(1)]


def test_a_process_that_holds_the_lock_is_waited_for_and_then_told(
    path: Path,
    make: Callable[[], SettingsFile],
    told: Heard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings_file, "RETRY", 0.01)
    monkeypatch.setattr(settings_file, "LOCKED", 0.05)
    path.parent.mkdir()
    with path.with_name(".settings.json.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make().add(setting())
        until(told, "it to be told")
        assert "another process has held its lock" in told()[0].text
    until(has(path, setting()), "the file")


def test_ten_thousand_are_read_and_written_quickly(path: Path) -> None:
    many = [setting("cobo0/exp/exp", device=f"ECC:C{n}") for n in range(10_000)]
    file = SettingsFile(path, Events())
    path.parent.mkdir()
    file._rewrite(many)
    begin = time.process_time()
    assert len(list(SettingsFile(path, Events()).read())) == 10_000
    assert time.process_time() - begin < 2.0  # 0.1 on an idle machine
    assert json.loads(path.read_text())["settings"][0]["device"] == "ECC:C0"
