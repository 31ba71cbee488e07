"""The projections of a configuration: who is joined to whom, how strongly, how late."""

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro import topology
from jaxneuro.core import init_key, suggest
from jaxneuro.edges import (
    AbstractConnectivity,
    AbstractEdge,
    Dense,
    Direct,
    OneToOne,
    Projection,
    ShortTermPlasticity,
    Sparse,
    TunedCurrent,
    TunedPoisson,
)

from ._network_config import ProjectionConfig, ReceptorConfig
from ._network_parts import build_receptor, known, prefixed
from ._quantity import draw

KERNELS = {
    "gaussian": topology.Gaussian,
    "exponential": topology.Exponential,
    "von_mises": topology.VonMises,
}


SpikeTimes = Literal["grid", "interpolated"]


class Place(NamedTuple):
    """A population or input, as far as projections need it.

    **Attributes:**

    - `size`: number of neurons or channels.
    - `layout`: as in the configuration.
    - `positions`: `(n, dimensions)` or, on a ring, directions `(n,)`; None without a layout.
    """

    size: int
    layout: str = "none"
    positions: Float[Array, "..."] | None = None


class Joined(NamedTuple):
    """A projection made out.

    **Attributes:**

    - `edge`: for the network.
    - `synapses`: how many there are.
    - `weight`: their mean.
    - `weights`, `delays`: of each synapse where they differ, else None; delays in ms.
    """

    edge: AbstractEdge
    synapses: int
    weight: float
    weights: np.ndarray | None
    delays: np.ndarray | None


def build_projection(
    name: str,
    config: ProjectionConfig,
    places: Mapping[str, Place],
    receptors: Mapping[str, str],
    key: Key[Array, ""],
    spike_times: SpikeTimes,
) -> Joined:
    """One projection.

    **Arguments:**

    - `places`: populations and inputs by name.
    - `receptors`: the population of each shared receptor.
    - `spike_times`: as of a `Projection`.

    **Raises:** `ValueError` for names that there are not (naming the nearest), and for what does
    not fit together.
    """
    where = f"projections.{name}"
    pre = _place(f"{where}.source", config.source, places, {})
    post = _place(f"{where}.target", config.target, places, receptors)
    has_own = config.receptor != ReceptorConfig()
    if has_own and config.target in receptors:
        raise ValueError(
            f"{where}: its target {config.target!r} is a shared receptor, so leave out receptor."
        )
    key = init_key(key, where)
    receptor = Direct()
    if has_own:
        receptor = build_receptor(f"{where}.receptor", config.receptor, key, (post.size,))
    if config.rule.startswith("tuned"):
        return _tuned(where, config, pre, post, receptor, key)
    delay, delays = _delays(where, config, key)
    with prefixed(where):
        connectivity = _connectivity(config, pre, post, key, is_listed=delays is not None)
    weight = _weight(where, config, connectivity, pre, post, key)
    if isinstance(connectivity, Sparse) and weight.ndim == 0:
        connectivity = Sparse(connectivity.pre, connectivity.post, connectivity.shape, shared=True)
    options: dict[str, Any] = {"delay": delay, "spike_times": spike_times}
    if delays is not None:
        assert isinstance(connectivity, Sparse)
        options["delays"] = delays(connectivity.pre.shape)
    synapses = _count(connectivity, pre, post)
    with prefixed(where):
        edge: AbstractEdge = Projection(
            config.source, config.target, weight, connectivity, receptor, **options
        )
        edge = _short_term(config, edge)
    is_varied = isinstance(config.weight, dict) or config.rule == "ring"
    return Joined(
        edge,
        synapses,
        float(jnp.mean(weight)) if weight.size else 0.0,
        np.ravel(weight) if is_varied else None,
        np.asarray(options["delays"]) if delays is not None else None,
    )


def _place(
    where: str, name: str, places: Mapping[str, Place], receptors: Mapping[str, str]
) -> Place:
    node = receptors.get(name, name.partition(".")[0])
    if node not in places:
        came = f"there is no {name!r}" if name else "it is missing"
        raise ValueError(f"{where}: {came}. {suggest(name, [*places, *receptors])}")
    return places[node]


def _connectivity(
    config: ProjectionConfig, pre: Place, post: Place, key: Key[Array, ""], *, is_listed: bool
) -> AbstractConnectivity:
    """Who is joined to whom; as a list of synapses where each is to have its own delay."""
    rule, n, m = config.rule, pre.size, post.size
    itself = {"self_connections": config.self_connections}
    if rule == "all_to_all":
        is_dense = config.self_connections and not is_listed
        return Dense(m) if is_dense else topology.all_to_all(n, m, **itself)
    if rule == "one_to_one":
        _check_equal(rule, n, m)
        return topology.one_to_one(n) if is_listed else OneToOne(isinstance(config.weight, float))
    if rule == "ring":
        if is_listed:
            raise ValueError("rule is ring, of which the synapses have one delay: give a number.")
        return Dense(m)
    if rule == "fixed_probability":
        return topology.fixed_probability(key, n, m, known(config.probability), **itself)
    if rule == "small_world":
        _check_equal(rule, n, m)
        return topology.small_world(key, n, known(config.neighbours), config.rewiring)
    if rule == "distance_dependent":
        return _distance_dependent(config, pre, post, key)
    build = topology.fixed_indegree if rule == "fixed_indegree" else topology.fixed_outdegree
    return build(key, n, m, known(config.degree), multapses=config.multapses, **itself)


def _distance_dependent(
    config: ProjectionConfig, pre: Place, post: Place, key: Key[Array, ""]
) -> Sparse:
    if pre.positions is None or post.positions is None:
        raise ValueError(
            "rule is distance_dependent, which needs a layout (ring, grid, circle or disc) of its "
            "source and of its target population."
        )
    if (pre.layout == "ring") != (post.layout == "ring"):
        raise ValueError(
            f"the layout of its source is {pre.layout}, of its target {post.layout}: there is no "
            "distance between a direction and a point."
        )
    return topology.distance_dependent(
        key,
        pre.positions,
        post.positions,
        KERNELS[config.kernel](known(config.width), config.peak),
        self_connections=config.self_connections,
        periodic=2.0 * math.pi if pre.layout == "ring" else None,
    )


def _weight(
    where: str,
    config: ProjectionConfig,
    connectivity: AbstractConnectivity,
    pre: Place,
    post: Place,
    key: Key[Array, ""],
) -> Float[Array, "..."]:
    shape = connectivity.weight_shape((pre.size,))
    assert shape is not None, "all of them have weights"
    with prefixed(f"{where}.weight"):
        weight = config.sign * draw(config.weight, init_key(key, "weight"), shape)
    if config.rule == "ring":
        return weight * topology.ring_weights(
            pre.size, post.size, p=config.share, sigma=config.sigma
        )
    return jnp.full(shape, weight) if isinstance(connectivity, Dense) else weight


def _delays(where: str, config: ProjectionConfig, key: Key[Array, ""]) -> tuple[float | None, Any]:
    """One delay, or a function that draws those of so many synapses."""
    quantity = config.delay
    if not isinstance(quantity, dict):
        return quantity, None

    def drawn(shape: tuple[int, ...]) -> Array:
        with prefixed(f"{where}.delay"):
            delays = draw(quantity, init_key(key, "delay"), shape)
            if delays.size and float(delays.min()) < 0:
                raise ValueError(
                    f"the shortest that was drawn is {float(delays.min()):g} ms. Choose a "
                    "distribution that has no negative ones, such as uniform or lognormal."
                )
            return delays

    return None, drawn


def _tuned(
    where: str,
    config: ProjectionConfig,
    pre: Place,
    post: Place,
    receptor: Any,
    key: Key[Array, ""],
) -> Joined:
    """From an input of amplitude and direction to a ring."""
    if post.layout != "ring":
        raise ValueError(
            f"{where}: rule is {config.rule}, but the target has no directions. Give its "
            "population layout = 'ring'."
        )
    if pre.size != 2:
        raise ValueError(
            f"{where}: rule is {config.rule}, but its source {config.source!r} has "
            f"{pre.size} channels. Take an input whose cues have directions."
        )
    if isinstance(config.delay, dict) or config.short_term.U is not None:
        raise ValueError(
            f"{where}: rule is {config.rule}, which has one delay and no short_term plasticity."
        )
    with prefixed(f"{where}.weight"):
        weight = config.sign * draw(config.weight, init_key(key, "weight"), (post.size,))
    common = (config.source, config.target, post.positions)
    kappa, delay = jnp.asarray(config.kappa), config.delay
    with prefixed(where):
        if config.rule == "tuned_poisson":
            options: dict[str, Any] = {"weight": weight, "receptor": receptor, "delay": delay}
            edge: AbstractEdge = TunedPoisson(*common, kappa, **options)
        elif config.weight != 1.0 or not isinstance(receptor, Direct):
            raise ValueError("rule is tuned_current, which has no weight and no receptor.")
        else:
            edge = TunedCurrent(*common, kappa, delay)
    return Joined(edge, post.size, float(jnp.mean(weight)), None, None)


def _short_term(config: ProjectionConfig, edge: AbstractEdge) -> AbstractEdge:
    if config.short_term.U is None:
        return edge
    options: Any = config.short_term
    return ShortTermPlasticity(edge, options.U, options.tau_rec, options.tau_facil)


def _count(connectivity: AbstractConnectivity, pre: Place, post: Place) -> int:
    if isinstance(connectivity, Sparse):
        return connectivity.pre.size
    return pre.size if isinstance(connectivity, OneToOne) else pre.size * post.size


def _check_equal(rule: str, n: int, m: int) -> None:
    if n != m:
        raise ValueError(
            f"rule is {rule}, but the source has {n:,} neurons and the target {m:,}: they must be "
            "as many."
        )
