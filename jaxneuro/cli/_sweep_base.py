"""The configuration that a sweep runs at every point, with single fields changed."""

import copy
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError

from ._config import Config, Section, has_names, section_in
from ._errors import fail
from ._network_config import NetworkSimulationConfig
from ._parse import explain, read_table
from ._simulation_config import SimulationConfig
from ._sweep_config import SweepConfig


def base_table(config: SweepConfig, folder: Path) -> dict[str, Any]:
    """The tables of the base: those of its file, seen from `folder`, with the changes."""
    table: dict[str, Any] = {}
    if config.config is not None:
        table = read_table(folder / config.config)
    merged = _merged(table, config.base)
    if not merged:
        raise ValueError(
            "config is missing: the file that is run at every point, such as "
            '"neurons/lif.toml"; or give its content as [base].'
        )
    return merged


def base_kind(table: dict[str, Any]) -> type[Section]:
    """Whether the base is one neuron, a network or a training."""
    if "populations" in table or "catalogue" in table:
        return NetworkSimulationConfig
    return SimulationConfig if "neuron" in table else Config


def checked(kind: type[Section], table: dict[str, Any], where: str) -> Any:
    """The base with its fields checked; `where` says whose values are in it."""
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        fail(explain(kind, error, where, {}))


def with_field(table: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The tables with one field changed, such as `projections.ei.probability`."""
    changed = copy.deepcopy(table)
    inner: Any = changed
    *above, last = path.split(".")
    for part in above:
        inner = inner[int(part)] if isinstance(inner, list) else inner.setdefault(part, {})
    if isinstance(inner, list):
        inner[int(last)] = value
    else:
        inner[last] = value
    return changed


def fields(kind: type[Section], table: Any, prefix: str = "") -> list[str]:
    """The dotted names of all fields that the base has, those of tables under their names.

    A table that takes any name, such as that of a neuron's parameters, is listed with a `*`.
    """
    found = []
    for name, field in kind.model_fields.items():
        here = f"{prefix}{name}"
        section = section_in(field.annotation)
        said = table.get(name) if isinstance(table, dict) else None
        if section is None:
            found.append(here)
            if get_origin(field.annotation) is dict:
                found += [f"{here}.{key}" for key in (*(said or {}), "*")]
        elif has_names(field.annotation):
            for key, item in (said if isinstance(said, dict) else {}).items():
                found += fields(section, item, f"{here}.{key}.")
        elif isinstance(said, list):
            for index, item in enumerate(said):
                found += fields(section, item, f"{here}.{index}.")
        else:
            found += fields(section, said or {}, f"{here}.")
    return found


def _merged(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(table)
    for key, value in changes.items():
        inner = result.get(key)
        is_table = isinstance(inner, dict) and isinstance(value, dict)
        result[key] = _merged(inner, value) if is_table else value  # pyright: ignore
    return result
