"""A data router on another computer, over SSH, and what is done to its files there.

Each exchange is one script. Names of files travel as bytes between zero bytes, so they
may be anything. dataRouter writes to its working directory (facts of the process: /proc
on Linux, lsof elsewhere), unless the experiment file says where.

Source: attpc-daq, daq/workertasks.py (dataRouter is found by name, its directory by
lsof); GET software (GetBench), src/main/dataRouter.cpp (its arguments).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from daqpv.errors import NotConnectedError, ProtocolError, sentence
from daqpv.links.numbers import whole
from daqpv.links.ssh.connections import SshHost, path, quoted
from daqpv.routers import (
    SUFFIX,
    DataFile,
    Disk,
    Moved,
    Observation,
    Obstacle,
    shown,
)

DATA_PORT = 46005
"""Where dataRouter listens if its arguments do not say.

Source: GET software (GetBench), src/get/DefaultPortNums.h.
"""

_MOST_FILES = 1_000_000  # in one directory

_CLOCK = re.compile(rb"(\d{1,12})(?!\d)(?:\.(\d{1,9}))?")
_DF = re.compile(
    rb"\s(\d{1,18})\s+(\d{1,18})\s+(-?\d{1,18})\s+\d+%"
)  # 1024-blocks, used, free

# Functions of the scripts; what they tell ends in a zero byte. `has` refuses what can
# not be listed, for [ -e ] says no as well of what one may not see.
_TOOLS = b"""
PATH=$PATH:/usr/sbin:/sbin
tell() { printf '%s\\0' "$@"; }
listed() { bad=$(ls -- "$1/" 2>&1 >/dev/null) || { tell problem "$bad"; exit; }; }
data() {
  set -- *.graw
  [ -e "$1" ] || [ -L "$1" ] || shift
  tell files "$#" "$@"
  if [ $# -eq 0 ]; then :
  elif [ -d /proc/self ]; then stat -c '%f %s' -- "$@" </dev/null
  else stat -f '%Xp %z' -- "$@" </dev/null; fi
  printf '\\0'
}
"""

# Of each dataRouter its number, directory, arguments; readlink, lsof end in a newline
PROC = b"""
routers() {
  for p in /proc/[0-9]*; do
    n=; { read -r n <"$p/comm"; } 2>/dev/null
    [ "$n" = dataRouter ] || continue
    tell router "${p#/proc/}"; readlink "$p/cwd" 2>/dev/null; printf '\\0'
    tr '\\0' ' ' 2>/dev/null <"$p/cmdline"; printf '\\0'
  done
}
"""
LSOF = b"""
routers() {
  for p in $(ps -axo pid=,comm= |
             sed -n 's,^ *\\([0-9]*\\) \\(.*/\\)*dataRouter *$,\\1,p'); do
    tell router "$p"; lsof -a -p "$p" -d cwd -Fn | sed -n 's/^n//p'; printf '\\0'
    ps -ww -o args= -p "$p"; printf '\\0'
  done
}
"""
_ROUTERS = b"if [ -d /proc/self ]; then" + PROC + b"else" + LSOF + b"fi\n"

_LOOK = b"""
tell "$(date -u +%s.%N)"
routers
if [ -n "$d" ]; then
  tell directory; listed "$d"; cd -- "$d" || exit
  printf '%s\\n' "$PWD"; printf '\\0'
  data
  df -P -k . 2>/dev/null </dev/null; printf '\\0'
fi
"""

_FILES = b"""
listed "$d"; cd -- "$d" || exit
data
"""

_HAS = b"""
listed "$d"; cd -- "$d" || exit
if [ -e "$e" ] || [ -L "$e" ]; then
  listed "./$e"
  if [ -e "$e/$f" ] || [ -L "$e/$f" ]; then tell yes; else tell no; fi
else tell no; fi
"""

# A link and the end of the old name: unlike mv it fails if the new name exists. Whoever
# comes again after a cut finds both names, or the new one, or one who moves them still.
# All at once, for a process costs a millisecond; then one by one what was not linked
_MOVE = b"""
listed "$d"; cd -- "$d" || exit
if [ $# -gt 0 ]; then
  e=$(mkdir -p -- "$t" 2>&1) || { tell problem "$e"; exit; }
  ln -- "$@" "$t/" 2>/dev/null
fi
for f; do
  shift
  [ -f "$f" ] && [ ! -L "$f" ] || continue
  n=$t/$f
  if [ "$f" -ef "$n" ]; then set -- "$@" "$f"; continue; fi
  if [ -e "$n" ] || [ -L "$n" ]; then e='there is one of that name'
  else e=$(mv -n -- "$f" "$n" 2>&1); fi
  [ ! -e "$f" ] || tell stayed "$f" "$e"
done
if [ $# -gt 0 ]; then
  e=$(rm -f -- "$@" 2>&1) || for f; do [ ! -e "$f" ] || tell stayed "$f" "$e"; done
fi
if [ -d "$t" ]; then listed "./$t"; cd -- "$t" && data; fi
"""


@dataclass(frozen=True, slots=True)
class _Process:
    """A dataRouter that runs: its number, where it writes, where it listens."""

    number: bytes
    directory: bytes
    port: int


class SshRouterLink:
    """A data router on the computer `host`; fulfils `daqpv.routers.RouterLink`.

    Args:
        name: of the router.
        host: its computer.
        port: on which the boards reach it: tells it apart from others there.
        staging: where it writes, ``~/`` for the home of the user; "": to the working
            directory of its process.
    """

    def __init__(
        self, name: str, host: SshHost, *, port: int = DATA_PORT, staging: str = ""
    ) -> None:
        self._name = name
        self._host = host
        self._port = port
        self._staging = staging
        self._directory = b""  # where it was seen to write
        self._who = f"{name} at {host.target}"

    async def __aenter__(self) -> SshHost:
        return await self._host.__aenter__()

    async def __aexit__(self, *failure: object) -> None:
        await self._host.__aexit__(*failure)

    async def observe(self, *, timeout: float) -> Observation:
        """Look whether it runs, at its files, its disk and the clock there."""
        for _ in range(2):  # again if it writes elsewhere than before, or at first
            found = await self._look(timeout=timeout)
            if found is not None:
                return found
        raise ProtocolError(f"{self._who}: its directory changes with every look")

    async def files(self, directory: bytes, *, timeout: float) -> Sequence[DataFile]:
        """List the data files in `directory`."""
        answer = await self._ask(_FILES, d=quoted(directory), timeout=timeout)
        return _files(answer)

    async def has(
        self, directory: bytes, experiment: str, folder: str, *, timeout: float
    ) -> bool:
        """Whether `experiment` has `folder` in `directory`: known, not guessed."""
        answer = await self._ask(
            _HAS,
            d=quoted(directory),
            e=quoted(experiment.encode()),
            f=quoted(folder.encode()),
            timeout=timeout,
        )
        return answer.next() == b"yes"

    async def move(
        self,
        directory: bytes,
        names: Collection[bytes],
        into: str,
        *,
        timeout: float,
    ) -> Moved:
        """Move files to the directory `into`; see `RouterLink`."""
        words = b" ".join(map(quoted, names))
        answer = await self._ask(
            b"set -- " + words + b"\n" + _MOVE,
            d=quoted(directory),
            t=quoted(into.encode()),
            timeout=timeout,
        )
        stayed = []
        there: Sequence[DataFile] = ()
        while (word := answer.next()) == b"stayed":
            name, why = answer.next(), answer.next()
            stayed.append(Obstacle(name, shown(why).strip("; ")))
        if word == b"files":
            there = _files(answer, begun=True)
        return Moved(there, stayed)

    async def _look(self, *, timeout: float) -> Observation | None:
        """Look; None if it writes elsewhere than was thought."""
        known = path(self._staging) if self._staging else quoted(self._directory)
        answer, offset = await self._ask_with_clock(_ROUTERS + _LOOK, known, timeout)
        processes = []
        while (word := answer.next()) == b"router":
            processes.append(_process(answer.next(), answer.next(), answer.next()))
        if not self._staging:
            directory = self._choose(processes)
            if directory != self._directory or word != b"directory":
                self._directory = directory
                return None
        elif not processes:
            raise NotConnectedError(f"{self._who}: no dataRouter runs there. Start it")
        real = answer.next().removesuffix(b"\n")
        files = _files(answer)
        disk = _disk(answer.next())
        return Observation(
            directory=self._directory or real,
            files=files,
            disk=disk,
            clock_offset=offset,
            process=self._process_of(processes),
        )

    def _process_of(self, processes: Collection[_Process]) -> str:
        """Which process writes for this router; "" if that is not known."""
        ours = sorted(one.number for one in processes if one.port == self._port)
        return ",".join(map(shown, ours))

    def _choose(self, processes: Collection[_Process]) -> bytes:
        """The directory of this router, of all that run there."""
        directories = {one.directory for one in processes if one.port == self._port}
        if not directories:
            ports = ", ".join(sorted({str(one.port) for one in processes}))
            others = f"; one runs for port {ports}" if ports else ""
            raise NotConnectedError(
                f"{self._who}: no dataRouter runs there for port {self._port}{others}. "
                "Start it"
            )
        if len(directories) > 1:
            every = ", ".join(sorted(map(shown, directories)))
            raise ProtocolError(
                f"{self._who}: several dataRouter run there for port {self._port}, in "
                f"{every}. End one, or say in the file, in its watch: staging"
            )
        (directory,) = directories
        if not directory:
            raise ProtocolError(
                f"{self._who}: the directory of dataRouter cannot be seen by this "
                "user. Log in as the one who runs it, or say it in the file, in its "
                "watch: staging"
            )
        return directory

    async def _ask_with_clock(
        self, script: bytes, directory: bytes, timeout: float
    ) -> tuple[_Answer, float]:
        head = b"d=" + directory + b"\n" + _TOOLS
        done = await self._host.run(
            head + script, what=f"the look at {self._name}", timeout=timeout
        )
        answer = _Answer(self._who, done.output)
        clock = _clock(answer.next())
        return answer, clock - (done.sent + done.begun) / 2

    async def _ask(self, script: bytes, *, timeout: float, **words: bytes) -> _Answer:
        head = b"".join(
            b"%s=%s\n" % (name.encode(), word) for name, word in words.items()
        )
        done = await self._host.run(
            head + _TOOLS + script,
            what=f"the work on the files of {self._name}",
            timeout=timeout,
        )
        return _Answer(self._who, done.output)


class _Answer:
    """The words of a script's answer, one after the other."""

    def __init__(self, who: str, output: bytes) -> None:
        self._who = who
        self._words: Iterator[bytes] = iter(output.split(b"\0"))

    def next(self) -> bytes:
        """The next word; b"" after the last one.

        Raises:
            ProtocolError: the script met a problem there.
        """
        word = next(self._words, b"")
        if word == b"problem":
            raise self.error(shown(next(self._words, b"")).removeprefix("ls: "))
        return word

    def raw(self) -> bytes:
        """The next word, whatever it is."""
        return next(self._words, b"")

    def error(self, why: str) -> ProtocolError:
        """What to raise when it cannot be used."""
        return ProtocolError(f"{self._who}: {sentence(why)}")


def _files(answer: _Answer, *, begun: bool = False) -> list[DataFile]:
    """Read names, sizes and kinds; a file that went between two of them fails it."""
    if not begun and answer.next() != b"files":
        raise answer.error("it tells no files")
    try:
        names = [answer.raw() for _ in range(whole(answer.raw(), most=_MOST_FILES))]
        rows = [row.split() for row in answer.raw().splitlines()]
        found = [
            DataFile(name, whole(size))
            for name, (mode, size) in zip(names, rows, strict=True)
            if stat.S_ISREG(int(mode, 16))
        ]
    except ValueError as error:
        raise answer.error("the list of its files moved while it was read") from error
    return [file for file in found if file.name.endswith(SUFFIX)]


def _process(number: bytes, directory: bytes, arguments: bytes) -> _Process:
    """Read a dataRouter: the second ``[address][:port]`` is that of the data."""
    ports = [part.rpartition(b":") for part in arguments.split()[1:]]
    addresses = [port for _, colon, port in ports if colon]
    data = addresses[1] if len(addresses) > 1 else b""
    try:
        port = whole(data, most=65535)
    except ValueError:
        port = DATA_PORT
    return _Process(number, directory.removesuffix(b"\n"), port)


def _disk(text: bytes) -> Disk:
    """Read a row of ``df -P -k``."""
    found = _DF.search(text)
    if not found:
        return Disk()
    size, taken, free = (1024.0 * int(group) for group in found.groups())
    return Disk.of(size, taken=taken, free=free)


def _clock(text: bytes) -> float:
    """Read seconds since 1970; half a second is added where no fraction is known."""
    found = _CLOCK.match(text)
    if not found:
        return float("nan")
    return float(found[0]) if found[2] else float(found[1]) + 0.5
