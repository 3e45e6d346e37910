"""Merges settings of an instrument with its description; expands tables.

All values here are plain: mappings, lists, texts and numbers as YAML has them. What is
wrong in them is left as it is, for the model that validates the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

MOST = 4096
"""Most entries of the index of a table."""

_PLACE = re.compile(r"<n(?:([+-])(\d{1,6}))?>")
_RANGE = re.compile(r"(\d{1,6})-(\d{1,6})")
_PARTS = ("channels", "groups", "simulator")
"""The keys of a table that are mappings; `read` is a list."""


class Unmatched(str):
    """A pattern of `leave_out` that fits no channel."""

    __slots__ = ()


def merged(over: Any, under: Any) -> Any:
    """`over`, with what it does not say from `under`.

    Mappings are merged key by key, at all depths. Lists, texts and numbers of `over`
    replace those of `under`; so does None, except that it replaces no mapping: the
    lines of a mapping may be commented out.
    """
    if not isinstance(under, Mapping):
        return over
    if over is None:
        return dict(under)
    if not isinstance(over, Mapping):
        return over
    both = {
        key: merged(over[key], value) if key in over else value
        for key, value in under.items()
    }
    return both | {key: value for key, value in over.items() if key not in under}


def completed(
    settings: Mapping[str, Any], is_usable: Callable[[object], bool]
) -> dict[str, Any]:
    """`settings` with the channels that its tables make, without those left out.

    Args:
        settings: of an instrument.
        is_usable: whether a table is without errors; nothing is done while one has
            some, for they would be reported again at all that is made of it.
    """
    done = dict(settings)
    tables = done.get("tables")
    made = list(tables.values()) if isinstance(tables, Mapping) else []
    if all(is_usable(table) for table in made):
        for table in made:
            _add(done, table)
        _leave_out(done)
    return done


def entries(index: object) -> tuple[int | str, ...]:
    """The entries of an index: ``[0-7, 100, left]`` has ten.

    Raises:
        ValueError: it is no such list, or has more than `MOST` entries.
    """
    listed = index if isinstance(index, list | tuple) else [index]
    found: list[int | str] = []
    for one in listed:
        if isinstance(one, bool) or not isinstance(one, int | str):
            raise ValueError(f"{one!r} is neither a number nor a text")
        if isinstance(one, str) and (limits := _RANGE.fullmatch(one)):
            first, last = int(limits[1]), int(limits[2])
            found += range(first, min(last, first + MOST) + 1)
        else:
            found.append(one)
    if len(found) > MOST:
        raise ValueError(f"more than {MOST} entries")
    return tuple(found)


def filled(template: Any, entry: int | str) -> Any:
    """`template` with ``<n>``, ``<n+1>`` replaced in all its keys and texts.

    Raises:
        ValueError: ``<n+1>`` for an entry that is a text.
    """

    def shown(found: re.Match[str]) -> str:
        if found[1] is None:
            return str(entry)
        if not isinstance(entry, int):
            raise ValueError(f"{found[0]} cannot be counted from {entry!r}")
        return str(entry + int(found[1] + found[2]))

    if isinstance(template, str):
        return _PLACE.sub(shown, template)
    if isinstance(template, Mapping):
        return {
            _PLACE.sub(shown, str(key)): filled(value, entry)
            for key, value in template.items()
        }
    if isinstance(template, Sequence):
        return [filled(value, entry) for value in template]
    return template


def _add(done: dict[str, Any], table: Mapping[str, Any]) -> None:
    """Add what a table makes."""
    made = list(_made(table))
    for part in _PARTS:
        parts = [one[part] for one in made if isinstance(one.get(part), Mapping)]
        if parts:
            done[part] = _beside(done.get(part), _joined(parts))
    for one in reversed([one["read"] for one in made if "read" in one]):
        done["read"] = _listed(done.get("read"), one)


def _beside(own: Any, made: Any) -> Any:
    """What an instrument says itself, with what its tables make."""
    both = merged(own, made)
    if isinstance(own, Mapping) and "rules" in own and "rules" in made:  # a simulator
        both["rules"] = _listed(own["rules"], made["rules"])
    return both


def _listed(own: Any, made: Any) -> Any:
    """The list of a table before that of the instrument, which comes last."""
    if isinstance(made, list) and isinstance(own, list | tuple | None):
        return [*made, *(own or ())]
    return own


def _joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mappings as one; their own mappings and lists are joined as well."""
    joined: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            old = joined.get(key)
            if isinstance(old, dict) and isinstance(value, Mapping):
                old.update(value)
            elif isinstance(old, list) and isinstance(value, list):
                old += value
            else:
                joined[key] = value
    return joined


def _made(table: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    template = {key: table[key] for key in (*_PARTS, "read") if key in table}
    for entry in entries(table.get("index", ())):
        yield filled(template, entry)


def _leave_out(done: dict[str, Any]) -> None:
    channels, patterns = done.get("channels"), done.get("leave_out")
    if not (isinstance(channels, Mapping) and isinstance(patterns, list | tuple)):
        return
    texts = [one for one in patterns if isinstance(one, str)]
    done["leave_out"] = [
        Unmatched(one) if one in texts and not _fits_any(one, channels) else one
        for one in patterns
    ]
    done["channels"] = {
        name: channel
        for name, channel in channels.items()
        if not any(fnmatchcase(str(name), one) for one in texts)
    }


def _fits_any(pattern: str, names: Mapping[str, Any]) -> bool:
    return any(fnmatchcase(str(name), pattern) for name in names)
