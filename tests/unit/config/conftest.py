"""Kinds that no distribution installs: config knows no kind by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from daqpv.config import ConfigProblems, Experiment, load
from tests.support.plant import HEAD, KINDS, Kinds, Write


@pytest.fixture(scope="session")
def kinds() -> Kinds:
    return KINDS


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file into an empty working directory; the name is relative to it."""
    monkeypatch.chdir(tmp_path)

    def write(text: str | bytes, name: str = "exp.yaml") -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, bytes) else dedent(text).encode()
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def loaded(write: Write) -> Callable[..., Experiment]:
    """Load a text; experiment and prefix are put before it."""

    def loaded(text: str, **environ: str) -> Experiment:
        return load(write(HEAD + dedent(text)), KINDS, environ)

    return loaded


@pytest.fixture
def wrong(write: Write) -> Callable[..., list[str]]:
    """Load a text that is wrong; give its problems. `head` False: nothing before it."""

    def wrong(text: str | bytes, *, head: bool = True, **environ: str) -> list[str]:
        if head and isinstance(text, str):
            text = HEAD + dedent(text)
        with pytest.raises(ConfigProblems) as caught:
            load(write(text), KINDS, environ)
        return [str(problem) for problem in caught.value.problems]

    return wrong
