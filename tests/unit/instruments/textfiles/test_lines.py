"""Lines of text files: one by one, and many at once with the same result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daqpv.instruments.driver import Fault
from daqpv.instruments.settings import Channel, Columns
from daqpv.instruments.textfiles.batch import Batch, history, merged
from daqpv.instruments.textfiles.layout import Layout, Lines, Row
from daqpv.instruments.textfiles.parser import Parser, Task

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
NOW = NOON + 3600
PARIS = ZoneInfo("Europe/Paris")


def layout(
    channels: str = "a b", types: Mapping[str, str] | None = None, **keys: Any
) -> Layout:
    types = types or {}
    made = {
        name: Channel.model_validate(
            {"type": types.get(name, "number"), "words": {"OVER": "major"}}
        )
        for name in channels.split()
    }
    return Layout(Columns(**keys), made)


def read(line: str, **keys: Any) -> Row:
    row = Lines(layout(**keys)).read(line)
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("1,2", {}),
        ("1,2,", {}),
        ("1;2", {"separator": "semicolon"}),
        ("1\t2", {"separator": "tab"}),
        ("  1   2 ", {"separator": "space"}),
        ("1 | 2", {"separator": "|"}),
        ("1::2", {"separator": "::"}),
        ('"1","2"', {"quote": '"'}),
        ("'1',2", {"quote": "'"}),
        ("1,0;2,0", {"separator": ";", "decimal": ","}),
        ("0012", {"slices": {"a": (1, 3), "b": (4, 4)}}),
        ("1,rubbish,2", {"names": ("a", "-", "b")}),
        ("1,2,3,4", {"more": True}),
        ("1.0e0,+2", {}),
    ],
)
def test_columns(line: str, keys: dict[str, Any]) -> None:
    assert read(line, **keys).values == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1", "1 column in place of 2"),
        ("1,2,3", "3 columns in place of 2"),
        ("x,y", "a: 'x' is no number"),
        ("1_0,y", "a: '1_0' is no number"),
        ("1\0,2", "zero bytes"),
    ],
)
def test_bad_lines_have_a_reason_and_no_values(line: str, reason: str) -> None:
    row = read(line)
    assert reason in row.problem
    assert row.values == {}


def test_one_bad_column_is_a_fault_and_the_others_are_read() -> None:
    row = read("1,ERR")
    assert row.values == {"a": 1.0, "b": Fault("'ERR' is no number")}
    assert row.problem == "b: 'ERR' is no number"


def test_words_and_empty_columns_are_no_mistake() -> None:
    assert read("OVER,2") == Row(None, {"a": "OVER", "b": 2.0})
    assert read(",2") == Row(None, {"b": 2.0})
    assert read("1", fewer=True) == Row(None, {"a": 1.0})


def test_an_open_quote_is_a_bad_line() -> None:
    assert "a quote is open" in read('"1,2', quote='"').problem


def test_texts_are_taken_as_they_are() -> None:
    row = read("open, 2", types={"a": "text"})
    assert row.values == {"a": "open", "b": 2.0}


def test_empty_lines_and_comments_say_nothing() -> None:
    lines = Lines(layout(comment="#"))
    assert [lines.read(text) for text in ("", "  \t", "# 1,2", "  #")] == [None] * 4


@pytest.mark.parametrize(
    ("line", "keys", "at"),
    [
        ("2026-03-01 12:00:00,1,2", {"time": "%Y-%m-%d %H:%M:%S"}, NOON),
        ("2026-03-01 12:00:00.25,1,2", {"time": "%Y-%m-%d %H:%M:%S.%f"}, NOON + 0.25),
        ("2026-03-01 12:00:00,1,2", {"time": "%Y-%m-%d %H:%M:%S.%f"}, NOON),
        ("2026/03/01,12:00:00,1,2",
         {"time": ["YYYY/MM/DD", "HH:mm:ss"], "time_columns": (1, 2)}, NOON),
        ("1,01.03.2026 12:00,2",
         {"time": "DD.MM.YYYY HH:mm", "time_columns": (2,)}, NOON),
        ("1772366400.5,1,2", {"time": "unix"}, NOON + 0.5),
        ("1772366400500,1,2", {"time": "unix ms"}, NOON + 0.5),
        ("2026-03-01 13:00:00,1,2",
         {"time": "%Y-%m-%d %H:%M:%S", "zone": "Europe/Paris"}, NOON),
        ("2026-03-01 14:30:00,1,2",
         {"time": "%Y-%m-%d %H:%M:%S", "zone": "+02:30"}, NOON),
        ("2026-03-01 14:00:00+0200,1,2", {"time": "%Y-%m-%d %H:%M:%S%z"}, NOON),
    ],
)  # fmt: skip
def test_times(line: str, keys: dict[str, Any], at: float) -> None:
    row = read(line, **keys)
    assert row.time == at
    assert row.values == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("text", ["", "noon", "nan", "inf", "2026-02-30 12:00:00"])
def test_no_times(text: str) -> None:
    for time in "unix", "%Y-%m-%d %H:%M:%S":
        assert read(f"{text},1,2", time=time).problem.startswith(f"{text!r} is no time")


def test_one_value_per_line_and_lines_of_equal_time_belong_together() -> None:
    keys: dict[str, Any] = {
        "time": "unix", "alias": 2, "value": 3, "aliases": {"Temp 1": "a"},
    }  # fmt: skip
    text = b"1,Temp 1,5\n1,b,6\n1,unknown,7\n2,Temp 1,8\n2,Temp 1,9\n3,b,x\n"
    batch = parsed(text, **keys)
    rows = [placed.row for placed in batch.rows]
    assert [(row.time, row.values) for row in rows] == [
        (1.0, {"a": 5.0, "b": 6.0}),
        (2.0, {"a": 8.0}),
        (2.0, {"a": 9.0}),
    ]
    assert [bad.reason for bad in batch.bad] == ["b: 'x' is no number"]
    assert batch.good == 5
    assert merged([]) == []


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"decimal": ";"}, "decimal . or ,"),
        ({"decimal": ","}, "a separator that is not the decimal point"),
        ({"alias": 1}, "alias and value together"),
        ({"names": ["a", "a"]}, "each name once"),
        ({"slices": {"a": (5, 2)}}, "slices as"),
        ({"encoding": "utf-16"}, "utf-16 cannot be read"),
        ({"quote": '"', "separator": "space"}, "a separator of one character"),
        ({"time_columns": (1, 1)}, "different columns"),
    ],
)
def test_settings_that_do_not_fit_together(keys: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Columns(**keys)
    assert text in str(caught.value.errors()[0]["ctx"])


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"names": ("a", "c")}, "there is no channel 'c'"),
        ({"time": "noon"}, "the time 'noon' has no date"),
        ({"time": "unix", "zone": "Mars"}, "no time zone 'Mars'"),
        ({"time": ("%Y", "%m"), "time_columns": (1, 2, 3)}, "2 texts for the time"),
    ],
)
def test_layouts_that_cannot_be(keys: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        layout(**keys)


# -- many at once


def parsed(data: bytes, *, many: bool = False, **keys: Any) -> Batch:
    parser = Parser(layout(**keys), lambda: None)
    task = Task(file="x", offset=1, lines=keys.get("header", 0), many=many, now=NOW)
    return parser.read(data, task)


def is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def rows_of(batch: Batch, lay: Layout) -> list[tuple[int, Any, dict[str, Any]]]:
    """All rows, however they were read, without empty columns."""
    block, others = history(batch, lay, "x")
    rows: list[tuple[int, Any, dict[str, Any]]] = [
        (at, row.time, {k: v for k, v in row.values.items() if not is_nan(v)})
        for at, row in others
    ]
    if block is not None:
        for i in range(len(block.times)):
            cells = {name: column[i] for name, column in block.columns.items()}
            cells = {k: v for k, v in cells.items() if v is not None and not is_nan(v)}
            if cells:
                rows.append((int(block.offsets[i]), float(block.times[i]), cells))
    return sorted(rows, key=lambda row: row[0])


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        ["", " ", "nan", "inf", "-inf", "1e400", "OVER", "x", "+1", "1_0", '"']
    ),
    st.text("0123456789.e+- ", max_size=6),
)


def written(stamp: float, form: str = "%Y-%m-%d %H:%M:%S", zone: tzinfo = UTC) -> str:
    return datetime.fromtimestamp(stamp, zone).strftime(form)


sane = st.sampled_from(["1", "-2.5e3", "", "nan", "OVER", '"1"', "on", '"a b"', " 3 "])
stamps = st.one_of(
    st.integers(0, 5000).map(
        lambda n: f"{datetime.fromtimestamp(n, UTC):%Y-%m-%d %H:%M:%S}"
    ),
    st.text("0123456789-: ", max_size=20),
)


@given(
    st.one_of(
        st.lists(st.tuples(stamps, numbers, numbers), max_size=12),
        st.lists(st.tuples(st.just(written(5)), sane, sane), max_size=6),
    ),
    st.sampled_from([",", ";", "\t", "space"]),
    st.sampled_from(["\n", "\r\n", ",\n"]),
    st.sampled_from([None, '"']),
    st.sampled_from(["number", "text"]),
)
def test_many_at_once_are_as_one_by_one(
    cells: list[tuple[str, str, str]],
    separator: str,
    end: str,
    quote: str | None,
    kind: str,
) -> None:
    between = " " if separator == "space" else separator
    keys: dict[str, Any] = {"separator": separator, "time": "%Y-%m-%d %H:%M:%S"}
    keys["types"] = {"b": kind}
    if separator == "space":
        keys |= {"time": ("%Y-%m-%d", "%H:%M:%S"), "time_columns": (1, 2)}
    elif quote:
        keys["quote"] = quote
    data = "".join(between.join(line) + end for line in cells).encode()
    each, many = parsed(data, **keys), parsed(data, many=True, **keys)
    lay = layout(**keys)
    assert rows_of(each, lay) == rows_of(many, lay)
    assert (each.good, each.bad, each.lines) == (many.good, many.bad, many.lines)
    assert each.newest == many.newest


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"time": "unix"}, lambda i: f"{i},{i / 7!r},{-i}"),
        ({"time": "unix"}, lambda i: f"{i},{i / 7!r},"),
        ({"time": "unix ms"}, lambda i: f"{i},,{-i},"),
        ({"time": "unix", "separator": "space"}, lambda i: f" {i}  {i / 7!r}\t{-i} "),
        ({"time": "unix", "decimal": ",", "separator": ";"},
         lambda i: f"{i};0,{i};{i},5"),
        ({"time": "unix", "quote": '"'}, lambda i: f'"{i}","{i / 7!r}",{i}'),
        ({"time": "unix", "names": ("-", "b")}, lambda i: f"{i},text,{i}"),
        ({"time": "unix", "types": {"a": "text"}}, lambda i: f"{i}, {i % 3},2"),
        ({"time": "unix", "types": {"a": "text"}}, lambda i: f"{i},{'on' * (i % 3)},2"),
        ({"time": "unix", "types": {"b": "text"}}, lambda i: f"{i},2,{'on' * (i % 3)}"),
        ({"time": "unix", "types": {"a": "text", "b": "text"}, "quote": '"'},
         lambda i: f'"{i}","x y",z'),
        (
            {"time": ("%d.%m.%Y", "%H:%M:%S.%f"), "time_columns": (1, 3)},
            lambda i: f"{written(i, '%d.%m.%Y')},1,{written(i / 7, '%H:%M:%S.%f')},2",
        ),
        (
            {"time": "%Y-%m-%dT%H:%M:%S", "zone": "Europe/Paris"},
            lambda i: f"{written(1e9 + i * 9999, '%Y-%m-%dT%H:%M:%S', PARIS)},1,2",
        ),
        ({"time": "%H:%M %d/%m/%y"}, lambda i: f"{i % 24}:{i % 60} 1/2/20,1,2"),
    ],
)  # fmt: skip
def test_what_loggers_write_is_read_many_at_once(
    keys: dict[str, Any], line: Callable[[int], str]
) -> None:
    data = "".join(f"{line(i)}\n" for i in range(1, 9000)).encode()
    many = parsed(data, many=True, **keys)
    assert not many.rows, many.rows[:3]
    assert sum(len(one.offsets) for one in many.numbers) == 8999 == many.good
    lay = layout(**keys)
    assert rows_of(many, lay) == rows_of(parsed(data, **keys), lay)


def test_a_bad_line_among_many_costs_only_its_neighbours_the_speed() -> None:
    lines = [f"{i},1,2\n" for i in range(30_000)]
    lines[9000] = "9000,1\n"
    batch = parsed("".join(lines).encode(), many=True, time="unix")
    assert batch.good == 29_999
    assert [bad.line for bad in batch.bad] == [9001]
    assert 0 < len(batch.rows) < 20_000


def test_a_time_far_ahead_of_the_clock_is_wrong() -> None:
    for many in False, True:
        batch = parsed(f"5,1,2\n{NOW + 9e4},1,2\n".encode(), many=many, time="unix")
        assert batch.good == 1
        assert "days ahead of this computer's clock" in batch.bad[0].reason


def test_10000_columns() -> None:
    names = " ".join(f"c{i}" for i in range(10_000))
    text = ",".join(str(i) for i in range(10_001)) + "\n"
    for many in False, True:
        batch = parsed(text.encode() * 3, many=many, channels=names, time="unix")
        assert batch.good == 3
        block, others = history(batch, layout(names, time="unix"), "x")
        assert block is not None
        assert not others
        assert block.columns["c9999"].tolist() == [10_000.0] * 3


def test_the_words_of_history_are_frames_and_the_rest_a_block() -> None:
    lay = layout(time="unix", types={"b": "text"})
    parser = Parser(lay, lambda: None)
    task = Task(file="x", offset=0, lines=0, many=True, now=NOW)
    batch = parser.read(b"1,1,on\n2,OVER,off\n3,,\n", task)
    block, others = history(batch, lay, "x")
    assert block is not None
    assert block.times.tolist() == [1, 3]
    assert block.columns["b"].tolist() == ["on", ""]
    assert block.columns["a"][0] == 1.0
    assert math.isnan(block.columns["a"][1])
    assert [row.values for _, row in others] == [{"a": "OVER", "b": "off"}]
