"""The log of an ECC server's or a router's own program, on its computer, over SSH."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from daqpv.ecc.settings import EccSettings
from daqpv.remote_log import SIZE
from daqpv.routers import RouterSettings

if TYPE_CHECKING:
    from daqpv.links.ssh import SshHost

_READ = 2 * SIZE
"""[bytes] Its first line is not whole; that is beyond what is shown, or it is cut."""


class RemoteLogFile:
    """Where the experiment file says it is; fulfils `daqpv.remote_log.LogFile`.

    Args:
        settings: of the server or the router.
        host: gives the computer at ``user@host[:port]``; not called before it is read.
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
        """Read its end; needs what may be missing."""
        # asyncssh takes 0.2 s, for this alone; the event loop need not wait for it
        tail = await asyncio.to_thread(_tail)
        async with self._host(self._target) as host:
            return await tail(host, self._path, size=_READ)


def _tail() -> Callable[..., Coroutine[Any, Any, bytes]]:
    from daqpv.links.remote_text import tail  # noqa: PLC0415 - see above

    return tail
