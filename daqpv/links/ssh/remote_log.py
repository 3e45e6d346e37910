"""Reads the log of an ECC server's or router's program on its computer, over SSH."""

from __future__ import annotations

from collections.abc import Callable

from daqpv.ecc.settings import EccSettings
from daqpv.links.ssh.connections import SshHost
from daqpv.links.ssh.remote_text import tail
from daqpv.remote_log import SIZE
from daqpv.routers import RouterSettings

_READ = 2 * SIZE
"""[bytes] The first line is incomplete; it is beyond the displayed part, or is cut."""


class RemoteLogFile:
    """The log file named in the experiment file; fulfils `daqpv.remote_log.LogFile`.

    Args:
        settings: of the server or the router.
        host: returns the computer for ``[user@]host[:port]``.
    """

    def __init__(
        self, settings: EccSettings | RouterSettings, host: Callable[[str], SshHost]
    ) -> None:
        if isinstance(settings, EccSettings):
            target, key = settings.ssh, "ssh: user@host"
        else:
            target = settings.watch.ssh if settings.watch else None
            key = "watch: {ssh: user@host}"
        missing = [] if target else [key]
        missing += [] if settings.log_path else ["log_path: ~/Library/Logs/..."]
        self.missing = " and ".join(missing)
        self._target = target or ""
        self._path = settings.log_path
        self._host = host

    async def read(self) -> bytes:
        """Read the end of the file; requires that nothing is `missing`."""
        async with self._host(self._target) as host:
            return await tail(host, self._path, size=_READ)
