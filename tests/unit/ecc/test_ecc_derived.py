"""What the snapshot says of its properties: which fields they are made from."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core import Condition, Result, sources
from daqpv.ecc import ConfigId, DataLink, EccSnapshot, EccState, EccTarget, Transition
from daqpv.errors import ResultCode
from daqpv.iocs.ecc import EccGroup

CONFIGS = [ConfigId("cobo0", "exp", "exp"), ConfigId("cobo1", "exp", "pulser")]
LINK = DataLink("CoBo[0]", "data0", "127.0.0.1", 46005, "TCP")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "condition": st.sampled_from(Condition),
    "result": st.sampled_from(Result),
    "result_code": st.sampled_from(ResultCode),
    "state": st.sampled_from(EccState),
    "transition": st.sampled_from(Transition),
    "asked": st.sampled_from(Transition),
    "target": st.sampled_from(EccTarget),
    "goal": st.sampled_from(EccTarget),
    "config": st.sampled_from([None, *CONFIGS]),
    "configs": st.lists(st.sampled_from(CONFIGS), unique=True).map(tuple),
    "links": st.lists(st.just(LINK), max_size=1).map(tuple),
}
SORTS = {
    "bool": st.booleans(),
    "int": st.integers(0, 9),
    "float": st.floats(0, 9),
    "str": st.text(max_size=3),
}
EVERY = {
    field.name: VALUES[field.name] if field.name in VALUES else SORTS[str(field.type)]
    for field in fields(EccSnapshot)
}
SNAPSHOTS = st.builds(EccSnapshot, **EVERY)
PROPERTIES = sorted(
    name for name, of in vars(EccSnapshot).items() if isinstance(of, property)
)


@given(st.data(), SNAPSHOTS)
def test_a_property_moves_with_no_field_but_those_that_it_names(
    data: st.DataObject, snapshot: EccSnapshot
) -> None:
    field = data.draw(st.sampled_from(sorted(EVERY)))
    other = replace(snapshot, **{field: data.draw(EVERY[field])})
    for name in PROPERTIES:
        named = sources(EccSnapshot, name)
        if named is not None and field not in named:
            assert getattr(other, name) == getattr(snapshot, name), (name, field)


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_names_fields_only(name: str) -> None:
    assert (sources(EccSnapshot, name) or set()) <= set(EVERY)


def test_every_property_that_is_shown_names_its_fields() -> None:
    shown = {
        declaration.of or attribute
        for attribute, declaration in EccGroup._pvs_.items()
        if hasattr(EccSnapshot, getattr(declaration, "of", None) or attribute)
    }
    assert {"allowed", "config_list", "command"} <= shown
    assert [n for n in shown if sources(EccSnapshot, n) is None] == []
