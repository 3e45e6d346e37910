"""The tree of errors, and the codes by which errors go to other processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daqpv.errors import (
    BusyError,
    ConfigError,
    DaqError,
    NoAnswerError,
    RefusedError,
    ResultCode,
)


def kinds(base: type[DaqError] = DaqError) -> Iterator[type[DaqError]]:
    yield base
    for kind in base.__subclasses__():
        if kind.__module__ == "daqpv.errors":
            yield from kinds(kind)


def test_codes_keep_their_numbers() -> None:
    assert {code.name: code.value for code in ResultCode} == {
        "NONE": 0, "REFUSED": 1, "BUSY": 2, "FAILED": 3, "ABORTED": 4,
        "UNKNOWN_OUTCOME": 5, "NOT_CONNECTED": 6, "NO_ANSWER": 7, "PROTOCOL": 8,
        "STORE": 9, "INTERNAL": 10, "ERROR": 11,
    }  # fmt: skip


def test_codes_fit_an_mbbi() -> None:
    assert len(ResultCode) <= 16
    assert all(len(code.label) <= 25 for code in ResultCode)


def test_each_code_but_the_general_ones_is_that_of_one_kind() -> None:
    general = {ResultCode.NONE, ResultCode.INTERNAL}
    codes = [kind.code for kind in kinds()]
    assert set(codes) == set(ResultCode) - general
    special = [code for code in codes if code is not ResultCode.ERROR]
    assert len(special) == len(set(special))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, ResultCode.NONE),
        (RefusedError("no"), ResultCode.REFUSED),
        (BusyError("no"), ResultCode.BUSY),
        (NoAnswerError("no", timed_out=True), ResultCode.NO_ANSWER),
        (ConfigError("no"), ResultCode.ERROR),
        (ZeroDivisionError(), ResultCode.INTERNAL),
    ],
)
def test_an_error_has_the_code_of_its_kind(
    error: Exception | None, code: ResultCode
) -> None:
    assert ResultCode.of(error) is code
