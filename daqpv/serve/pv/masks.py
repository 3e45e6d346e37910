"""Bit masks: what of a source has changed, and what a client may do with it.

The numbers are those of EPICS base (caeventmask.h, caProto.h).
"""

from typing import Final

DBE_VALUE: Final = 1
DBE_LOG: Final = 2
DBE_ALARM: Final = 4
DBE_PROPERTY: Final = 8

READ_ACCESS: Final = 1
WRITE_ACCESS: Final = 2
ALL_ACCESS: Final = READ_ACCESS | WRITE_ACCESS
