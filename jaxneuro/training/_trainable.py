from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import dataclasses
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import leaf_paths, map_leaves, resolve_path, resolve_paths

Parameters = dict[str, Float[Array, "..."]]


class Bounds(NamedTuple):
    """The open interval a parameter is kept in; None is no bound."""

    lower: float | None = None
    upper: float | None = None

    def free(self, value: Array) -> Array:
        """The unbounded number that `bounded` maps to `value`."""
        if self.lower is None and self.upper is None:
            return value
        if self.upper is None:
            return _inverse_softplus(value - self.lower)
        if self.lower is None:
            return -_inverse_softplus(self.upper - value)
        part = (value - self.lower) / (self.upper - self.lower)
        return jnp.log(part) - jnp.log1p(-part)

    def bounded(self, free: Array) -> Array:
        """A number inside the interval, smooth in `free`."""
        if self.lower is None and self.upper is None:
            return free
        if self.upper is None:
            return self.lower + jax.nn.softplus(free)
        if self.lower is None:
            return self.upper - jax.nn.softplus(-free)
        return self.lower + (self.upper - self.lower) * jax.nn.sigmoid(free)

    def contain(self, value: Array) -> bool:
        above = self.lower is None or bool(jnp.all(value > self.lower))
        return above and (self.upper is None or bool(jnp.all(value < self.upper)))


class Trainable(NamedTuple):
    """Which leaves of a model are trained, and the bounds they keep.

    **Attributes:**

    - `bounds`: by exact path, in the order of the model's leaves.
    """

    bounds: dict[str, Bounds]

    def split(self, model: Any) -> Parameters:
        """The trained leaves as unbounded numbers, by path: what an optimiser sees."""
        leaves = dict(zip(leaf_paths(model), jax.tree.leaves(model), strict=True))
        return {path: bounds.free(leaves[path]) for path, bounds in self.bounds.items()}

    def merge(self, model: Any, parameters: Parameters) -> Any:
        """The model with its trained leaves made from `parameters`."""
        update = lambda path, leaf: self.bounds[path].bounded(parameters[path])  # noqa: E731
        return map_leaves(model, list(self.bounds), update)


def trainable(
    model: Any,
    paths: str | Sequence[str] | None = None,
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
) -> Trainable:
    """Chooses the leaves to train.

    **Arguments:**

    - `model`: any pytree of modules, usually a `Network`.
    - `paths`: such as `"exc.tau"` or `"*.weight"`; by default every weight and bias.
    - `bounds`: (lower, upper) by path, instead of the physical range that the field declares.

    **Raises:** `ValueError` for an unknown path, a leaf that holds no floats, or one that is
    outside its bounds.

    !!! example

        ```python
        chosen = trainable(net, ["*.weight", "hidden1.tau"], {"hidden1.tau": (1.0, 50.0)})
        ```
    """
    if paths is None:
        named = leaf_paths(model)
        chosen = [path for path in named if path.rsplit(".", 1)[-1] in ("weight", "bias")]
    else:
        chosen = resolve_paths(model, paths)
    given = {resolve_path(model, path): Bounds(*pair) for path, pair in (bounds or {}).items()}
    strangers = sorted(set(given) - set(chosen))
    if strangers:
        raise ValueError(f"trainable: bounds for {strangers}, which are not among the paths.")
    leaves = dict(zip(leaf_paths(model), jax.tree.leaves(model), strict=True))
    result = {}
    for path in chosen:
        leaf = leaves[path]
        if not eqx.is_inexact_array(leaf):
            raise ValueError(f"trainable: {path!r} holds no floating-point numbers.")
        result[path] = given.get(path) or _declared_bounds(model, path.split("."))
        if not isinstance(leaf, jax.core.Tracer) and not result[path].contain(leaf):
            raise ValueError(
                f"trainable: {path!r} starts outside its bounds {tuple(result[path])}. "
                "Start inside them, or give wider ones."
            )
    return Trainable(result)


def _declared_bounds(model: Any, parts: list[str]) -> Bounds:
    """The range that the field at the end of the path declares with `param`."""
    node, metadata = model, {}
    for part in parts:
        if dataclasses.is_dataclass(node):
            fields = {field.name: field for field in dataclasses.fields(node)}
            metadata = fields[part].metadata
            node = getattr(node, part)
        else:
            node = node[part] if isinstance(node, Mapping) else node[int(part)]
    return Bounds(metadata.get("lower"), metadata.get("upper"))


def _inverse_softplus(x: Array) -> Array:
    return x + jnp.log(-jnp.expm1(-x))
