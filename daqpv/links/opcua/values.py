"""Values of OPC UA: from a DataValue, and to the type of a node."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from enum import Enum
from typing import Any

from asyncua import ua

from daqpv.core.numbers import finite
from daqpv.instruments.driver import Fault, Raw
from daqpv.instruments.settings import ChannelType
from daqpv.links.opcua.failures import fault_of

VT = ua.VariantType

_INTEGERS = {
    VT.SByte: (-(2**7), 2**7 - 1),
    VT.Byte: (0, 2**8 - 1),
    VT.Int16: (-(2**15), 2**15 - 1),
    VT.UInt16: (0, 2**16 - 1),
    VT.Int32: (-(2**31), 2**31 - 1),
    VT.UInt32: (0, 2**32 - 1),
    VT.Int64: (-(2**63), 2**63 - 1),
    VT.UInt64: (0, 2**64 - 1),
}
_FLOAT_MOST = 3.4028235e38
_NO_TIME = 631152000.0  # [s] 1990: clocks that were never set say less


def raw_of(data: ua.DataValue, kind: ChannelType) -> Raw:
    """The value of a channel of type `kind`; a Fault if its status is not good."""
    status = data.StatusCode or ua.StatusCode()
    value = data.Value.Value if data.Value is not None else None
    if status.is_bad():
        return fault_of(status)
    if value is None:
        return Fault("no value") if status.is_good() else fault_of(status)
    if isinstance(value, list | tuple):
        raw = _array(value, kind)
    else:
        raw = _plain(value, kind)
    if status.is_good() or isinstance(raw, Fault):
        return raw
    return fault_of(status, None if isinstance(raw, bytes) else raw)


def time_of(data: ua.DataValue, whose: str) -> float | None:
    """The time of a value, UTC [s since 1970]; None: that of its arrival."""
    if whose == "arrival":
        return None
    stamps = [data.SourceTimestamp, data.ServerTimestamp]
    if whose == "server":
        stamps.reverse()
    for stamp in stamps:
        if stamp is not None and (seconds := _seconds(stamp)) > _NO_TIME:
            return seconds
    return None


def variant_of(raw: Raw, kind: ua.VariantType, *, is_array: bool) -> ua.Variant:
    """What is written to a node of type `kind`.

    Raises:
        ValueError: the type cannot hold it; the text says why, after a name.
    """
    value: Any = getattr(raw, "tolist", lambda: raw)()
    if isinstance(value, list) and not is_array:
        raise ValueError("takes one value, not an array")
    if is_array:
        values = value if isinstance(value, list) else [value]
        elements = [_native(one, kind) for one in values]
        return ua.Variant(elements, kind, is_array=True)
    return ua.Variant(_native(value, kind), kind)


def _seconds(stamp: datetime.datetime) -> float:
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=datetime.UTC)
    return stamp.timestamp()


def _plain(value: Any, kind: ChannelType) -> Raw:
    match value:
        case Enum():
            return value.name if kind is ChannelType.TEXT else int(value.value)
        case bool() | int() | float() | str() | bytes():
            return value
        case datetime.datetime():
            if kind is ChannelType.TEXT:
                return value.isoformat(sep=" ", timespec="milliseconds")
            return _seconds(value)
        case ua.LocalizedText():
            return value.Text or ""
        case ua.QualifiedName():
            return value.Name or ""
        case ua.StatusCode():
            return str(value.name)
        case ua.NodeId():
            return value.to_string()
    if hasattr(value, "hex"):  # a Guid
        return str(value)
    return Fault("a structure: name a node inside it")


def _array(values: list[Any] | tuple[Any, ...], kind: ChannelType) -> Raw:
    flat = [one for each in values for one in (each if _is_list(each) else [each])]
    plain = [_plain(one, kind) for one in flat]
    if kind is ChannelType.TEXT:
        return ", ".join(map(str, plain))
    if not all(isinstance(one, int | float) for one in plain):
        return Fault("an array of texts: take type: text")
    import numpy as np  # noqa: PLC0415 (slow, and only arrays need it)

    return np.array(plain)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _native(value: Any, kind: ua.VariantType) -> Any:
    if kind in _INTEGERS:
        return _integer(value, *_INTEGERS[kind])
    native: dict[ua.VariantType, Callable[[Any], Any]] = {
        VT.Boolean: _truth,
        VT.Float: _float,
        VT.Double: finite,
        VT.String: str,
        VT.LocalizedText: lambda one: ua.LocalizedText(str(one)),
        VT.ByteString: lambda one: one if isinstance(one, bytes) else str(one).encode(),
        VT.DateTime: _stamp,
    }
    if kind not in native:
        raise ValueError(f"is a {kind.name}: such a node cannot be written")
    return native[kind](value)


def _float(value: Any) -> float:
    if abs(number := finite(value)) > _FLOAT_MOST:
        raise ValueError(f"is a Float, and cannot hold {number:g}")
    return number


def _integer(value: Any, low: int, high: int) -> int:
    number = int(value) if isinstance(value, int) else round(finite(value))
    if not low <= number <= high:
        raise ValueError(f"takes {low} to {high}, not {number}")
    return number


def _truth(value: Any) -> bool:
    if (number := finite(value)) not in (0, 1):
        raise ValueError(f"takes 0 and 1, not {number:g}")
    return bool(number)


def _stamp(value: Any) -> datetime.datetime:
    try:
        if isinstance(value, str):
            stamp = datetime.datetime.fromisoformat(value)
            return stamp if stamp.tzinfo else stamp.replace(tzinfo=datetime.UTC)
        return datetime.datetime.fromtimestamp(finite(value), datetime.UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            "takes a time: seconds since 1970, or 2026-11-29 12:00:00"
        ) from None
