"""Finds the files that match a pattern; in a thread, for a disk may hang."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple

from daqpv.errors import NotConnectedError
from daqpv.instruments.textfiles.position import Facts

_ANY = re.compile(r"[*?\[]")
_TURN = 100  # entries of a folder before other threads get a turn


class Found(NamedTuple):
    """What a look into the folders gave.

    Attributes:
        files: that match.
        problems: what could not be looked at, in words, by path.
    """

    files: Sequence[Facts]
    problems: dict[str, str]


class Folders:
    """The files of a pattern.

    Args:
        pattern: an absolute path; ``*`` and ``?`` stand for any text in the name of a
            file or folder, ``**`` for any number of folders.
        breathe: called after a while, to let other threads run.
    """

    def __init__(self, pattern: str, breathe: Callable[[], None]) -> None:
        parts = Path(pattern).parts
        wild = (i for i, part in enumerate(parts) if _ANY.search(part))
        first = next(wild, len(parts) - 1)
        self.root = Path(*parts[:first])
        self._parts = parts[first:]
        self._breathe = breathe
        self._count = 0

    def look(self) -> Found:
        """Find all files that match now; those that vanish meanwhile are left out.

        Raises:
            NotConnectedError: the folder above them all is away.
        """
        problems: dict[str, str] = {}
        try:
            os.stat(self.root / ".")
        except OSError as error:
            raise NotConnectedError(
                f"{self.root}: {error.strerror}. Is the disk mounted, and the path of "
                "`file` right?"
            ) from error
        files = {one.path: one for one in self._in(self.root, self._parts, problems)}
        return Found(list(files.values()), problems)

    def facts(self, path: str) -> list[Facts]:
        """What the folder says of one file; [] if it is not there."""
        return list(_facts(Path(path), {}))

    def _in(
        self, folder: Path, parts: Sequence[str], problems: dict[str, str]
    ) -> Iterator[Facts]:
        """Files below `folder`."""
        name, rest = parts[0], parts[1:]
        if not rest and not _ANY.search(name):
            yield from _facts(folder / name, problems)
            return
        if name == "**":
            yield from self._in(folder, rest or ("*",), problems)
        match = re.compile(translate("*" if name == "**" else name)).match
        for entry in self._entries(folder, problems):
            if not match(entry.name) or (entry.name[0] == "." != name[0]):
                continue
            path = folder / entry.name
            if name == "**" and entry.is_dir(follow_symlinks=False):
                yield from self._in(path, parts, problems)
            elif name != "**" and rest and entry.is_dir():
                yield from self._in(path, rest, problems)
            elif name != "**" and not rest:
                yield from _facts(path, problems)

    def _entries(
        self, folder: Path, problems: dict[str, str]
    ) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._count += 1
                    if self._count % _TURN == 0:
                        self._breathe()
                    yield entry
        except FileNotFoundError:  # it has just gone
            return
        except OSError as error:
            problems[str(folder)] = f"{folder} cannot be listed: {error.strerror}"


def _facts(path: Path, problems: dict[str, str]) -> Iterator[Facts]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        problems[str(path)] = f"{path}: {error.strerror}"
        return
    if path.is_file():
        yield Facts(str(path), status.st_ino, status.st_size, status.st_mtime_ns)
