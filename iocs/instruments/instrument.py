"""The PVs of an instrument: ``$(P)Inst:<name>:``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from daqpv.config import Kind
from daqpv.core import SavedField, Site, Snapshot
from daqpv.core.stage import Simulated, Stage
from daqpv.errors import RefusedError
from daqpv.instruments.channels.inputs import Inputs
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.device.instrument import Instrument, Parts
from daqpv.instruments.device.settable import add_gates, ramps
from daqpv.instruments.device.snapshot import (
    InstrumentSnapshot,
    InstrumentState,
    InstrumentStatus,
)
from daqpv.instruments.device.text_file_instrument import TextFileInstrument
from daqpv.instruments.driver import Driver, awaited, read_by
from daqpv.instruments.driver.installed import driver_of
from daqpv.instruments.section.section import LEVEL, InstrumentSection
from daqpv.instruments.settings import Channel, ChannelType, InstrumentSettings, Level
from daqpv.iocs.device import DeviceGroup, command
from daqpv.iocs.instruments.examine import examine
from daqpv.iocs.instruments.setpoint import SettablePvs, read_backs, settable_pvs
from daqpv.serve import Channel as Pv
from daqpv.serve import (
    Declaration,
    ReadingsGroup,
    ai,
    ao,
    bi,
    button,
    long,
    longin,
    mbbi,
    mbbo,
    string,
    waveform,
)

_LONG_LINE = 500  # [bytes]
_OF_GATES = frozenset({"setpoints", "staged"})


class InstrumentGroup(ReadingsGroup[Instrument], DeviceGroup[Instrument]):
    """An instrument, and its channels as the file has them."""

    state = mbbo(
        "State",
        InstrumentState,
        put=command(Instrument.reach),
        saved=True,
        doc="Acquiring, or Stopped: a write acts",
    )
    status = mbbi("Status", InstrumentStatus, doc="Whether values come")
    period = ao(
        "Period",
        units="s",
        precision=3,
        drive=(0.01, 86400.0),
        put=command(Instrument.set_period),
        saved=True,
        doc="Between two cycles",
    )
    read = button("Read", put=command(Instrument.read), doc="Reads it now")
    lines_ok = longin("LinesOK", doc="Answers and lines read well")
    lines_bad = longin("LinesBad", doc="Those that were not")
    last_bad = long("LastBad", size=_LONG_LINE, doc="The last of them, and why")
    bad_lines = long("BadLines", size=8000, doc="The last 20, newest first")
    late = longin("LateAnswers", doc="Came too late and were dropped")
    rate = ai("Rate", units="Hz", precision=2, doc="Answers and lines per second")
    # after all values: a client that waits for it finds a whole answer
    counter = longin("Sequence", doc="Counts answers; posted last")

    def __init__(
        self,
        prefix: str,
        device: Instrument,
        *,
        pvs: Iterable[Declaration],
        settable: Iterable[Declaration] = (),
        **more: Any,
    ) -> None:
        super().__init__(prefix, device, pvs=pvs, **more)
        for declaration in settable:
            self.add_pv(declaration)
        self._settable = SettablePvs(self.pvdb, prefix)
        self._counter = self.counter  # looked up once: it is posted very often

    @classmethod
    def saved(cls, snapshot: type[Snapshot]) -> list[SavedField]:
        """The settings that operators choose; the ramps are those of all channels."""
        return [*super().saved(snapshot), SavedField(field="ramps", signal="Ramp")]

    def refused(self, channel: Pv, error: RefusedError) -> None:
        """Report why the PV server has refused a put; the text names the PV."""
        if channel.pvname not in str(error):
            error = RefusedError(f"{channel.pvname}: {error}")
        super().refused(channel, error)

    def show(self, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Post what has changed; first the values, at the end Sequence."""
        assert isinstance(snapshot, InstrumentSnapshot)
        if not _OF_GATES.isdisjoint(changed):
            self._settable.show(snapshot)
        super().show(snapshot, changed)
        if "sequence" in changed:
            self._counter.post(snapshot.sequence, time=snapshot.time)


class TextFileGroup(InstrumentGroup):
    """An instrument whose values come from text files."""

    reparse = string(
        "Reparse",
        of="reparsed",
        put=command(TextFileInstrument.reparse),
        doc="Reads again, from: 2 d, 2026-11-28",
    )


def declared(name: str, channel: Channel, *, of: str | None = None) -> Declaration:
    """The PV that shows the values of a channel.

    Args:
        name: of the PV, after the prefix.
        channel: the settings of the reading.
        of: name of the reading, if it is not that of the PV.
    """
    found = _shown(name, channel, doc=channel.desc or f"Channel {of or name}")
    found.of = of
    found.is_judged = _is_judged(channel)
    return found


def _is_judged(channel: Channel) -> bool:
    """Whether a state, word, status or bit is an alarm that calls for somebody.

    INVALID says that there is no value; limits are the PV's own.
    """
    levels = [
        one.severity
        for some in (
            channel.states,
            channel.words.values(),
            channel.status.values(),
            channel.bits.values(),
        )
        for one in some
    ]
    return Level.MINOR in levels or Level.MAJOR in levels


def _shown(name: str, channel: Channel, *, doc: str) -> Declaration:
    labels = tuple(state.label for state in channel.states)
    match channel.type:
        case ChannelType.NUMBER:
            return ai(name, precision=channel.precision, **limits(channel), doc=doc)
        case ChannelType.INTEGER:
            return longin(name, **limits(channel), doc=doc)
        case ChannelType.BOOLEAN:
            return bi(name, labels=labels or ("Off", "On"), doc=doc)  # type: ignore[arg-type]
        case ChannelType.ENUM:
            return mbbi(name, labels, doc=doc)
        case ChannelType.TEXT if channel.length:
            return long(name, size=channel.length + 1, doc=doc)
        case ChannelType.TEXT:
            return string(name, doc=doc)
        case ChannelType.ARRAY:
            return waveform(
                name,
                size=channel.length or 1,
                precision=channel.precision,
                units=channel.units,
                display=channel.display or (0.0, 0.0),
                doc=doc,
            )


def limits(channel: Channel) -> dict[str, Any]:
    """The limits of a number, as declarations take them."""
    found: dict[str, Any] = {
        "units": channel.units,
        "dead_band": channel.dead_band,
        "hysteresis": channel.hysteresis,
    }
    for limit in ("lolo", "low", "high", "hihi", "archive_dead_band"):
        value = getattr(channel, limit)
        if value is not None:
            found[limit] = value
    if channel.display is not None:
        found["display"] = channel.display
    elif channel.min is not None and channel.max is not None:
        found["display"] = (channel.min, channel.max)
    return found


def build(
    name: str, settings: InstrumentSettings, site: Site
) -> tuple[Instrument, InstrumentGroup]:
    """Join the instrument, its driver and its PVs."""
    prefix = site.prefix_of(LEVEL, name)
    state = InstrumentState.STOPPED if settings.stopped else InstrumentState.ACQUIRING
    snapshot = site.restored(
        prefix,
        InstrumentGroup,
        InstrumentSnapshot(
            enabled=settings.enable,
            state=state,
            period=settings.period,
            ramps=ramps(settings),
        ),
    )
    driver = driver_of(name, settings, site)
    read = read_by(driver, (k for k, one in settings.channels.items() if one.is_read))
    kind = Instrument if settings.file is None else TextFileInstrument
    instrument = kind(
        name,
        snapshot,
        Parts(
            driver=driver,
            channels=_channels(settings, driver, snapshot.period),
            inputs=_inputs(name, settings, site),
        ),
        timeout=_longest(driver, settings),
        events=site.events,
        prefix=prefix,
    )
    add_gates(instrument, settings, read=read)
    made = InstrumentGroup if settings.file is None else TextFileGroup
    group = made(
        prefix,
        instrument,
        pvs=_readings(settings, read),
        settable=settable_pvs(settings),
        desc=settings.desc,
    )
    return instrument, group


def _longest(driver: Driver, settings: InstrumentSettings) -> float:
    """A cycle that takes longer, with an opening, has failed [s]."""
    known: float | None = getattr(driver, "longest_cycle", None)
    return known or settings.longest_cycle + settings.longest_opening


def _readings(
    settings: InstrumentSettings, read: Collection[str]
) -> Iterator[Declaration]:
    """The PVs of all values; those of settable channels are read-backs."""
    for key, channel in settings.channels.items():
        if not channel.is_settable:
            yield declared(channel.name or key, channel)
    for name, (of, channel) in read_backs(settings, read).items():
        yield declared(f"{name}_RBV", _shown_once(channel, of, name), of=of)


def _channels(settings: InstrumentSettings, driver: Driver, period: float) -> Channels:
    """The channels that are read; one that is only written is never stale."""
    return Channels(
        awaited(driver, settings.channels),
        stale=settings.stale,
        slack=settings.longest_cycle if driver.polls else 10.0,
        period=period,
    )


def _inputs(name: str, settings: InstrumentSettings, site: Site) -> Inputs:
    return Inputs.of(
        name,
        settings.channels,
        readings=site.readings,
        pv_of=lambda one, channel: site.prefix_of(LEVEL, one) + channel,
    )


def _shown_once(channel: Channel, of: str, setpoint: str) -> Channel:
    """A channel whose limits and states give no alarm, if its own PV has that."""
    if of == setpoint:  # it has no other PV
        return channel
    states = tuple(
        one.model_copy(update={"severity": Level.NONE}) for one in channel.states
    )
    none = dict.fromkeys(("lolo", "low", "high", "hihi"))
    return channel.model_copy(update={**none, "states": states})


def simulate(
    settings: Mapping[str, InstrumentSettings], stage: Stage
) -> Simulated | None:
    """Simulate the instruments; what cannot be is disabled."""
    if not settings:
        return None
    from daqpv.sim.instruments.simulated import (  # noqa: PLC0415 - 0.1 s
        SimulatedInstruments,
    )

    return SimulatedInstruments(settings, stage.folder, stage.speed)


KIND = Kind(
    section="instruments",
    settings=InstrumentSection,
    api=1,
    build=build,
    simulate=simulate,
    known_by=(LEVEL, "Online"),
    examine=examine,
)
