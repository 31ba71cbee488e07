"""The network of `jaxneuro learn`: shown images to learn from, or to respond to."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro.catalogue import diehl_cook_network
from jaxneuro.inputs import Poisson
from jaxneuro.network import Network
from jaxneuro.plasticity import DiehlCookSTDP, HardBounds
from jaxneuro.simulation import Count, simulate
from jaxneuro.training import LearnedInTurn, Memory, learn_in_turn, with_memory

from ._learn_config import LearnConfig

WEIGHT, RISE = "input_exc.weight", "exc.rise"
TOGETHER = 250  # images that respond side by side


class Task(eqx.Module):
    """What stays the same in a run: the network that learns, and how images are shown to it.

    **Attributes:**

    - `pixels`: of an image.
    - `steps`, `dt`: of one image; dt in ms.
    - `rate`, `raise_by`: of a white pixel at first, and what is added at each attempt, Hz.
    - `attempts`: the least spikes that suffice, and how often an image is shown at most.
    - `mean_weight`: of each neuron.
    - `lateral`: weights to and from the inhibitory neurons.
    """

    network: Network
    pixels: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    dt: float = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    raise_by: float = eqx.field(static=True)
    attempts: tuple[int, int] = eqx.field(static=True)
    batch: int = eqx.field(static=True)
    mean_weight: float = eqx.field(static=True)
    lateral: tuple[float, float] = eqx.field(static=True)

    def normalised(self, memory: Memory) -> Memory:
        """With the mean weight of each neuron as it is asked for."""
        weight = memory[WEIGHT]
        matrix = weight.reshape(self.pixels, -1)
        scale = self.mean_weight / jnp.mean(matrix, axis=0)
        return {**memory, WEIGHT: (matrix * scale[None]).reshape(weight.shape)}

    def plain(self, memory: Memory) -> Network:
        """The network with what it has learned, which learns no more."""
        excitation, inhibition = self.lateral
        return diehl_cook_network(
            self.matrix(memory),
            threshold_step=0.0,
            excitation=excitation,
            inhibition=inhibition,
            learns=False,
        )

    def matrix(self, memory: Memory) -> Float[Array, "pixels neurons"]:
        """The weights as they would be used."""
        return self.normalised(memory)[WEIGHT].reshape(self.pixels, -1)


def make_task(config: LearnConfig, pixels: int) -> tuple[Task, Memory]:
    """The task, and the network's memory at the start."""
    key = jax.random.fold_in(jax.random.key(config.seed), 3)
    own, rule = config.network, config.rule
    shape = pixels, own.neurons
    weight = jax.random.uniform(key, shape, minval=0.01, maxval=1.0) * own.first_weight
    is_single = config.learning.batch == 1
    network = diehl_cook_network(
        weight,
        rule=DiehlCookSTDP(
            a_plus=jnp.asarray(rule.a_plus),
            a_minus=jnp.asarray(rule.a_minus),
            tau_pre=jnp.asarray(rule.tau_pre),
            tau_post=jnp.asarray(rule.tau_post),
            tau_slow=jnp.asarray(rule.tau_slow),
            bounds=HardBounds(jnp.asarray(0.0), jnp.asarray(rule.largest_weight)),
        ),
        threshold_step=own.threshold_step,
        excitation=own.excitation,
        inhibition=own.inhibition,
        batch="separate" if is_single else "shared",
    )
    weight = weight.reshape(-1) if is_single else weight
    shown = config.presentation
    task = Task(
        network,
        pixels,
        round(shown.duration / shown.dt),
        float(shown.dt),
        float(shown.rate),
        float(shown.raise_by),
        (shown.least_spikes, shown.most_attempts),
        config.learning.batch,
        float(rule.mean_weight),
        (float(own.excitation), float(own.inhibition)),
    )
    return task, {WEIGHT: weight, RISE: jnp.zeros(own.neurons)}


@eqx.filter_jit
def learn(
    task: Task, memory: Memory, images: Float[Array, "images pixels"], key: Key[Array, ""]
) -> LearnedInTurn:
    """Shows these images (0 to 1) one after another, or a batch after another."""

    def encode(image: Array, attempt: Array) -> dict[str, Poisson]:
        rate = task.rate + task.raise_by * attempt.astype(image.dtype)
        return {"input": Poisson(rate * image)}

    least, most = task.attempts
    return learn_in_turn(
        task.network,
        images,
        encode,
        dt=task.dt,
        steps=task.steps,
        key=key,
        memory=memory,
        population="exc",
        prepare=task.normalised,
        least_spikes=least,
        most_attempts=most,
        batch=task.batch,
        shared=(WEIGHT,),
    )


def respond(
    task: Task, memory: Memory, images: Float[np.ndarray, "images pixels"], key: Key[Array, ""]
) -> Float[np.ndarray, "images neurons"]:
    """Spikes of each neuron at each image, with nothing learned meanwhile.

    As when it learns, an image with too few spikes is shown again with a higher rate.
    """
    least, most = task.attempts
    counts = np.zeros((len(images), len(memory[RISE])), np.float32)
    left = np.arange(len(images))
    for attempt in range(most):
        own = jax.random.fold_in(key, attempt)
        rate = task.rate + task.raise_by * attempt
        counts[left] = _respond_to_all(task, memory, images[left] * rate, own)
        left = left[counts[left].sum(axis=1) < least]
        if not len(left):
            break
    return counts


def _respond_to_all(
    task: Task, memory: Memory, rates: Float[np.ndarray, "images pixels"], key: Key[Array, ""]
) -> Float[np.ndarray, "images neurons"]:
    counts = []
    for start in range(0, len(rates), TOGETHER):
        part = rates[start : start + TOGETHER]
        padded = np.zeros((TOGETHER, task.pixels), np.float32)
        padded[: len(part)] = part
        found = _respond(task, memory, jnp.asarray(padded), jax.random.fold_in(key, start))
        counts.append(np.asarray(found)[: len(part)])
    return np.concatenate(counts)


@eqx.filter_jit
def _respond(
    task: Task, memory: Memory, rates: Float[Array, "images pixels"], key: Key[Array, ""]
) -> Float[Array, "images neurons"]:
    network = task.plain(memory)

    def one(rate: Array, key: Key[Array, ""]) -> Float[Array, "neurons"]:
        start = with_memory(network.init(task.dt, key), {RISE: memory[RISE]})
        run = simulate(
            network,
            {"input": Poisson(rate)},
            dt=task.dt,
            steps=task.steps,
            key=key,
            state=start,
            record={"count": Count("exc.spikes")},
        )
        return run["count"]

    return jax.vmap(one)(rates, jax.random.split(key, len(rates)))
