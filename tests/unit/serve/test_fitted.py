"""Long texts that a PV does not hold: cut at whole lines, and the end says so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daqpv.serve.values.arrays import LongText, fitted


def test_a_list_is_cut_at_a_whole_line_and_says_how_many_are_missing() -> None:
    names = [f"cobo{i}/e20009/e20009" for i in range(1584)]
    *shown, note = fitted("\n".join(names), 15_999).split("\n")
    assert shown == names[: len(shown)]
    assert note == f"... {1584 - len(shown):,} more lines do not fit here"
    assert len(shown) > 650


def test_a_single_line_is_cut_and_says_how_long_it_is() -> None:
    assert fitted("é" * 100, 50) == "é" * 17 + " ... (200 bytes)"


@given(text=st.text(), size=st.integers(1, 200))
def test_what_is_served_fits_and_what_fits_is_served_as_it_is(
    text: str, size: int
) -> None:
    whole = text.encode(errors="replace").decode()
    shown = LongText(size + 1).coerce(text)
    assert len(shown.encode()) <= size
    if len(whole.encode()) <= size:
        assert shown == whole
    else:
        assert shown != whole
