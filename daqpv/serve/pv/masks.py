"""Bit masks: which parts of a source have changed, and the access rights of a client.

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
