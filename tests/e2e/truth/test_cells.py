"""Every cause in every state of a run: what is seen, written, moved and logged."""

from __future__ import annotations

import re

import pytest

from tests.e2e.truth.causes import CAUSES, Cause
from tests.e2e.truth.cells import CELLS, STATES, Cell
from tests.e2e.truth.scene import Scene, Seen
from tests.support.waiting import until


def shows(seen: Seen, wanted: tuple[str, str, str]) -> bool:
    """Whether what is seen is what is wanted: the Message by its pattern."""
    return seen[:2] == wanted[:2] and bool(re.search(wanted[2], seen.message))


def until_shown(scene: Scene, wanted: tuple[str, str, str]) -> None:
    until(lambda: shows(scene.seen(), wanted), lambda: f"{wanted}: {scene.seen()}")


def until_left(scene: Scene, cell: Cell) -> None:
    """Wait for what is left of the run at the end."""

    def is_written() -> bool:
        run = scene.written()
        if run is None or not cell.entry:
            return run is None and not cell.entry
        has_note = bool(re.search(cell.note, run.note)) if cell.note else not run.note
        return run.entry == cell.entry and has_note

    until(is_written, lambda: f"{cell.entry} {cell.note!r}: {scene.written()}")
    until(lambda: scene.place() == cell.place, lambda: f"{cell.place}: {scene.place()}")
    logged = frozenset(cell.log)
    until(lambda: logged <= scene.events(), lambda: f"{logged}: {scene.events()}")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_cell(scene: Scene, cause: Cause, state: str) -> None:
    cell = CELLS[cause.name][state]
    scene.bring(state)
    scene.is_spent = cause.is_spending
    cause.strike(scene)
    scene.hurry()
    until_shown(scene, cell.struck)
    if state == "Sorting":
        scene.end_growth()
    scene.stop()
    until_shown(scene, cell.stopped)
    cause.mend(scene)
    scene.let_go()
    scene.stop()
    scene.run.until("Sorting", "No")
    if not cell.entry:
        scene.run.put("Sweep", "1")
    until_left(scene, cell)
