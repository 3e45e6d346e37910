"""daqpv check: what is wrong with a file, and what a good one serves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.support.commands import daqpv, process, told

TEN = """\
experiment: e 1
prefix: "AT:"
serve: {}
server: {slow_client: 30 kg}
ecc:
  CoBo0: {url: "https://127.0.0.1/"}
  CoBo1: {ulr: "http://127.0.0.1/"}
  CoBo2: {url: "http://127.0.0.2/", role: coba}
  CoBo3: {url: "http://127.0.0.3/", links: [{sender: "CoBo[3]", router: data3}]}
  CoBo4: {url: "http://127.0.0.4/", config: exp}
  9CoBo: {url: "http://127.0.0.5/"}
routers:
  data0: {address: 127.0.0.1, port: 70000}
"""

TEN_PLACES = [
    "ten.yaml:1: experiment: ",
    "ten.yaml:3: serve: ",
    "ten.yaml:4: server.slow_client: ",
    "ten.yaml:6: ecc.CoBo0.url: ",
    "ten.yaml:7: ecc.CoBo1.ulr: ",
    "ten.yaml:8: ecc.CoBo2.role: ",
    "ten.yaml:9: ecc.CoBo3.links[0].router: ",
    "ten.yaml:10: ecc.CoBo4.config: ",
    "ten.yaml:11: ecc.9CoBo: ",
    "ten.yaml:13: routers.data0.port: ",
]


def test_a_file_with_ten_mistakes_gives_ten_lines_and_exit_code_2(
    tmp_path: Path,
) -> None:
    (tmp_path / "ten.yaml").write_text(TEN)
    result = process("check", "ten.yaml", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert len(lines) == len(TEN_PLACES), result.stderr
    assert all(map(str.startswith, lines, TEN_PLACES)), result.stderr


@pytest.fixture
def good(make_lab: Callable[..., Any]) -> Any:
    """An experiment of which nothing runs."""
    return make_lab(cobos=2)


def test_a_good_file_says_what_it_serves(good: Any) -> None:
    result = daqpv("check", str(good.file))
    rows = json.loads(daqpv("pvs", str(good.file), "--format", "json").stdout)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{good.file}: experiment exp, {len(rows)} PVs under {good.prefix}",
        "  ecc: CoBo0, CoBo1",
        "  routers: data0, data1",
        f"  store: sqlite:///{good.file.parent}/exp.db, no tables yet",
    ]


def test_the_schema_that_is_printed_accepts_a_good_file(good: Any) -> None:
    schema = json.loads(daqpv("check", "--schema").stdout)
    file = YAML(typ="safe", pure=True).load(good.file)
    jsonschema.Draft202012Validator(schema).validate(file)


@pytest.mark.parametrize("command", ["check", "pvs", "serve", "simulate"])
@pytest.mark.parametrize(
    ("file", "says"),
    [("", ": is a directory, not a file"), ("nosuch.yaml", ": no such file")],
)
def test_a_file_that_is_none_is_told_in_one_line(
    tmp_path: Path, command: str, file: str, says: str
) -> None:
    path = str(tmp_path / file).rstrip("/")
    result = daqpv(command, path)
    assert (result.exit_code, told(result)) == (2, [f"{path}{says}"])


def test_check_without_a_file_says_that_it_wants_one() -> None:
    result = daqpv("check")
    assert result.exit_code == 2
    assert told(result)[-1] == "Error: Missing argument 'FILE'."


@pytest.mark.parametrize(
    "devices",
    [
        'routers: {data0: {address: 127.0.0.1, watch: {ssh: "a@b"}}}',
        'ecc: {CoBo0: {url: "http://127.0.0.1/", ssh: mac0}}',
    ],
)
def test_a_computer_without_ssh_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, devices: str
) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(f'experiment: e1\nprefix: "AT:"\n{devices}\n')
    assert daqpv("check", str(file)).stderr == ""
    monkeypatch.setenv("DAQPV_SSH", "/nowhere/ssh")
    result = daqpv("check", str(file))
    assert result.exit_code == 0
    assert result.stderr == (
        "Here it could not log in by SSH: there is no program /nowhere/ssh on this "
        "computer. Install it: apt-get install openssh-client.\n"
    )
