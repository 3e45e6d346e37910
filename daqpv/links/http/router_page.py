"""A data router observed through the surveyor's page; its files are handled over SSH.

The page is plain text, rewritten repeatedly by a script beside the router::

    1                                           0: the router is offline
    /Users/attpc/data                           where it writes
    Filesystem 512-blocks Used Available ...    the heading of df, and its row
    /dev/disk1 1000000 500000 500000 50% /
    -rw-r--r-- 1 attpc staff 1048576 Nov 20 18:34 CoBo0_AsAd0_...graw    of ls -l

Source: attpc_envoy, envoy/surveyor_envoy.rs. An empty page is normal there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence

from daqpv.core.numbers import whole
from daqpv.errors import NotConnectedError, OperationError, ProtocolError
from daqpv.links.http.exchange import HttpPeer
from daqpv.routers import SUFFIX, DataFile, Disk, Moved, Observation, RouterLink

MAX_PAGE = 8 * 2**20  # [bytes]; a line has about 100

EMPTY = 30.0  # [s]; a page that is empty for longer is an error

_BLOCK = re.compile(rb"(?<!\d)(\d{1,7})([Kk]?)-blocks")
_ROW = re.compile(rb"\s(\d{1,18})\s+(\d{1,18})\s+(-?\d{1,18})\s+\d+%")


class PageRouterLink:
    """A data router with a page at `url`; fulfils `daqpv.routers.RouterLink`.

    Args:
        name: of the router.
        url: http://host[:port]/path
        actions: handles files, which a page cannot; None: files are not handled.
    """

    def __init__(
        self, name: str, url: str, *, actions: RouterLink | None = None
    ) -> None:
        self._name = name
        self._peer = HttpPeer(name, url)
        self._actions = actions
        self._full = time.monotonic()  # when the page was last not empty

    async def __aenter__(self) -> object:
        return await self._actions.__aenter__() if self._actions else self

    async def __aexit__(self, *failure: object) -> None:
        if self._actions:
            await self._actions.__aexit__(*failure)

    async def observe(self, *, timeout: float) -> Observation | None:
        """Read the page; None: it is empty, which is normal for a short time."""
        answer = await self._peer.get(what="its page", timeout=timeout, most=MAX_PAGE)
        if answer.status != 200:
            raise ProtocolError(
                f"{self._peer.who}: its page is HTTP {answer.status} {answer.reason}. "
                "Is the path right, and does the surveyor run?"
            )
        now = time.monotonic()
        if answer.body.strip():
            self._full = now
            return self._read(answer.body)
        if now - self._full > EMPTY:
            raise ProtocolError(
                f"{self._peer.who}: its page has been empty for "
                f"{now - self._full:.0f} s. Does the surveyor run?"
            )
        return None

    def _read(self, body: bytes) -> Observation:
        lines = [line.rstrip(b"\r") for line in body.split(b"\n")]
        online = lines[0].strip()
        if online == b"0":
            raise NotConnectedError(
                f"{self._peer.who}: its page says that the router is offline. Start "
                "dataRouter there"
            )
        if online != b"1" or len(lines) < 4 or not lines[1].startswith(b"/"):
            raise ProtocolError(
                f"{self._peer.who}: its page is not a surveyor's: it begins with "
                f"{body[:60]!r}"
            )
        return Observation(
            directory=lines[1].strip(),
            files=[file for line in lines[4:] if (file := _file(line))],
            disk=_disk(lines[2], lines[3]),
        )

    async def files(self, directory: bytes, *, timeout: float) -> Sequence[DataFile]:
        """List the data files in `directory`, as they are now."""
        return await self._by_hand().files(directory, timeout=timeout)

    async def has(
        self, directory: bytes, experiment: str, folder: str, *, timeout: float
    ) -> bool:
        """Whether `experiment` has `folder` in `directory`: read, not assumed."""
        link = self._by_hand()
        return await link.has(directory, experiment, folder, timeout=timeout)

    async def move(
        self,
        directory: bytes,
        names: Collection[bytes],
        into: str,
        *,
        timeout: float,
    ) -> Moved:
        """Move files to the directory `into`; see `RouterLink`."""
        return await self._by_hand().move(directory, names, into, timeout=timeout)

    def _by_hand(self) -> RouterLink:
        if self._actions is None:
            raise OperationError(
                f"{self._name} is watched by its page alone, which touches no files. "
                "In the file, give its watch an ssh beside the page"
            )
        return self._actions


def _file(line: bytes) -> DataFile | None:
    """Parse a line of ``ls -l``; None if it is not that of a data file."""
    fields = line.split(maxsplit=8)
    if len(fields) < 9 or not line.startswith(b"-"):
        return None
    try:
        file = DataFile(fields[8], whole(fields[4]))
    except ValueError:
        return None
    return file if file.name.endswith(SUFFIX) else None


def _disk(heading: bytes, row: bytes) -> Disk:
    """Parse the row of ``df``; the block size is in its heading."""
    found = _ROW.search(row)
    if not found:
        return Disk()
    block = _BLOCK.search(heading)
    unit = int(block[1]) * (1024 if block[2] else 1) if block else 512
    size, taken, free = (float(int(group) * unit) for group in found.groups())
    return Disk.of(size, taken=taken, free=free)
