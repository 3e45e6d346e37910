"""Messages: their ends, lengths, check sums; what is denied and what is refused."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.errors import ProtocolError
from daqpv.instruments.lines.framing import LONGEST, Framing
from daqpv.instruments.lines.inbox import Exchange, Inbox
from daqpv.instruments.lines.refusals import Globs
from daqpv.instruments.settings.talk import Talk


def framing(**keys: Any) -> Framing:
    return Framing(Talk.model_validate(keys))


def inbox(came: list[bytes], **keys: Any) -> Inbox:
    return Inbox(framing(**keys), came.append, "gauge")


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [piece for piece in [*pieces, data[at:]] if piece]


LINES = st.lists(st.binary(max_size=20).filter(lambda b: not set(b) & set(b"\r\n;")))


@given(LINES, st.lists(st.integers(1, 10)), st.sampled_from(["\r\n", "\n", ";", ";FF"]))
def test_lines_are_the_same_however_they_are_cut(
    lines: list[bytes], sizes: list[int], end: str
) -> None:
    came: list[bytes] = []
    box = inbox(came, terminator=end)
    for piece in cut(b"".join(line + end.encode() for line in lines), sizes):
        box.feed(piece)
    assert came == lines


@given(st.binary(max_size=60), st.lists(st.integers(1, 10)))
def test_messages_of_fixed_length(data: bytes, sizes: list[int]) -> None:
    came: list[bytes] = []
    box = inbox(came, answer_length=4)
    for piece in cut(data, sizes):
        box.feed(piece)
    assert came == [data[at : at + 4] for at in range(0, len(data) // 4 * 4, 4)]


@pytest.mark.parametrize(
    "data", [b"1\r\n2\r\n", b"1\n\r2\n\r", b"1\r2\r", b"\n1\r\n\r2\r"]
)
def test_a_second_line_break_belongs_to_no_line(data: bytes) -> None:
    came: list[bytes] = []
    box = inbox(came, terminator="\r")
    box.feed(data)
    assert [line for line in came if line] == [b"1", b"2"]


def test_far_too_much_without_an_end_is_no_line() -> None:
    box = inbox([])
    for _ in range(LONGEST // 2**16):
        box.feed(b"x" * 2**16)
    with pytest.raises(ProtocolError, match="Is the terminator right"):
        box.feed(b"x")
    assert not box.is_midway


def waiting() -> Generator[bytes, bytes, bytes]:
    return (yield b"")


def test_a_message_that_began_before_the_question_is_not_its_answer() -> None:
    came: list[bytes] = []
    box = inbox(came)
    box.feed(b"1.")
    exchange = Exchange("P", b"P\r\n", steps=waiting())
    box.begin(exchange)
    box.feed(b"5\r\n")
    assert came == [b"1.5"]
    assert not exchange.is_done


def test_check_sums_of_both_ways() -> None:
    """Pfeiffer: sum of the bytes modulo 256, three digits, before CR."""
    pfeiffer = framing(terminator="\r", checksum="sum8 decimal")
    assert pfeiffer.packed("0010074002=?") == b"0010074002=?106\r"
    assert pfeiffer.text(b"0011074006100023025") == "0011074006100023"
    with pytest.raises(ValueError, match="check sum"):
        pfeiffer.text(b"0011074006100024025")


def test_a_check_sum_may_be_a_line_break() -> None:
    came: list[bytes] = []
    box = inbox(came, terminator="\r\n", checksum="sum8")
    box.feed(b"\x05\x05\x0a\r\n")
    assert came == [b"\x05\x05\x0a"]
    assert box.framing.text(came[0]) == "\x05\x05"


def test_an_unknown_check_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="sum9"):
        framing(checksum="sum9")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("ERR3", "bad"),
        ("E[0]", "brackets"),
        (" E05 ", "range"),
        ("E5", None),
        ("", None),
    ],
)
def test_texts_with_stars(text: str, meaning: str | None) -> None:
    globs = Globs({"ERR*": "bad", "E[0]": "brackets", "E0?": "range"})
    assert globs.meaning(text) == meaning


def test_denied_commands_are_the_same_in_capitals() -> None:
    assert Globs.denied(["SP *"]).meaning("sp 1") == "SP *"
    assert not Globs.denied([])
