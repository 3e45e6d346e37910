"""The SOAP link and the simulated server, each written from the facts alone."""

from __future__ import annotations

import pytest

from daqpv.ecc import ConfigId, DataLink, EccState, Operation, Transition
from daqpv.errors import LinkError, NoAnswerError, ProtocolError
from daqpv.links.soap.ecc import EccSoapLink
from daqpv.sim.ecc import Behaviour, Build, EccSimulator, Fault, Kind

LONG = 20.0  # [s] a deadline that no test is meant to meet
SHORT = 0.2  # [s] a deadline that passes

CONFIG = ConfigId("cobo0", "e20009", "e20009")
LINKS = (DataLink("CoBo[0]", "data0", "127.0.0.1", 46005, "TCP"),)


def simulator(build: Build = Build.CURRENT) -> EccSimulator:
    return EccSimulator("CoBo0", behaviour=Behaviour(build=build, speed=1000.0))


@pytest.mark.parametrize("build", Build)
async def test_every_operation_leads_where_it_should(build: Build) -> None:
    way = {
        Operation.DESCRIBE: EccState.DESCRIBED,
        Operation.PREPARE: EccState.PREPARED,
        Operation.CONFIGURE: EccState.READY,
        Operation.START: EccState.RUNNING,
        Operation.PAUSE: EccState.PAUSED,
        Operation.RESUME: EccState.RUNNING,
        Operation.STOP: EccState.READY,
        Operation.BREAKUP: EccState.PREPARED,
        Operation.UNDO: EccState.DESCRIBED,
    }
    async with simulator(build) as server:
        link = EccSoapLink("CoBo0", server.url)
        assert CONFIG in await link.configs(timeout=LONG)
        for operation, expected in way.items():
            up = operation in list(way)[:3]
            answer = await link.operate(
                operation, CONFIG if up else None, LINKS, timeout=LONG
            )
            assert (answer.error_code, answer.error_message) == (0, "")
            state = await link.state(timeout=LONG)
            assert (state.state, state.transition) == (expected, Transition.NONE)


async def test_what_the_server_refuses_comes_with_its_code_and_words() -> None:
    async with simulator() as server:
        link = EccSoapLink("CoBo0", server.url)
        unknown = ConfigId("nobody", "e20009", "e20009")
        answer = await link.operate(Operation.DESCRIBE, unknown, (), timeout=LONG)
        assert answer.error_code == 1
        assert answer.error_message == "Configuration 'nobody' does not exist."
        special = await link.special("no-such 1", timeout=LONG)
        assert special.error_message == "Special command 'no-such' is unknown."
        assert (await link.exit(timeout=LONG)).error_code == 0


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Kind.HANG, NoAnswerError),
        (Kind.CUT, NoAnswerError),
        (Kind.CRASH, NoAnswerError),
        (Kind.TRUNCATED, NoAnswerError),
        (Kind.FAULT, ProtocolError),
        (Kind.HTML, ProtocolError),
        (Kind.GARBAGE, ProtocolError),
        (Kind.OVERSIZED, ProtocolError),
    ],
)
async def test_every_fault_is_told_as_what_it_is(
    kind: Kind, error: type[LinkError]
) -> None:
    async with simulator() as server:
        server.faults.set("GetState", Fault(do=kind, megabytes=65))
        timeout = SHORT if kind is Kind.HANG else LONG
        with pytest.raises(error) as caught:
            await EccSoapLink("CoBo0", server.url).state(timeout=timeout)
        if isinstance(caught.value, NoAnswerError):
            assert caught.value.timed_out is (kind is Kind.HANG)
