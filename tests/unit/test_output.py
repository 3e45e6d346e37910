"""What becomes of a command when its standard output or error takes no more."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

DAQPV = [sys.executable, "-m", "daqpv"]
SHELL = f'daqpv() {{ {" ".join(DAQPV)} "$@"; }}; '
FILE = """\
experiment: e
prefix: "T:"
ecc:
  CoBo0: {url: "http://127.0.0.1:1/"}
"""
PRINTING = ["pvs e.yaml", "pvs e.yaml --format csv", "check e.yaml", "check --schema"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "e.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)


def shell(script: str) -> tuple[int, str]:
    """Exit code and standard error of a line of shell."""
    done = subprocess.run(
        ["bash", "-c", SHELL + script],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "command", [*PRINTING, "--help", "init --cobos 2 --first-ip 127.0.0.1"]
)
def test_a_full_disk_is_a_sentence_and_code_1(command: str) -> None:
    said = "Standard output: No space left on device\n"
    assert shell(f"daqpv {command} > /dev/full") == (1, said)


@pytest.mark.parametrize("command", PRINTING)
def test_a_closed_output_is_a_sentence_and_code_1(command: str) -> None:
    said = "Standard output: Bad file descriptor\n"
    assert shell(f"daqpv {command} >&-") == (1, said)


@pytest.mark.parametrize("command", PRINTING)
def test_a_reader_that_went_away_is_no_error(command: str) -> None:
    ours, its = os.pipe()
    os.close(ours)
    try:
        done = subprocess.run(
            [*DAQPV, *command.split()],
            stdout=its,
            stderr=subprocess.PIPE,
            text=True,
            timeout=50,
            check=False,
        )
    finally:
        os.close(its)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("where", ["2> /dev/full", "2>&-"])
def test_an_error_output_that_takes_no_more_leaves_the_exit_code(where: str) -> None:
    assert shell(f"daqpv check nowhere.yaml {where}")[0] == 2


def test_no_file_takes_the_place_of_a_closed_output() -> None:
    script = """
        import os
        from daqpv.cli.output import unbuffer
        unbuffer()
        opened = os.open("e.yaml", os.O_RDWR)
        print("not in there")
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(
        ["bash", "-c", '"$@" <&- >&- 2>&-', "bash", *command], timeout=50, check=False
    )
    assert done.returncode == 1
    with open("e.yaml") as file:
        assert file.read() == FILE


def test_a_module_that_is_missing_says_what_to_run() -> None:
    script = """
        import sys
        sys.modules["ruamel.yaml"] = None
        from daqpv.cli import main
        main(["check", "e.yaml"])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 1
    assert "ruamel.yaml" in done.stderr
    assert "run 'make install'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_all_that_was_written_arrives_though_nobody_flushes() -> None:
    script = """
        import sys
        from daqpv.cli.output import unbuffer
        unbuffer()
        sys.stdout.write("x" * 1_000_000)
        import os
        os._exit(0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert len(done.stdout) == 1_000_000
