"""The ``caRepeater`` program for machines without EPICS base.

libca starts the program of this name once per computer, to share beacons between
clients, and prints a warning if there is none. It keeps running.
"""

from __future__ import annotations

import logging
import os

from caproto.sync.repeater import run


def main() -> None:
    """Repeat beacons until killed; end at once if another repeater runs."""
    logging.getLogger("caproto").setLevel(logging.CRITICAL)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the terminal belongs to the program that started libca
        os.dup2(silence, stream)
    run()


if __name__ == "__main__":
    main()
