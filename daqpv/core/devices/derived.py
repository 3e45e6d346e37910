"""Declares from which fields of a snapshot a property is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def made_from(*fields: str) -> Callable[[_F], _F]:
    """Declare the fields from which a property of a snapshot is made.

    The property is read again only when one of them has changed. Without this it is
    read with every change, which may be each second.
    ::

        @property
        @made_from("transition")
        def transitioning(self) -> bool: ...
    """

    def declare(function: _F) -> _F:
        function.__dict__["made_from"] = frozenset(fields)
        return function

    return declare


def sources(kind: type, name: str) -> frozenset[str] | None:
    """The fields with which the attribute `name` of a snapshot of `kind` changes.

    Returns:
        A field's own name; the declared fields of a property; None: any.
    """
    if name in getattr(kind, "__dataclass_fields__", ()):
        return frozenset({name})
    getter = getattr(getattr(kind, name), "fget", None)
    return getattr(getter, "made_from", None)
