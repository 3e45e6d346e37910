"""``daqpv instrument``: what is known of instruments, and a first contact."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from daqpv.testing import LineServer
from tests.support.commands import daqpv, told
from tests.support.ports import free_port
from tests.support.simulated import rig
from tests.support.waiting import DEADLINE

TCP = "tcp://192.168.1.5:8000"


def lab(folder: Path, *lines: str) -> Path:
    """An experiment file with one instrument, ``A``."""
    file = folder / "lab.yaml"
    keys = "".join(f"    {line}\n" for line in lines)
    head = "experiment: e1\nprefix: 'T:'\nstore: none\ninstruments:\n  A:\n"
    file.write_text(head + keys)
    return file


async def tried(file: Path, *more: str, **environ: str) -> tuple[int, str]:
    """Exit code and output of ``daqpv instrument try``."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daqpv", "instrument", "try", str(file), "A", *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", **environ},
    )
    async with asyncio.timeout(DEADLINE):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


# -- list and show


def test_models_are_listed_with_a_line_for_each() -> None:
    lines = daqpv("instrument", "list").stdout.splitlines()
    assert lines[0].split("\t") == [
        *("Model", "Title", "Vendor", "Link", "Channels", "Confirmed"),
    ]
    cells = {line.split("\t")[0]: line.split("\t") for line in lines[1:]}
    assert cells["wiener-mpod"][3:] == ["snmp", "578", "no"]
    assert cells["pfeiffer-tpg36x"][3] == "tcp, serial"


def test_words_choose_models() -> None:
    result = daqpv("instrument", "list", "GAUGE", "pfeiffer")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()[1:]] == [
        "pfeiffer-tpg36x"
    ]
    nothing = daqpv("instrument", "list", "teapot")
    assert (nothing.stdout, nothing.stderr) == ("", "No model has these words.\n")


OWN = """\
title: A gauge of ours
vendor: we
wiring: {connections: "tcp://ADDRESS:1"}
channels: {P: {ask: P, units: Pa, write: "P {value:g}", min: 0, max: 5, hihi: 4}}
confirmed: [{firmware: "1.2", by: our lab, date: 2026-11-01}]
"""


def test_descriptions_beside_a_file_are_known(tmp_path: Path) -> None:
    file = lab(tmp_path, "model: ours")
    (tmp_path / "descriptions").mkdir()
    (tmp_path / "descriptions" / "ours.yaml").write_text(OWN)
    (tmp_path / "descriptions" / "bad.yaml").write_text("title: [")
    listed = daqpv("instrument", "list", "--file", str(file))
    assert "ours\tA gauge of ours\twe\ttcp\t1\tfirmware 1.2, our lab" in listed.stdout
    assert "bad.yaml:1: " in listed.stderr
    text = daqpv("instrument", "show", "ours", "--file", str(file)).stdout
    assert "confirmed: firmware 1.2, our lab, 2026-11-01" in text
    assert "P\t\tPa\t0 to 5\thihi 4\t" in text


def test_a_model_is_shown_with_all_that_an_operator_must_know() -> None:
    text = daqpv("instrument", "show", "pfeiffer-tpg362").stdout
    assert "never used with a true instrument" in text
    assert "PROTOCOL: AUTO or MNE" in text
    assert "no sensor: invalid" in text
    assert "<n> is 1, 2;" in text
    assert "      model: pfeiffer-tpg362\n" in text
    supply = daqpv("instrument", "show", "scpi-supply").stdout
    assert "Output\tOff, On\t\tyes; On: put twice\t" in supply


def test_an_unknown_model_has_a_suggestion() -> None:
    result = daqpv("instrument", "show", "pfeifer-tpg362")
    assert result.exit_code == 2
    assert told(result) == [
        "no model 'pfeifer-tpg362', did you mean 'pfeiffer-tpg362'?"
    ]


# -- try


async def test_an_instrument_is_tried_with_all_its_bytes(tmp_path: Path) -> None:
    async with rig(tmp_path, model="pfeiffer-tpg361", connection=TCP) as one:
        await one.driver.close()
        where = f"connection: {one.settings.connection}"
        file = lab(tmp_path, "model: pfeiffer-tpg361", where, "period: 0.05")
        code, text = await tried(file, "--count", "2")
        assert code == 0, text
        assert text.count("> PR1\\r\n") == 2
        assert r"< \x06\r\n" in text
        assert "  Gauge1 " in text
        assert text.endswith("0 problems\n")
        one.set({"s1": 5, "p1": 2e-2})
        code, text = await tried(file, "--once")
        assert code == 1
        assert "INVALID: no sensor" in text
        assert "< 5,+" in text


async def test_a_channel_that_is_only_written_is_not_missed(tmp_path: Path) -> None:
    async with LineServer(lambda _: "1.2E-5") as gauge:
        file = lab(
            tmp_path,
            f"connection: {gauge.address}",
            "read: {ask: PR1, answer: '{p:g}'}",
            "channels: {p: {}, setpoint: {write: 'SP {value:g}', read_back: p}}",
        )
        code, text = await tried(file, "--once")
    assert code == 0, text
    assert text.endswith("A: 1 good answer, 0 problems\n")


async def test_an_instrument_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    where = f"connection: tcp://127.0.0.1:{free_port()}"
    code, text = await tried(lab(tmp_path, "model: scpi-supply", where), "--once")
    assert code == 1
    assert "problem: A at 127.0.0.1:" in text
    assert "refused" in text
    assert "Traceback" not in text


async def test_an_answer_that_does_not_fit_is_a_problem(tmp_path: Path) -> None:
    rules = {"rules": [{"ask": "P", "answer": "1.5;x"}]}
    keys = {"channels": {"p": {"ask": "P"}}, "simulator": rules}
    async with rig(tmp_path, connection=TCP, **keys) as one:
        await one.driver.close()
        file = lab(
            tmp_path,
            f"connection: {one.settings.connection}",
            'channels: {p: {ask: P, answer: "{value:g},{}"}}',
            "timeout: 0.2",
        )
        code, text = await tried(file, "--once")
        assert code == 1
        assert "expected ',' at character 4 of '1.5;x'" in text


async def test_values_from_the_environment_are_not_shown(tmp_path: Path) -> None:
    rules = {"rules": [{"ask": "LOGIN {pw}"}, {"ask": "P", "answer": "7"}]}
    keys = {"channels": {"p": {"ask": "P"}}, "simulator": rules}
    async with rig(tmp_path, connection=TCP, **keys) as one:
        await one.driver.close()
        file = lab(
            tmp_path,
            f"connection: {one.settings.connection}",
            "init: ['LOGIN ${LAB_PASSWORD}']",
            'channels: {p: {ask: P, answer: "{value:g}"}}',
        )
        code, text = await tried(file, "--once", LAB_PASSWORD="swordfish")
        assert code == 0, text
        assert "swordfish" not in text
        assert "***" in text


async def test_lines_that_come_unasked_are_shown(tmp_path: Path) -> None:
    keys = {"channels": {"T1": {"units": "degC"}}, "settle_time": 0.05}
    async with rig(tmp_path, model="arduino-lines", connection=TCP, **keys) as one:
        await one.driver.close()
        file = lab(
            tmp_path,
            "model: arduino-lines",
            f"connection: {one.settings.connection}",
            "settle_time: 0.05",
            "channels: {T1: {units: degC}}",
        )
        code, text = await tried(file, "--once")
        assert code == 0, text
        assert "< T1=23." in text
        assert "degC" in text


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["channels: {p: {calc: 'pi * 1'}}"], "formula"),
        (["connection: tcp://h:1", "channels: {p: {ask: 'a'}}"], "no instrument 'B'"),
    ],
)
def test_what_cannot_be_tried_is_said(
    tmp_path: Path, lines: list[str], problem: str
) -> None:
    name = "B" if "no instrument" in problem else "A"
    result = daqpv("instrument", "try", str(lab(tmp_path, *lines)), name, "--once")
    assert result.exit_code == 2
    assert problem in result.stderr


# -- guess

LOG = """\
Time,T1 [degC],P (mbar)
2026-11-29 10:00:00,23.1,1.2E-5
2026-11-29 10:00:01,23.2,1.3E-5
"""


def test_the_settings_of_a_text_file_are_proposed(tmp_path: Path) -> None:
    log = tmp_path / "log 1.csv"
    log.write_text(LOG)
    result = daqpv("instrument", "guess", str(log))
    assert result.exit_code == 0
    assert "2026-11-29 10:00:01  23.2  1.3e-05" in result.stderr
    file = tmp_path / "lab.yaml"
    file.write_text(f"experiment: e1\nprefix: 'T:'\nstore: none\n{result.stdout}")
    checked = daqpv("check", str(file))
    assert checked.exit_code == 0, checked.stderr
    assert "instruments: log_1" in checked.stdout
    tried = daqpv("instrument", "try", str(file), "log_1", "--once")
    assert tried.exit_code == 0, tried.stdout + tried.stderr
    assert "T1                       23.2 degC" in tried.stdout
    assert not list(tmp_path.glob("*.positions"))  # `serve` begins where it would


def test_a_proposal_has_the_name_and_pattern_that_are_given(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(LOG.replace("degC", "°C").encode("cp1252"))
    more = ("--name", "gas", "--as", "/data/log_*.csv")
    text = daqpv("instrument", "guess", str(log), *more).stdout
    assert "  gas:\n" in text
    assert "/data/log_*.csv" in text
    assert "encoding: cp1252" in text.replace('"', "")
    assert daqpv("instrument", "guess", str(log), "--name", "a b").exit_code == 2


@pytest.mark.parametrize(("content", "code"), [(b"", 1), (b"hello\n", 1), (None, 2)])
def test_what_has_no_columns_is_said(
    content: bytes | None, code: int, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    if content is not None:
        log.write_bytes(content)
    result = daqpv("instrument", "guess", str(log))
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr
