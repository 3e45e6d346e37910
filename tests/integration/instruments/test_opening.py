"""Instruments that take long to begin are served all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from daqpv.app.site import ExperimentSite, Services
from daqpv.config import load
from daqpv.core import Events
from daqpv.iocs.instruments.instrument import KIND, build
from tests.support.doctor import written
from tests.support.sheet import Lab
from tests.support.simulated import rig
from tests.support.waiting import shows

BOARD: dict[str, Any] = {
    "model": "arduino-lines",
    "connection": "serial:///dev/ttyACM0",
    "channels": {"T1": {"units": "degC"}},
    "timeout": 0.1,
}
GAUGE: dict[str, Any] = {
    "model": "pfeiffer-tpg361",
    "connection": "tcp://192.168.1.5:8000",
    "settle_time": 0.4,
    "timeout": 0.1,
}


@pytest.mark.parametrize(
    ("keys", "channel"), [(BOARD, "T1"), (GAUGE, "Gauge1")], ids=["board", "gauge"]
)
async def test_a_beginning_may_last_longer_than_an_answer(
    keys: dict[str, Any], channel: str, tmp_path: Path
) -> None:
    """An Arduino restarts when its port opens: 2 s of silence, and answers of 0.1 s."""
    more = {"simulator": {"stream_period": 0.05, "tick": 0.05}}
    async with rig(tmp_path, **keys, **more) as one:
        await one.driver.close()
        file = tmp_path / "lab.yaml"
        connection = {"connection": one.settings.connection}
        file.write_text(written({"A": {**keys, **connection}}))
        experiment = load(file, [KIND], {})
        services = Services(
            events=Events(),
            readings=Lab(),  # type: ignore[arg-type]
            saved=None,
            durable=None,
            store=None,
            pulse=None,
        )
        site: Any = ExperimentSite(
            experiment, [KIND], services, served=[("instruments", "A")], follow=False
        )
        instrument, _ = build("A", experiment.sections["instruments"]["A"], site)  # type: ignore[arg-type]
        running = asyncio.create_task(instrument.run())
        try:
            await shows(instrument, lambda now: now.values[channel].value is not None)
            assert instrument.snapshot.online
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
