"""What an instrument needs of the link to its hardware: the Protocol `Driver`.

A driver knows how values of channels are read and written. It does not know what they
mean: units, limits and alarms are the instrument's. Drivers stand in `daqpv.links`,
those of third parties in distributions of their own, with an entry point per scheme of
a URL::

    [project.entry-points."daqpv.drivers"]
    can = "lab_can.driver:CAN"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from daqpv.config import Model
from daqpv.core import Severity, Site, Status
from daqpv.errors import LinkError

if TYPE_CHECKING:  # the import of numpy is slow
    from numpy.typing import NDArray

    from daqpv.instruments.settings.channel import Channel


@dataclass(frozen=True, slots=True)
class Fault:
    """What an instrument gives in place of a value: "OVER", a status, a bad quality.

    Attributes:
        words: of the instrument; the message of the alarm.
        severity: of the alarm.
        status: of the alarm.
        value: to show beside the alarm, such as the limit of the range; None: the last
            value stays, with the alarm.
        in_units: `value` is in the units of the channel, as settings have it; it is
            neither scaled nor smoothed.
    """

    words: str
    severity: Severity = Severity.INVALID
    status: Status = Status.READ
    value: float | int | str | NDArray[Any] | None = None
    in_units: bool = False


Raw: TypeAlias = "float | int | bool | str | bytes | NDArray[Any] | Fault"
"""A value as the driver gives it, before scale, words and alarms of the channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The values of one answer, one line, one notification; they belong together.

    Attributes:
        values: by the channel's key in the settings. Channels that the answer does not
            have are left out.
        time: of the values, UTC [s since 1970]; None: the time of arrival.
        good: answers or lines that were read well; LinesOK counts them.
        bad: those that were not, each as "the text: the reason"; LinesBad and LastBad.
        late: answers that came after their time-out, or that nobody had asked for, and
            were dropped.
        is_history: lines written while nobody read them; they have their own `time`,
            and are not shown as the present values unless they are the newest.
        source: what wrote the line, such as the identity of its file; with `offset` and
            `time` it tells a line that is read again from a new one. "": not known.
        offset: of the line in `source` [bytes].
    """

    values: Mapping[str, Raw] = field(default_factory=dict)
    time: float | None = None
    good: int = 1
    bad: Sequence[str] = ()
    late: int = 0
    is_history: bool = False
    source: str = ""
    offset: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Many lines of history at once. None of them is a present value.

    Attributes:
        times: of the lines, UTC [s since 1970], shape (n,). They need not rise.
        columns: by the channel's key, shape (n,): numbers as float64, where NaN is no
            value; texts as objects, where None is no value.
        good: lines that were read well, and were not counted before.
        bad: those that were not, each as "the text: the reason".
        source: what wrote the lines, such as the identity of their file.
        offsets: of the lines in `source` [bytes], shape (n,): with the time they tell
            a line that is read again from a new one.
        is_again: whether all of it was heard before, and may be better now: it takes
            the place of what has the same source, offsets and times.
    """

    times: NDArray[Any]
    columns: Mapping[str, NDArray[Any]]
    good: int
    bad: Sequence[str] = ()
    source: str = ""
    offsets: NDArray[Any]
    is_again: bool = False

    @property
    def counts(self) -> Frame:
        """A frame without values, that counts the lines of the block."""
        return Frame(good=self.good, bad=self.bad, is_history=True)


@dataclass(frozen=True, slots=True)
class Read:
    """Read all channels once.

    Attributes:
        cycle: number of the cycle since the opening; what has ``every: 10`` is read in
            cycles that 10 divides.
        channels: read just these, whatever the cycle; None: all.
    """

    cycle: int = 0
    channels: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """Write one channel; `Driver.exchange` returns when the instrument has accepted it.

    Attributes:
        channel: its name in the settings.
        value: in the units of the channel: scale is undone by the driver's caller.
    """

    channel: str
    value: Raw


Request: TypeAlias = Read | Write


class Listener(Protocol):
    """Hears what an instrument sends without being asked. Called on the event loop."""

    def heard(self, frame: Frame | Block) -> None:
        """Values have arrived."""

    def broken(self, error: LinkError) -> None:
        """The connection is gone, or a subscription was lost; values are stale."""


class Driver(Protocol):
    """The link to one instrument. All calls are made on the event loop.

    The instrument makes one call of `open` or `exchange` at a time, gives each a
    deadline (it is cancelled then), and calls `close` when `open` has failed, or when
    the connection is to be made anew: after an error of `exchange` whose `is_open` is
    False. A driver neither repeats an opening nor reconnects by itself, unless its
    library does.

    It may have a further attribute, ``reads: frozenset[str]``: keys of the channels
    that it sends. Without it, it sends all. What is not sent has no read-back.

    Attributes:
        who: the instrument and its address, for sentences: "gas at 10.0.0.5:4001".
        polls: whether `Read` asks the instrument for something. If not, values come by
            `Listener.heard` only, and `Read` returns an empty frame with ``good=0`` as
            long as the connection is up.
        is_open: whether the connection can be used; False after a failure that needs
            `close` and `open`.
    """

    who: str
    polls: bool

    @property
    def is_open(self) -> bool:
        """Whether `exchange` can be called."""

    async def open(self) -> None:
        """Connect, identify, and send what the instrument needs at the start.

        Raises:
            NotConnectedError: no connection.
            NoAnswerError: connected, and no answer.
            ProtocolError: not the instrument that was expected.
        """

    async def exchange(self, request: Request) -> Frame:
        """Read once, or write one channel. A late answer never becomes another's.

        Raises:
            LinkError: there was no good answer.
            OperationError: the instrument refuses what was written, in its own words;
                the connection is good.
        """

    def listen(self, listener: Listener) -> None:
        """Give `listener` all that comes unasked; called once, before `open`."""

    async def close(self) -> None:
        """Close; returns soon, whatever the other side does. `open` may follow."""


def read_by(driver: Driver, channels: Iterable[str]) -> frozenset[str]:
    """The keys of those `channels` that `driver` sends."""
    read: frozenset[str] | None = getattr(driver, "reads", None)
    return frozenset(channels) if read is None else read.intersection(channels)


def awaited(driver: Driver, channels: Mapping[str, Channel]) -> dict[str, Channel]:
    """Those of `channels` whose values should come, by key; not what is only written.

    A channel that can neither be read nor set is among them: it is missing.
    """
    read = read_by(driver, (key for key, one in channels.items() if one.is_read))
    return {
        key: one for key, one in channels.items() if key in read or not one.is_settable
    }


def unended(driver: Driver) -> str:
    """What `driver` has got that is no whole message yet, as a sentence, or ""."""
    told: Callable[[], str] = getattr(driver, "unended", str)
    return told()


@runtime_checkable
class Rereads(Protocol):
    """A driver that can read again what the instrument has written."""

    async def reparse(self, since: float) -> int:
        """Read all lines from a time on again; they take the place of those before.

        Args:
            since: UTC [s since 1970].

        Returns:
            How many lines had values.

        Raises:
            LinkError: it is not possible now.
        """


Make: TypeAlias = Callable[[str, Any, Site], Driver]


@dataclass(frozen=True, slots=True)
class DriverKind:
    """A sort of connection, by the scheme of its URL.

    Its module imports no heavy library.

    Attributes:
        scheme: ``tcp`` of ``tcp://192.168.41.70:4001``.
        make: makes the driver from ``(name, settings, site)``; settings is the
            `InstrumentSettings`. It may raise ValueError (a setting cannot be used) and
            ConfigError (an extra is not installed).
        address: form of the URL, for messages: ``tcp://HOST:PORT``.
        options: model of the part after ``?`` in the URL; ``baud=9600``.
        has_query: the part after ``?`` is for the other side, as in ``http:``; options
            are in the settings' key `options` alone.
        at: type (as pydantic knows types) of a channel's `at`, which says where the
            driver finds the channel: a register, an OID, a node. None: channels of this
            driver have none.
        speaks_lines: whether terminator, init, read, stream, ask, answer, write and
            reply of the settings are used.
        writes: whether channels with ``write: true`` are written to their `at`.
        extra: of daqpv, that installs its libraries.
        library: the module that must be importable, ``pymodbus``; "": none.
    """

    scheme: str
    make: Make
    _: KW_ONLY
    address: str = ""
    options: type[Model] | None = None
    has_query: bool = False
    at: Any = None
    speaks_lines: bool = False
    writes: bool = False
    extra: str = ""
    library: str = ""
