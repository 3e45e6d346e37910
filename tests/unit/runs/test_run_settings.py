"""What the experiment file may say of observables, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from daqpv.runs.settings import RunSettings, Take


def observables(**given: Any) -> RunSettings:
    return RunSettings.model_validate({"observables": given})


def test_observables_keep_their_order_and_have_defaults() -> None:
    settings = observables(target={"type": "string"}, pressure={"pv": "LAB:P"}, n={})
    assert list(settings.observables) == ["target", "pressure", "n"]
    takes = [one.takes for one in settings.observables.values()]
    assert takes == [Take.START, Take.MEAN, Take.MEAN]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"take": "mean"}, "a `pv` for `take`"),
        ({"pv": "A", "keep": False}, "one of `pv` and `keep`"),
        ({"pv": "A", "type": "int", "take": "mean"}, "start, stop, low, high"),
        ({"pv": "A", "type": "string", "take": "low"}, "start, stop"),
        ({"pv": "A B"}, "the name of a PV"),
        ({"units": "sixteen letters!"}, "units of at most 15 bytes"),
    ],
)
def test_what_an_observable_cannot_be(given: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ValidationError) as error:
        observables(pressure=given)
    assert wanted in str(error.value)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("a b",), "for 'a b'"),
        (("P", "p"), "another name than 'p'"),
    ],
)
def test_names_of_observables_are_good_in_a_pv(
    names: tuple[str, ...], wanted: str
) -> None:
    with pytest.raises(ValidationError) as error:
        observables(**{name: {} for name in names})
    assert wanted in str(error.value)
