"""docs/driver.md: its files, taken from the page, are installed, checked and tested."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "driver.md"
SNIPPET = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIMEOUT = 120  # [s]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page, and the distribution installed as pip leaves it."""
    folder = tmp_path_factory.mktemp("driver")
    for name, text in SNIPPET.findall(PAGE.read_text()):
        (folder / name).write_text(text)
    info = folder / "lab_gauge-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: lab-gauge\nVersion: 0.1\n"
    )
    (info / "entry_points.txt").write_text("[daqpv.iocs]\ngauges = lab_gauge:KIND\n")
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_the_entry_point_of_the_page_is_that_of_the_driver(folder: Path) -> None:
    text = (folder / "pyproject.toml").read_text()
    assert 'gauges = "lab_gauge:KIND"' in text


def test_the_driver_has_at_most_sixty_lines(folder: Path) -> None:
    lines = (folder / "lab_gauge.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 60


def test_the_file_of_the_page_is_good(folder: Path) -> None:
    checked = run(folder, "daqpv", "check", "lab.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    listed = run(folder, "daqpv", "pvs", "lab.yaml", "--format", "csv").stdout
    assert "LAB:Gauge:Beamline:Pressure" in listed


def test_a_wrong_address_is_the_sentence_of_the_page(folder: Path) -> None:
    text = (folder / "lab.yaml").read_text().replace("tcp://", "")
    (folder / "wrong.yaml").write_text(text)
    checked = run(folder, "daqpv", "check", "wrong.yaml")
    assert checked.returncode == 2
    said = " ".join((checked.stdout + checked.stderr).split())
    page = " ".join(PAGE.read_text().split())
    sentence = "kind `gauges` of lab-gauge 0.1: build of 'Beamline': ValueError: "
    assert sentence in page
    assert sentence in said
    assert "Beamline: '127.0.0.1:4001' is not tcp://HOST:PORT" in said


def test_the_tests_of_the_page_pass(folder: Path) -> None:
    tested = run(folder, "pytest", "-q", "-p", "no:cacheprovider", "test_lab_gauge.py")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "3 passed" in tested.stdout
