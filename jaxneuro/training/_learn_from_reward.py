from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import init_key
from jaxneuro.network import Network
from jaxneuro.simulation import Count, simulate

from ._learn_in_turn import Memory, memory_of, with_memory


class LearnedFromReward(NamedTuple):
    """What a network has become by rewards.

    **Attributes:**

    - `memory`: what it keeps, by path: its weights.
    - `rewards`: what each example brought.
    """

    memory: Memory
    rewards: Float[Array, "examples"]


def learn_from_reward(
    network: Network,
    examples: Any,
    encode: Callable[[Any], Mapping[str, Float[Array, "time ..."]]],
    judge: Callable[[Float[Array, "neurons"], Any], Float[Array, ""]],
    *,
    dt: float,
    after: int,
    key: Key[Array, ""],
    memory: Memory,
    population: str,
    reward: str = "reward",
) -> LearnedFromReward:
    """Shows a plastic network one example after another, and rewards what it answers.

    An example has two phases. In the first the network gets its input and nothing else; the spikes
    of that phase are its answer, of which `judge` makes a reward. In the second there is no input
    but the reward, in the last step. Each example finds the network as `network.init` makes it, but
    for its memory: as after a rest that is long enough for everything else to decay. To be called
    within `jit`; it is one scan.

    **Arguments:**

    - `network`: with edges that learn by a third factor, such as `Plastic(..., RewardSTDP(),
      third="reward")`.
    - `examples`: arrays whose leading axis is that of the examples.
    - `encode`: from an example to the inputs of the first phase, but the reward, as series.
    - `judge`: from the number of spikes of each neuron, and the example, to the reward.
    - `dt`: as in `simulate`.
    - `after`: steps of the second phase, at least 1.
    - `key`, `memory`: as in `learn_in_turn`.
    - `population`: whose spikes are counted.
    - `reward`: name of the `Input` that sends it.

    **Returns:** a `LearnedFromReward`.

    **Raises:** `ValueError` for no steps after the answer.

    !!! example

        ```python
        memory = memory_of(net.init(1.0, key), ("input_exc.weight",))
        judge = lambda counts, example: jnp.where(counts.argmax() == example[1], 1.0, -1.0)
        done = learn_from_reward(net, (spikes, labels), lambda x: {"input": x[0]}, judge, dt=1.0,
                                 after=50, key=key, memory=memory, population="exc")
        ```
    """
    if after < 1:
        raise ValueError(
            f"learn_from_reward: after is {after}; the reward needs a step to come in, so pass at "
            "least 1."
        )
    record = {"count": Count(f"{population}.spikes")}
    shape = network.nodes[reward].shape

    def one(memory: Memory, given: Any) -> tuple[Memory, Array]:
        example, own = given
        start = with_memory(network.init(dt, own), memory)
        shown = dict(encode(example))
        steps = len(next(iter(shown.values())))
        nothing = {reward: jnp.zeros((steps, *shape))}
        answer = simulate(
            network, shown | nothing, dt=dt, key=own, state=start, record=record, block=1
        )
        sent = judge(answer["count"], example)
        dark = {name: jnp.zeros((after, *x.shape[1:])) for name, x in shown.items()}
        coming = {reward: jnp.zeros((after, *shape)).at[-1].set(sent)}
        end = simulate(network, dark | coming, dt=dt, key=own, state=answer.state, block=1)
        return memory_of(end.state, tuple(memory)), jnp.mean(sent)

    count = len(jax.tree.leaves(examples)[0])
    places = jnp.arange(count, dtype=jnp.int32)
    keys = jax.vmap(lambda i: init_key(jax.random.fold_in(key, i), "example"))(places)
    return LearnedFromReward(*jax.lax.scan(one, memory, (examples, keys)))
