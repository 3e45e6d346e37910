"""daqpv pvs: the list of PVs, in every format the same, and as they are served."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from epics import ca

from daqpv.links.ca import pv as links_pv
from tests.support.commands import daqpv, told
from tests.support.terminal import in_terminal
from tests.support.waiting import DEADLINE


def rows_of(lab: Any) -> list[dict[str, Any]]:
    rows = json.loads(daqpv("pvs", str(lab.file), "--format", "json").stdout)
    assert isinstance(rows, list)
    return rows


def test_csv_and_json_have_the_same_rows(shared_lab: Any) -> None:
    text = daqpv("pvs", str(shared_lab.file), "--format", "csv").stdout
    assert list(csv.DictReader(text.splitlines())) == [
        {
            "PV": row["name"],
            "record": row["record"],
            "access": "read/write" if row["writable"] else "read",
            "units": row["units"],
            "values": ", ".join(row["choices"]),
            "meaning": row["doc"],
        }
        for row in rows_of(shared_lab)
    ]


def test_markdown_and_csv_have_the_same_rows(shared_lab: Any) -> None:
    text = daqpv("pvs", str(shared_lab.file), "--format", "csv").stdout
    expected = list(csv.reader(text.splitlines()))
    lines = daqpv("pvs", str(shared_lab.file), "--format", "markdown").stdout
    cells = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines.splitlines()
    ]
    assert [*cells[:1], *cells[2:]] == expected
    assert cells[1] == ["---"] * len(cells[0])


def test_a_table_in_a_pipe_has_a_line_for_each_pv(shared_lab: Any) -> None:
    _, *lines = daqpv("pvs", str(shared_lab.file)).stdout.splitlines()
    found = [tuple(line.split(maxsplit=3)) for line in lines]
    assert found == [
        (
            row["name"],
            row["record"],
            "rw" if row["writable"] else "r",
            row["doc"]
            + (f" [{row['units']}]" if row["units"] else "")
            + (f" ({', '.join(row['choices'])})" if row["choices"] else ""),
        )
        for row in rows_of(shared_lab)
    ]


@pytest.mark.parametrize("prefix", ["AT:", "A_prefix_of_30_characters____:"])
def test_a_table_fits_a_terminal_and_cuts_no_name(tmp_path: Path, prefix: str) -> None:
    file = tmp_path / "e.yaml"
    command = ("init", "--cobos", "1", "--first-ip", "10.0.0.1", "--prefix", prefix)
    daqpv(*command, "--out", str(file))
    names = [line.split(",")[0] for line in csv_lines(file)]
    lines = in_terminal("pvs", str(file), columns=80)
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line.startswith(prefix)] == names


def csv_lines(file: Path) -> list[str]:
    return daqpv("pvs", str(file), "--format", "csv").stdout.splitlines()[1:]


def test_one_device_can_be_listed_alone(shared_lab: Any) -> None:
    text = daqpv("pvs", str(shared_lab.file), "--device", "CoBo1", "--format", "json")
    assert json.loads(text.stdout) == [
        row for row in rows_of(shared_lab) if row["device"] == "CoBo1"
    ]


def test_a_device_that_is_none_is_refused_with_the_nearest_one(shared_lab: Any) -> None:
    result = daqpv("pvs", str(shared_lab.file), "--device", "Cobo1")
    assert result.exit_code == 2
    assert told(result) == ["no device 'Cobo1', did you mean 'CoBo1'?"]


def test_as_many_pvs_are_listed_as_are_served(shared_lab: Any) -> None:
    served = shared_lab.client("main", kind="IOC")
    served.until("RECORD_CNT", str(len(rows_of(shared_lab))))


def connected(names: Iterable[str]) -> dict[str, Any]:
    """Channels to PVs, all searched for at once."""
    channels = {name: ca.create_channel(name) for name in names}
    assert all(ca.connect_channel(c, timeout=DEADLINE) for c in channels.values())
    return channels


@pytest.mark.parametrize(
    ("field", "column"), [("RTYP", "record"), ("DESC", "doc"), ("EGU", "units")]
)
def test_the_list_agrees_with_the_fields_that_are_served(
    shared_lab: Any, field: str, column: str
) -> None:
    rows = rows_of(shared_lab)
    if field == "EGU":
        rows = [row for row in rows if row["units"]]
    listed = {f"{row['name']}.{field}": row[column] for row in rows}
    connected(listed)
    assert {name: links_pv.get(name) for name in listed} == listed


def test_the_list_agrees_with_the_labels_that_are_served(shared_lab: Any) -> None:
    listed = {row["name"]: tuple(row["choices"]) for row in rows_of(shared_lab)}
    connected(listed)
    assert {name: links_pv.labels(name) for name in listed} == listed


def test_the_list_agrees_with_the_rights_that_are_given(shared_lab: Any) -> None:
    listed = {row["name"]: row["writable"] for row in rows_of(shared_lab)}
    channels = connected(listed)
    given = {name: bool(ca.write_access(chid)) for name, chid in channels.items()}
    assert given == listed
