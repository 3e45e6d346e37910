"""Records of a C IOC that link to our PVs, as those of a site's own IOC do."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.waiting import DEADLINE

RECORDS = """
record(ai, "{c}Flow") {{ field(INP, "{p}Flow CP MS") field(PREC, "2") }}
record(ai, "{c}Once") {{ field(INP, "{p}Flow NPP MS") }}
record(longin, "{c}Count") {{ field(INP, "{p}Count CP MS") }}
record(longin, "{c}Left") {{ field(INP, "{p}Left CP MS") }}
record(mbbi, "{c}Valve") {{
    field(INP, "{p}Valve_RBV CP")
    field(ZRVL, "0") field(ONVL, "1") field(TWVL, "2")
    field(ZRST, "Closed") field(ONST, "Open") field(TWST, "Stuck")
}}
record(stringin, "{c}Title") {{ field(INP, "{p}Title CP") }}
record(lsi, "{c}Message") {{ field(INP, "{p}Message CP") field(SIZV, "200") }}
record(waveform, "{c}Wave") {{
    field(INP, "{p}Wave CP") field(FTVL, "DOUBLE") field(NELM, "5")
}}
record(ao, "{c}SetLimit") {{ field(OUT, "{p}Limit PP") field(PREC, "1") }}
record(longout, "{c}SetNumber") {{ field(OUT, "{p}Number PP") }}
record(longout, "{c}SetFraction") {{ field(OUT, "{p}Limit PP") }}
record(ao, "{c}SetWhole") {{ field(OUT, "{p}Number PP") }}
record(mbbo, "{c}SetValve") {{
    field(OUT, "{p}Valve CA") field(ZRVL, "0") field(ONVL, "1")
    field(ZRST, "Closed") field(ONST, "Open")
}}
record(stringout, "{c}SetTitle") {{ field(OUT, "{p}Title PP") }}
record(lso, "{c}SetNote") {{ field(OUT, "{p}Note PP") field(SIZV, "200") }}
record(aao, "{c}SetWave") {{
    field(OUT, "{p}Wave CA") field(FTVL, "DOUBLE") field(NELM, "5")
}}
"""


class Linked:
    """A C IOC whose records link to ours, and clients that reach both."""

    def __init__(self, ioc: Any, port: int) -> None:
        self._ioc = ioc
        self._addresses = f"127.0.0.1:{ioc.port} 127.0.0.1:{port}"

    def client(self, code: str) -> Any:
        """Run `code` with libca; `C` is the prefix of the C IOC's records."""
        script = f"import epics\nC = {'C' + self._ioc.prefix!r}\n" + HELPERS + code
        return self._ioc.client(script, EPICS_CA_ADDR_LIST=self._addresses)


HELPERS = """
pvs = {}

def pv(name):
    if name not in pvs:
        pvs[name] = epics.PV(name, form="time")
        assert pvs[name].wait_for_connection(20), name
    return pvs[name]

def reads(name, wanted, **how):
    until(lambda: pv(name).get(timeout=20, **how) == wanted)

"""


@pytest.fixture
def linked(make_ioc: Callable[..., Any], tmp_path: Path) -> Iterator[Linked]:
    ioc, port = make_ioc(), free_port()
    database = tmp_path / "links.db"
    database.write_text(RECORDS.format(p=ioc.prefix, c="C" + ioc.prefix))
    with subprocess.Popen(
        [sys.executable, "-m", "epicscorelibs.ioc", "-d", str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ
        | ioc.environ
        | {"EPICS_CAS_SERVER_PORT": str(port), "EPICS_CAS_BEACON_ADDR_LIST": ""},
    ) as process:
        assert process.stdin is not None
        try:
            yield Linked(ioc, port)
        finally:
            process.kill()
            process.wait(DEADLINE)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


def test_records_follow_our_pvs(linked: Linked) -> None:
    told = linked.client("""
reads(C + "Flow", 81.5)
reads(C + "Count", 7)
reads(C + "Valve", 0)
reads(C + "Title", "no number")
until(lambda: bytes(pv(C + "Message.VAL$").get(timeout=20)).rstrip(b"\\0").decode()
      == "grün: " * 20)
epics.caput(P + "Title", "é and ü", wait=True, timeout=20)
epics.caput(P + "Valve", "Open", wait=True, timeout=20)
epics.caput(P + "Wave", [1.5, 2.5, 3.5], wait=True, timeout=20)
reads(C + "Title", "é and ü")
reads(C + "Valve", "Open", as_string=True)
until(lambda: list(pv(C + "Wave").get(timeout=20)) == [1.5, 2.5, 3.5])
tell([pv(C + name).severity for name in ("Flow", "Count", "Valve")])
""")
    assert told == [1, 0, 0]  # Flow is above its HIGH: MS takes the severity over


def test_a_nan_is_invalid_in_a_record_that_takes_severities_over(
    linked: Linked,
) -> None:
    told = linked.client("""
pv(C + "Left")
until(lambda: pv(C + "Left").get(timeout=20) is not None
      and epics.caget(C + "Left.UDF") == 0)
until(lambda: epics.caget(C + "Left.SEVR", as_string=True) == "INVALID")
tell(epics.caget(C + "Left.STAT", as_string=True))
""")
    assert told == "LINK"


def test_a_record_that_is_processed_takes_what_is_there(linked: Linked) -> None:
    told = linked.client("""
once = pv(C + "Once")
def processed():
    epics.caput(C + "Once.PROC", 1, wait=True, timeout=20)
    return once.get(timeout=20) == 81.5 and once.severity == 1
until(processed)
tell(once.severity)
""")
    assert told == 1


def test_records_write_to_our_pvs(linked: Linked) -> None:
    told = linked.client("""
def put(name, value, target, wanted, **how):
    def arrived():
        epics.caput(C + name, value, wait=True, timeout=20)
        got = pv(P + target).get(timeout=20, **how)
        return (list(got) if hasattr(got, "tolist") else got) == wanted
    until(arrived)

put("SetLimit", 2.5, "Limit", 2.5)
put("SetFraction", 3, "Limit", 3.0)
put("SetNumber", 42, "Number", 42)
put("SetWhole", 17.9, "Number", 17)
put("SetValve", "Open", "Valve_RBV", "Open", as_string=True)
put("SetTitle", "from a record", "Title", "from a record")
put("SetNote.VAL$", "a long text" * 9, "Note", "a long text" * 9, as_string=True)
put("SetWave", [4.5, 5.5], "Wave", [4.5, 5.5])
tell("all")
""")
    assert told == "all"


def test_a_put_that_is_refused_leaves_the_link_alive(linked: Linked) -> None:
    told = linked.client("""
def put(value, wanted):
    def arrived():
        epics.caput(C + "SetLimit", value, wait=True, timeout=20)
        return pv(P + "Limit").get(timeout=20) == wanted
    until(arrived)

put(5.0, 5.0)
epics.caput(C + "SetLimit", 50.0, wait=True, timeout=20)  # above DRVH: refused
epics.caput(C + "SetLimit", 60.0, wait=True, timeout=20)
put(6.0, 6.0)
tell(pv(P + "Limit").get())
""")
    assert told == 6.0
