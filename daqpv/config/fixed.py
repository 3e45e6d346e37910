"""The keys of the experiment file that belong to no kind."""

from __future__ import annotations

from typing import Annotated, Literal

from daqpv.config.fields import LocalPath, Matching
from daqpv.config.model import Model
from daqpv.config.units import TIME

EXPERIMENT = Matching(
    r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.+-]{0,59}",
    "a name good for a directory: at most 60 letters, digits, '_', '-', '+', single "
    "dots, beginning with a letter, a digit or '_'",
)
"""What an experiment may be called."""

PREFIX = Matching(
    r"[!#%&(-\-/-\[\]-z|~]{1,30}",  # printable ASCII but for the following
    "1 to 30 ASCII characters without blanks, quotes, braces, '.', '$' and '\\'",
)
"""What every PV may begin with."""


class ServerSettings(Model):
    """The PV server."""

    slow_client: Annotated[float, TIME.within(0.1, 86400)] = 30.0
    """A client that has not taken its data for so long is cut off."""

    simulated: bool = False
    """Whether the outside is simulated: the PV Simulated of the process says so."""


class LogSettings(Model):
    """The log of daqpv."""

    file: LocalPath | None = None
    """A relative path starts at the folder of the experiment file. Default:
    EXPERIMENT.log in the working directory."""


class Fixed(Model):
    """The keys of the file that belong to no kind."""

    version: Literal[1] = 1
    """Version of this format."""

    experiment: Annotated[str, EXPERIMENT]
    """Name of the experiment; files and directories are named after it."""

    prefix: Annotated[str, PREFIX]
    """What every PV begins with; it normally ends in ':'."""

    include: tuple[str, ...] | str = ()
    """Further files, relative to this one: sections are joined name by name."""

    server: ServerSettings = ServerSettings()
    """The PV server."""

    log: LogSettings = LogSettings()
    """The log of daqpv."""


FIXED = (*Fixed.model_fields, "defaults")
"""All keys that belong to no kind."""
