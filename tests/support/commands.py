"""Commands as an operator types them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from click.testing import CliRunner, Result

from daqpv.cli import main
from tests.support.waiting import DEADLINE


def daqpv(*arguments: str, **more: Any) -> Result:
    """A command that needs no process of its own."""
    return CliRunner().invoke(main, arguments, prog_name="daqpv", **more)


def process(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """A command as a process, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "daqpv", *arguments],
        text=True,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
        **more,
    )


def told(result: Result) -> list[str]:
    """The lines on stderr of a command that printed nothing else and met no bug."""
    assert result.stdout == ""
    assert isinstance(result.exception, SystemExit)
    return result.stderr.splitlines()
