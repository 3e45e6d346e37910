"""PV names are built and taken apart in one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core import Names, last_name, parted
from daqpv.links.ca.device_put import reporting

WORDS = st.text("abcXYZ019_", min_size=1, max_size=8)
PREFIXES = st.text("aZ9_{}%$():", max_size=8).map("{}:".format)


@pytest.mark.parametrize("prefix", ["AT:", "{P}:", "$(P)", "A:B:"])
def test_a_name_is_prefix_section_device_and_signal(prefix: str) -> None:
    names = Names(prefix)
    assert names.of("ECC", "CoBo0", "State") == f"{prefix}ECC:CoBo0:State"
    assert names.of("Sys", "", "State") == f"{prefix}Sys:State"
    assert names.device("Sys") == f"{prefix}Sys:"
    assert names.short(f"{prefix}ECC:CoBo0:") == "ECC:CoBo0"


@given(PREFIXES, WORDS, WORDS, WORDS)
def test_what_is_built_is_taken_apart(p: str, section: str, name: str, s: str) -> None:
    pv = Names(p).of(section, name, s)
    assert parted(pv) == (Names(p).device(section, name), s)
    assert Names(p).short(parted(pv)[0]) == f"{section}:{name}"
    assert last_name(parted(pv)[0]) == name


def test_a_name_without_a_colon_is_a_signal() -> None:
    assert parted("pressure") == ("", "pressure")
    assert last_name("pressure") == "pressure"


@pytest.mark.parametrize(
    ("pv", "device"),
    [
        ("AT:ECC:CoBo0:State", "AT:ECC:CoBo0:"),
        ("AT:Inst:gas:p", "AT:Inst:gas:"),
        ("AT:Inst:gas:p:Ramp", "AT:Inst:gas:"),
        ("AT:Inst:psu:supply:Request:volts", "AT:Inst:psu:"),
        ("Inst:gas:p:Stop", "Inst:gas:"),
        ("X", ""),
    ],
)
def test_the_device_that_reports_a_put(pv: str, device: str) -> None:
    assert reporting(pv) == device
