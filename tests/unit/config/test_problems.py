from __future__ import annotations

from pathlib import Path

import pytest

from daqpv.config import ConfigProblems, Problem, load
from daqpv.errors import ConfigError
from tests.support.plant import Kinds, Write, Wrong


def test_a_problem_reads_as_place_key_and_sentence() -> None:
    assert str(Problem("a.yaml", 3, "x.y", "is bad")) == "a.yaml:3: x.y: is bad"
    assert str(Problem("a.yaml", 3, "", "is bad")) == "a.yaml:3: is bad"
    assert str(Problem("a.yaml", 0, "", "no such file")) == "a.yaml: no such file"


def test_problems_are_sorted_by_file_and_line_and_said_once() -> None:
    one, two, ten = (Problem("a", line, "k", "t") for line in (1, 2, 10))
    other = Problem("b", 1, "k", "t")
    error = ConfigProblems([other, ten, two, one, one])
    assert error.problems == (one, two, ten, other)
    assert str(error) == "a:1: k: t\na:2: k: t\na:10: k: t\nb:1: k: t"
    assert isinstance(error, ConfigError)


TEN = """\
experiment: e 1
prefix: "AT:"
server: {slow_client: 30 kg}
defaults:
  pumps:
    limits: {hihg: 3}
pumps:
  A:
    url: https://a
    gas: heliun
  B: {ulr: "http://b"}
  C: {url: "http://c", lines: [{tank: T9, valve: 1}]}
  D:
    url: "http://c"
tanks:
  T1: {port: 70000}
  t1: {}
"""


def test_a_file_with_ten_mistakes_gives_ten_messages_each_at_its_line(
    wrong: Wrong,
) -> None:
    problems = wrong(TEN, head=False)
    assert problems == [
        "exp.yaml:1: experiment: 'e 1' is given; wanted is a name good for a directory"
        ": at most 60 letters, digits, '_', '-', '+', single dots, beginning with a "
        "letter, a digit or '_'",
        "exp.yaml:3: server.slow_client: '30 kg' is given; wanted is a time from 0.1 "
        "to 86400 s (a number in s, or a number with ns, us, ms, s, min, h, d, w or y)",
        "exp.yaml:6: defaults.pumps.limits.hihg: unknown key, did you mean 'high'?",
        "exp.yaml:9: pumps.A.url: 'https://a' is given; wanted is "
        "http://host[:port][/path], without https, blanks and '?'",
        "exp.yaml:10: pumps.A.gas: 'heliun' is given; wanted is helium or argon, "
        "did you mean 'helium'?",
        "exp.yaml:11: pumps.B.ulr: unknown key, did you mean 'url'?",
        "exp.yaml:12: pumps.C.lines[0].tank: tanks has no 'T9' (it has: T1, t1)",
        "exp.yaml:14: pumps.D.url: is taken: pumps.C.url at exp.yaml:12",
        "exp.yaml:16: tanks.T1.port: 70000 is given; wanted is a port from 1 to 65535",
        "exp.yaml:17: tanks.t1: differs only in case from tanks.T1 at exp.yaml:16",
    ]
    assert len(problems) == 10


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("tanks: 5", "tanks: 5 is given; wanted is a mapping (name: settings)"),
        ("tanks: [a]", "tanks: a list is given; wanted is a mapping (name: settings)"),
        ("tanks: {t: x}", "tanks.t: 'x' is given; wanted is a mapping (key: value)"),
        ("tanks: {t: {prt: 1}}", "tanks.t.prt: unknown key, did you mean 'port'?"),
        (
            "tanks: {t: {xyz: 1}}",
            "tanks.t.xyz: unknown key (known: desc, enable, period, address, port)",
        ),
        ("tanks: {t: {node: hut}}", "tanks.t.node: unknown key (known: desc, enable, "),
        ("tanks: {t: {port: x}}", "tanks.t.port: 'x' is given; wanted is a port from"),
        ("tanks: {t: {port: true}}", "tanks.t.port: true is given; wanted is a port "),
        ("tanks: {t: {port: 1.5}}", "tanks.t.port: 1.5 is given; wanted is a port "),
        ("tanks: {t: {desc: 5}}", "desc: 5 is given; wanted is text: put it in quotes"),
        ("tanks: {t: {desc: true}}", "true is given; wanted is text: put it in quotes"),
        ("tanks: {t: {desc: }}", "tanks.t.desc: nothing is given; wanted is text"),
        ("tanks: {t: {desc: [1]}}", "tanks.t.desc: a list is given; wanted is text"),
        (
            "tanks: {t: {desc: 'ééééééééééééééééééééé'}}",
            "wanted is a description of at most 40 bytes",
        ),
        ("tanks: {t: {enable: maybe}}", "'maybe' is given; wanted is true or false"),
        ("tanks: {t: {enable: [1]}}", "a list is given; wanted is true or false"),
        ("tanks: {t: {period: -1}}", "period: -1 is given; wanted is a time from 0.01"),
        (
            "tanks: {t: {period: .nan}}",
            "tanks.t.period: nan is given; wanted is a time",
        ),
        (
            "tanks: {t: {period: true}}",
            "period: true is given; wanted is a time from",
        ),
        ("pumps: {p: {}}", "exp.yaml:3: pumps.p.url: is missing"),
        (
            "pumps: {p: {url: 'http://a', lines: 5}}",
            "lines: 5 is given; wanted is a list",
        ),
        (
            "pumps: {p: {url: 'http://a', lines: [{tank: t}]}}\ntanks: {t: {}}",
            "pumps.p.lines[0].valve: is missing",
        ),
        (
            "pumps: {p: {url: 'http://a', lines: [{tank: t, valve: x}]}}\n"
            "tanks: {t: {}}",
            "pumps.p.lines[0].valve: 'x' is given; wanted is a whole number",
        ),
        (
            "pumps: {p: {url: 'http://a', lines: [{tank: t, valve: -1}]}}\n"
            "tanks: {t: {}}",
            "exp.yaml:3: pumps.p.lines[0].valve: has no such valve",
        ),
        (
            "pumps: {p: {url: 'http://a', limits: {low: x}}}",
            "pumps.p.limits.low: 'x' is given; wanted is a number",
        ),
        (
            "pumps: {p: {url: 'http://a', limits: {low: .inf}}}",
            "pumps.p.limits.low: inf is given; wanted is a finite number",
        ),
        (
            "pumps: {p: {url: 'http://a', code: A}}",
            "pumps.p.code: 'A' is given; wanted is lower case letters",
        ),
        (
            "pumps: {p: {url: 'http://a', level: full}}",
            "level: 'full' is given; wanted is a number, or helium or argon",
        ),
        (
            "pumps: {p: {url: 'http://a', level: {a: 1}}}",
            "p.level: a mapping is given; wanted is a number, or helium or argon",
        ),
        (
            "pumps: {p: {url: 'http://a', spare: t1}}",
            "pumps.p.spare: tanks has no 't1' (it has: none)",
        ),
        (
            "pumps: {p: {url: 'http://a', spare: x}}\ntanks: {abc: {}, def: {}}",
            "pumps.p.spare: tanks has no 'x' (it has: abc, def)",
        ),
        (
            "pumps: {p: {url: 'http://a', drive: {type: bolt, length: 1}}}",
            "p.drive.type: 'bolt' is given; wanted is belt, gear, did you mean 'belt'?",
        ),
        (
            "pumps: {p: {url: 'http://a', drive: {length: 1}}}",
            "exp.yaml:3: pumps.p.drive.type: is missing",
        ),
        (
            "pumps: {p: {url: 'http://a', drive: {tpe: belt}}}",
            "exp.yaml:3: pumps.p.drive.type: is missing",
        ),
        (
            "pumps: {p: {url: 'http://a', drive: {type: belt}}}",
            "exp.yaml:3: pumps.p.drive.length: is missing",
        ),
        (
            "pumps: {p: {url: 'http://a', drive: {type: gear, cgs: 5}}}",
            "pumps.p.drive.cgs: unknown key, did you mean 'cogs'?",
        ),
        (
            "pumps: {p: {url: 'http://a', limits: {low: 11}}}",
            "exp.yaml:3: pumps.p.limits: low 11 is above high 10",
        ),
        (
            "tanks: {t: {port: 13}}",
            "exp.yaml:3: tanks.t: port 13 wants a description",
        ),
        (
            "tanks: {t: {port: !!int x}}",
            "tanks.t.port: 'x' is given; wanted is a port from 1 to 65535",
        ),
        ("plant: {}", "exp.yaml:3: plant.owner: is missing"),
        ("plant: 5", "plant: 5 is given; wanted is a mapping (key: value)"),
        ("version: 2", "version: 2 is given; wanted is 1"),
        ("ecc: {}", "ecc: unknown key (known: version, experiment, prefix, include, "),
        ("tank: {}", "exp.yaml:3: tank: unknown key, did you mean 'tanks'?"),
        ("defaults: 5", "defaults: 5 is given; wanted is a mapping"),
        ("defaults: {tanks: 5}", "defaults.tanks: 5 is given; wanted is a mapping"),
        (
            "defaults: {tank: {}}",
            "defaults.tank: unknown section of named devices, did you mean 'tanks'?",
        ),
        (
            "defaults: {plant: {owner: x}}",
            "defaults.plant: unknown section of named devices (known: pumps, tanks)",
        ),
        ("defaults: {tanks: {port: x}}", "defaults.tanks.port: 'x' is given; wanted"),
        (
            "server: {slow_clint: 3}",
            "server.slow_clint: unknown key, did you mean 'slow_client'?",
        ),
        ("store: {spool: [1]}", "store.spool: a list is given; wanted is the path of"),
        ("server: x", "server: 'x' is given; wanted is a mapping (key: value)"),
        (
            "tanks: {1t: {}}",
            "tanks.1t: a name is a letter and then at most 23 letters, digits, '_'",
        ),
        (f"tanks: {{{'x' * 25}: {{}}}}", "a name is a letter and then at most 23"),
        ("tanks: {a b: {}}", "tanks.a b: a name is a letter and then at most 23"),
        (
            "tanks: {t: {desc: !x y}}",
            "tanks.t.desc: the YAML tag !x means nothing here",
        ),
        ("tanks: {t: !x {}}", "tanks.t: the YAML tag !x means nothing here"),
        ("tanks: {t: !!set {a}}", "tanks.t: the YAML tag tag:yaml.org,2002:set means"),
        ("tanks: &t {t: *t}", "tanks.t: refers to itself"),
        ("tanks: {t: {<<: 5}}", "tanks.t: << takes a mapping"),
        ("tanks: {[a]: {}}", "tanks: a key is a word, not a collection"),
    ],
)
def test_each_mistake_gives_one_sentence(
    wrong: Wrong, given: str, problem: str
) -> None:
    (found,) = wrong(given + "\n")
    assert problem in found
    assert "Input should be" not in found
    assert "pydantic" not in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tanks:\n\tt: {}\n", "exp.yaml:4: a tab: YAML is indented with blanks"),
        ("a: b: c\n", "exp.yaml:3: a ':' is not expected here: text with ': ' needs"),
        ("a: [1, 2\nb: 3\n", "exp.yaml:3: the list that begins here with '[' is not"),
        ("a: {b: 1\nc: 3\n", "exp.yaml:3: the mapping that begins here with '{' is "),
        ("a: {b: ${X}}\n", "exp.yaml:3: the mapping that begins here with '{' is not "),
        ("a: 'x\nb: 3\n", "exp.yaml:3: the quotes that begin here do not end"),
        ("a:\n  b: 1\n c: 2\n", "exp.yaml:5: does not fit to the lines above: check"),
        ("a: 1\nb\nc: 3\n", "exp.yaml:4: a key without ':'"),
        ("a: %x\n", "exp.yaml:3: text that begins with '%' needs quotes"),
        ('a: "C:\\dat"\n', "exp.yaml:3: '\\d' means nothing in double quotes: use"),
        ("---\nb: 1\n", "exp.yaml:3: a second document: one file holds one"),
        ("a: *x\n", "exp.yaml:3: no anchor &x is defined above"),
        ("a: x\x07y\n", "exp.yaml:3: control character 0x07: remove it"),
    ],
)
def test_what_is_no_yaml_is_said_in_plain_words_at_its_line(
    wrong: Wrong, text: str, problem: str
) -> None:
    (found,) = wrong(text)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "exp.yaml:1: is empty; 'daqpv init' writes a first file"),
        (b"# nothing\n", "exp.yaml:1: is empty; 'daqpv init' writes a first file"),
        (b"- a\n", "exp.yaml:1: is not a mapping: lines of 'key: value'"),
        (b"hello\n", "exp.yaml:1: is not a mapping: lines of 'key: value'"),
        (
            b"a: 1\nb: \xe9\n",
            "exp.yaml:2: byte 0xe9 is not UTF-8: save the file as UTF-8",
        ),
        (
            "a: é\n".encode("utf-16"),
            "exp.yaml:1: byte 0xff is not UTF-8: save the file",
        ),
        (b"a: " + b"[" * 5000, "exp.yaml:1: nested too deeply"),
    ],
)
def test_a_file_that_is_no_experiment_file_is_one_problem(
    wrong: Wrong, content: str | bytes, problem: str
) -> None:
    (found,) = wrong(content, head=False)
    assert found.startswith(problem)


def test_a_file_that_cannot_be_opened_is_a_problem_without_line(
    write: Write, kinds: Kinds, tmp_path: Path
) -> None:
    write("", "folder/x")
    for path, problem in [
        ("nothing.yaml", "nothing.yaml: no such file"),
        ("folder", "folder: is a directory, not a file"),
        ("folder/x/y", "folder/x/y: Not a directory"),
    ]:
        with pytest.raises(ConfigProblems) as caught:
            load(path, kinds)
        assert str(caught.value) == problem


def test_experiment_and_prefix_are_required(wrong: Wrong) -> None:
    assert wrong("tanks: {}\n", head=False) == [
        "exp.yaml:1: experiment: is missing",
        "exp.yaml:1: prefix: is missing",
    ]


def test_a_key_given_twice_names_the_first_place(wrong: Wrong) -> None:
    assert wrong("tanks:\n  t: {}\n  t: {}\nplant: {owner: a, owner: b}\n") == [
        "exp.yaml:5: tanks.t: is given twice, first at exp.yaml:4",
        "exp.yaml:6: plant.owner: is given twice, first at exp.yaml:6",
    ]


def test_a_number_as_experiment_wants_quotes(wrong: Wrong) -> None:
    (problem,) = wrong("experiment: 20009\nprefix: 'A:'\n", head=False)
    assert problem.endswith("20009 is given; wanted is text: put it in quotes")


def test_a_long_value_is_cut_in_its_message(wrong: Wrong) -> None:
    for value in ("x" * 500, "9" * 500, "9" * 5000):
        (problem,) = wrong(f"tanks: {{t: {{port: {value}}}}}")
        assert len(problem) < 150


def test_wrong_defaults_are_said_once_and_hide_nothing_of_the_devices(
    wrong: Wrong,
) -> None:
    problems = wrong(
        """\
        defaults:
          pumps: {gas: neon, limits: {low: x}}
        pumps:
          A: {url: "http://a"}
          B: {url: "http://a"}
          C: {url: "http://c", fill: 3 m}
        """
    )
    places = [problem.split(": ")[:2] for problem in problems]
    assert places == [
        ["exp.yaml:4", "defaults.pumps.gas"],
        ["exp.yaml:4", "defaults.pumps.limits.low"],
        ["exp.yaml:7", "pumps.B.url"],
        ["exp.yaml:8", "pumps.C.fill"],
    ]


def test_defaults_are_judged_even_where_no_device_uses_them(wrong: Wrong) -> None:
    text = "defaults: {pumps: {gas: neon}}\npumps: {P: {url: 'http://a', gas: argon}}\n"
    (problem,) = wrong(text)
    assert problem.startswith("exp.yaml:3: defaults.pumps.gas: 'neon' is given")


def test_references_are_checked_in_devices_that_are_wrong_otherwise(
    wrong: Wrong,
) -> None:
    problems = wrong("pumps: {P: {url: x, spare: no}}\ntanks: {t: {port: 0}}\n")
    assert [problem.split(": ")[1] for problem in problems] == [
        "pumps.P.spare",
        "pumps.P.url",
        "tanks.t.port",
    ]


def test_references_into_a_section_that_is_no_mapping_are_not_reported(
    wrong: Wrong,
) -> None:
    (problem,) = wrong("pumps: {P: {url: 'http://a', spare: no}}\ntanks: 5\n")
    assert "tanks: 5 is given" in problem


def test_a_reference_into_a_section_that_nobody_serves_says_so(
    write: Write, kinds: Kinds
) -> None:
    path = write("experiment: e\nprefix: 'A:'\npumps: {P: {url: 'http://a', spare: t}}")
    with pytest.raises(
        ConfigProblems, match="no kind with the section 'tanks' is inst"
    ):
        load(path, kinds[:1])
