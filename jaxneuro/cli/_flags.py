"""Flags that override single fields of a configuration, such as `--training.epochs 5`."""

import itertools
import tomllib
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from jaxneuro.core import suggest

from ._config import has_names, section_in
from ._errors import fail

Location = tuple[Any, ...]


class Flag(NamedTuple):
    """Where a flag writes, what it writes, and the type of its value (None takes none)."""

    location: Location
    kind: Any
    value: Any = None
    is_entry: bool = False
    """Whether it writes an entry of a table."""


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
            if not _write(kind, table, flag.location, _value(flag.kind, value)) and flag.is_entry:
                above = name.rpartition(".")[0]
                fail(f"{name}: the file has no table {above.strip('-')}. Give {above} as a whole.")
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
    """The flag that writes an entry of a table, such as `--evolution.options.rank`.

    A table of any content, such as that of `--base.training.epochs`, has tables in it.
    """
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        table = flags.get(".".join(parts[:end]))
        if table is not None and dict in _kinds(table.kind) and all(parts[end:]):
            keys = [key.replace("-", "_") for key in parts[end:]]
            if len(keys) > 1 and get_args(table.kind)[1:] != (Any,):
                return None
            return Flag((*table.location, *keys), dict[str, Any], is_entry=True)
    return None


def _leaves(
    model: type[BaseModel], default: Any, table: Any, location: Location
) -> Iterator[tuple[Location, Any]]:
    """Every field with its location; lists and tables of sections have those of the file, or, if
    it does not say, those by default.
    """
    for name, field in model.model_fields.items():
        here = (*location, name)
        section = section_in(field.annotation)
        said = table.get(name) if isinstance(table, dict) else None
        if section is None:
            yield here, field.annotation
            continue
        # Unchecked: one without a default for everything, such as an input, has none that is right.
        fallback = section.model_construct().model_dump()
        if has_names(field.annotation):
            for key, item in (said if isinstance(said, dict) else {}).items():
                yield from _leaves(section, fallback, item, (*here, key))
        elif isinstance(default[name], list):
            items = said if isinstance(said, list) else default[name]
            for index, item in enumerate(items):
                yield from _leaves(section, fallback, item, (*here, index))
        else:
            yield from _leaves(section, default[name] or fallback, said, here)


def _write(kind: type[BaseModel], table: Any, location: Location, value: Any) -> bool:
    """False where the file has no table to write into: its own mistake, which its check names."""
    default: Any = kind().model_dump()
    for part, following in itertools.pairwise(location):
        default = default.get(part) if isinstance(default, dict) else None
        if isinstance(table, dict):
            table.setdefault(part, default if isinstance(following, int) else {})
        table = table[part]
        if not isinstance(table, (dict, list)):
            return False
    table[location[-1]] = value
    return True


def _value(kind: Any, text: str) -> Any:
    """The text as a number, list or truth where one is wanted; the check refuses what stays a text.

    A list is `1,2,3` or TOML's `[1, 2, 3]`; an entry of a table is whatever TOML reads in it.
    """
    kinds = _kinds(kind)
    if kinds == [dict]:
        as_int = _value(int, text)
        as_number = _value(float, text) if as_int is text else as_int
        return _toml(text, text) if as_number is text else as_number
    if kinds == [list]:
        value = _toml(text, None)
        value = value if isinstance(value, list) else _toml(f"[{text}]", None)
        return text.split(",") if value is None else value
    number = next((part for part in kinds if part in (int, float)), None)
    if number is None:
        return text
    try:
        return number(text)
    except ValueError:
        return _toml(text, text) if dict in kinds or list in kinds else text


def _kinds(annotation: Any) -> list[Any]:
    """The plain types that a field may have: `Positive | None` is `[float, NoneType]`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    if origin is Literal:
        return sorted({type(value) for value in get_args(annotation)}, key=str)
    return [origin or annotation]


def _toml(text: str, fallback: Any) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return fallback
