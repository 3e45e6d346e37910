"""Record fields: as a C IOC has them, and they act."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest

from daqpv.core import NO_ALARM, Alarm, Events, Severity, Shown, Snapshot, Status
from daqpv.serve import (
    Declaration,
    Group,
    ai,
    ao,
    bi,
    bo,
    long,
    longin,
    longout,
    mbbi,
    mbbo,
    string,
    waveform,
)

STRING, SHORT, FLOAT, ENUM, CHAR, LONG, DOUBLE = range(7)
TIME = 14
NORMAL, PUT_FAIL, NO_WRITE = 1, 160, 376

_LIMITS: dict[str, Any] = {
    "units": "mm",
    "display": (-5, 105),
    "lolo": 1,
    "low": 2,
    "high": 80,
}
_LIMITS |= {"hihi": 95, "hysteresis": 3, "dead_band": 0.0}
_STATES = ("Off", "Warm", "Hot")


class Records(Group[Shown[Snapshot]]):
    ai = ai("ai", doc="of ai", precision=2, **_LIMITS)
    ao = ao("ao", doc="of ao", precision=2, drive=(0, 100), **_LIMITS)
    longin = longin("longin", doc="of longin", **_LIMITS)
    longout = longout("longout", doc="of longout", drive=(0, 100), **_LIMITS)
    bi = bi("bi", doc="of bi", labels=("No", "Yes"))
    bo = bo("bo", doc="of bo", labels=("No", "Yes"))
    mbbi = mbbi("mbbi", _STATES, doc="of mbbi")
    mbbo = mbbo("mbbo", _STATES, doc="of mbbo")
    stringin = string("stringin", doc="of stringin")
    stringout = string("stringout", doc="of stringout", writable=True)
    waveform = waveform("waveform", doc="of waveform", size=8, writable=True)
    text = long("text", size=50, writable=True)


_NUMBER = """
    field(EGU, "mm") field(HOPR, "105") field(LOPR, "-5") field(LOLO, "1")
    field(LOW, "2") field(HIGH, "80") field(HIHI, "95") field(HYST, "3")
    field(LLSV, MAJOR) field(LSV, MINOR) field(HSV, MINOR) field(HHSV, MAJOR)
"""
_ANALOG = _NUMBER + 'field(PREC, "2")'
_DRIVE = 'field(DRVH, "100") field(DRVL, "0")'
_BINARY = 'field(ZNAM, "No") field(ONAM, "Yes")'
_MULTI = """
    field(ZRST, "Off") field(ONST, "Warm") field(TWST, "Hot")
    field(ZRVL, "0") field(ONVL, "1") field(TWVL, "2")
"""
_C_FIELDS = {
    "ai": _ANALOG,
    "ao": _ANALOG + _DRIVE,
    "longin": _NUMBER,
    "longout": _NUMBER + _DRIVE,
    "bi": _BINARY,
    "bo": _BINARY,
    "mbbi": _MULTI,
    "mbbo": _MULTI,
    "stringin": "",
    "stringout": "",
    "waveform": "field(NELM, 8) field(FTVL, DOUBLE)",
}
_RECORDS = tuple(_C_FIELDS)

_SAME_VALUE = """
NAME RTYP DESC EGU PREC HOPR LOPR HIHI HIGH LOW LOLO HHSV HSV LSV LLSV HYST MDEL ADEL
DRVH DRVL ZNAM ONAM ZSV OSV COSV ZRST ONST TWST THST ZRVL ONVL TWVL ZRSV ONSV UNSV
NELM FTVL DISP PINI PHAS PRIO DISV DISA DISS UDFS ACKT DTYP FLNK TSEL SDIS EVNT
LCNT PACT PUTF RPRO TPRO SIMM SIMS SIML SIOL OMSL IVOA LINR AOFF ASLO ESLO
EOFF EGUF EGUL NOBT SDLY OOPT OOCH MPST APST OIF OROC SMOO
"""


def dbd() -> Path:
    import epicscorelibs  # noqa: PLC0415

    return Path(epicscorelibs.__file__).parent / "dbd"


def fields_of_c(record: str) -> list[str]:
    """The fields of a record type that clients can reach, from its definition."""
    text = (dbd() / "dbCommon.dbd").read_text()
    text += (dbd() / f"{record}Record.dbd").read_text()
    found = re.findall(r"field\((\w+),\s*DBF_(\w+)\)", text)
    return [name for name, kind in found if kind != "NOACCESS"]


@pytest.fixture
async def c_ioc(tmp_path: Path, bench: Any) -> Any:
    """A circuit to a C IOC with the same records under the prefix C:."""
    return await bench.serve_in_c(
        "".join(
            f'record({record}, "C:{record}") {{field(DESC, "of {record}") {fields}}}\n'
            for record, fields in _C_FIELDS.items()
        ),
        tmp_path,
    )


@pytest.fixture
def group() -> Records:
    group = Records("P:", Shown("records", Snapshot(), events=Events()))
    for channel in group.pvdb.values():
        channel.post(channel.value)
    return group


async def ours(bench: Any, group: Records) -> Any:
    return await bench.client(await bench.serve(group))


@pytest.mark.parametrize("record", _RECORDS)
async def test_each_record_has_the_fields_of_a_c_ioc(
    bench: Any, group: Records, c_ioc: Any, record: str
) -> None:
    raw = await ours(bench, group)
    names = fields_of_c(record)
    assert len(names) > 40
    differences = {}
    for name in [*names, *(f"{name}$" for name in names), "NOPE", "RTYP"]:
        theirs = await c_ioc.create(f"C:{record}.{name}")
        mine = await raw.create(f"P:{record}.{name}")
        if (mine.command, mine.dbr, mine.count) != (
            theirs.command,
            theirs.dbr,
            theirs.count,
        ):
            differences[name] = (mine[:3], theirs[:3])
    assert differences == {}


@pytest.mark.parametrize("record", _RECORDS)
async def test_fields_have_the_values_of_a_c_ioc(
    bench: Any, group: Records, c_ioc: Any, record: str
) -> None:
    raw = await ours(bench, group)
    present = set(fields_of_c(record)) | {"RTYP"}
    differences = {}
    for name in present.intersection(_SAME_VALUE.split()):
        theirs = await c_ioc.get(
            (await c_ioc.create(f"C:{record}.{name}")).p2, STRING, 1
        )
        mine = await raw.get((await raw.create(f"P:{record}.{name}")).p2, STRING, 1)
        expected = theirs.payload.partition(b"\0")[0].replace(b"C:", b"P:")
        if mine.payload.partition(b"\0")[0] != expected:
            differences[name] = (mine.payload[:40].rstrip(b"\0"), expected)
    assert differences == {}


async def test_an_alarm_limit_written_now_acts_now_and_is_monitored(
    bench: Any, group: Records
) -> None:
    raw = await ours(bench, group)
    sids = {
        n: (await raw.create(f"P:ai{n}")).p2 for n in ("", ".HIHI", ".SEVR", ".AMSG")
    }
    group.ai.post(70.0)
    for name in (".HIHI", ".SEVR"):
        raw.subscribe(sids[name], STRING, 1)
    raw.subscribe(sids[""], TIME + DOUBLE, 4)
    await raw.synchronise()
    raw.messages.clear()
    assert await raw.put(sids[".HIHI"], DOUBLE, struct.pack(">d", 60)) == NORMAL
    heads = {m.p2 - 1000: m.payload for m in raw.messages}
    assert heads[sids[".HIHI"]].startswith(b"60.00\0")
    assert heads[sids[".SEVR"]].startswith(b"MAJOR\0")
    assert heads[sids[""]][:4] == struct.pack(">HH", Status.HIHI, Severity.MAJOR)
    reason = await raw.get(sids[".AMSG"], STRING)
    assert reason.payload.startswith(b"above 60\0")


async def test_hysteresis_keeps_an_alarm_until_the_value_has_come_back(
    group: Records,
) -> None:
    seen = []
    for value in (79.0, 80.0, 78.0, 77.0, 76.9, 95.0, 93.0, 91.9, 78.0, 76.0, 2.0, 4.0):
        group.ai.post(value)
        seen.append(group.ai.alarm.status.name)
    assert seen == [
        *("NO_ALARM", "HIGH", "HIGH", "HIGH", "NO_ALARM", "HIHI", "HIHI"),
        *("HIGH", "HIGH", "NO_ALARM", "LOW", "LOW"),
    ]


async def test_the_worse_of_two_judgements_counts(group: Records) -> None:
    lost = Alarm(Severity.INVALID, Status.COMM, "offline")
    odd = Alarm(Severity.MINOR, Status.STATE, "odd")
    group.ai.post(99.0, alarm=lost)
    assert group.ai.alarm == lost
    group.ai.post(99.0, alarm=odd)
    assert group.ai.alarm[:2] == (Severity.MAJOR, Status.HIHI)
    group.ai.post(50.0, alarm=odd)
    assert group.ai.alarm == odd
    group.ai.post(50.0)
    assert group.ai.alarm == NO_ALARM


async def test_the_severity_of_a_state_acts(bench: Any, group: Records) -> None:
    raw = await ours(bench, group)
    sid = (await raw.create("P:mbbi.TWSV")).p2
    assert await raw.put(sid, STRING, b"MAJOR".ljust(40, b"\0")) == NORMAL
    group.mbbi.post(2)
    assert group.mbbi.alarm == Alarm(Severity.MAJOR, Status.STATE, "Hot")
    group.mbbi.post(1)
    assert group.mbbi.alarm == NO_ALARM


async def test_texts_written_to_fields_show_everywhere(
    bench: Any, group: Records
) -> None:
    raw = await ours(bench, group)
    text = "forty bytes, which is what a field takes"
    desc = (await raw.create("P:ao.DESC$")).p2
    assert await raw.put(desc, CHAR, text.encode(), len(text)) == NORMAL
    assert (await raw.get(desc, CHAR)).payload.startswith(text.encode() + b"\0")
    egu = (await raw.create("P:ao.EGU")).p2
    assert await raw.put(egu, STRING, b"cm".ljust(40, b"\0")) == NORMAL
    control = await raw.get((await raw.create("P:ao")).p2, 28 + DOUBLE)
    assert control.payload[8:11] == b"cm\0"


async def test_a_field_that_does_not_act_cannot_be_put(
    bench: Any, group: Records
) -> None:
    raw = await ours(bench, group)
    for name in ("PHAS", "SCAN", "NAME", "SEVR", "UDF"):
        sid = (await raw.create(f"P:ao.{name}")).p2
        assert await raw.put(sid, STRING, b"1".ljust(40, b"\0")) == NO_WRITE


async def test_an_alarm_can_be_acknowledged(bench: Any, group: Records) -> None:
    raw = await ours(bench, group)
    value, acks = (await raw.create("P:ai")).p2, (await raw.create("P:ai.ACKS")).p2
    group.ai.post(99.0)
    group.ai.post(50.0)
    assert (await raw.get(acks, SHORT)).payload[:2] == b"\0\2"
    group.ao.post(50.0)
    output = (await raw.create("P:ao")).p2
    group.ao.post(99.0)
    payload = (await raw.get(output, 37)).payload
    assert struct.unpack_from(">4H", payload) == (Status.HIHI, Severity.MAJOR, 1, 2)
    assert payload[8:14] == b"99.00\0"
    assert await raw.put(output, 36, struct.pack(">H", 2)) == NORMAL
    assert group.ao.acknowledgement() == (1, 0)
    assert value


async def test_a_long_text_tells_its_size(bench: Any, group: Records) -> None:
    raw = await ours(bench, group)
    group.text.post("seven b")
    for name, expected in (("NELM", b"50"), ("NORD", b"8"), ("FTVL", b"CHAR")):
        sid = (await raw.create(f"P:text.{name}")).p2
        payload = (await raw.get(sid, STRING)).payload
        assert payload.partition(b"\0")[0] == expected


async def test_fields_cost_nothing_until_somebody_asks(
    bench: Any, group: Records
) -> None:
    raw = await ours(bench, group)
    before = group.ai.fields
    assert before is None
    await raw.create("P:ai.HIHI")
    fields = group.ai.fields
    assert fields is not None
    assert list(fields._fields) == ["HIHI"]


def test_declarations_are_caproto_properties() -> None:
    from caproto.server import pvproperty  # noqa: PLC0415

    assert isinstance(Records.ai, Declaration)
    assert isinstance(Records.ai, pvproperty)
