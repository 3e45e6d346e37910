"""The cells as the table of docs/runs.md: ``python -m tests.e2e.truth.table``."""

from __future__ import annotations

from collections.abc import Iterator

from tests.e2e.truth.cells import CELLS, STATES, Cell


def table() -> str:
    """The table in Markdown, a row for each cause."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield f"| what happens | {' | '.join(STATES)} |"
    yield "|" + "---|" * (len(STATES) + 1)
    for cause, row in CELLS.items():
        yield f"| {cause} | {' | '.join(_told(row[state]) for state in STATES)} |"


def _told(cell: Cell) -> str:
    parts = [_seen(cell.struck)]
    if cell.stopped[:2] not in (cell.struck[:2], ("Stopped", "NO_ALARM")):
        parts.append(f"after Stop {_seen(cell.stopped)}")
    if cell.entry:
        parts.append(f"`{cell.entry}`, noted" if cell.note else f"`{cell.entry}`")
    else:
        parts.append("no number")
    if cell.place != "run":
        parts.append(f"files {cell.place}")
    return "; ".join(parts)


def _seen(seen: tuple[str, str, str]) -> str:
    state, severity, _ = seen
    return state if severity == "NO_ALARM" else f"{state} {severity}"


if __name__ == "__main__":
    print(table())
