"""The sort of driver for instruments with the key `file`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from daqpv.core import Site
from daqpv.instruments.driver import Driver, DriverKind
from daqpv.instruments.settings import Columns, InstrumentSettings

if TYPE_CHECKING:
    from daqpv.links.textfiles.driver import TextFiles


def make(name: str, settings: InstrumentSettings, site: Site) -> Driver:
    """Make the driver of an instrument with the key `file`.

    Raises:
        ValueError: the settings do not fit together.
    """
    driver: Driver = text_files(name, settings, site)
    return driver


def text_files(name: str, settings: InstrumentSettings, site: Site) -> TextFiles:
    """The same, with what only this driver has: `TextFiles.reparse`.

    Raises:
        ValueError: the settings do not fit together.
    """
    from daqpv.instruments.textfiles.layout import Layout  # noqa: PLC0415 - numpy
    from daqpv.links.textfiles.driver import TextFiles  # noqa: PLC0415
    from daqpv.links.textfiles.follower import Follower  # noqa: PLC0415
    from daqpv.links.textfiles.positions_file import PositionsFile  # noqa: PLC0415

    if settings.file is None:
        raise ValueError("file: the path of the text files is missing")
    folder = settings.positions / f"{site.experiment}.positions"
    layout = Layout(settings.columns or Columns(), settings.channels)
    pattern = str(Path(settings.file).absolute())
    return TextFiles(
        name,
        Follower(pattern, layout, since=settings.since),
        positions=PositionsFile(folder / f"{name}.jsonl"),
        events=site.events,
        period=settings.period,
    )


KIND = DriverKind("file", make)
