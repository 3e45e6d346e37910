"""Which blocks of registers are read: as few questions as Modbus allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter

from daqpv.instruments.modbus.place import Place, Table

MOST_REGISTERS = 125  # that a frame holds
MOST_BITS = 2000


@dataclass(frozen=True, slots=True)
class Span:
    """The registers or bits of one channel.

    Attributes:
        name: of the channel.
        table: in which they are.
        first: address of the first.
        end: address after the last.
    """

    name: str
    table: Table
    first: int
    end: int

    @classmethod
    def of(cls, name: str, place: Place) -> Span:
        """Those of the channel `name`."""
        return cls(name, place.table, place.address, place.address + place.size)


@dataclass(frozen=True, slots=True)
class Block:
    """Registers or bits that are read with one question.

    Only a channel alone may be longer than a frame: it is read in several questions.

    Attributes:
        table: in which they are.
        first: address of the first.
        end: address after the last.
        spans: the channels in it, in the order of their addresses.
    """

    table: Table
    first: int
    end: int
    spans: Sequence[Span]

    @classmethod
    def of(cls, spans: Sequence[Span]) -> Block:
        """The block that holds `spans`, which are in order."""
        end = max(one.end for one in spans)
        return cls(spans[0].table, spans[0].first, end, spans)

    @property
    def size(self) -> int:
        """Registers, or bits."""
        return self.end - self.first

    @property
    def has_holes(self) -> bool:
        """Whether it has registers that belong to no channel."""
        end = self.first
        for span in self.spans:
            if span.first > end:
                return True
            end = max(end, span.end)
        return False

    def halves(self) -> tuple[Block, Block]:
        """Two blocks with half of the channels each; it has two channels or more."""
        middle = len(self.spans) // 2
        return Block.of(self.spans[:middle]), Block.of(self.spans[middle:])

    def pieces(self, most: int) -> Iterable[tuple[int, int]]:
        """Address and count of the questions that read it, of at most `most` each."""
        for first in range(self.first, self.end, most):
            yield first, min(most, self.end - first)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large blocks may be.

    Attributes:
        registers: the most that a device gives at once.
        bits: the same for coils and discrete inputs.
        gap: so many addresses between two channels are read as well, and dropped, if
            that saves a question.
    """

    registers: int = MOST_REGISTERS
    bits: int = MOST_BITS
    gap: int = 0

    def most(self, table: Table) -> int:
        """The most registers or bits in one question."""
        return self.bits if table.is_bits else self.registers


def plan(
    places: Mapping[str, Place], limits: Limits, alone: Set[str] = frozenset()
) -> list[Block]:
    """Blocks that hold all of `places`.

    Args:
        places: by the channel's name.
        limits: of a block.
        alone: these channels share no block, since the device refuses them.
    """
    spans = [Span.of(name, place) for name, place in places.items()]
    spans.sort(key=attrgetter("table", "first", "end"))
    blocks = [Block.of([one]) for one in spans if one.name in alone]
    refused = [(one.table, one.first, one.end) for one in blocks]
    run: list[Span] = []
    end = 0
    for span in (one for one in spans if one.name not in alone):
        if run and not _joins((run[0].first, end), span, run[0], limits, refused):
            blocks.append(Block.of(run))
            run = []
        end = max(end, span.end) if run else span.end
        run.append(span)
    return blocks + ([Block.of(run)] if run else [])


def _joins(
    have: tuple[int, int],
    span: Span,
    first: Span,
    limits: Limits,
    refused: Iterable[tuple[Table, int, int]],
) -> bool:
    """Whether `span` can be read with what begins with `first` and takes `have`."""
    start, end = have
    return (
        span.table is first.table
        and span.first <= end + limits.gap
        and max(end, span.end) - start <= limits.most(span.table)
        and not any(
            table is span.table and begin < span.first and last > end
            for table, begin, last in refused
        )
    )
