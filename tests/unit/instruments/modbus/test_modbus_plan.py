"""Blocks that are read with one question each."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from daqpv.instruments.modbus.place import Place, Table
from daqpv.instruments.modbus.plan import Block, Limits, plan

places = st.builds(
    lambda table, address, kind: Place.model_validate(
        {table: address} | ({} if table in ("coil", "discrete") else {"type": kind})
    ),
    st.sampled_from([str(one) for one in Table]),
    st.integers(0, 300),
    st.sampled_from(["uint16", "float32", "int64"]),
)
channels = st.dictionaries(st.text("abc", min_size=1, max_size=4), places)


def test_a_contiguous_range_is_one_question() -> None:
    blocks = plan({f"r{n}": at(holding=n) for n in range(100)}, Limits())
    assert [(one.first, one.size) for one in blocks] == [(0, 100)]


def at(**place: object) -> Place:
    return Place.model_validate(place)


def test_a_block_ends_at_125_registers_2000_bits_a_hole_and_a_table() -> None:
    found = plan(
        {f"r{n}": at(holding=n) for n in range(126)}
        | {"far": at(holding=130), "input": at(input=126)}
        | {f"c{n}": at(coil=n) for n in range(2001)},
        Limits(),
    )
    assert [(one.table, one.first, one.size) for one in found] == [
        ("coil", 0, 2000),
        ("coil", 2000, 1),
        ("holding", 0, 125),
        ("holding", 125, 1),
        ("holding", 130, 1),
        ("input", 126, 1),
    ]


def test_small_holes_are_read_as_well_only_if_that_is_asked_for() -> None:
    some = {"a": at(holding=0), "b": at(holding=3), "c": at(holding=9)}
    assert len(plan(some, Limits())) == 3
    blocks = plan(some, Limits(gap=2))
    assert [(one.first, one.size) for one in blocks] == [(0, 4), (9, 1)]
    assert blocks[0].has_holes


def test_no_block_goes_over_a_register_that_the_device_refuses() -> None:
    some = {f"r{n}": at(holding=n) for n in range(10)}
    blocks = plan(some, Limits(gap=10), {"r4"})
    assert [(one.first, one.size) for one in blocks] == [(4, 1), (0, 4), (5, 5)]


def test_a_long_array_is_read_in_pieces() -> None:
    (block,) = plan({"trace": at(input=10, count=300)}, Limits(registers=100))
    assert list(block.pieces(100)) == [(10, 100), (110, 100), (210, 100)]


@given(channels, st.integers(0, 20), st.integers(4, 125), st.data())
def test_each_channel_is_in_one_block_that_fits_into_a_frame(
    some: Mapping[str, Place], gap: int, most: int, data: st.DataObject
) -> None:
    alone = data.draw(st.sets(st.sampled_from([*some]))) if some else set()
    blocks = plan(some, Limits(most, most, gap), alone)
    names = [span.name for block in blocks for span in block.spans]
    assert sorted(names) == sorted(some)
    for block in blocks:
        assert block.size <= most
        assert alone.isdisjoint(span.name for span in block.spans[1:])
        assert gap or not block.has_holes
        for span in block.spans:
            assert block.first <= span.first < span.end <= block.end
            assert span.table is block.table
        if len(block.spans) > 1:
            assert _names(block.halves()) == [span.name for span in block.spans]


def _names(blocks: tuple[Block, ...]) -> list[str]:
    return [span.name for block in blocks for span in block.spans]
