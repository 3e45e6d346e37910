"""The record that a simulator keeps of each request, for tests and scripts."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field

from daqpv.ecc.codes import EccState, Transition
from daqpv.sim.ecc.soap import Call


@dataclass(slots=True, kw_only=True)
class Received:
    """A request as it was understood.

    Attributes:
        number: of the request, from 1 on.
        method: name on the wire.
        config_id: `configID` as received; of Special, the command.
        table: `table` as received.
        path: of the URL. The server takes any: clients that use different ones can
            be distinguished.
        process: number of the server process that got it, from 1 on.
        state: the state that GetState would have answered then.
        transition: of the server at that time.
        time: when it arrived, UTC, seconds since 1970.
        fault: the fault that acted on it; "" if none did.
        answered: when its complete and valid answer was sent, UTC, seconds since 1970;
            None if it was not, or not yet.
    """

    number: int
    method: str
    config_id: str
    table: str
    path: str
    process: int
    state: EccState
    transition: Transition
    time: float = field(default_factory=time.time)
    fault: str = ""
    answered: float | None = None

    @classmethod
    def of(
        cls,
        call: Call,
        *,
        number: int,
        path: str,
        process: int,
        state: EccState,
        transition: Transition,
    ) -> Received:
        """Make the record of `call` with the present time."""
        arguments = call.arguments
        return cls(
            number=number,
            method=call.method,
            config_id=arguments.get("configID", arguments.get("command", "")),
            table=arguments.get("table", ""),
            path=path,
            process=process,
            state=state,
            transition=transition,
        )

    def describe(self) -> dict[str, object]:
        """As plain values, for JSON."""
        words = {"state": self.state.label, "transition": self.transition.label}
        return asdict(self) | words
