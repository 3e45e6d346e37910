"""The garbage collector while much is built."""

from __future__ import annotations

import gc

import pytest

from daqpv.cli.collector import building


def test_what_is_built_is_never_looked_at() -> None:
    frozen = gc.get_freeze_count()
    with building():
        assert not gc.isenabled()
        kept: list[list[int]] = [[] for _ in range(1000)]
        with building():  # a command is imported while another one is built
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() - frozen >= len(kept)
    gc.unfreeze()


def test_a_building_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ZeroDivisionError), building():
        raise ZeroDivisionError
    assert gc.isenabled()
    gc.unfreeze()
