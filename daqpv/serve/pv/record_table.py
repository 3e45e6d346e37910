"""The fields of the record types, as a C IOC has them.

Source: the .dbd files of EPICS base 7. Written ``NAME:type``, with ``=text`` for a
value that is not zero. Types: S text of so many bytes (closing zero counted), K link,
D double, L long, h short, H unsigned short, U unsigned long, C byte, menus by name.
"""

from __future__ import annotations

import re
from functools import cache

_COMMON = """
NAME:S61 RTYP:S40 DESC:S41 ASG:S29 SCAN:scan PINI:pini PHAS:h EVNT:S40 TSE:h TSEL:K
DTYP:dtyp DISV:h=1 DISA:h SDIS:K DISP:C PROC:C STAT:stat SEVR:sevr AMSG:S40 NSTA:stat
NSEV:sevr NAMSG:S40 ACKS:sevr ACKT:yesno DISS:sevr LCNT:C PACT:C PUTF:C RPRO:C PRIO:prio
TPRO:C UDF:C UDFS:sevr=INVALID UTAG:U FLNK:K TIME:S40
"""

_SIMULATION = """
SIML:K SIMM:simm SIMS:sevr OLDSIMM:simm SIOL:K SDLY:D=-1 SSCN:scan
"""

_LIMITS = """
EGU:S16 HOPR:{0} LOPR:{0} HIHI:{0} LOLO:{0} HIGH:{0} LOW:{0} HHSV:sevr LLSV:sevr
HSV:sevr LSV:sevr HYST:{0} ADEL:{0} MDEL:{0} LALM:{0} ALST:{0} MLST:{0}
"""

_ANALOG = """
PREC:h LINR:linr EGUF:D EGUL:D AOFF:D ROFF:U ESLO:D=1 EOFF:D INIT:h LBRK:h RVAL:L ORAW:L
"""

_INPUT = "INP:K"
_OUTPUT = "OUT:K DOL:K OMSL:omsl IVOA:ivoa"

_BINARY = """
ZNAM:S26 ONAM:S26 ZSV:sevr OSV:sevr COSV:sevr RVAL:U ORAW:U MASK:U LALM:H MLST:H
"""

STATES = tuple(re.findall("..", "ZRONTWTHFRFVSXSVEINITEELTVTTFTFF"))
"""What the names of the fields of each state of mbbi and mbbo begin with."""

_MULTIBIT = (
    " ".join(f"{state}VL:U {state}ST:S26 {state}SV:sevr" for state in STATES)
    + " NOBT:H UNSV:sevr COSV:sevr RVAL:U ORAW:U MASK:U MLST:H LALM:H SDEF:h SHFT:H"
)

_RECORDS = {
    "ai": _LIMITS.format("D")
    + _ANALOG
    + _INPUT
    + " VAL:D ASLO:D=1 SMOO:D AFTC:D AFVL:D SVAL:D",
    "ao": _LIMITS.format("D")
    + _ANALOG
    + _OUTPUT
    + " VAL:D OVAL:D OROC:D OIF:oif DRVH:D DRVL:D ASLO:D RBV:L ORBV:L PVAL:D IVOV:D"
    " OMOD:C",
    "longin": _LIMITS.format("L") + _INPUT + " VAL:L AFTC:D AFVL:D SVAL:L",
    "longout": _LIMITS.format("L")
    + _OUTPUT
    + " VAL:L DRVH:L DRVL:L IVOV:L PVAL:L OOCH:yesno=YES OOPT:oopt",
    "bi": _BINARY + _INPUT + " VAL:E SVAL:U",
    "bo": _BINARY + _OUTPUT + " VAL:E HIGH:D RBV:U ORBV:U IVOV:H",
    "mbbi": _MULTIBIT + " " + _INPUT + " VAL:E AFTC:D AFVL:D SVAL:U",
    "mbbo": _MULTIBIT + " " + _OUTPUT + " VAL:E RBV:U ORBV:U IVOV:H",
    "stringin": _INPUT + " VAL:S40 OVAL:S40 MPST:post APST:post SVAL:S40",
    "stringout": _OUTPUT + " VAL:S40 OVAL:S40 MPST:post APST:post IVOV:S40",
    "waveform": _INPUT + " VAL:E RARM:h PREC:h EGU:S16 HOPR:D LOPR:D NELM:U=1"
    " FTVL:ftype BUSY:h NORD:U MPST:wpost APST:wpost HASH:U",
}

_MENUS = """
scan: Passive, Event, I/O Intr, 10 second, 5 second, 2 second, 1 second
scan: .5 second, .2 second, .1 second
pini: NO, YES, RUN, RUNNING, PAUSE, PAUSED
dtyp: Soft Channel
stat: NO_ALARM, READ, WRITE, HIHI, HIGH, LOLO, LOW, STATE, COS, COMM, TIMEOUT, HWLIMIT
stat: CALC, SCAN, LINK, SOFT
sevr: NO_ALARM, MINOR, MAJOR, INVALID
yesno: NO, YES
prio: LOW, MEDIUM, HIGH
simm: NO, YES, RAW
linr: NO CONVERSION, SLOPE, LINEAR, typeKdegF, typeKdegC, typeJdegF, typeJdegC
linr: typeEdegF(ixe only), typeEdegC(ixe only), typeTdegF, typeTdegC, typeRdegF
linr: typeRdegC, typeSdegF, typeSdegC
omsl: supervisory, closed_loop
oif: Full, Incremental
ivoa: Continue normally, Don't drive outputs, Set output to IVOV
oopt: Every Time, On Change, When Zero, When Non-zero, Transition To Zero
oopt: Transition To Non-zero
post: On Change, Always
wpost: Always, On Change
ftype: STRING, CHAR, UCHAR, SHORT, USHORT, LONG, ULONG, INT64, UINT64, FLOAT, DOUBLE
ftype: ENUM
"""


def _read_menus(text: str) -> dict[str, tuple[str, ...]]:
    menus: dict[str, tuple[str, ...]] = {}
    for line in text.strip().splitlines():
        name, _, choices = line.partition(": ")
        menus[name] = (*menus.get(name, ()), *choices.split(", "))
    return menus


MENUS = _read_menus(_MENUS)
"""The texts of the menus; STAT as a C IOC sends it: CA carries 16 of its 22."""


@cache
def fields_of(record: str) -> dict[str, tuple[str, str]]:
    """Type and initial value (as text) of each field of a record type but VAL."""
    simulation = _SIMULATION if record in _RECORDS else ""
    table = {}
    for entry in (_COMMON + simulation + _RECORDS.get(record, "")).split():
        name, _, kind = entry.partition(":")
        kind, _, initial = kind.partition("=")
        table[name] = (kind, initial)
    table.pop("VAL", None)
    return table
