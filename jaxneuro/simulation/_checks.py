"""What `simulate` refuses before anything is compiled."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from jaxneuro.core import suggest
from jaxneuro.inputs import AbstractSource, Constant
from jaxneuro.network import Network, NetworkState, node_of
from jaxneuro.neurons import largest_stable_dt


def is_made_inside(value: Any) -> bool:
    """Whether an input is no series but made inside the run."""
    return isinstance(value, (Constant, AbstractSource))


def check_inputs(network: Network, inputs: Mapping[str, Any], steps: int | None) -> int:
    """The number of steps, if every input fits the network and it.

    **Raises:** `ValueError` for missing inputs, unknown nodes and series that do not fit.
    """
    for name, value in inputs.items():
        if name not in network.nodes:
            raise ValueError(
                f"simulate: no node {name!r} to give an input. {suggest(name, list(network.nodes))}"
            )
        if not (is_made_inside(value) or isinstance(value, (jax.Array, np.ndarray))):
            raise ValueError(
                f"simulate: the input for {name!r} is a {type(value).__name__}. Pass an array "
                "(time, *shape), Constant(value), or a source such as Poisson(rate)."
            )
    missing = sorted(set(network.inputs) - set(inputs))
    if missing:
        raise ValueError(f"simulate: no input was given for {', '.join(missing)}.")
    for name, value in inputs.items():
        _check_finite(name, value.value if isinstance(value, Constant) else value)
    series = {name: value for name, value in inputs.items() if not is_made_inside(value)}
    steps = _count_steps(steps, series)
    for name, value in series.items():
        shape = network.nodes[name].shape
        if value.shape != (steps, *shape):
            raise ValueError(
                f"simulate: the series for {name!r} has shape {value.shape}, but {steps} steps "
                f"of a node of shape {shape} want {(steps, *shape)}: time first, and no batch "
                "axis (use jax.vmap)."
            )
    return steps


def check_dt(network: Network, dt: float) -> None:
    """Refuses a step at which an explicit integrator would blow up.

    **Raises:** `ValueError` with the largest step that is safe. Traced parameters are not checked.
    """
    for name, population in network.populations.items():
        leaves = jax.tree.leaves(population.neuron)
        if any(isinstance(leaf, Tracer) for leaf in leaves):
            continue
        limit = largest_stable_dt(population.neuron, population.integrator, population.shape)
        if dt > limit * (1.0 + 1e-9):
            # Not rounded up, or the number in the message would be refused too.
            digits = 2 - math.floor(math.log10(limit))
            safe = math.floor(limit * (1.0 + 1e-9) * 10**digits) / 10**digits
            raise ValueError(
                f"simulate: {type(population.neuron).__name__} {name!r} with "
                f"{type(population.integrator).__name__} is unstable at dt = {dt:g} ms. The "
                f"largest safe step is {safe:g} ms (spikes may need smaller ones), or take "
                "ExponentialEuler()."
            )


def check_state(network: Network, state: NetworkState, dt: float) -> None:
    """Refuses a state whose delays are not those of the network at this dt.

    **Raises:** `ValueError`.
    """
    depths = network.prepare(dt).depths
    wanted = {name: (depth, *network.nodes[node_of(name)].shape) for name, depth in depths.items()}
    came = {name: past.shape for name, past in state.history.items()}
    if came != wanted:
        raise ValueError(
            f"simulate: the state keeps past outputs of shapes {came}, but this network at dt = "
            f"{dt:g} ms wants {wanted}. Continue with the network and dt that it comes from, and "
            "a batch of states by jax.vmap."
        )


def filled_constant(value: Array, network: Network, name: str) -> Array:
    """A constant input at every neuron of its node.

    **Raises:** `ValueError` for a shape that does not fit.
    """
    shape = network.nodes[name].shape
    if value.shape not in ((), shape):
        raise ValueError(
            f"simulate: Constant for {name!r} has shape {value.shape}; it must be one number or "
            f"of shape {shape}."
        )
    return jnp.broadcast_to(value, shape)


def _check_finite(name: str, value: Any) -> None:
    is_checked = isinstance(value, (jax.Array, np.ndarray)) and not isinstance(value, Tracer)
    if not is_checked or not jnp.issubdtype(value.dtype, jnp.floating):
        return
    with jax.ensure_compile_time_eval():  # the caller may be traced, the value is not
        is_finite = bool(jnp.isfinite(value).all())
    if not is_finite:
        first = tuple(int(i[0]) for i in np.nonzero(~np.isfinite(np.asarray(value))))
        raise ValueError(
            f"simulate: the input for {name!r} has {np.asarray(value)[first]} at index {first}. "
            "Pass finite numbers."
        )


def _count_steps(steps: int | None, series: Mapping[str, Any]) -> int:
    if steps is None:
        lengths = {x.shape[0] for x in series.values()}
        if len(lengths) != 1:
            raise ValueError(
                "simulate: pass steps=..., since the inputs have "
                + (f"series of different lengths, {sorted(lengths)}." if lengths else "no series.")
            )
        return lengths.pop()
    if steps != int(steps) or steps < 1:
        raise ValueError(f"simulate: steps is {steps}; it must be a whole number >= 1.")
    return int(steps)
