"""Keeps positions in a file of lines; only what has changed is appended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SPARE = 1000  # lines more than files before the file is written anew


class PositionsFile:
    """A `daqpv.instruments.textfiles.position.Positions` on disk.

    A line is ``["path", {...}]``; the last line of a path holds. A line that was cut by
    a crash is ignored: what it said is read again. Its calls block.

    Args:
        path: of the file; its folder is created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
        self._lines = 0
        self._is_whole = False  # whether a line can be appended

    def load(self) -> Mapping[str, Any]:
        """What was kept; {} if there is no file."""
        self._values, self._lines, self._is_whole = {}, 0, False
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return {}
        for line in lines:
            try:
                path, value = json.loads(line)
                self._set(str(path), value)
            except (ValueError, TypeError):
                continue
        return dict(self._values)

    def keep(self, changed: Mapping[str, Any]) -> None:
        """Keep positions by path; None: one is forgotten.

        Raises:
            OSError: the disk is full, or the folder not writable.
        """
        for path, value in changed.items():
            self._set(path, value)
        if not self._is_whole or self._lines > 2 * len(self._values) + _SPARE:
            self._write_all()
            return
        self._is_whole = False  # until it is written
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(_line(path, value) for path, value in changed.items())
        self._is_whole = True
        self._lines += len(changed)

    def _set(self, path: str, value: Any) -> None:
        if value is None:
            self._values.pop(path, None)
        else:
            self._values[path] = value

    def _write_all(self) -> None:
        """To a new file, which replaces the old one when it is on the disk."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            file.writelines(_line(*item) for item in self._values.items())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        self._lines, self._is_whole = len(self._values), True


def _line(path: str, value: Any) -> str:
    return json.dumps([path, value], separators=(",", ":")) + "\n"
