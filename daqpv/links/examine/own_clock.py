"""Whether the clock of this computer is synchronised, as the kernel knows it."""

from __future__ import annotations

import ctypes
import os

from daqpv.core import Finding

_UNSYNCHRONISED = 0x0040  # STA_UNSYNC
_ERROR = 5  # TIME_ERROR
_GOOD_ENOUGH = 0.5  # [s] that the clock may be wrong at most, as the kernel knows


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>, as far as it is read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # [us]
        ("esterror", ctypes.c_long),  # [us]
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),  # more than the structure has
    )


def own_clock() -> Finding:
    """Whether a time service keeps the clock right; asks the kernel, and never blocks.

    ntpd, chrony and systemd-timesyncd all tell the kernel so.
    """
    try:
        state, status, most = _adjtimex()
    except OSError as error:
        text = f"Whether this computer's clock is right is not known: {error}."
        return Finding("clock", True, text, facts={"synchronised": None})
    facts = {"synchronised": True, "max_error": most}
    if state != _ERROR and not status & _UNSYNCHRONISED:
        if most <= _GOOD_ENOUGH:
            text = "This computer's clock is synchronised"
            text += f", and wrong by {1000 * most:.3g} ms at most."
            return Finding("clock", True, text, facts=facts)
        text = (
            f"This computer's clock was synchronised, and may be wrong by {most:.2g} s."
        )
        cure = "Does the time service still reach its server? Look: timedatectl status"
        return Finding("clock", True, text, cure=cure, facts=facts)
    return Finding(
        "clock",
        True,
        "No time service synchronises this computer's clock: time stamps may be wrong.",
        cure="Start one: sudo timedatectl set-ntp true (or install chrony).",
        facts=facts | {"synchronised": False},
    )


def _adjtimex() -> tuple[int, int, float]:
    """State, status bits, and the greatest error [s] of the clock.

    Raises:
        OSError: the system does not tell.
    """
    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "adjtimex", None)
    if call is None:
        raise OSError("this system does not tell it")
    timex = _Timex(modes=0)  # only reads
    state = call(ctypes.byref(timex))
    if state < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return state, timex.status, timex.maxerror / 1e6
