"""Examines the instruments of an experiment in this process."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

from daqpv.app.examining import Examinations, Examined, subjects
from daqpv.config import AnyKind, load
from daqpv.iocs.instruments.instrument import KIND


async def examined(
    folder: Path,
    instruments: dict[str, Any],
    *names: str,
    timeout: float = 20.0,
    is_direct: bool = False,
    kinds: tuple[AnyKind, ...] = (KIND,),
    prefix: str = "NOSUCH:",
) -> list[Examined]:
    """What is found of instruments, in the order in which it is told.

    Args:
        folder: for the experiment file.
        instruments: settings by name.
        names: of those to examine; none: all.
        timeout: of each [s].
        is_direct: as of `daqpv doctor`.
        kinds: that the file may have.
        prefix: of the PVs.
    """
    file = folder / "lab.yaml"
    file.write_text(written(instruments, prefix))
    experiment = load(file, kinds, {})
    chosen = subjects(experiment, kinds, names)
    examinations = Examinations(experiment, kinds, timeout=timeout, is_direct=is_direct)
    async with aclosing(examinations.run(chosen)) as found:
        return [one async for one in found]


def written(instruments: dict[str, Any], prefix: str = "NOSUCH:") -> str:
    """An experiment file: JSON is YAML, too."""
    return json.dumps(
        {
            "experiment": "lab",
            "prefix": prefix,
            "store": "none",
            "instruments": instruments,
        }
    )


def lines(examined: Examined) -> list[str]:
    """The findings as a pipe gets them, without the name."""
    return [
        f"{one.step}: {'good' if one.good else 'PROBLEM'}: {one}"
        for one in examined.findings
    ]
