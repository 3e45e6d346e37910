"""Field types of settings: patterns, references, local paths, descriptions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from daqpv.core.lines import has_controls

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """The facts of the file that fields use when they are validated.

    Attributes:
        folder: of the experiment file.
        names: the names given in each section; invalid sections are left out.
        sections: all sections that a file may have.
    """

    folder: Path
    names: Mapping[str, Collection[str]] = field(default_factory=dict)
    sections: Collection[str] = ()


def wanted(what: str) -> PydanticCustomError:
    """Make the error of a value that is not `what`: "an IPv4 address".

    The message is "<the value> is given; wanted is <what>". Use it instead of a
    ValueError with the value in its text: it hides values from the environment.
    """
    return PydanticCustomError("wanted", "{wanted} is wanted", {"wanted": what})


def read_by(read: Callable[[Any], T], what: str) -> Callable[[Any], T]:
    """Make a validator of `read`: its ValueError becomes "`what` is wanted"."""

    def validate(value: Any) -> T:
        try:
            return read(value)
        except ValueError:
            raise wanted(what) from None

    return validate


@dataclass(frozen=True, slots=True)
class Matching:
    """Marks a text field that must match a pattern, as a whole.

    Attributes:
        pattern: a regular expression that Python and JSON schema read alike.
        what: the expected text, in words.
    """

    pattern: str
    what: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": f"^(?:{self.pattern})$"}

    def check(self, text: str) -> str:
        """Return `text`.

        Raises:
            PydanticCustomError: it does not match.
        """
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise wanted(self.what)
        return text


@dataclass(frozen=True, slots=True)
class Ref:
    """Marks a text field that names an entry of another section of the file.

    ``router: Annotated[str, Ref("routers")]``. Only `load` checks it: a model that is
    made in a program has no file.
    """

    section: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_after_validator_function(
            self._check, handler(source)
        )

    def _check(self, name: str, info: ValidationInfo[Any]) -> str:
        context = info.context
        if not isinstance(context, Context):
            return name
        if self.section not in context.sections:
            raise ValueError(f"no kind with the section {self.section!r} is installed")
        known = context.names.get(self.section)
        if known is not None and name not in known:
            facts = {"section": self.section, "names": list(known)}
            raise PydanticCustomError("no_such_name", "no such name", facts)
        return name


def _from_folder(path: Path, info: ValidationInfo[Any]) -> Path:
    path = path.expanduser()
    return info.context.folder / path if isinstance(info.context, Context) else path


LocalPath = Annotated[Path, AfterValidator(_from_folder)]
"""A file of this computer; a relative one starts at the experiment file's folder."""


def _short(text: str) -> str:
    if len(text.encode()) > 40 or has_controls(text):
        raise wanted("a description of at most 40 bytes, without control characters")
    return text


Description = Annotated[
    str, AfterValidator(_short), Field(json_schema_extra={"maxLength": 40})
]
"""Text for a record's DESC field, which holds 40 bytes."""
