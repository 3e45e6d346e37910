"""A text that operators write of a run is added in three files: this is the first two.

In a copy of the source tree; the third is the page docs/runs.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINE = """
    shift: str = field(
        default="",
        metadata=fact(
            RunField(
                t.text("shift", 60, default=""),
                pv=WrittenPv(signal="Shift", doc="Whose shift it is"),
                listed="Shift",
                shown="Shift",
                exported="shift",
                searched=True,
            )
        ),
    )


CLASS = """
SCRIPT = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "{newest}"


def upgrade() -> None:
    with op.batch_alter_table("run") as run:
        run.add_column(
            sa.Column("shift", sa.String(60), nullable=False, server_default="")
        )
"""
KEEP = """
import sys
from daqpv.runs import Entry, RunRecord
from daqpv.store.tables.own import OWN
from daqpv.store.tables.rows import Entry as Waiting, Source
from daqpv.store.writing.journal import Journal

url, number, shift = sys.argv[1:]
journal = Journal(url, "e1", sys.exit)
more = {"shift": shift} if shift else {}
run = RunRecord(
    number=int(number), entry=Entry.ENDED, start=1e9, stop=1e9 + 60, seen=1e9,
    kind="Junk", title="alpha", **more
)
entry = OWN.entry(1, run, "main@hut")
row = {name: value for name, value in entry.row.items() if shift or name != "shift"}
source = Source(number.rjust(32, "0"), "main@hut")
assert journal.write(source, [Waiting(1, entry.table, row)]) == []
"""


class Tree:
    """A source tree, and what daqpv says there of the experiment in `folder`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self.url = f"sqlite:///{folder}/e1.db"

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(self._root)},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def keep(self, number: int, shift: str = "") -> None:
        self.python("-c", KEEP, self.url, str(number), shift)

    def daqpv(self, *words: str) -> str:
        return self.python("-m", "daqpv", *words)


@pytest.fixture
def before(tmp_path: Path) -> Tree:
    (tmp_path / "e1.yaml").write_text(
        'experiment: e1\nprefix: "A:"\necc:\n  CoBo0: {url: "http://127.0.0.1:1/"}\n'
    )
    return Tree(ROOT, tmp_path)


@pytest.fixture
def after(tmp_path: Path) -> Tree:
    """The tree with one more field of a run, and a script for the tables."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "daqpv", tree / "daqpv")
    shutil.copytree(ROOT / "db", tree / "db")
    declared = tree / "daqpv/runs/record/fields.py"
    text = declared.read_text()
    assert text.count("\n\nCLASS = ") == 1
    declared.write_text(text.replace("\n\nCLASS = ", LINE))
    newest = max(path.name[:4] for path in (tree / "db/versions").glob("0*.py"))
    script = SCRIPT.format(newest=newest)
    (tree / "db/versions/9000_shift.py").write_text(script)
    return Tree(tree, tmp_path)


def test_a_declared_field_is_served_kept_listed_shown_exported_and_edited(
    before: Tree, after: Tree, tmp_path: Path
) -> None:
    before.keep(1)
    assert "9000" in after.daqpv("db", "upgrade", "e1.yaml")
    after.keep(2, "night")
    after.keep(3)  # it has waited in a spool since before the upgrade
    pvs = after.daqpv("pvs", "e1.yaml", "--format", "save")
    assert "A:Run:Shift" in pvs
    listed = after.daqpv("runs", "list", "e1.yaml", "--text", "NIGHT").splitlines()
    assert [line.split()[-1] for line in listed] == ["Shift", "night"]
    assert "Shift          night" in after.daqpv("runs", "show", "e1.yaml", "2")
    edited = after.daqpv("runs", "edit", "e1.yaml", "1", "--shift", "day")
    assert edited == "Run 1: changed shift\n"
    assert "shift: '' -> 'day'" in after.daqpv("runs", "show", "e1.yaml", "1")
    head, *rows = after.daqpv("runs", "export", "e1.yaml").splitlines()
    assert [line.split(",")[-1] for line in (head, *rows)] == [
        *("shift", "day", "night", "")
    ]
    assert '"shift": "night"' in after.daqpv("runs", "export", "e1.yaml", "a.json") or (
        '"shift": "night"' in (tmp_path / "a.json").read_text()
    )
    after.daqpv("db", "export", "e1.yaml", "e1.zip")
    (tmp_path / "e1.db").unlink()
    after.daqpv("db", "import", "e1.yaml", "e1.zip")
    assert "Shift          night" in after.daqpv("runs", "show", "e1.yaml", "2")
