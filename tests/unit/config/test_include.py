from __future__ import annotations

import os
from pathlib import Path

import pytest

from daqpv.config import ConfigProblems, load
from tests.support.plant import PUMPS, TANKS, Kinds, Write, Wrong

HEAD = "experiment: e\nprefix: 'A:'\n"


@pytest.fixture
def problems(kinds: Kinds) -> Wrong:
    def problems(path: Path, **environ: str) -> list[str]:
        with pytest.raises(ConfigProblems) as caught:
            load(path, kinds, environ)
        return [str(problem) for problem in caught.value.problems]

    return problems


def test_sections_of_all_files_are_joined_name_by_name(
    write: Write, kinds: Kinds
) -> None:
    write("tanks: {t2: {}}\npumps: {p: {url: 'http://a', spare: t1}}\n", "more.yaml")
    path = write(HEAD + "include: [more.yaml]\ntanks: {t1: {}}\n")
    experiment = load(path, kinds)
    assert list(experiment.of(TANKS)) == ["t1", "t2"]
    assert list(experiment.of(PUMPS)) == ["p"]
    assert experiment.where("tanks", "t2") == "more.yaml:1"


def test_experiment_prefix_and_defaults_may_come_from_an_included_file(
    write: Write, kinds: Kinds
) -> None:
    write(HEAD + "defaults: {tanks: {port: 7}}\nstore: {spool: x}\n", "lab/site.yaml")
    path = write("include: lab/site.yaml\ntanks: {t: {}}\nversion: 1\n")
    experiment = load(path, kinds)
    assert experiment.prefix == "A:"
    assert experiment.of(TANKS)["t"].port == 7
    assert experiment.store.spool == path.absolute().parent / "x"


def test_included_names_are_relative_to_the_including_file(
    write: Write, kinds: Kinds
) -> None:
    write("include: [deep/c.yaml]\nversion: 1\n", "sub/b.yaml")
    write("tanks:\n  t: {}\n", "sub/deep/c.yaml")
    path = write(HEAD + "version: 1\ninclude: [sub/b.yaml]\n")
    assert load(path, kinds).where("tanks", "t") == "sub/deep/c.yaml:2"


def test_an_included_file_may_be_named_by_the_environment_or_absolutely(
    write: Write, kinds: Kinds
) -> None:
    included = write("tanks: {t: {}}\n", "sub/b.yaml")
    path = write(HEAD + "include: ['${WHERE}/b.yaml']\n")
    assert load(path, kinds, {"WHERE": "sub"}).of(TANKS)
    assert load(path, kinds, {"WHERE": str(included.absolute().parent)}).sections


def test_a_file_that_is_met_twice_counts_once(write: Write, kinds: Kinds) -> None:
    write("tanks: {t: {}}\n", "common.yaml")
    write("include: [common.yaml]\n", "a.yaml")
    write("include: [./sub/../common.yaml]\n", "b.yaml")
    write("", "sub/x")
    path = write(HEAD + "include: [a.yaml, b.yaml, common.yaml]\n")
    assert list(load(path, kinds).of(TANKS)) == ["t"]


def test_an_included_file_may_be_empty(write: Write, kinds: Kinds) -> None:
    write("# later\n", "more.yaml")
    path = write(HEAD + "include: [more.yaml]\ntanks:\n")
    assert load(path, kinds).of(TANKS) == {}


def test_a_section_without_entries_takes_those_of_the_included_file(
    write: Write, kinds: Kinds
) -> None:
    write("tanks: {t: {}}\n", "more.yaml")
    path = write(HEAD + "include: [more.yaml]\ntanks:\n")
    assert list(load(path, kinds).of(TANKS)) == ["t"]


def test_what_is_given_twice_names_both_places(write: Write, problems: Wrong) -> None:
    write(
        "prefix: 'B:'\ntanks:\n  t: {}\nplant: {owner: y}\n"
        "defaults: {tanks: {port: 1}}\nversion: 2\n",
        "more.yaml",
    )
    path = write(
        HEAD + "include: [more.yaml]\ntanks:\n  t: {}\nplant: {owner: x}\n"
        "defaults: {tanks: {port: 2}}\nversion: 1\n"
    )
    assert problems(path) == [
        "more.yaml:1: prefix: is given twice, first at exp.yaml:2",
        "more.yaml:3: tanks.t: is given twice, first at exp.yaml:5",
        "more.yaml:4: plant: is given twice, first at exp.yaml:6",
        "more.yaml:5: defaults.tanks: is given twice, first at exp.yaml:7",
        "more.yaml:6: version: is given twice, first at exp.yaml:8",
    ]


def test_a_section_that_is_no_mapping_in_any_file_is_a_problem(
    write: Write, problems: Wrong
) -> None:
    write("tanks: 5\npumps: {}\ndefaults:\n", "more.yaml")
    path = write(HEAD + "include: [more.yaml]\ntanks: {t: {}}\npumps: 6\ndefaults: 7\n")
    assert problems(path) == [
        "exp.yaml:5: pumps: 6 is given; wanted is a mapping (name: settings)",
        "exp.yaml:6: defaults: 7 is given; wanted is a mapping (name: settings)",
        "more.yaml:1: tanks: 5 is given; wanted is a mapping (name: settings)",
    ]


def test_names_of_several_files_must_differ_in_more_than_case(
    write: Write, problems: Wrong
) -> None:
    write("tanks: {T: {}}\n", "more.yaml")
    path = write(HEAD + "include: [more.yaml]\ntanks: {t: {}}\n")
    assert problems(path) == [
        "more.yaml:1: tanks.T: differs only in case from tanks.t at exp.yaml:4"
    ]


def test_a_missing_file_is_a_problem_where_it_is_included(
    write: Write, problems: Wrong, tmp_path: Path
) -> None:
    path = write(HEAD + "include:\n  - a.yaml\n  - sub/b.yaml\n")
    assert problems(path) == [
        "exp.yaml:4: include[0]: a.yaml: no such file",
        "exp.yaml:5: include[1]: sub/b.yaml: no such file",
    ]


def test_references_and_missing_keys_are_not_judged_while_a_file_is_missing(
    write: Write, problems: Wrong
) -> None:
    path = write("include: [a.yaml]\npumps: {p: {url: 'http://a', spare: t}, q: {}}\n")
    assert problems(path) == ["exp.yaml:1: include[0]: a.yaml: no such file"]


def test_all_files_are_judged_even_if_one_is_no_yaml(
    write: Write, problems: Wrong
) -> None:
    write("a: b: c\n", "bad.yaml")
    write("tanks: {t: {port: x}}\n", "more.yaml")
    path = write(HEAD + "include: [bad.yaml, more.yaml]\npump: {}\n")
    found = problems(path)
    assert found[0].startswith("bad.yaml:1: a ':' is not expected here")
    assert found[1] == "exp.yaml:4: pump: unknown key, did you mean 'pumps'?"
    assert found[2].startswith("more.yaml:1: tanks.t.port: 'x' is given")
    assert len(found) == 3


def test_circles_are_problems(write: Write, problems: Wrong) -> None:
    write("include: [exp.yaml]\n", "a.yaml")
    path = write(HEAD + "include: [exp.yaml, a.yaml]\n")
    assert problems(path) == [
        "a.yaml:1: include[0]: the file includes a file that includes it",
        "exp.yaml:3: include[0]: the file includes itself",
    ]


@pytest.mark.parametrize(
    ("include", "problem"),
    [
        ("5", "exp.yaml:3: include: names of files are wanted"),
        ("[[a]]", "exp.yaml:3: include[0]: names of files are wanted"),
        ("[{a: b}]", "exp.yaml:3: include[0]: names of files are wanted"),
        ("['']", "exp.yaml:3: include[0]: names of files are wanted"),
        ("{a: b}", "exp.yaml:3: include: names of files are wanted"),
        ("[.]", "exp.yaml:3: include[0]: .: is a directory, not a file"),
        ('["a\\0b"]', "exp.yaml:3: include[0]: names of files are wanted"),
        ("[loop.yaml]", "include[0]: loop.yaml: Too many levels of symbolic links"),
        ("['${NONE}']", "include[0]: the environment variable NONE is not set"),
    ],
)
def test_names_of_files_that_are_none_are_problems(
    write: Write, problems: Wrong, include: str, problem: str
) -> None:
    path = write(HEAD + f"include: {include}\n")
    os.symlink("loop.yaml", "loop.yaml")
    (found,) = problems(path)
    assert problem in found


def test_a_missing_file_named_by_the_environment_does_not_show_the_value(
    write: Write, problems: Wrong
) -> None:
    path = write(HEAD + "include: ['${SECRET}/a.yaml']\n")
    (found,) = problems(path, SECRET="hunter2")
    assert found == "exp.yaml:3: include[0]: ${SECRET}/a.yaml: no such file"
