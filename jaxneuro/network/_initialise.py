import math
from abc import abstractmethod
from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, init_key
from jaxneuro.edges import AbstractReceptor, Dale, Projection, SharedReceptor
from jaxneuro.neurons import AbstractStart

from ._network import Network
from ._select import select


class AbstractInitialiser(eqx.Module):
    """Draws the first weights of a projection."""

    @abstractmethod
    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...], fan_in: int) -> Array:
        """Weights of this shape for targets that hear `fan_in` sources each."""


class Kaiming(AbstractInitialiser):
    """Normal weights with standard deviation gain / sqrt(fan_in).

    **Arguments:**

    - `gain`: for spiking layers more than the sqrt(2) of rectifiers, since few sources are
      active in a step.

    Reference: He et al. (2015), ICCV.
    """

    gain: float | Float[Array, ""] = 2.0

    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...], fan_in: int) -> Array:
        return jax.random.normal(key, shape) * (self.gain / math.sqrt(fan_in))


class Uniform(AbstractInitialiser):
    """Uniform weights in ±gain / sqrt(fan_in): the default of the machine-learning libraries."""

    gain: float | Float[Array, ""] = 1.0

    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...], fan_in: int) -> Array:
        bound = self.gain / math.sqrt(fan_in)
        return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


Drawing = AbstractInitialiser | AbstractStart


def initialise(
    network: Network,
    key: Key[Array, ""],
    initialiser: Drawing | Mapping[str, Drawing] | None = None,
    *,
    redraw: bool = False,
) -> Network:
    """The network with weights drawn for every projection that has none yet.

    **Arguments:**

    - `initialiser`: `Kaiming()` by default; a start such as `LognormalStart(0.5, 0.3)` serves too.
      Or one by name or tag of edges, `{"glutamate": UniformStart()}`: then only these are drawn,
      and of several that fit an edge the last one counts.
    - `redraw`: True draws all of these weights anew.

    **Raises:** `KeyError` for a tag that nothing has.

    !!! example

        ```python
        net = initialise(net, jax.random.key(0), Kaiming(gain=3.0))
        ```
    """
    if isinstance(initialiser, Mapping):
        draws = {name: one for tag, one in initialiser.items() for name in select(network, tag)}
    else:
        draws = dict.fromkeys(network.edges, Kaiming() if initialiser is None else initialiser)

    def drawn(name: str, projection: Projection) -> Array | None:
        source = network.nodes[projection.source].shape
        shape = projection.connectivity.weight_shape(source)
        if name not in draws or shape is None or not (redraw or projection.weight is None):
            return projection.weight
        draw = draws[name]
        if isinstance(draw, AbstractStart):
            return draw(init_key(key, name), shape)
        return draw(init_key(key, name), shape, projection.connectivity.fan_in(source))

    return map_weights(network, drawn)


def fluctuation_driven(
    network: Network,
    *,
    dt: float,
    key: Key[Array, ""],
    rates: float | Mapping[str, float],
    mean: float = 0.0,
    std: float = 1.0,
    steps: int = 1000,
) -> Network:
    """The network with weights that put every membrane at a chosen mean and fluctuation.

    Each weight is normal with mean m and variance s²; for n sources that spike at rate r,
    mean(v) = n r m E1 and var(v) = n r (m² + s²) E2, where E1 and E2 are the sums of the
    unit response of receptor and membrane and of its square, taken from the models themselves.
    Several projections onto one population share its mean and variance equally.

    **Arguments:**

    - `dt`: length of a step, ms.
    - `rates`: spikes per second of every source, or by node name, Hz.
    - `mean`, `std`: wanted for the free membrane, from rest, in the unit of v; with a
      threshold at 1, mean 0 and std 1 fire moderately.
    - `steps`: length of the unit response; it must have died out by then.

    **Raises:** `ValueError` if the mean alone exceeds the variance, for a source without a rate,
    for a `Dale` connectivity, or for a response that does not die out (a perfect integrator has
    none).

    Reference: Rossbroich, Gygax & Zenke (2022), Neuromorph. Comput. Eng. 2:044016.
    """
    afferents: dict[str, int] = {}
    map_weights(network, lambda name, p: afferents.update({p.target: _more(afferents, p)}))

    def drawn(name: str, projection: Projection) -> Array | None:
        source = network.nodes[projection.source].shape
        shape = projection.connectivity.weight_shape(source)
        if shape is None:
            return projection.weight
        if isinstance(projection.connectivity, Dale):
            raise ValueError(
                f"fluctuation_driven: edge {name!r} keeps the signs of its sources (Dale), and "
                "these weights have both. Set its weight."
            )
        rate = rates.get(projection.source) if isinstance(rates, Mapping) else rates
        if rate is None or not rate > 0:
            raise ValueError(
                f"fluctuation_driven: edge {name!r} needs a rate above 0 Hz for its source "
                f"{projection.source!r}, but rates is {rates}."
            )
        arriving = projection.connectivity.fan_in(source) * rate * dt / 1000.0
        target = network.target(name)
        if target.port is not None:
            raise ValueError(f"fluctuation_driven: edge {name!r} drives a port; set its weight.")
        shared = network.edges[target.receptor] if target.receptor else None
        receptor = shared.receptor if isinstance(shared, SharedReceptor) else projection.receptor
        response = _unit_response(target.node, receptor, network, dt, steps)
        share = afferents[projection.target]
        first = mean / share / (arriving * float(response.sum()))
        second = std**2 / share / (arriving * float((response**2).sum())) - first**2
        if second < 0:
            raise ValueError(
                f"fluctuation_driven: edge {name!r} cannot reach mean {mean} with a standard "
                f"deviation of only {std}: its {arriving:g} spikes per step already vary more. "
                "Ask for a larger std or a smaller mean."
            )
        return first + math.sqrt(second) * jax.random.normal(init_key(key, name), shape)

    return map_weights(network, drawn)


def map_weights(network: Network, update: Callable[[str, Projection], Array | None]) -> Network:
    """The network with each projection's weight replaced by `update(edge name, projection)`."""

    def renewed(name: str, part: object) -> object:
        if not isinstance(part, Projection):
            return part
        weight = update(name, part)
        where = lambda p: p.weight  # noqa: E731
        return eqx.tree_at(where, part, weight, is_leaf=lambda x: x is None)

    is_projection = lambda x: isinstance(x, Projection)  # noqa: E731
    edges = {
        name: jax.tree.map(lambda part, n=name: renewed(n, part), edge, is_leaf=is_projection)
        for name, edge in network.edges.items()
    }
    return eqx.tree_at(lambda n: n.edges, network, edges)


def _more(counts: dict[str, int], projection: Projection) -> int:
    return counts.get(projection.target, 0) + 1


def _unit_response(
    node: str, receptor: AbstractReceptor, network: Network, dt: float, steps: int
) -> Float[Array, "time"]:
    """The membrane's response to one event of weight 1, without spikes, from rest."""
    population = network.populations[node]
    neuron = population.neuron

    def run(event: Array) -> Array:
        def step(carry, events):
            state, synapse = carry
            synapse, drive = receptor.step(synapse, events, state.v, dt)
            state = neuron.advance(state, drive + Drive(), dt, population.integrator)
            return (state, synapse), state.v

        start = neuron.init(population.shape, jax.random.key(0)), receptor.init(population.shape)
        events = jnp.zeros((steps, *population.shape)).at[0].set(event)
        return jax.lax.scan(step, start, events)[1].reshape(steps, -1)[:, 0]

    response = run(jnp.asarray(1.0)) - run(jnp.asarray(0.0))
    if not abs(float(response[-1])) < 1e-3 * float(jnp.abs(response).max()):
        raise ValueError(
            f"fluctuation_driven: the response of {node!r} to one spike has not died "
            f"out after {steps} steps of {dt} ms. Pass more steps, or a leaky neuron."
        )
    return response
