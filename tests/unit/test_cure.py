"""Cures: what an operator can do, as data and as text."""

from __future__ import annotations

import pytest

from daqpv.core import Cure
from daqpv.errors import BusyError, NoAnswerError, RefusedError

BREAKUP = Cure("AT:ECC:CoBo0:", "Command", "Breakup")


@pytest.mark.parametrize(
    ("cure", "text"),
    [
        (BREAKUP, "caput AT:ECC:CoBo0:Command Breakup"),
        (Cure("AT:Run:", "Stop", 1), "caput AT:Run:Stop 1"),
        (Cure("{P}%s:", "Stop", 1), "caput {P}%s:Stop 1"),
        (
            Cure("AT:Run:", "Title", "a source", is_long=True),
            'caput -S AT:Run:Title "a source"',
        ),
    ],
)
def test_a_cure_reads_as_what_is_typed(cure: Cure, text: str) -> None:
    assert str(cure) == text


def test_an_error_ends_with_its_cure_and_keeps_it_as_data() -> None:
    error = BusyError("CoBo0 is Broken:", cure=BREAKUP)
    assert str(error) == "CoBo0 is Broken: caput AT:ECC:CoBo0:Command Breakup"
    assert error.cure == BREAKUP
    assert (BREAKUP.pv, BREAKUP.value) == ("AT:ECC:CoBo0:Command", "Breakup")


def test_an_error_without_a_cure_is_its_sentence() -> None:
    error = RefusedError("No ECC server is enabled.")
    assert (str(error), error.cure) == ("No ECC server is enabled.", None)
    assert NoAnswerError("cut", timed_out=False).cure is None
