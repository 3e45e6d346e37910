"""Converts fields of a snapshot to JSON and back, by their types."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as hints_of

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError

T = TypeVar("T")


class JsonForm(Generic[T]):
    """The values of one type as JSON has them: None, bool, int, float, str, list, dict.

    An enum goes by the names of its members: their numbers may change. What pydantic
    knows it can do as well: dataclasses, tuples, mappings, and types that are annotated
    with pydantic's validators and serializers.

    Args:
        kind: the type.

    Raises:
        TypeError: values of this type cannot be written as JSON.
    """

    def __init__(self, kind: Any) -> None:
        try:
            self._adapter: TypeAdapter[T] = TypeAdapter(_with_enums_by_name(kind))
        except PydanticUserError as error:
            raise TypeError(str(error).partition("\n")[0]) from None

    def encode(self, value: T) -> Any:
        """`value` as JSON has it.

        Raises:
            ValueError: it is not of the type, or not valid in JSON, e.g. NaN.
        """
        try:
            encoded = self._adapter.dump_python(value, mode="json", warnings=False)
        except PydanticSerializationError:
            raise ValueError(f"{value!r} is no value of its type") from None
        self.decode(encoded)  # or it could not be read back later
        return encoded

    def decode(self, encoded: Any) -> T:
        """The value that was encoded; no value is converted to fit.

        Raises:
            ValueError: it is no value of the type; the text says why, without a stop.
        """
        try:
            text = json.dumps(encoded, allow_nan=False)
            return self._adapter.validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = "".join(f"{key}: " for key in first["loc"] if isinstance(key, str))
            why = first["msg"].removeprefix("Value error, ")
            raise ValueError(f"{where}{why}") from None


@cache
def form_of(snapshot: type, field: str) -> JsonForm[Any]:
    """The form of the values of `field` of the dataclass `snapshot`.

    Raises:
        TypeError: its values cannot be written as JSON.
    """
    return JsonForm(_hints(snapshot)[field])


@cache
def _hints(snapshot: type) -> dict[str, Any]:
    try:
        return hints_of(snapshot, include_extras=True)
    except NameError as error:
        raise TypeError(f"{error}: import it when not type checking, too") from None


def _with_enums_by_name(kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        read: Callable[[Any], Any] = partial(_member, kind)
        return Annotated[kind, PlainValidator(read), PlainSerializer(_name)]
    origin, arguments = get_origin(kind), get_args(kind)
    if not arguments:
        return kind
    if origin is Annotated:
        return Annotated[(_with_enums_by_name(arguments[0]), *kind.__metadata__)]
    if origin not in (Union, UnionType, tuple, list, dict):
        return kind
    inner = tuple(map(_with_enums_by_name, arguments))
    return Union[inner] if origin in (Union, UnionType) else origin[inner]  # noqa: UP007


def _member(kind: type[Enum], name: object) -> Enum:
    if isinstance(name, str) and name in kind.__members__:
        return kind[name]
    raise ValueError(f"{name!r} is not one of {', '.join(kind.__members__)}")


def _name(member: Enum) -> str:
    return member.name
