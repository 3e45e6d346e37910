"""What an experiment keeps lies beside its file, wherever a command is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from daqpv.cli import default_paths as places
from daqpv.config import Experiment, installed_kinds, load


def experiment(folder: Path, more: str = "") -> Experiment:
    (folder / "e.yaml").write_text(f'experiment: e\nprefix: "E:"\n{more}')
    return load(Path("lab/e.yaml"), installed_kinds().kinds)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file's folder; commands are started in the one above."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab").mkdir()
    return tmp_path / "lab"


def test_without_a_word_all_lies_beside_the_file(folder: Path) -> None:
    e = experiment(folder)
    assert places.store_url(e) == f"sqlite:///{folder}/e.db"
    assert places.log_path(e) == folder / "e.log"
    assert places.spool_path(e) == folder / "e.spool"
    assert places.settings_path(e) == folder / "e.spool" / "settings.json"


def test_without_a_store_the_settings_do_so(folder: Path) -> None:
    e = experiment(folder, "store: none\n")
    assert places.settings_path(e) == folder / "e.settings.json"
