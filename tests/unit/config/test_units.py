from __future__ import annotations

import math
from typing import Annotated, Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from daqpv.config import Bytes, BytesPerSecond, Hertz, Quantity, Seconds
from daqpv.config.units import AMOUNT, DATA_RATE, FREQUENCY, TIME
from tests.support.plant import Wrong

QUANTITIES = (TIME, FREQUENCY, AMOUNT, DATA_RATE)


@pytest.mark.parametrize(
    ("unit", "given", "si"),
    [
        (Seconds, 3, 3.0),
        (Seconds, 0.5, 0.5),
        (Seconds, 0, 0.0),
        (Seconds, "30", 30.0),
        (Seconds, "30 s", 30.0),
        (Seconds, "30s", 30.0),
        (Seconds, " 1.5e3  ms ", 1.5),
        (Seconds, "500 ms", 0.5),
        (Seconds, "5 min", 300.0),
        (Seconds, "2 h", 7200.0),
        (Seconds, "4 d", 345600.0),
        (Seconds, "1 w", 604800.0),
        (Seconds, "2 y", 63115200.0),
        (Seconds, "10 us", 1e-5),
        (Seconds, "10 ns", 1e-8),
        (Hertz, "2.5 kHz", 2500.0),
        (Hertz, "20 mHz", 0.02),
        (Hertz, "1 GHz", 1e9),
        (Bytes, "20 GB", 20e9),
        (Bytes, "1 KiB", 1024.0),
        (Bytes, "2 TiB", 2.0**41),
        (Bytes, 17, 17.0),
        (BytesPerSecond, "80 MB/s", 80e6),
        (BytesPerSecond, "1 MiB/s", 2.0**20),
        (BytesPerSecond, "5", 5.0),
    ],
)
def test_numbers_are_si_and_text_says_its_unit(
    unit: Any, given: float | int | str, si: float | type[Exception]
) -> None:
    assert TypeAdapter(unit).validate_python(given) == pytest.approx(si, rel=1e-15)


@pytest.mark.parametrize(
    ("unit", "given"),
    [
        (Seconds, -1),
        (Seconds, math.nan),
        (Seconds, math.inf),
        (Seconds, True),
        (Seconds, None),
        (Seconds, []),
        (Seconds, {}),
        *((Seconds, text) for text in ("", "s", "nan", "inf", "1e999", "1e999 s")),
        *((Seconds, text) for text in ("-1 s", "--1", "1 kg", "1 S", "1 MS", "1 .")),
        *((Seconds, text) for text in ("1 s s", "1,5 s", "1_0", "0x10", "1 month")),
        (Seconds, "٣ s"),
        (Bytes, "1 GB/s"),
        (Bytes, "1 gb"),
        (BytesPerSecond, "1 GB"),
        (Hertz, "1 s"),
    ],
)
def test_what_is_no_quantity_is_refused(unit: Any, given: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(unit).validate_python(given)


def test_the_refusal_lists_the_units(wrong: Wrong) -> None:
    (problem,) = wrong("pumps: {p: {url: 'http://a', fill: 5 kg}}")
    assert problem == (
        "exp.yaml:3: pumps.p.fill: '5 kg' is given; wanted is an amount of data of 0 B "
        "or more (a number in B, or a number with B, kB, MB, GB, TB, PB, KiB, MiB, GiB "
        "or TiB)"
    )


def test_the_refusal_says_the_bounds(wrong: Wrong) -> None:
    (problem,) = wrong("pumps: {p: {url: 'http://a', period: 100 ms}}")
    assert (
        "'100 ms' is given; wanted is a time from 0.2 to 60 s (a number in s" in problem
    )


@settings(deadline=None)
@given(
    quantity=st.sampled_from(QUANTITIES),
    number=st.floats(0, 1e12, allow_subnormal=False),
    blanks=st.sampled_from(["", " ", "  "]),
    data=st.data(),
)
def test_text_means_the_number_times_its_unit(
    quantity: Quantity, number: float, blanks: str, data: st.DataObject
) -> None:
    unit = data.draw(st.sampled_from(list(quantity.units)))
    text = f"{number!r}{blanks}{unit}"
    assert quantity.read(text) == number * quantity.units[unit]
    assert quantity.read(repr(number)) == quantity.read(number) == number


@settings(deadline=None)
@given(quantity=st.sampled_from(QUANTITIES), value=st.floats() | st.text(max_size=8))
def test_whatever_is_read_is_finite_and_not_negative(
    quantity: Quantity, value: object
) -> None:
    try:
        number = quantity.read(value)
    except ValueError:
        return
    assert math.isfinite(number)
    assert number >= 0


@settings(deadline=None)
@given(
    quantity=st.sampled_from([*QUANTITIES, TIME.within(0.2, 60)]),
    value=st.floats(-10, 1e3)
    | st.booleans()
    | st.none()
    | st.from_regex(r"\A[0-9]{1,3}(\.[0-9])? ?(s|ms|MB|GB/s|Hz|kg|)\Z"),
)
def test_the_schema_takes_all_that_is_read_and_refuses_other_units(
    quantity: Quantity, value: object
) -> None:
    schema = TypeAdapter(Annotated[float, quantity]).json_schema()
    try:
        quantity.read(value)
    except ValueError:
        in_bounds_only_for_load = isinstance(value, str) and math.isfinite(
            quantity.at_most
        )
        if not in_bounds_only_for_load:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(value, schema)
    else:
        jsonschema.validate(value, schema)
