"""Makes drivers as an experiment file does, and servers of other programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daqpv.core import Site
from daqpv.errors import LinkError
from daqpv.instruments.driver import Block, Driver, DriverKind, Frame, Read, Write
from daqpv.instruments.settings import InstrumentSettings


def instrument(connection: str, channels: Mapping[str, Any], **keys: Any) -> Any:
    """Settings, as they are read from a file."""
    return InstrumentSettings.model_validate(
        {"connection": connection, "channels": channels, **keys}
    )


def driver(
    kind: DriverKind, settings: InstrumentSettings, *, readings: Any = None
) -> Driver:
    """The driver of an instrument X."""
    site = cast(Site, SimpleNamespace(readings=readings))
    return kind.make("X", settings, site)


class Opened:
    """A driver that is open inside ``async with``, and what it has sent unasked."""

    def __init__(self, kind: DriverKind, connection: str, **keys: Any) -> None:
        readings = keys.pop("readings", None)
        self.driver = driver(kind, instrument(connection, **keys), readings=readings)
        self.frames: list[Frame] = []
        self.losses: list[LinkError] = []
        self.driver.listen(self)

    def heard(self, frame: Frame | Block) -> None:
        assert isinstance(frame, Frame)
        self.frames.append(frame)

    def broken(self, error: LinkError) -> None:
        self.losses.append(error)

    @property
    def values(self) -> dict[str, Any]:
        """The last value of each channel that was heard."""
        return {k: v for frame in self.frames for k, v in frame.values.items()}

    async def read(self, *channels: str, cycle: int = 0) -> dict[str, Any]:
        """The values of a cycle, or of some channels."""
        chosen = frozenset(channels) if channels else None
        return dict((await self.driver.exchange(Read(cycle, chosen))).values)

    async def write(self, channel: str, value: Any) -> None:
        await self.driver.exchange(Write(channel, value))

    async def __aenter__(self) -> Opened:
        try:
            await self.driver.open()
        except BaseException:
            await self.driver.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.driver.close()


@contextmanager
def program(
    *command: str, log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server of another program; in CI it has to be installed."""
    found = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(f"{command[0]} is not installed")
    environ = dict(os.environ) | dict(environ or {})
    with log.open("ab") as file:
        process = subprocess.Popen(
            [found, *command[1:]], env=environ, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
