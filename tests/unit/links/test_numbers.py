"""Numbers from outside: within bounds, or refused before they are computed with."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core.numbers import LARGEST, whole
from daqpv.links.http import router_page
from daqpv.links.ssh import router_answers
from daqpv.routers import Disk

HUGE = b"9" * 400


@given(st.integers(0, LARGEST), st.integers(0, 30))
def test_a_number_within_bounds_is_read(number: int, zeros: int) -> None:
    assert whole(b"0" * zeros + b"%d" % number) == number


@pytest.mark.parametrize(
    "text", [b"", b"-1", b"+1", b"1.0", b" 1", b"1_0", b"\xb2", HUGE, b"%d" % 2**63]
)
def test_what_is_no_number_or_out_of_bounds_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="is not a number from 0 to"):
        whole(text)


def test_a_row_of_df_with_huge_numbers_is_unknown() -> None:
    for row in (
        b"/dev/sda1 %s 2 3 4%% /" % HUGE,
        b"/dev/sda1 1 %s 3 4%% /" % HUGE,
        b"/dev/sda1 1 2 -%s 4%% /" % HUGE,
    ):
        assert math.isnan(router_answers.disk(row).size)
        assert math.isnan(router_page._disk(b"Filesystem 512-blocks", row).size)
    row = b"/dev/sda1 1 2 3 4% /"
    heading = b"Filesystem %s-blocks" % HUGE
    assert router_page._disk(heading, row) == Disk.of(512, taken=1024, free=1536)


def test_a_file_of_huge_size_is_left_out_of_a_page() -> None:
    line = b"-rw-r--r-- 1 a b %s Nov 20 18:34 a.graw"
    assert router_page._file(line % b"12") is not None
    assert router_page._file(line % HUGE) is None


def test_a_huge_clock_or_port_is_unknown() -> None:
    assert router_answers.clock(b"1795913000.250000000") == 1795913000.25
    assert router_answers.clock(b"1795913000.N") == 1795913000.5
    assert math.isnan(router_answers.clock(HUGE))
    port = router_answers.process(b"1", b"/data\n", b"dataRouter a:1 b:%s" % HUGE).port
    assert port == router_answers.DATA_PORT
