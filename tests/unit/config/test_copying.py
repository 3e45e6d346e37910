from __future__ import annotations

from enum import Enum
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from daqpv.config import ConfigProblems, copy_with, load
from tests.support.plant import PLANT, PUMPS, TANKS, Kinds, Write

HEAD = "experiment: e\nprefix: 'A:'\n"


class Colour(Enum):
    RED = "red"


def test_values_are_set_and_the_rest_stays_as_it_is_written(write: Write) -> None:
    path = write(
        """\
        # An experiment.
        experiment: e   # its name
        prefix: "A:"

        # The pumps.
        pumps:
          # the first
          P:
            url: http://far.away:8000/           # where
            desc: 'It''s "P"'
            period: 1e0
          Q: {url: "http://${HOST}:80/", lines: [{tank: t, valve: 0x10}]}

        # The tanks.
        tanks: {t: {}}
        """
    )
    copy_with(
        path,
        "out.yaml",
        {("pumps", "P", "url"): "http://127.0.0.1:40001/", ("tanks", "t", "port"): 5},
        {"HOST": "far"},
    )
    changed = path.read_text().replace("far.away:8000/  ", "127.0.0.1:40001/")
    changed = changed.replace("{t: {}}", "{t: {port: 5}}")
    assert Path("out.yaml").read_text() == changed


def test_included_files_become_part_of_the_copy_with_their_remarks(
    write: Write, kinds: Kinds
) -> None:
    write("include: c\ndefaults: {tanks: {desc: x}}\n", "b/a")
    write(
        "# file b\ntanks:\n  # second\n  t2: {port: 2}\nplant: {owner: K} # hers", "b/b"
    )
    write("tanks:\n  t3:\n    port: 3 # last\n  # four\n  t4: {}\n", "b/c")
    path = write(HEAD + "include: [b/a, b/b]\ntanks:\n  t1: {port: 1}\n")
    Path("out").mkdir()
    copy_with(path, "out/out.yaml", {})
    one, other = load(path, kinds), load("out/out.yaml", kinds)
    for section, devices in one.sections.items():
        assert devices == other.sections[section]
    assert (
        Path("out/out.yaml").read_text()
        == HEAD
        + """\
tanks:
  t1: {port: 1}
  t3:
    port: 3 # last
  # four
  t4: {}
# file b
  # second
  t2: {port: 2}
defaults: {tanks: {desc: x}}
plant: {owner: K} # hers
"""
    )


def test_a_section_that_only_an_included_file_fills_is_taken(
    write: Write, kinds: Kinds
) -> None:
    write("tanks: {t: {port: 3}}\n", "more.yaml")
    write("# nothing yet\n", "empty.yaml")
    path = write(HEAD + "include: [more.yaml, empty.yaml]\ntanks:\n")
    copy_with(path, "out.yaml", {("tanks", "t", "desc"): "x"})
    tank = load("out.yaml", kinds).of(TANKS)["t"]
    assert (tank.port, tank.desc) == (3, "x")


def test_variables_stay_text_and_escapes_stay_escapes(
    write: Write, kinds: Kinds
) -> None:
    path = write(HEAD + "tanks: {t: {desc: '$${A} ${B}', port: '${C}'}}\n")
    environ = {"B": "b", "C": "7"}
    copy_with(path, "out.yaml", {("tanks", "t", "period"): 3}, environ)
    tank = load("out.yaml", kinds, environ).of(TANKS)["t"]
    assert (tank.desc, tank.port, tank.period) == ("${A} b", 7, 3.0)


def test_what_is_missing_on_the_way_is_made(write: Write, kinds: Kinds) -> None:
    path = write(HEAD)
    copy_with(
        path,
        "out.yaml",
        {("tanks", "t", "port"): 5, ("store", "spool"): Path("/x.spool")},
    )
    experiment = load("out.yaml", kinds)
    assert experiment.of(TANKS)["t"].port == 5
    assert experiment.store.spool == Path("/x.spool")


def test_values_of_many_kinds_can_be_set(write: Write) -> None:
    path = write("a: {}\n")
    values = {
        "text": "on",
        "number": 1.5,
        "yes": True,
        "none": None,
        "enum": Colour.RED,
        "path": Path("/a/b"),
        "mapping": {"x": [1, {"y": Path("z")}]},
        "tuple": ("a", "b"),
        "quote": "it's: #1",
    }
    copy_with(path, "out.yaml", {("a", key): value for key, value in values.items()})

    assert YAML(typ="safe").load(Path("out.yaml"))["a"] == {
        **values,
        "enum": "red",
        "path": "/a/b",
        "mapping": {"x": [1, {"y": "z"}]},
        "tuple": ["a", "b"],
    }


def test_what_an_anchor_shares_is_parted_before_it_is_changed(
    write: Write, kinds: Kinds
) -> None:
    path = write(
        HEAD
        + "pumps:\n  A: &a {url: 'http://a', limits: &l {low: 1}}\n"
        + "  B: {<<: *a, url: 'http://b'}\n  C: {url: 'http://c', limits: *l}\n"
    )
    copy_with(path, "out.yaml", {("pumps", "B", "limits", "low"): 5})
    pumps = load("out.yaml", kinds).of(PUMPS)
    assert [pump.limits.low for pump in pumps.values()] == [1, 5, 1]
    copy_with(path, "out.yaml", {("pumps", "A", "limits", "low"): 7})
    pumps = load("out.yaml", kinds).of(PUMPS)
    assert pumps["A"].limits.low == 7
    assert pumps["C"].limits.low == 1


def test_long_values_are_not_folded(write: Write, kinds: Kinds) -> None:
    words = "word " * 60
    path = write(HEAD + f"plant: {{owner: '{words}'}}\n")
    copy_with(path, "out.yaml", {})
    assert load("out.yaml", kinds).of(PLANT)[""].owner == words


def test_a_file_that_cannot_be_read_is_not_copied(write: Write) -> None:
    with pytest.raises(ConfigProblems, match=r"nothing\.yaml: no such file"):
        copy_with("nothing.yaml", "out.yaml", {})
    with pytest.raises(ConfigProblems, match="is given twice"):
        copy_with(write("a: 1\na: 2\n"), "out.yaml", {})
    assert not Path("out.yaml").exists()


def test_a_way_through_something_that_is_no_mapping_is_refused(write: Write) -> None:
    with pytest.raises(KeyError, match=r"a\.b\.c: b is no mapping"):
        copy_with(write("a: {b: 5}\n"), "out.yaml", {("a", "b", "c"): 1})


def test_the_file_may_be_copied_onto_itself(write: Write, kinds: Kinds) -> None:
    path = write(HEAD + "tanks: {t: {}}\n")
    copy_with(path, path, {("tanks", "t", "port"): 9})
    assert load(path, kinds).of(TANKS)["t"].port == 9
