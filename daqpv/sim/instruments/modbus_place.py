"""A simulated instrument as a Modbus device: TCP, RTU over TCP, RTU on a line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from daqpv.errors import SimulatorError
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.formula import Formula, inverse
from daqpv.instruments.modbus.channels import places
from daqpv.instruments.modbus.settings import (
    ModbusOptions,
    RtuOptions,
    SerialOptions,
    TcpOptions,
)
from daqpv.sim.instruments.simulator import InstrumentSimulator
from daqpv.sim.instruments.speech import Sent
from daqpv.sim.instruments.transports import MakeSpeech, SerialPlace, TcpPlace
from daqpv.sim.modbus import ModbusDevice, RtuTalk, Talk, TcpTalk, refused

Options = TypeVar("Options", bound=ModbusOptions)


class PlayedValues:
    """The values of a simulated instrument, as registers have them.

    Formulas of `points` give just that. Without a section `simulator` values are in the
    units of their channels, so a linear `scale` is undone.

    Args:
        simulator: of the instrument.
    """

    def __init__(self, simulator: InstrumentSimulator) -> None:
        self._play = simulator.play
        self._scales: dict[str, tuple[Formula, Formula]] = {}
        if simulator.settings.simulator is not None:
            return
        for name, channel in simulator.settings.channels.items():
            if channel.scale is None:
                continue
            scale = Formula(channel.scale, names=("value",))
            if (undone := inverse(scale)) is not None:
                self._scales[name] = scale, undone

    def point(self, name: str) -> Any:
        """The present value of a channel."""
        value = self._play.point(name)
        return self._scaled(name, value, 1)

    def write(self, name: str, value: Any) -> None:
        """A channel was written."""
        self._play.write(name, self._scaled(name, value, 0))

    def _scaled(self, name: str, value: Any, which: int) -> Any:
        if name in self._scales:
            with suppress(ValueError):  # it is no number
                return self._scales[name][which]({"value": value})
        return value


class ModbusSpeech:
    """What a device says to one client; as `Speech` of instruments with lines.

    Args:
        simulator: of the instrument.
        make: makes the conversation, from what answers a question.
        answer: of the device.
    """

    def __init__(
        self,
        simulator: InstrumentSimulator,
        make: Callable[[Callable[[bytes], bytes]], Talk],
        answer: Callable[[bytes], bytes],
    ) -> None:
        self._faults = simulator.faults
        self._answer = answer
        self._talk = make(self._answered)

    def _answered(self, question: bytes) -> bytes:
        return refused(question) if self._faults.refuse else self._answer(question)

    @property
    def by_silence(self) -> bool:
        """No: frames have their length."""
        return False

    def come(self, data: bytes) -> list[Sent]:
        """What is sent for bytes that have come."""
        return [sent for one in self._talk.come(data) for sent in self._faulty(one)]

    def _faulty(self, frame: bytes) -> list[Sent]:
        late, spoiled = self._faults.late, self._faults.spoiled(frame, b"")
        if self._faults.is_any:
            self._faults.used()
        return [Sent(spoiled, late)] if spoiled else []

    def silence(self) -> list[Sent]:
        """Nothing."""
        return []

    def datagram(self, data: bytes) -> list[Sent]:
        """What is sent for a datagram: Modbus has the same frames over UDP."""
        return self.come(data)

    def streamed(self) -> Sent | None:
        """Nothing: a unit speaks when it is asked."""
        return None


class _TcpPlace(TcpPlace):
    """A device at a TCP port."""

    scheme = ""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self.scheme}://{self.host}:{self.port}"


class ModbusTcpPlace(_TcpPlace):
    """A device that speaks Modbus TCP."""

    scheme = "modbus-tcp"


class ModbusRtuTcpPlace(_TcpPlace):
    """A device behind a converter to RS-485."""

    scheme = "modbus-rtu-tcp"


class ModbusRtuPlace(SerialPlace):
    """A device on a serial line."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"modbus-rtu://{self.path}"


def tcp_speech(simulator: InstrumentSimulator) -> MakeSpeech:
    """Makes the conversations of a device that speaks Modbus TCP.

    Raises:
        SimulatorError: its settings cannot be used.
    """
    answer = _device(simulator, TcpOptions).answer
    return lambda: ModbusSpeech(simulator, TcpTalk, answer)


def rtu_speech(
    simulator: InstrumentSimulator, options: type[RtuOptions] = RtuOptions
) -> MakeSpeech:
    """Makes the conversations of a unit that speaks Modbus RTU.

    Raises:
        SimulatorError: its settings cannot be used.
    """
    answer = _device(simulator, options).answer
    unit = _options(simulator, options).unit
    return lambda: ModbusSpeech(simulator, partial(RtuTalk, unit), answer)


def serial_speech(simulator: InstrumentSimulator) -> MakeSpeech:
    """The same on a serial line."""
    return rtu_speech(simulator, SerialOptions)


def _device(
    simulator: InstrumentSimulator, options: type[ModbusOptions]
) -> ModbusDevice:
    settings, order = simulator.settings, _options(simulator, options).order
    try:
        found = places(settings, order)
    except ValueError as error:
        raise SimulatorError(f"{simulator.name}: {error}") from error
    return ModbusDevice(found, PlayedValues(simulator), encoding=settings.encoding)


def _options(simulator: InstrumentSimulator, options: type[Options]) -> Options:
    settings = simulator.settings
    try:
        connection = Connection.of(settings.connection or "", settings.options)
        return connection.read(options)
    except ValueError as error:
        raise SimulatorError(f"{simulator.name}: connection: {error}") from error
