import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.edges import Dense, ExponentialConductance, OneToOne, Projection
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, AdaptiveLIF, Input, Population, Refractory
from jaxneuro.plasticity import AbstractRule, Batch, DiehlCookSTDP, Plastic
from jaxneuro.topology import all_to_all


def diehl_cook_network(
    weight: Float[Array, "inputs neurons"],
    *,
    rule: AbstractRule | None = None,
    threshold_step: float = 0.05,
    excitation: float = 10.4,
    inhibition: float = 17.0,
    batch: Batch = "separate",
    learns: bool = True,
) -> Network:
    """Diehl & Cook's network: neurons that learn what they see, and silence each other.

    "input" drives "exc" through plastic conductances, in the same step; each neuron of "exc" has
    its own in "inh", which inhibits all other neurons of "exc". The threshold of "exc" rises by
    `threshold_step` at each spike and stays (its time constant is 10^7 ms).

    **Arguments:**

    - `weight`: from the inputs, in units of the leak conductance.
    - `rule`: how it learns, by default `DiehlCookSTDP()`.
    - `threshold_step`: mV; 0 where nothing shall adapt.
    - `excitation`, `inhibition`: weights to and from "inh".
    - `batch`: as in `Plastic`: `"separate"` learns by events, which is fast for one example at a
      time; with `"shared"` the weights are a matrix that all lanes of a `vmap` share.
    - `learns`: False for plain projections, as matrices, which are fast for many examples at once.

    **Returns:** a network with the edges "input_exc", "exc_inh" and "inh_exc".

    Reference: Diehl & Cook (2015), Front. Comput. Neurosci. 9:99.

    !!! example

        ```python
        net = diehl_cook_network(jax.random.uniform(key, (784, 400), maxval=0.3))
        ```
    """
    inputs, neurons = weight.shape
    is_listed = learns and batch == "separate"
    afferent = Projection(
        "input",
        "exc",
        weight.reshape(-1) if is_listed else weight,
        all_to_all(inputs, neurons) if is_listed else Dense(neurons),
        ExponentialConductance(tau=1.0, e_rev=0.0),
        delay=0.0,
    )
    rule = DiehlCookSTDP() if rule is None else rule
    edges = {
        "input_exc": Plastic(afferent, rule, batch=batch) if learns else afferent,
        "exc_inh": Projection(
            "exc",
            "inh",
            jnp.full(neurons, excitation),
            OneToOne(),
            ExponentialConductance(tau=1.0, e_rev=0.0),
            delay=0.0,
        ),
        "inh_exc": _lateral(neurons, inhibition, is_listed),
    }
    return Network(_nodes(inputs, neurons, threshold_step), edges)


def _nodes(inputs: int, neurons: int, step: float) -> dict[str, Input | Population]:
    exc = AdaptiveLIF(
        tau=100.0,
        tau_threshold=1e7,
        step=step,
        threshold=-52.0,
        v_rest=-65.0,
        v_reset=-65.0,
        reset_by="value",
    )
    inh = LIF(tau=10.0, threshold=-40.0, v_rest=-60.0, v_reset=-45.0, reset_by="value")
    return {
        "input": Input(inputs),
        "exc": Population(Refractory(exc, 5.0), neurons),
        "inh": Population(Refractory(inh, 2.0), neurons),
    }


def _lateral(neurons: int, inhibition: float, is_listed: bool) -> Projection:
    """From each inhibitory neuron to all excitatory ones but its own."""
    receptor = ExponentialConductance(tau=2.0, e_rev=-100.0)
    if is_listed:
        others = all_to_all(neurons, neurons, self_connections=False)
        weight = jnp.full(neurons * (neurons - 1), inhibition)
        return Projection("inh", "exc", weight, others, receptor)
    weight = inhibition * (1.0 - jnp.eye(neurons))
    return Projection("inh", "exc", weight, receptor=receptor)
