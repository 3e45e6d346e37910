"""Files that are none, have no end, or grow when they are read: one sentence each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daqpv.config import ConfigProblems, document, load

HEAD = "experiment: e\nprefix: 'A:'\n"


def problem_of(path: Path) -> str:
    with pytest.raises(ConfigProblems) as caught:
        load(path, ())
    (problem,) = caught.value.problems
    return str(problem)


@pytest.fixture(params=["named", "included"])
def said(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path], str]:
    """What is said of a file, named by the user or included by his file."""

    def said(path: Path) -> str:
        if request.param == "named":
            return problem_of(path)
        file = tmp_path / "including.yaml"
        file.write_text(f"{HEAD}include: ['{path}']\n")
        return problem_of(file)

    return said


def test_a_device_is_no_file(said: Callable[[Path], str]) -> None:
    assert said(Path("/dev/zero")).endswith("is a pipe or a device, not a file")


def test_a_pipe_in_which_nothing_comes_is_not_waited_for(
    said: Callable[[Path], str], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert said(tmp_path / "pipe").endswith("is a pipe or a device, not a file")


def test_a_directory_is_no_file(said: Callable[[Path], str], tmp_path: Path) -> None:
    assert said(tmp_path).endswith("is a directory, not a file")


def test_a_huge_file_is_not_read(said: Callable[[Path], str], tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(2**40)
    wanted = f"is longer than {document.MAX_BYTES} bytes: no experiment file"
    assert said(huge).endswith(wanted)


def test_aliases_may_not_grow_without_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "MAX_VALUES", 20)
    file = tmp_path / "e.yaml"
    file.write_text("a: &a [1, 2, 3]\nb: &b [*a, *a]\nc: [*b, *b]\n")
    assert "more than 20 values, with what aliases (*name) repeat" in problem_of(file)
    file.write_text("a: &a {x: 1, y: 2}\n" + "b: {<<: [*a, *a, *a, *a, *a, *a, *a]}\n")
    assert "more than 20 values, with what aliases (*name) repeat" in problem_of(file)


def test_aliases_may_not_nest_without_bound(tmp_path: Path) -> None:
    levels = "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))
    file = tmp_path / "e.yaml"
    file.write_text(f"a0: &a0 1\n{levels}")
    with pytest.raises(ConfigProblems, match="nested too deeply"):
        load(file, ())


@pytest.mark.parametrize(
    "line", ["experiment: e\t", "experiment: e\t# remark", "experiment:\te"]
)
def test_a_tab_beside_a_value_is_said_to_be_there(tmp_path: Path, line: str) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(f"prefix: 'A:'\n{line}\n")
    wanted = "e.yaml:2: a tab beside a value: write blanks instead"
    assert problem_of(file).endswith(wanted)


def test_a_tab_in_the_indentation_is_said_to_be_there(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text("server:\n\tsimulated: yes\n")
    assert problem_of(file).endswith("e.yaml:2: a tab: YAML is indented with blanks")


def test_a_variable_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(f"{HEAD}store: '${{URL}}'\n")
    with pytest.raises(ConfigProblems, match="variable URL is not UTF-8"):
        load(file, (), {"URL": os.fsdecode(b"sqlite:///\xff")})


@pytest.mark.parametrize("key", ["server: {slow_client: ", "store: {spool_limit: "])
@pytest.mark.parametrize(
    "number", ["9" * 400, "-" + "9" * 400, "1e999", "0x" + "f" * 400]
)
def test_a_huge_number_is_out_of_bounds(tmp_path: Path, key: str, number: str) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(f"{HEAD}{key}{number}}}\n")
    assert "wanted is" in problem_of(file)
