"""Small networks that learn, and one example of every rule, for the suites that run them all.

A new rule joins by a line in `EXAMPLES`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import Network, Population, simulate
from jaxneuro.core import Context
from jaxneuro.edges import OneToOne, Projection
from jaxneuro.neurons import LIF, Input
from jaxneuro.plasticity import (
    BCM,
    AbstractRule,
    Activity,
    DiehlCookSTDP,
    HardBounds,
    HomeostaticScaling,
    InhibitorySTDP,
    Oja,
    PairSTDP,
    Plastic,
    RewardSTDP,
    Rules,
    SoftBounds,
    TripletSTDP,
    VoltageSTDP,
)
from jaxneuro.topology import all_to_all

KEY = jax.random.key(0)
EXAMPLES: dict[str, AbstractRule] = {
    "PairSTDP": PairSTDP(0.02, 0.03, 15.0, 25.0, SoftBounds(0.1, 0.9, 0.5), is_nearest=True),
    "PairSTDP, additive": PairSTDP(0.05, 0.06, bounds=HardBounds(0.2, 0.8)),
    "TripletSTDP": TripletSTDP(
        0.02, 0.05, 0.03, 0.04, 15.0, 60.0, 25.0, 90.0, SoftBounds(0.1, 0.9, 0.5), is_nearest=True
    ),
    "InhibitorySTDP": InhibitorySTDP(0.01, 60.0, 15.0, HardBounds(0.1, 0.9)),
    # Soft bounds that no weight reaches: where two rules clip to the same number there is a kink.
    "Rules": Rules(
        PairSTDP(0.02, 0.03, bounds=SoftBounds()), HomeostaticScaling(2.0, every=1.0, rate=0.05)
    ),
    "DiehlCookSTDP": DiehlCookSTDP(0.05, 0.06, 15.0, 25.0, 40.0, HardBounds(0.1, 0.9)),
    "BCM": BCM(5e-7, 60.0, 30.0, 200.0, 40.0, HardBounds(0.1, 0.9)),
    "Oja": Oja(0.02, 15.0, 0.3),
    "VoltageSTDP": VoltageSTDP(
        a_ltd=0.01,
        a_ltp=0.01,
        theta_minus=-1.0,
        theta_plus=0.5,
        u_ref=1.5,
        tau_average=50.0,
        v_spike=3.0,
        spike_width=2.0,
        bounds=SoftBounds(0.1, 0.9),
    ),
    "RewardSTDP": RewardSTDP(
        PairSTDP(0.2, 0.3, 15.0, 25.0, SoftBounds(0.1, 0.9)), 30.0, baseline=0.1
    ),
}


def forced(rule, weight, *, kind="dense", delay=0.0, rewards=1, **options) -> Network:
    """Sources "a" that drive no one and targets "b" that spike when told so, with weights between.

    **Arguments:**

    - `weight`: `(pre, post)`.
    - `rewards`: how many numbers the third factor sends.
    """
    weight = jnp.asarray(weight, float)
    sources, targets = weight.shape
    learning, connectivity = {
        "dense": lambda: (weight, None),
        "sparse": lambda: (weight.reshape(-1), all_to_all(sources, targets)),
        "one_to_one": lambda: (jnp.diagonal(weight), OneToOne()),
    }[kind]()
    # The threshold is out of reach of the weights: these spikes are those that were told.
    edge = Projection("a", "b", learning, connectivity=connectivity, delay=delay)
    nodes = {"a": Input(sources), "b": Population(LIF(threshold=1e6, reset_by="value"), targets)}
    if rule.needs_third:
        nodes["reward"] = Input(rewards)
        options = {"third": "reward"} | options
    return Network(nodes, {"learns": Plastic(edge, rule, **options)})


def told(spikes):
    """Currents with which "b" spikes in these steps, `(time, neurons)`."""
    return jnp.where(jnp.asarray(spikes) > 0, 1e9, 0.0)


def trains(steps, sources, targets, seed=0, rate=0.05):
    """Random spikes of both sides, `(time, neurons)`."""
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.random((steps, n)) < rate, float) for n in (sources, targets))


def rewards(steps, first=0):
    """A reward, good or bad, in every third step."""
    step = np.arange(first, first + steps)
    return jnp.asarray(np.where(step % 3 == 0, np.cos(step), 0.0)[:, None], float)


def inputs(net, pre, post, first=0, reward=None):
    """With which "a" and "b" spike like this, from the step `first` on."""
    series = {"a": jnp.asarray(pre, float), "b": told(post)}
    if "reward" not in net.nodes:
        return series
    return series | {"reward": rewards(len(pre), first) if reward is None else jnp.asarray(reward)}


def learn(net, pre, post, reward=None, **options):
    """A run in which "a" and "b" spike like this."""
    options = {"dt": 1.0, "key": KEY} | options
    return simulate(net, inputs(net, pre, post, reward=reward), **options)


class Voltage(eqx.Module):
    v: jax.Array


def alone(rule, weight, pre, post, signal=None, v=None, dt=1.0):
    """The weight that a rule by itself, without a network, makes of these spikes.

    **Arguments:**

    - `weight`: `(pre, post)`.
    - `signal`: what the third factor sends, `(time, n)`.
    - `v`: the targets' voltage, `(time, post)`.
    """
    edge = forced(rule, weight).edges["learns"]
    return learn_alone(edge, series_of(pre, post, signal, v), dt)


def series_of(pre, post, signal=None, v=None):
    return tuple(None if x is None else jnp.asarray(x, float) for x in (pre, post, signal, v))


@eqx.filter_jit
def learn_alone(edge, series, dt=1.0):
    """The weight of an edge after its rule has seen these series, as in `alone`."""
    pairs = edge.pairs(*(x.shape[1:] for x in series[:2]))
    weight = edge.projection.weight

    def step(carry, now):
        (weight, state, number), (pre, post, signal, v) = carry, now
        activity = Activity(pre, post, Voltage(post if v is None else v), signal)
        context = Context(number, KEY, dt)
        weight, state = edge.rule.update(weight, state, activity, pairs, context)
        return (weight, state, number + 1), None

    start = weight, edge.rule.init(weight, pairs), jnp.asarray(0)
    return jax.lax.scan(step, start, series)[0][0]


def at(steps, *spikes):
    """One neuron's spikes in these steps, `(time, 1)`."""
    train = np.zeros((steps, 1))
    train[list(spikes)] = 1.0
    return train
