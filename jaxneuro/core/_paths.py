import difflib
import fnmatch
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.tree_util as jtu


def leaf_paths(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[str]:
    """The dotted path of every leaf, in the order of `jax.tree.leaves` (with the same `is_leaf`).

    !!! example

        ```python
        leaf_paths({"exc": {"tau": 1.0, "v": 2.0}})  # ["exc.tau", "exc.v"]
        ```
    """
    return [_dotted(path) for path, _ in jtu.tree_flatten_with_path(tree, is_leaf)[0]]


def resolve_path(tree: Any, query: str) -> str:
    """The one leaf that `query` names; wrappers on the way may be left out.

    `exc.tau` finds `exc.neuron.tau`, and `exc.neuron.neuron.tau` inside a `Refractory`. An exact
    path wins over longer ones.

    **Raises:** `ValueError` if nothing matches (the nearest valid paths are named) or if several
    leaves do (they are listed).
    """
    paths = leaf_paths(tree)
    if query in paths:
        return query
    found = [path for path in paths if _matches(query.split("."), path.split("."))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"Path {query!r} is ambiguous: it could be {', '.join(found)}.")
    raise ValueError(f"No path {query!r}. {suggest(query, paths)}")


def resolve_paths(tree: Any, patterns: str | Sequence[str]) -> list[str]:
    """Every leaf that one of the patterns names; `*` stands for any part of a component.

    **Raises:** `ValueError` for a pattern without a match.
    """
    paths = leaf_paths(tree)
    chosen: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if "*" not in pattern:
            chosen.add(resolve_path(tree, pattern))
            continue
        found = [path for path in paths if _matches(pattern.split("."), path.split("."))]
        if not found:
            raise ValueError(f"No path matches {pattern!r}. {suggest(pattern, paths)}")
        chosen.update(found)
    return [path for path in paths if path in chosen]


def get_leaf(tree: Any, query: str) -> Any:
    """The leaf that `query` names, as in `resolve_path`."""
    path = resolve_path(tree, query)
    return dict(zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True))[path]


def map_leaves(tree: Any, paths: Sequence[str], update: Callable[[str, Any], Any]) -> Any:
    """A copy of `tree` in which each leaf of `paths` (exact ones) is `update(path, leaf)`."""
    chosen = set(paths)
    leaves, structure = jax.tree.flatten(tree)
    new = [
        update(path, leaf) if path in chosen else leaf
        for path, leaf in zip(leaf_paths(tree), leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, new)


def suggest(query: str, names: Sequence[str], count: int = 3) -> str:
    """A sentence that names the valid names nearest to `query`."""
    near = difflib.get_close_matches(query, names, n=count, cutoff=0.4)
    near = near or sorted(names)[:12]
    return f"Did you mean {', '.join(near)}?" if near else "There are none to choose from."


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(_component(entry) for entry in path)


def _component(entry: Any) -> str:
    for attribute in ("name", "key", "idx"):
        value = getattr(entry, attribute, None)
        if value is not None:
            return str(value)
    return str(entry)


def _matches(query: list[str], path: list[str]) -> bool:
    """Whether `query` is a subsequence of `path` that keeps its first and last component.

    A network's `nodes` and `edges` may be left out.
    """
    if path[0] in ("nodes", "edges") and len(path) > 1 and _matches(query, path[1:]):
        return True
    if not fnmatch.fnmatchcase(path[0], query[0]) or not fnmatch.fnmatchcase(path[-1], query[-1]):
        return False
    if len(query) == 1:
        return len(path) == 1
    rest = iter(path[1:-1])
    return all(any(fnmatch.fnmatchcase(part, want) for part in rest) for want in query[1:-1])
