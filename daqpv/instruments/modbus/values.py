"""Values of Modbus registers and bits: from the bytes of a frame, and back."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from daqpv.core.numbers import finite
from daqpv.instruments.driver import Fault, Raw
from daqpv.instruments.modbus.place import DataType, Order, Place

if TYPE_CHECKING:  # the import of numpy is slow
    from numpy.typing import NDArray

_CODES = {
    DataType.INT16: "h",
    DataType.UINT16: "H",
    DataType.INT32: "i",
    DataType.UINT32: "I",
    DataType.INT64: "q",
    DataType.UINT64: "Q",
    DataType.FLOAT32: "f",
    DataType.FLOAT64: "d",
}


def ordered(data: bytes, order: Order | None, width: int) -> bytes:
    """Bring values of `width` registers into the order ABCD, or from it into `order`.

    Texts have no order of registers: call it with a width of 1.
    """
    if order is None or order is Order.BIG:
        return data
    out = bytearray(data)
    if order in (Order.LITTLE, Order.BIG_SWAP):
        out[0::2], out[1::2] = out[1::2], out[0::2]
    if width > 1 and order in (Order.LITTLE, Order.LITTLE_SWAP):
        step = 2 * width
        for start in range(0, len(out), step):
            one = out[start : start + step]
            pairs = [one[at : at + 2] for at in range(0, step, 2)]
            out[start : start + step] = b"".join(reversed(pairs))
    return bytes(out)


def decoded(place: Place, data: bytes, encoding: str = "utf-8") -> Raw:
    """The value of `place`.

    Args:
        place: where it stood; its order is given.
        data: its registers, two bytes each, as in the frame; of bits one byte each.
        encoding: of texts.
    """
    if place.table.is_bits:
        return _bits(place, data)
    if place.type is DataType.TEXT:
        text = ordered(data, place.order, 1)[: place.length]
        return text.split(b"\0", 1)[0].decode(encoding, "replace").rstrip()
    data = ordered(data, place.order, place.width)
    if place.type is DataType.BCD:
        return _bcd(place, data)
    if place.count is not None:
        return _array(data, f">{_CODES[place.data_type]}")
    (value,) = struct.unpack(f">{_CODES[place.data_type]}", data)
    return _field(place, value) if place.field else value


def encoded(place: Place, value: Raw, encoding: str = "utf-8") -> bytes:
    """The bytes of `value`, as `decoded` takes them; not for single bits of registers.

    Raises:
        ValueError: the place cannot hold it; the text says why, after a name.
    """
    if place.table.is_bits:
        return bytes(_truth(one) for one in _listed(place, value))
    if place.type is DataType.TEXT:
        text = _text_bytes(value, place.length or 1, encoding)
        return ordered(text, place.order, 1)
    values = [_number(place, one) for one in _listed(place, value)]
    return ordered(b"".join(values), place.order, place.width)


def with_field(place: Place, number: int, value: Raw) -> int:
    """`number` with the bits of `place` replaced by `value`.

    Raises:
        ValueError: these bits cannot hold it; the text says why, after a name.
    """
    low, high = place.field or (0, 0)
    most = (1 << (high - low + 1)) - 1
    wanted = _whole(value)
    if not 0 <= wanted <= most:
        raise ValueError(f"takes 0 to {most}, not {wanted}")
    return (number & ~(most << low)) | (wanted << low)


def mask_of(place: Place) -> int:
    """The bits of `place` that are not its own: the and-mask of function 22."""
    low, high = place.field or (0, 15)
    return 0xFFFF & ~(((1 << (high - low + 1)) - 1) << low)


def unsigned(place: Place) -> Place:
    """The whole number whose bits `place` is."""
    whole = DataType(f"uint{place.data_type.bits}")
    change = {"bit": None, "bits": None, "modify": None, "type": whole}
    return place.model_copy(update=change)


def _bits(place: Place, data: bytes) -> Raw:
    return bool(data[0]) if place.count is None else _array(data, "u1")


def _array(data: bytes, form: str) -> NDArray[Any]:
    import numpy as np  # noqa: PLC0415 (slow, and only arrays need it)

    read = np.frombuffer(data, np.dtype(form))
    return read.astype(read.dtype.newbyteorder("="))


def _field(place: Place, number: int) -> int | bool:
    low, high = place.field or (0, 15)
    value = (number >> low) & ((1 << (high - low + 1)) - 1)
    return bool(value) if place.bit is not None else value


def _bcd(place: Place, data: bytes) -> Raw:
    each = 2 * place.width
    parts = [data[at : at + each].hex() for at in range(0, len(data), each)]
    if not all(part.isdecimal() for part in parts):
        return Fault(f"not decimal digits: {data.hex()[:16]}")
    if place.count is None:
        return int(parts[0])
    return _array(struct.pack(f">{len(parts)}q", *map(int, parts)), ">i8")


def _listed(place: Place, value: Raw) -> list[Any]:
    """The elements of an array, or the value alone."""
    if place.count is None:
        return [value]
    elements = getattr(value, "tolist", lambda: value)()
    if not isinstance(elements, list | tuple):
        elements = [elements]
    if len(elements) != place.count:
        raise ValueError(f"takes {place.count} values, not {len(elements)}")
    return list(elements)


def _whole(value: Any) -> int:
    """The nearest whole number: scale may leave 11.999999999 for 12."""
    return int(value) if isinstance(value, int) else round(finite(value))


def _truth(value: Any) -> bool:
    if (number := finite(value)) not in (0, 1):
        raise ValueError(f"takes 0 and 1, not {number:g}")
    return bool(number)


def _number(place: Place, value: Any) -> bytes:
    kind = place.data_type
    if kind is DataType.BCD:
        most = 10 ** (place.length or 4) - 1
        digits = f"{_within(value, 0, most):0{4 * place.width}d}"
        return bytes.fromhex(digits)
    if not kind.is_integer:
        try:
            return struct.pack(f">{_CODES[kind]}", finite(value))
        except OverflowError:
            raise ValueError(f"is a {kind}, and cannot hold {value:g}") from None
    half = 1 << (kind.bits - 1)
    low, high = (0, 2 * half - 1) if kind.startswith("u") else (-half, half - 1)
    return struct.pack(f">{_CODES[kind]}", _within(value, low, high))


def _within(value: Any, low: int, high: int) -> int:
    if not low <= (number := _whole(value)) <= high:
        raise ValueError(f"takes {low} to {high}, not {number}")
    return number


def _text_bytes(value: Raw, length: int, encoding: str) -> bytes:
    try:
        data = value if isinstance(value, bytes) else str(value).encode(encoding)
    except UnicodeEncodeError:
        raise ValueError(f"takes characters of {encoding} only") from None
    if len(data) > length:
        raise ValueError(f"takes {length} bytes of text, not {len(data)}")
    return data.ljust(length + length % 2, b"\0")
