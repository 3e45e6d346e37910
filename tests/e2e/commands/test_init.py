"""daqpv init: a first experiment file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import daqpv, told


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("mutant", [(), ("--mutant", "192.168.41.1")])
@pytest.mark.parametrize("cobos", [1, 10])
@pytest.mark.usefixtures("in_tmp_path")
def test_what_init_writes_passes_check(cobos: int, mutant: tuple[str, ...]) -> None:
    count = str(cobos)
    made = daqpv("init", "--cobos", count, "--first-ip", "192.168.41.60", *mutant)
    assert made.stdout == "Wrote e00000.yaml. Read it, then: daqpv check e00000.yaml\n"
    names = [f"CoBo{n}" for n in range(cobos)] + ["MuTAnT"] * bool(mutant)
    checked = daqpv("check", "e00000.yaml")
    assert f"  ecc: {', '.join(names)}" in checked.stdout.splitlines()


def test_init_writes_routers_of_their_own(in_tmp_path: Path) -> None:
    made = daqpv(
        *("init", "--cobos", "2", "--first-ip", "10.0.0.1", "--mutant", "10.0.0.9"),
        *("--first-router-ip", "10.0.1.1", "--mutant-router", "10.0.1.9"),
    )
    assert made.exit_code == 0
    text = (in_tmp_path / "e00000.yaml").read_text()
    for line in (
        "  data0: {address: 10.0.1.1, port: 46005, type: TCP}",
        "  data1: {address: 10.0.1.2, port: 46005, type: TCP}",
        "  mutant: {address: 10.0.1.9, port: 46005, type: FDT}",
        '      - {sender: "Mutant[master]", router: mutant}',
    ):
        assert line in text.splitlines()
    assert daqpv("check", "e00000.yaml").exit_code == 0


def test_init_overwrites_nothing_unless_it_is_told_to(in_tmp_path: Path) -> None:
    command = ("init", "--cobos", "1", "--first-ip", "10.0.0.1", "--experiment", "e1")
    file = in_tmp_path / "e1.yaml"
    file.write_text("precious")
    result = daqpv(*command)
    assert (result.exit_code, file.read_text()) == (2, "precious")
    assert told(result) == ["e1.yaml exists: choose another --out, or --force"]
    assert daqpv(*command, "--force").exit_code == 0
    assert file.read_text() != "precious"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("--first-ip", "192.168.41"),
            "--first-ip: '192.168.41' is given; wanted is an IPv4 address like "
            "192.168.41.60",
        ),
        (
            ("--first-ip", "192.168.41.250"),
            "--first-ip: 10 addresses are wanted, and from 192.168.41.250 to .255 "
            "there are 6: begin lower, or add the others to the file by hand",
        ),
        (
            ("--first-ip", "192.168.41.60", "--mutant", "192.168.41.61"),
            "--mutant: 192.168.41.61 is the ECC server of CoBos already",
        ),
        (
            ("--first-ip", "192.168.41.60", "--first-router-ip", "192.168.42"),
            "--first-router-ip: '192.168.42' is given; wanted is an IPv4 address like "
            "192.168.41.60",
        ),
        (
            ("--first-ip", "192.168.41.60", "--mutant-router", "192.168.41.2"),
            "--mutant-router: there is no MuTAnT: give the address of its ECC server, "
            "too",
        ),
        (
            ("--first-ip", "192.168.41.60", "--ssh", "att pc"),
            "--ssh: 'att pc' is given; wanted is a user's name",
        ),
        (
            ("--first-ip", "192.168.41.60", "--out", "nosuch/e.yaml"),
            "nosuch/e.yaml: No such file or directory",
        ),
    ],
)
def test_what_init_cannot_do_is_told_in_one_line(
    in_tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    result = daqpv("init", "--cobos", "10", *options)
    assert (result.exit_code, told(result)) == (2, [says])
    assert list(in_tmp_path.iterdir()) == []


def test_init_prints_the_very_file_when_it_is_asked_to(in_tmp_path: Path) -> None:
    command = ("init", "--cobos", "2", "--first-ip", "10.0.0.1", "--out")
    printed = daqpv(*command, "-")
    assert list(in_tmp_path.iterdir()) == []
    daqpv(*command, "made.yaml")
    assert printed.stdout == (in_tmp_path / "made.yaml").read_text()
