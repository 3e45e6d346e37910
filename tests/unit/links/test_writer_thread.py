"""A thread that writes: nobody waits for it, and at its end only for a while."""

from __future__ import annotations

import time
from threading import Event, Timer

import pytest

from daqpv.links.files.writer_thread import END_TIMEOUT, WriterThread

BUSY = 10.0  # [s] that a busy machine may take


class Numbers(WriterThread[int]):
    """Keeps numbers while it `flows`: what it writes to may be stopped."""

    def __init__(self, room: int = 100, end_timeout: float | None = END_TIMEOUT):
        super().__init__("numbers", room=room, end_timeout=end_timeout)
        self.written: list[int] = []
        self.flows = Event()
        self.flows.set()
        self._holds = Event()

    def offer(self, number: int) -> bool:
        return self._offer(number)

    def stop(self) -> None:
        """Hold the thread, with a number in its hand."""
        self.flows.clear()
        assert self.offer(0)
        assert self._holds.wait(10)

    def _write(self) -> None:
        for number in self._each():
            self._holds.set()
            self.flows.wait(30)
            self.written.append(number)


class Gone(WriterThread[int]):
    """Its reader went away at the first number."""

    def _write(self) -> None:
        next(self._each())

    def is_over(self) -> bool:
        self._thread.join(10)
        return not self._thread.is_alive()


def test_all_is_written_in_order_when_it_has_ended() -> None:
    with Numbers() as numbers:
        assert all(numbers.offer(n) for n in range(100))
    assert numbers.written == list(range(100))


@pytest.mark.parametrize("room", [1, 3])
def test_what_has_no_room_is_refused_and_left_out(room: int) -> None:
    with Numbers(room) as numbers:
        numbers.stop()
        assert [numbers.offer(n) for n in range(1, 6)] == [
            n <= room for n in range(1, 6)
        ]
        numbers.flows.set()
    assert numbers.written == list(range(room + 1))


@pytest.mark.parametrize("waiting", [0, 1, 2])  # nothing, some, as many as may
def test_a_thread_that_is_stopped_delays_the_end_by_half_a_second(waiting: int) -> None:
    with Numbers(room=2) as numbers:
        numbers.stop()
        for _ in range(waiting):
            assert numbers.offer(1)
        begin = time.monotonic()
    took = time.monotonic() - begin
    numbers.flows.set()
    assert END_TIMEOUT <= took < BUSY


def test_without_a_deadline_the_end_waits_until_all_is_written() -> None:
    with Numbers(room=2, end_timeout=None) as numbers:
        numbers.stop()
        assert numbers.offer(1)
        assert numbers.offer(2)
        Timer(END_TIMEOUT + 0.2, numbers.flows.set).start()
    assert numbers.written == [0, 1, 2]


def test_a_thread_that_has_ended_already_delays_nothing() -> None:
    with Gone("gone", room=2, end_timeout=2 * BUSY) as gone:
        assert gone._offer(1)
        assert gone.is_over()
        while gone._offer(2):  # until there is no room
            pass
        begin = time.monotonic()
    assert time.monotonic() - begin < BUSY


class Batches(Numbers):
    """Takes all that waits at once."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[int]] = []

    def _write(self) -> None:
        while batch := self._all():
            self._holds.set()
            self.flows.wait(30)
            self.batches.append(batch)


def test_all_that_waits_is_taken_at_once() -> None:
    with Batches() as batches:
        batches.stop()
        for number in (1, 2, 3):
            batches.offer(number)
        batches.flows.set()
    assert batches.batches == [[0], [1, 2, 3]]


def test_the_newest_of_a_key_takes_the_place_of_those_before() -> None:
    with Batches() as batches:
        batches.stop()
        for number in (1, 2, 3):
            assert batches._offer(number, key="a")
        batches.offer(4)
        batches.flows.set()
    assert batches.batches == [[0], [3, 4]]


def test_who_waits_to_try_again_hears_of_the_end() -> None:
    numbers = Numbers()
    assert not numbers._ends_within(0.01)
    with numbers:
        pass
    assert numbers._ends_within(BUSY)
