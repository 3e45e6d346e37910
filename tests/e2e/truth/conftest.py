"""An experiment that is brought into each state of a run, struck, and mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.truth.scene import (
    Scene,
    Stage,
)
from tests.support.experiment import CA_PORT, making


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage of all cells."""
    with making(tmp_path_factory.mktemp("truth"), CA_PORT) as make:
        yield Stage(make)


@pytest.fixture
def scene(stage: Stage) -> Iterator[Scene]:
    """A scene in which nothing has happened yet; a test may say that it is spent."""
    scene: Scene | None = None
    try:
        scene = stage.scene()
        yield scene
        if not scene.is_spent:
            scene.clear()
    except BaseException:
        stage.clear_away()
        raise
    if scene.is_spent:
        stage.clear_away()
