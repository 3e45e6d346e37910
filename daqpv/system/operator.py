"""The commands of the system for operators, who must respect an open run."""

from __future__ import annotations

from daqpv.ecc import EccState
from daqpv.errors import RefusedError
from daqpv.system.following import WITHOUT_RUN
from daqpv.system.snapshot import SystemState
from daqpv.system.system import System


class Operator:
    """The commands of the system for operators.

    While a run is open, only the way down is free, and it stops the run. The run itself
    commands the System directly.

    Args:
        system: the system; its `interlock` says whether a run is open.
    """

    def __init__(self, system: System) -> None:
        self._system = system

    async def reach(self, target: EccState | SystemState) -> None:
        """Bring all servers to `target`; errors as `System.reach`.

        Raises:
            RefusedError: a run is open, and `target` is not below Running.
            DaqError: the run could not be stopped.
        """
        if reason := await self._system.interlock.asked():
            if target not in WITHOUT_RUN:
                error = RefusedError(reason)
                self._system.refuse(f"go to {target.label}", error)
                raise error
            await self._system.interlock.release()
        await self._system.reach(target)

    async def stop(self) -> None:
        """Stop all servers that take data, and the run; errors as `System.stop`."""
        if not await self._run_stopped():
            await self._system.stop()

    async def step_back(self) -> None:
        """Bring all one state back; of an open run that is its stop.

        Raises:
            DaqError: as `System.step_back`, or the run could not be stopped.
        """
        if not await self._run_stopped():
            await self._system.step_back()

    async def _run_stopped(self) -> bool:
        """Stop the open run; False: there is none."""
        if not await self._system.interlock.asked():
            return False
        await self._system.interlock.release()
        return True
