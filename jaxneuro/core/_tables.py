from collections.abc import Mapping
from typing import Any

MOST_TOLD = 5


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two nested tables, entry by entry; empty if nothing does.

    !!! example

        ```python
        describe_changes({"a": {"b": 1}}, {"a": {"b": 2}})  # "a.b was 1, is 2"
        ```
    """
    old, new = _flat(before), _flat(now)
    # As texts: a NaN equals no other.
    changed = sorted(k for k in old.keys() | new.keys() if repr(old.get(k)) != repr(new.get(k)))
    told = "; ".join(f"{k} was {old.get(k)}, is {new.get(k)}" for k in changed[:MOST_TOLD])
    more = len(changed) - MOST_TOLD
    return f"{told}; and {more} more" if more > 0 else told


def _flat(table: Any, prefix: str = "") -> dict[str, Any]:
    """The entries by their dotted paths, those of lists by their indices."""
    if isinstance(table, Mapping):
        items = [(f"{prefix}.{key}".lstrip("."), value) for key, value in table.items()]
    elif isinstance(table, list):
        items = [(f"{prefix}.{index}", value) for index, value in enumerate(table)]
    else:
        return {prefix: table}
    return {k: v for path, value in items for k, v in _flat(value, path).items()}
