from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jaxneuro.core import get_leaf, init_key, map_leaves, resolve_path
from jaxneuro.network import Network, NetworkState
from jaxneuro.simulation import Count, simulate

Memory = dict[str, Array]


class LearnedInTurn(NamedTuple):
    """What a network has become by examples, and what it did meanwhile.

    **Attributes:**

    - `memory`: what it keeps, by path: its weights and thresholds.
    - `counts`: spikes of the population at each example.
    - `attempts`: how often each was shown.
    """

    memory: Memory
    counts: Float[Array, "examples neurons"]
    attempts: Int[Array, "examples"]


def memory_of(state: NetworkState, paths: Sequence[str]) -> Memory:
    """The leaves of a state under these paths, such as `"exc.rise"` or `"input_exc.weight"`."""
    tree = {**state.nodes, **state.edges}
    return {path: get_leaf(tree, resolve_path(tree, path)) for path in paths}


def with_memory(state: NetworkState, memory: Mapping[str, Array]) -> NetworkState:
    """A state with these leaves in the place of its own."""
    tree = {**state.nodes, **state.edges}
    for path, value in memory.items():
        tree = map_leaves(tree, [resolve_path(tree, path)], lambda *_, value=value: value)
    nodes = {name: tree[name] for name in state.nodes}
    edges = {name: tree[name] for name in state.edges}
    return eqx.tree_at(lambda s: (s.nodes, s.edges), state, (nodes, edges))


def learn_in_turn(
    network: Network,
    examples: Any,
    encode: Callable[[Any, Int[Array, ""]], Mapping[str, Any]],
    *,
    dt: float,
    steps: int,
    key: Key[Array, ""],
    memory: Memory,
    population: str,
    prepare: Callable[[Memory], Memory] | None = None,
    least_spikes: int = 0,
    most_attempts: int = 1,
    batch: int = 1,
    shared: Sequence[str] = (),
) -> LearnedInTurn:
    """Shows a plastic network one example after another; what it keeps goes on, the rest is fresh.

    Each example finds the network as `network.init` makes it, but for its memory: as after a rest
    that is long enough for everything else to decay. To be called within `jit`; it is one scan.

    **Arguments:**

    - `examples`: arrays whose leading axis is that of the examples.
    - `encode`: from an example and the number of attempts that were made before, to the inputs.
    - `dt`, `steps`: as in `simulate`, for one example.
    - `key`: of all random numbers; that of an example is folded in by its place.
    - `memory`: what the network keeps, from `memory_of`.
    - `population`: whose spikes are counted.
    - `prepare`: what is done to the memory before each example, such as a normalisation.
    - `least_spikes`: an example with fewer is shown again (learning all the time)...
    - `most_attempts`: ... up to so many times.
    - `batch`: so many examples at a time, side by side; then each is shown once, and the memory
      changes by the mean of their changes.
    - `shared`: with a batch, the paths of the weights that its lanes share (`batch="shared"` of
      `Plastic`), which are averaged in every step already.

    **Returns:** a `LearnedInTurn`; the counts are those of each last attempt.

    !!! example

        ```python
        memory = memory_of(net.init(1.0, key), ("input_exc.weight", "exc.rise"))
        encode = lambda rate, attempt: {"input": Poisson(rate)}
        done = learn_in_turn(net, rates, encode, dt=1.0, steps=350, key=key, memory=memory,
                             population="exc")
        ```
    """
    record = {"count": Count(f"{population}.spikes")}

    def attempt(example: Any, own: Array, memory: Memory, number: Array) -> tuple[Memory, Array]:
        start = with_memory(network.init(dt, jax.random.fold_in(own, number)), memory)
        inputs = encode(example, number)
        run = simulate(
            network, inputs, dt=dt, steps=steps, key=own, state=start, record=record, block=1
        )
        return memory_of(run.state, tuple(memory)), run["count"]

    def one(memory: Memory, example: Any, own: Array) -> tuple[Memory, Array, Array]:
        def again(loop: Any) -> Any:
            memory, _, number = loop
            return *attempt(example, own, memory, number), number + 1

        def is_silent(loop: Any) -> Array:
            _, count, number = loop
            return (jnp.sum(count) < least_spikes) & (number < most_attempts)

        first = again((memory, None, jnp.asarray(0, jnp.int32)))
        return jax.lax.while_loop(is_silent, again, first)

    def together(memory: Memory, examples: Any, own: Array) -> tuple[Memory, Array, Array]:
        axes = {path: None if path in shared else 0 for path in memory}
        number = jnp.asarray(0, jnp.int32)
        lane = jax.vmap(lambda e, k: attempt(e, k, memory, number), out_axes=(axes, 0))
        ends, counts = lane(examples, own)
        ends = {path: x if path in shared else jnp.mean(x, axis=0) for path, x in ends.items()}
        return ends, counts, jnp.ones(batch, jnp.int32)

    def turn(memory: Memory, given: Any) -> tuple[Memory, tuple[Array, Array]]:
        examples, places = given
        memory = memory if prepare is None else prepare(memory)
        own = jax.vmap(lambda i: init_key(jax.random.fold_in(key, i), "example"))(places)
        if batch > 1:
            memory, counts, attempts = together(memory, examples, own)
            return memory, (counts, attempts)
        memory, count, number = one(memory, jax.tree.map(lambda x: x[0], examples), own[0])
        return memory, (count[None], number[None])

    count = len(jax.tree.leaves(examples)[0])
    if batch > 1 and most_attempts > 1:
        raise ValueError(
            f"learn_in_turn: batch is {batch} and most_attempts {most_attempts}; examples of a "
            "batch are shown once. Pass one of them."
        )
    if count % batch:
        raise ValueError(f"learn_in_turn: {count} examples are no whole batches of {batch}.")
    places = jnp.arange(count, dtype=jnp.int32)
    grouped = jax.tree.map(
        lambda x: x.reshape(count // batch, batch, *x.shape[1:]), (examples, places)
    )
    memory, (counts, attempts) = jax.lax.scan(turn, memory, grouped)
    return LearnedInTurn(memory, counts.reshape(count, -1), attempts.reshape(count))
