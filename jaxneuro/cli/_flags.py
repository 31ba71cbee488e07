"""Flags that override single fields of a configuration, such as `--training.epochs 5`."""

import itertools
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from jaxneuro.core import suggest

from ._config import section_in
from ._errors import fail

Location = tuple[Any, ...]


class Flag(NamedTuple):
    """Where a flag writes, what it writes, and the type of its value (None takes none)."""

    location: Location
    kind: Any
    value: Any = None


def override(
    kind: type[BaseModel], table: dict[str, Any], arguments: list[str]
) -> dict[Location, str]:
    """Writes the flags' values into a file's table, for the configuration to check.

    **Returns:** the flag that spoke, by location.
    """
    flags = _flags(kind, table)
    given: dict[Location, str] = {}
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("--"):
            fail(f"{argument!r} is one argument too many: one configuration file, then flags.")
        name, is_joined, value = argument.partition("=")
        name = name.replace("_", "-")
        flag = flags.get(name) or _entry(flags, name)
        if flag is None:
            fail(f"unknown flag {name}. {suggest(name, list(flags))}")
        if flag.kind is not None:
            value = value if is_joined else next(rest, "")
            if not value or value.startswith("--"):
                fail(f"{name} needs a value: {name} VALUE.")
            _write(kind, table, flag.location, _value(flag.kind, value))
        elif is_joined:
            fail(f"{name} takes no value.")
        else:
            _write(kind, table, flag.location, flag.value)
        given[flag.location] = name
    return given


def _flags(kind: type[BaseModel], table: dict[str, Any]) -> dict[str, Flag]:
    flags = {}
    for location, annotation in _leaves(kind, kind().model_dump(), table, ()):
        *sections, field = (str(part).replace("_", "-") for part in location)
        if annotation is bool:
            flags["--" + ".".join([*sections, field])] = Flag(location, None, True)
            flags["--" + ".".join([*sections, f"no-{field}"])] = Flag(location, None, False)
        else:
            flags["--" + ".".join([*sections, field])] = Flag(location, annotation)
    return flags


def _entry(flags: dict[str, Flag], name: str) -> Flag | None:
    """The flag that writes one entry of a table, such as `--evolution.options.rank`."""
    section, _, key = name.rpartition(".")
    table = flags.get(section)
    if table is None or get_origin(table.kind) is not dict or not key:
        return None
    return Flag((*table.location, key.replace("-", "_")), table.kind)


def _leaves(
    model: type[BaseModel], default: Any, table: Any, location: Location
) -> Iterator[tuple[Location, Any]]:
    """Every field with its location; a list has as many as in the file, or as by default."""
    for name, field in model.model_fields.items():
        here = (*location, name)
        section = section_in(field.annotation)
        said = table.get(name) if isinstance(table, dict) else None
        if section is None:
            yield here, field.annotation
        elif isinstance(default[name], list):
            items = said if isinstance(said, list) else default[name]
            fallback = section().model_dump()
            for index, item in enumerate(items):
                yield from _leaves(section, fallback, item, (*here, index))
        else:
            yield from _leaves(section, default[name], said, here)


def _write(kind: type[BaseModel], table: Any, location: Location, value: Any) -> None:
    default: Any = kind().model_dump()
    for part, following in itertools.pairwise(location):
        default = default[part] if isinstance(default, dict) else None
        if isinstance(table, dict):
            table.setdefault(part, default if isinstance(following, int) else {})
        table = table[part]
        if not isinstance(table, (dict, list)):
            return  # the file's own mistake, which its check will name
    table[location[-1]] = value


def _value(kind: Any, text: str) -> Any:
    """The text as a number, list or truth where one is wanted; the check refuses what stays a text.

    A list is `1,2,3` or TOML's `[1, 2, 3]`; an entry of a table is whatever TOML reads in it.
    """
    if get_origin(kind) is dict:
        as_int = _value(int, text)
        as_number = _value(float, text) if as_int is text else as_int
        return _toml(text, text) if as_number is text else as_number
    if get_origin(kind) is list:
        value = _toml(text, None)
        value = value if isinstance(value, list) else _toml(f"[{text}]", None)
        return text.split(",") if value is None else value
    # What `Positive | None` says beside None, without its bounds.
    parts = [getattr(part, "__origin__", part) for part in get_args(kind)]
    kind = next((part for part in parts if part in (int, float)), kind)
    if kind not in (int, float):
        return text
    try:
        return kind(text)
    except ValueError:
        return text


def _toml(text: str, fallback: Any) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return fallback
