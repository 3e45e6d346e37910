"""Proposes the description of a text file, from its first lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from daqpv.errors import counted
from daqpv.instruments.driver import Raw
from daqpv.instruments.settings import Channel, Columns
from daqpv.instruments.textfiles.dates import Form, form_of, is_labview, unix_of
from daqpv.instruments.textfiles.layout import Layout, Lines
from daqpv.instruments.textfiles.shape import Shape, is_number, is_value, shape_of
from daqpv.instruments.textfiles.titles import Title, channel_name, titles_of

_SHOWN = 5  # rows of the table
_NO_NUMBERS = ("nan", "inf", "infinity")
_PAIRS = re.compile(r"\s*\w+\s*[=:]\s*[+-]?[\d.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A proposal for the settings of an instrument that writes such a file.

    Attributes:
        columns: the settings `columns`, with what differs from the defaults.
        channels: the settings `channels`.
        rows: the first lines as they are read so: time UTC [s since 1970], and values
            by channel.
        doubts: what is not clear or was left out, in sentences.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: Sequence[tuple[float | None, Mapping[str, Raw]]] = ()
    doubts: Sequence[str] = ()

    def section(self, name: str, file: str) -> str:
        """The section of the experiment file, in YAML, with doubts as comments.

        Args:
            name: of the instrument.
            file: the path, with ``*`` and ``?``.
        """
        lines = [f"# {doubt}" for doubt in self.doubts]
        lines += ["instruments:", f"  {name}:", f"    file: {_yaml(file)}"]
        lines += ["    columns:"] + [
            f"      {key}: {_yaml(value)}" for key, value in self.columns.items()
        ]
        lines += ["    channels:"] + [
            f"      {key}: {_yaml(value)}" for key, value in self.channels.items()
        ]
        return "\n".join(lines) + "\n"

    def table(self) -> str:
        """The first rows, as text."""
        names = list(self.channels)
        cells = [["time (UTC)", *names]]
        for time, values in self.rows:
            texts = [_text(values.get(name)) for name in names]
            cells.append([_time_text(time), *texts])
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        padded = (zip(row, widths, strict=True) for row in cells)
        return "\n".join(
            "  ".join(c.ljust(w) for c, w in row).rstrip() for row in padded
        )


def guess(text: str) -> Guess:
    """Propose the description of a file, from its text or the beginning of it."""
    shape = shape_of(text)
    if shape is None or not shape.rows:
        return Guess(doubts=[_why_not(text)])
    return _Proposal(shape).guess(text)


def _why_not(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip()]
    if lines and sum(bool(_PAIRS.match(line)) for line in lines) > len(lines) / 2:
        return (
            "The lines are names with values, such as T=23.1. These are no columns: "
            "describe them with `stream` patterns."
        )
    return "No lines of values were found: is this a text file with columns?"


class _Proposal:
    """Finds times, names and types of the columns of a shape."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._rows = shape.rows
        self._cells = [[row[i] for row in shape.rows] for i in range(shape.count)]
        self._doubts: list[str] = []
        self._columns: dict[str, Any] = {"separator": shape.separator}
        self._times: list[int] = []

    def guess(self, text: str) -> Guess:
        shape, columns = self._shape, self._columns
        keys = {
            "header": shape.header or None,
            "comment": shape.comment,
            "quote": shape.quote,
            "decimal": None if shape.decimal == "." else shape.decimal,
        }
        columns |= {key: value for key, value in keys.items() if value is not None}
        self._find_time()
        titles = titles_of(shape)
        if titles is None:
            titles = [Title("")] * shape.count
            self._doubts.append(
                "The file has no names of columns: c1, c2 ... stand there."
            )
        alias = self._alias()
        channels = self._single(alias) if alias is not None else self._named(titles)
        rows = self._check(text, channels)
        return Guess(
            columns=columns, channels=channels, rows=rows, doubts=list(self._doubts)
        )

    # -- the time

    def _find_time(self) -> None:
        forms = {i: form for i in range(self._shape.count) if (form := self._form(i))}
        chosen = self._chosen(forms)
        if not chosen:
            self._doubts.append(self._no_time())
            return
        self._times = chosen
        texts = [forms[i].text for i in chosen]
        self._columns["time"] = texts[0] if len(texts) == 1 else texts
        if chosen != [0]:
            self._columns["time_columns"] = [i + 1 for i in chosen]
        self._doubts += [forms[i].doubt for i in chosen if forms[i].doubt]
        if not any(forms[i].has_zone for i in chosen):
            self._columns["zone"] = "UTC"
            self._doubts.append(
                "The time does not say its zone: UTC was taken; `zone: local` is that "
                "of this computer."
            )

    def _form(self, column: int) -> Form | None:
        cells = [cell for cell in self._cells[column] if cell]
        form = form_of(cells)
        if form is not None:
            return form
        if not cells or not all(is_number(cell) for cell in cells):
            return None
        numbers = [float(cell.replace(",", ".")) for cell in cells]
        word = unix_of(numbers)
        return Form(word, True, True) if word else None

    def _chosen(self, forms: Mapping[int, Form]) -> list[int]:
        """The columns of the time: a whole one, or a date with the clock beside it."""
        for i, form in forms.items():
            if form.has_date and form.has_clock:
                return [i]
        for i, form in forms.items():
            if form.has_date:
                for j in (i + 1, i - 1):
                    if j in forms and forms[j].has_clock:
                        return [i, j]
        return [i for i, form in forms.items() if form.has_date][:1]

    def _no_time(self) -> str:
        for i, cells in enumerate(self._cells, 1):
            full = [cell.replace(",", ".") for cell in cells if cell]
            if not full or not all(is_number(cell) for cell in full):
                continue
            numbers = [float(cell) for cell in full]
            if is_labview(numbers):
                return (
                    f"Column {i} has seconds since 1904, as LabVIEW counts: let it "
                    "write a date. Until then lines get the time of reading."
                )
            is_rising = numbers == sorted(set(numbers))
            if i == 1 and is_rising and len(numbers) > 2:
                return (
                    "Column 1 rises from line to line: is it the time since the start? "
                    "Lines get the time of reading."
                )
        return "There is no date and time: lines get the time of reading."

    # -- the channels

    def _named(self, titles: Sequence[Title]) -> dict[str, dict[str, Any]]:
        channels: dict[str, dict[str, Any]] = {}
        names: list[str] = []
        for i, title in enumerate(titles):
            if i in self._times:
                continue
            cells = [cell for cell in self._cells[i] if cell]
            is_last_and_empty = i == len(titles) - 1 and not cells and not title.name
            if is_last_and_empty:
                continue
            if not cells:
                names.append("-")
                self._doubts.append(f"Column {i + 1} is empty and was left out.")
                continue
            name = channel_name(title.name, list(channels), i + 1)
            names.append(name)
            channels[name] = self._channel(title, cells, name)
        self._columns["names"] = names
        return channels

    def _channel(self, title: Title, cells: Sequence[str], name: str) -> dict[str, Any]:
        keys: dict[str, Any] = {}
        numbers = sum(is_number(cell) for cell in cells)
        if numbers < 0.5 * len(cells) and not all(is_value(cell) for cell in cells):
            keys["type"] = "text"
        else:
            self._words(keys, cells, name)
        if title.units:
            keys["units"] = title.units
        if title.name and title.name != name:
            keys["desc"] = title.name.encode()[:40].decode(errors="ignore")
        return keys

    def _words(self, keys: dict[str, Any], cells: Sequence[str], name: str) -> None:
        """Words in place of a number; NaN is a number that says so itself."""
        words = sorted({cell for cell in cells if not is_number(cell)})
        words = [word for word in words if word.lower().strip("+-") not in _NO_NUMBERS]
        if words:
            keys["words"] = dict.fromkeys(words, "invalid")
            shown = ", ".join(words[:5])
            self._doubts.append(f"{name} has {shown} for a number: INVALID was taken.")

    def _alias(self) -> tuple[int, int] | None:
        """The columns of name and value, if each line has one value."""
        others = [i for i in range(self._shape.count) if i not in self._times]
        if len(self._rows) < 4 or not self._times or not 2 <= len(others) <= 3:
            return None
        name, value = others[0], others[1]
        cells, values = self._cells[name], self._cells[value]
        times = Counter(tuple(row[i] for i in self._times) for row in self._rows)
        shares = sum(is_number(cell) for cell in values) / len(values)
        is_name = all(cell and not is_value(cell) for cell in cells)
        are_groups = len(times) <= len(self._rows) / 2
        if is_name and are_groups and shares > 0.5 and len(set(cells)) > 1:
            return name, value
        return None

    def _single(self, alias: tuple[int, int]) -> dict[str, dict[str, Any]]:
        name, value = alias
        self._columns |= {"alias": name + 1, "value": value + 1}
        channels: dict[str, dict[str, Any]] = {}
        aliases: dict[str, str] = {}
        for cell in dict.fromkeys(self._cells[name]):
            channel = channel_name(cell, list(channels), len(channels) + 1)
            channels[channel] = {}
            if channel != cell:
                aliases[cell] = channel
        if aliases:
            self._columns["aliases"] = aliases
        self._doubts.append("Each line has the value of one channel, which it names.")
        return channels

    # -- the check

    def _check(
        self, text: str, channels: Mapping[str, Any]
    ) -> Sequence[tuple[float | None, Mapping[str, Raw]]]:
        """Read the text as proposed; return the first rows."""
        made = {name: Channel.model_validate(keys) for name, keys in channels.items()}
        lines = Lines(Layout(Columns(**self._columns), made))
        rows, bad = [], []
        body = text.removeprefix("\ufeff").split("\n")
        if not text.endswith("\n"):
            body.pop()  # it may be cut
        for number, line in enumerate(body, 1):
            if number <= self._shape.header:
                continue
            row = lines.read(line.rstrip("\r"))
            if row is not None and row.problem:
                bad.append(f"line {number}: {row.problem}")
            elif row is not None:
                rows.append((row.time, row.values))
        if bad:
            self._doubts.append(
                f"{counted(len(bad), 'line')} cannot be read so; the first is {bad[0]}."
            )
        return rows[:_SHOWN]


def _yaml(value: object) -> str:
    """`value` in one line; JSON is YAML."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", value):
        return json.dumps(value) if value.lower() in _YAML_WORDS else value
    return json.dumps(value, ensure_ascii=False)


_YAML_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


def _text(value: Raw | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _time_text(time: float | None) -> str:
    if time is None:
        return ""
    when = datetime.fromtimestamp(time, UTC)
    return when.isoformat(" ", "milliseconds" if when.microsecond else "seconds")[:-6]
