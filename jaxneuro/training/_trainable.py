import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxneuro.core import leaf_paths, map_leaves, resolve_path, resolve_paths
from jaxneuro.network import Network, expanded

Parameters = dict[str, Float[Array, "..."]]


class Bounds(NamedTuple):
    """The open interval a parameter is kept in; None is no bound.

    **Attributes:**

    - `lower`, `upper`: its ends.
    - `scale`: `"log"` makes equal factors equally far; then both ends must be above 0.
    """

    lower: float | None = None
    upper: float | None = None
    scale: Literal["linear", "log"] = "linear"

    def free(self, value: Array) -> Array:
        """The unbounded number that `bounded` maps to `value`."""
        if self.scale == "log":
            return self._of_logarithm().free(jnp.log(value))
        lower, upper, _ = self
        if lower is None:
            return value if upper is None else -_inverse_softplus(upper - value)
        if upper is None:
            return _inverse_softplus(value - lower)
        part = (value - lower) / (upper - lower)
        return jnp.log(part) - jnp.log1p(-part)

    def bounded(self, free: Array) -> Array:
        """A number inside the interval (up to rounding), smooth in `free`."""
        if self.scale == "log":
            return jnp.exp(self._of_logarithm().bounded(free))
        lower, upper, _ = self
        if lower is None:
            return free if upper is None else upper - jax.nn.softplus(-free)
        if upper is None:
            return lower + jax.nn.softplus(free)
        return lower + (upper - lower) * jax.nn.sigmoid(free)

    def contain(self, value: Array) -> bool:
        above = self.lower is None or bool(jnp.all(value > self.lower))
        return above and (self.upper is None or bool(jnp.all(value < self.upper)))

    def check(self, name: str) -> None:
        """**Raises:** `ValueError` for ends that are reversed, or do not suit the scale."""
        lower, upper, scale = self
        if lower is not None and upper is not None and not lower < upper:
            raise ValueError(f"{name} are ({lower}, {upper}), but lower must be below upper.")
        if scale not in ("linear", "log"):
            raise ValueError(f"{name} have the scale {scale!r}; there are 'linear' and 'log'.")
        if scale == "log" and (lower is None or upper is None or not lower > 0):
            raise ValueError(
                f"{name} are ({lower}, {upper}) on a log scale, which needs both ends above 0."
            )

    def _of_logarithm(self) -> "Bounds":
        assert self.lower is not None
        assert self.upper is not None
        return Bounds(math.log(self.lower), math.log(self.upper))


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
    bounds: Mapping[str, Bounds | tuple[float | None, float | None]] | None = None,
) -> Trainable:
    """Chooses the leaves to train.

    **Arguments:**

    - `model`: any pytree of modules, usually a `Network`.
    - `paths`: such as `"exc.tau"`, `"*.weight"` or, of all that have a tag, `"glutamate.weight"`;
      by default every weight and bias.
    - `bounds`: (lower, upper) by path, instead of the physical range that the field declares.

    **Raises:** `ValueError` for an unknown path, a leaf that holds no floats, one that is outside
    its bounds, or bounds that are reversed.

    !!! example

        ```python
        chosen = trainable(net, ["*.weight", "hidden1.tau"], {"hidden1.tau": (1.0, 50.0)})
        ```
    """
    if paths is None:
        ends = ("weight", "bias")
        chosen = [path for path in leaf_paths(model) if path.rsplit(".", 1)[-1] in ends]
    else:
        paths = [paths] if isinstance(paths, str) else paths
        if isinstance(model, Network):
            paths = [path for query in paths for path in expanded(model, query)]
        chosen = resolve_paths(model, paths)
    given = {
        resolve_path(model, path): pair if isinstance(pair, Bounds) else Bounds(*pair)
        for path, pair in (bounds or {}).items()
    }
    for path, pair in given.items():
        pair.check(f"trainable: the bounds of {path!r}")
    strangers = sorted(set(given) - set(chosen))
    if strangers:
        raise ValueError(f"trainable: bounds for {strangers}, which are not among the paths.")
    leaves = jax.tree_util.tree_flatten_with_path(model)[0]
    named = dict(zip(leaf_paths(model), leaves, strict=True))
    result = {}
    for path in chosen:
        keys, leaf = named[path]
        if not eqx.is_inexact_array(leaf):
            raise ValueError(f"trainable: {path!r} holds no floating-point numbers.")
        result[path] = given.get(path) or _declared_bounds(model, keys)
        if not isinstance(leaf, Tracer) and not result[path].contain(leaf):
            raise ValueError(
                f"trainable: {path!r} starts outside its bounds {tuple(result[path])[:2]}. "
                "Start inside them, or give wider ones."
            )
    return Trainable(result)


def _declared_bounds(model: Any, path: tuple[Any, ...]) -> Bounds:
    """The range that the innermost field on the way to a leaf declares with `param`."""
    node, metadata = model, {}
    for entry in path:
        if isinstance(entry, jax.tree_util.GetAttrKey):
            fields = dataclasses.fields(node) if dataclasses.is_dataclass(node) else ()
            metadata = {field.name: field.metadata for field in fields}.get(entry.name, {})
            node = getattr(node, entry.name)
        elif isinstance(entry, jax.tree_util.DictKey):
            node = node[entry.key]
        elif isinstance(entry, jax.tree_util.SequenceKey):
            node = node[entry.idx]
        else:  # a node of another library: it declares nothing
            return Bounds()
    return Bounds(metadata.get("lower"), metadata.get("upper"))


def _inverse_softplus(x: Array) -> Array:
    return x + jnp.log(-jnp.expm1(-x))
