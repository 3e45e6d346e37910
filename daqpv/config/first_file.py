"""The beginning of a first experiment file, with comments."""

from __future__ import annotations

import json

from daqpv.config.fields import Matching
from daqpv.config.fixed import EXPERIMENT, PREFIX

_HEAD = """\
# The experiment file of daqpv: the devices, and the names of their PVs.
#
#     daqpv check FILE    checks this file
#     daqpv serve FILE    serves the PVs
#
# Text after a '#' is a comment. A value may come from the environment:
# "${{NAME}}". A time is a number of seconds, or text with a unit: 500 ms, 2 min.

version: 1 # of this format

# Name of the experiment. Files are named after it.
experiment: {experiment}

# The beginning of all PV names: {sample}.
prefix: {prefix}

# More files can be joined, each with sections of its own; their names start at the
# folder of this file. A device may stand in one file only.
# include: [more.yaml]

# Settings for all devices of a section; those of a device itself have priority.
# defaults:
#   {defaults}

# The PV server: a client that does not take its data for so long is cut off.
# server: {{slow_client: 30 s}}

# Where runs, events and settings are kept: SQLite here; PostgreSQL or MariaDB for
# several computers. While it is away all waits in the spool. Beside it there is a plain
# log. Relative paths start at the folder of this file.
store: {{url: "sqlite:///{name}.db", spool: spool}}
log: {{file: {name}.log}}
"""


def head(*, experiment: str, prefix: str, sample: str, defaults: str) -> str:
    """The keys of a file that belong to no device, and the log.

    Args:
        experiment: its name.
        prefix: of all PV names.
        sample: a PV of the experiment.
        defaults: an example of defaults, on one line: ``ecc: {timeout: 4 min}``.

    Raises:
        ValueError: a value cannot be used; the text begins with its key.
    """
    checked("experiment", EXPERIMENT, experiment)
    checked("prefix", PREFIX, prefix)
    return _HEAD.format(
        experiment=json.dumps(experiment),
        name=experiment,
        prefix=json.dumps(prefix),
        sample=sample,
        defaults=defaults,
    )


def checked(key: str, form: Matching, text: str) -> None:
    """Check an answer.

    Raises:
        ValueError: it is not of the form; the text begins with its key.
    """
    try:
        form.check(text)
    except ValueError:
        raise ValueError(f"{key}: {text!r} is given; wanted is {form.what}") from None
