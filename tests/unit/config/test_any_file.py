"""Whatever a file holds, the answer is an experiment, or problems with their places."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from daqpv.config import ConfigProblems, Experiment, Problem, copy_with, load
from tests.support.plant import TANKS, Kinds

SLOW = [HealthCheck.too_slow]
WORDS = """
    experiment prefix version include server store defaults pumps tanks plant url gas
    lines limits tank valve low high owner address port desc enable period spare
    slow_client file fill level code t1 T1 p1
"""
words = st.sampled_from(WORDS.split())
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | words
    | st.sampled_from(["http://a", "3 s", "${A}", "${B}", "10.0.0.1", "AT:", "argon"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5)
    ),
    max_leaves=20,
)
pumps = st.dictionaries(
    st.sampled_from(["p1", "P1", "p2", "1"]),
    st.dictionaries(
        st.sampled_from(["url", "gas", "lines", "limits", "level", "spare", "ulr"]),
        values,
        max_size=4,
    ),
    max_size=3,
)
files = st.fixed_dictionaries(
    {"experiment": st.just("e") | values, "prefix": st.just("A:") | values},
    optional={
        "pumps": pumps | values,
        "tanks": values,
        "plant": values,
        "defaults": st.fixed_dictionaries({}, optional={"pumps": values}) | values,
        "include": values,
        "server": values,
    },
)


def judged(content: bytes, kinds: Kinds) -> Experiment | tuple[Problem, ...]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "e.yaml")
        path.write_bytes(content)
        try:
            return load(path, kinds, {"A": "hidden-secret"})
        except ConfigProblems as caught:
            error = caught
    assert error.problems
    lines = content.count(b"\n") + 1
    assert all(1 <= problem.line <= lines for problem in error.problems)
    assert "hidden-secret" not in str(error)
    assert "Input should" not in str(error)
    return error.problems


@settings(deadline=None)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes(kinds: Kinds, content: bytes) -> None:
    judged(content, kinds)


@settings(deadline=None)
@given(text=st.text(st.sampled_from("a:-[]{}'\"&*!|>%@`#,? \n\t$"), max_size=40))
def test_any_marks_of_yaml(kinds: Kinds, text: str) -> None:
    judged(f"experiment: e\nprefix: 'A:'\n{text}".encode(), kinds)


@settings(deadline=None, max_examples=300, suppress_health_check=SLOW)
@given(data=files | st.dictionaries(words, values, max_size=6))
def test_any_mapping(kinds: Kinds, data: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "e.yaml")
        YAML(typ="safe", pure=True).dump(data, path)
        content = path.read_bytes()
    first = judged(content, kinds)
    if not isinstance(first, Experiment):
        places = [(p.file, p.line, p.key, p.text) for p in first]
        assert len(set(places)) == len(places)


@settings(deadline=None, max_examples=50, suppress_health_check=SLOW)
@given(
    names=st.lists(
        st.from_regex(r"\A[A-Za-z][A-Za-z0-9_-]{0,23}\Z"),
        max_size=5,
        unique_by=str.casefold,
    ),
    desc=st.text(
        st.characters(codec="utf-8", exclude_characters="$", exclude_categories=["C"]),
        max_size=10,
    ),
    port=st.integers(1, 65535),
)
def test_what_is_copied_is_the_same_experiment(
    kinds: Kinds, names: list[str], desc: str, port: int
) -> None:
    data = {
        "experiment": "e",
        "prefix": "A:",
        "tanks": {name: {"desc": desc, "port": port} for name in names},
    }
    with TemporaryDirectory() as folder:
        path, out = Path(folder, "e.yaml"), Path(folder, "out.yaml")
        writer = YAML(typ="safe", pure=True)
        writer.default_flow_style = False  # {a: ?0} of its own it cannot read
        writer.dump(data, path)
        copy_with(path, out, {})
        one, other = load(path, kinds), load(out, kinds)
    found = {name: tank.desc for name, tank in one.of(TANKS).items()}
    assert found == dict.fromkeys(names, desc)
    assert one.sections == other.sections
