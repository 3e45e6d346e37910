"""Reads the configuration files of an ECC server, on its computer or on this one.

Source: GET software (GetBench), src/get/rc/ConfigFileManager.cpp: the names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from daqpv.core.threads import Crew
from daqpv.ecc import Server
from daqpv.errors import ProtocolError, RefusedError
from daqpv.links.ssh.connections import SshHost
from daqpv.links.ssh.remote_text import texts

ANSWER = "Configure answer"
"""The name of the document with the server's answer to Configure."""

DEADLINE = 30.0  # [s] for all files of a server

_KINDS = (".xcfg", ".xml")  # the first that exists


class ConfigFiles:
    """The configuration files of an ECC server: a `daqpv.runs.record.documents.Source`.

    Args:
        server: provides the chosen configuration, and the answer to Configure.
        directory: of the files; ``~/`` is the home of the user that reads them; "":
            only the server's answer is available.
        place: the computer with the files, or the crew that reads this one's disk.
    """

    def __init__(self, server: Server, directory: str, place: SshHost | Crew) -> None:
        self.name = server.name
        self._server = server
        self._directory = directory
        self._place = place

    async def texts(self) -> Mapping[str, str]:
        """Read the files of the chosen configuration, and the answer to Configure."""
        found: dict[str, str] = {}
        if self._server.configured:
            found[ANSWER] = self._server.configured
        if not self._directory:
            return found
        config = self._server.snapshot.config
        if config is None:
            raise RefusedError("it has no configuration")
        stems = (
            f"describe-{config.describe}",
            f"prepare-{config.prepare}",  # newer servers work without
            f"configure-{config.configure}",
        )
        if isinstance(self._place, Crew):
            files = await self._here(self._place, stems)
        else:
            files = await self._there(self._place, stems)
        for stem in (stems[0], stems[2]):
            if not any(name.startswith(f"{stem}.") for name in files):
                raise ProtocolError(f"there is no {stem}.xcfg in {self._directory}")
        return found | dict(files)

    async def _here(self, disk: Crew, stems: Sequence[str]) -> Mapping[str, str]:
        try:
            return await disk.call(_read, self._directory, stems, timeout=DEADLINE)
        except OSError as error:
            raise ProtocolError(f"{error.filename}: {error.strerror}") from error

    async def _there(
        self, computer: SshHost, stems: Sequence[str]
    ) -> Mapping[str, str]:
        choices = [[f"{stem}{kind}" for kind in _KINDS] for stem in stems]
        async with computer as host:
            return await texts(host, self._directory, choices, timeout=DEADLINE)


def _read(directory: str, stems: Sequence[str]) -> dict[str, str]:
    """Read the files by name: for each stem the first kind that exists."""
    folder, found = Path(directory).expanduser(), {}
    for stem in stems:
        for path in (folder / f"{stem}{kind}" for kind in _KINDS):
            if path.is_file():
                found[path.name] = path.read_text(errors="replace")
                break
    return found
