"""What pip installs: the wheel, the sdist, and the wheel that is built from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.distribution import GAUGE

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", "build", "dist", "*.egg-info", "__pycache__"
)
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "lab-gauge"
version = "0.1"

[project.entry-points."daqpv.iocs"]
gauges = "lab_gauge:KIND"

[tool.setuptools]
py-modules = ["lab_gauge"]
"""
BUILD = "import sys, setuptools.build_meta as b; getattr(b, sys.argv[1])(sys.argv[2])"


def build(what: str, source: Path, target: Path) -> Path:
    """The package that setuptools builds of `source`, as pip and build have it."""
    target.mkdir()
    command = [sys.executable, "-c", BUILD, f"build_{what}", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (made,) = target.iterdir()
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def source(folder: Path) -> Path:
    """The source tree as git has it: with daqpv/iocs as a link."""
    copy = folder / "source"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=LEFT_OUT)
    assert (copy / "daqpv" / "iocs").is_symlink()
    return copy


@pytest.fixture(scope="module")
def wheel(folder: Path, source: Path) -> Path:
    return build("wheel", source, folder / "wheel")


@pytest.fixture(scope="module")
def sdist(folder: Path, source: Path) -> Path:
    return build("sdist", source, folder / "sdist")


def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_has_one_package_with_all_that_it_needs(wheel: Path) -> None:
    found = names(wheel)
    assert {name.partition("/")[0] for name in found} == {
        "daqpv",
        "daqpv-0.1.0.dist-info",
    }
    assert found >= {
        "daqpv/py.typed",
        "daqpv/iocs/ecc.py",
        "daqpv/links/ca/bin/caRepeater",
        "daqpv/links/soap/ecc.wsdl",
        "daqpv/_share/db/env.py",
        "daqpv/_share/db/versions/0001_first.py",
    }
    assert any(name.startswith("daqpv/_share/opi/") for name in found)


def test_the_wheel_puts_one_command_on_the_path_and_replaces_none_of_epics_base(
    wheel: Path,
) -> None:
    points = zipfile.ZipFile(wheel).read("daqpv-0.1.0.dist-info/entry_points.txt")
    scripts = points.decode().partition("[console_scripts]\n")[2].partition("[")[0]
    assert scripts.split("\n\n")[0].strip() == "daqpv = daqpv.cli:main"


def test_of_the_sdist_the_same_wheel_is_built(
    folder: Path, wheel: Path, sdist: Path
) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)
    again = build("wheel", folder / "daqpv-0.1.0", folder / "again")
    assert names(again) == names(wheel)


def test_the_sdist_has_tests_and_docs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        found = {name.partition("/")[2] for name in archive.getnames()}
    assert found >= {
        "docs/design.md",
        "tests/conftest.py",
        "tests/data/ca_requests.txt",
        "requirements/dev.txt",
        "Makefile",
    }


@pytest.fixture(scope="module")
def installed(folder: Path, wheel: Path) -> Path:
    """The programs of an environment in which the wheel is installed."""
    there = folder / "venv"
    venv.create(there, symlinks=True, with_pip=False)
    python = there / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = there.glob("lib/python*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (site / "needed.pth").write_text("\n".join(ours))  # what daqpv needs
    return python.parent


def test_in_a_laboratory_with_its_own_iocs_and_db_folders_it_works(
    tmp_path: Path, installed: Path
) -> None:
    for name in ("iocs", "db", "opi"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('not daqpv')")
    (tmp_path / "e.yaml").write_text(
        "experiment: e\nprefix: 'E:'\necc: {A: {url: 'http://127.0.0.1:1'}}\n"
    )
    checked = subprocess.run(
        [installed / "daqpv", "check", "e.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_kind_that_was_installed_from_a_wheel_is_found_and_named(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "e.yaml").write_text(
        "experiment: e\nprefix: 'E:'\nstore: none\ngauges: {A: {port: one}}\n"
    )
    python = installed / "python"
    for version, more in (("0.1", ""), ("0.2", "\n1 / 0\n")):
        source = tmp_path / version
        source.mkdir()
        (source / "lab_gauge.py").write_text(GAUGE + more)
        (source / "pyproject.toml").write_text(PROJECT.replace("0.1", version))
        made = build("wheel", source, tmp_path / f"wheel-{version}")
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
        subprocess.run([*pip, "--no-deps", "--no-index", str(made)], check=True)
        checked = subprocess.run(
            [installed / "daqpv", "check", "e.yaml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        line = f"{len(GAUGE.splitlines()) + 2} <module>"
        wrong = (
            "e.yaml:4: gauges: kind `gauges` of lab-gauge 0.2: ZeroDivisionError: "
            f"division by zero (lab_gauge.py:{line}). Repair or uninstall it\n"
        )
        assert (checked.returncode, checked.stderr) == ((2, wrong) if more else (0, ""))


def test_the_installed_ca_repeater_can_be_run(installed: Path) -> None:
    (program,) = installed.parent.glob("lib/**/daqpv/links/ca/bin/caRepeater")
    assert os.access(program, os.X_OK)
