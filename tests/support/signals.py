"""An experiment that a test serves and ends itself."""

from __future__ import annotations

import time
from typing import Any

END = 2.0 + 4.0  # [s] from the signal to the end; a busy machine may take longer


def ended_by(number: int, running: Any) -> float:
    """Send a signal; the time until the process has ended, which must be well [s]."""
    begin = time.monotonic()
    code = running.end(number)
    took = time.monotonic() - begin
    assert (code, "Traceback" in running.text) == (0, False), running.text
    return took
