"""One example of every objective of `jaxneuro.fitting`, for the suites that run them all.

A new objective joins by a line in `EXAMPLES`. No argument is at its default.
"""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jaxneuro.fitting
from jaxneuro import Population, simulate
from jaxneuro.fitting import (
    AbstractObjective,
    FeatureDistance,
    Latency,
    Recording,
    SoftGamma,
    SpikeCount,
    SpikeTiming,
    Target,
    VanRossum,
    Voltage,
    WeightedSum,
)
from jaxneuro.integrators import Euler

EXAMPLES: dict[str, AbstractObjective] = {
    "FeatureDistance": FeatureDistance(
        ("latency", "resting_potential", "ahp_voltage"),
        sd={"latency": 2.0},
        most=8.0,
    ),
    "Latency": Latency(sd=4.0, most=9.0),
    "SoftGamma": SoftGamma(window=4.0, softness=1.5),
    "SpikeCount": SpikeCount(sd=2.0, softness=1.5),
    "SpikeTiming": SpikeTiming(),
    "VanRossum": VanRossum(tau=12.0),
    "Voltage": Voltage(sd=3.0),
    "WeightedSum": WeightedSum((SpikeTiming(), Voltage(sd=2.0)), (2.0, 0.5)),
}
NAMES = [
    name
    for name, cls in vars(jaxneuro.fitting).items()
    if isinstance(cls, type) and issubclass(cls, AbstractObjective) and not inspect.isabstract(cls)
]


def example(name: str) -> AbstractObjective:
    assert name in EXAMPLES, f"add an example of {name} to EXAMPLES in tests/objective_examples.py"
    return EXAMPLES[name]


def hand_made(trains, windows=((10.0, 90.0),), dt=0.5, duration=100.0) -> Target:
    """A target with these spike times, a list of each sweep, and a voltage of -70 mV."""
    steps = round(duration / dt)
    shape = (steps, len(trains))
    spikes, fraction = np.zeros(shape), np.ones(shape)
    times = np.full((max(map(len, [*trains, [0]])), len(trains)), np.inf)
    for sweep, train in enumerate(trains):
        times[: len(train), sweep] = train
        for time in train:
            step = int(np.ceil(time / dt - 1e-9)) - 1
            spikes[step, sweep], fraction[step, sweep] = 1.0, time / dt - step
    arrays = np.zeros(shape), np.full(shape, -70.0), np.ones(shape), spikes, fraction, times
    return Target(
        *(jnp.asarray(x, float) for x in arrays),
        baseline=jnp.full(len(trains), -70.0),
        windows=windows,
        dt=dt,
    )


@eqx.filter_jit
def update(reducer, summary, series, step):
    return reducer.update(summary, series, step)


def score(objective, target, trains, block=None, voltage=None) -> np.ndarray:
    """The loss of each sweep for a model with these spike times and the target's voltage."""
    model = hand_made(trains, target.windows, target.dt, target.steps * target.dt)
    series = {
        "n.spike_times": model.spike_series,
        "n.v": target.voltage if voltage is None else voltage,
    }
    recorded = {}
    for name, what in objective.record("n", target).items():
        paths = what if isinstance(what, str) else what.path
        values = jax.tree.map(series.get, paths)
        if isinstance(what, str):
            recorded[name] = values
            continue
        summary = what.init(jax.tree.map(lambda x: jnp.zeros_like(x[0]), values))
        for start in range(0, target.steps, block or target.steps):
            stop = start + (block or target.steps)
            part = jax.tree.map(lambda x, a=start, b=stop: x[a:b], values)
            summary = update(what, summary, part, jnp.asarray(start, jnp.int32))
        recorded[name] = what.final(summary, target.steps)
    return np.asarray(objective.loss(recorded, target)).mean(0)


def run(neuron, current, record, **options):
    """One neuron for each sweep, as a fit simulates it: with exact events unless told else."""
    kind = {"reset_gradient": options.pop("reset_gradient", "event"), "integrator": Euler()}
    options.setdefault("spike_times", "interpolated")
    options = {"dt": 0.1, "key": jax.random.key(0), "block": 1} | options
    population = Population(neuron, (current.shape[1],), **kind)
    return simulate(population, {"neuron": current}, record=record, **options).records


def loss(objective, neuron, target, **options):
    """The loss of each sweep of a simulated neuron."""
    record = objective.record("neuron", target)
    recorded = run(neuron, target.current, record, dt=target.dt, **options)
    losses = objective.loss(recorded, target)
    assert losses.shape == (len(target.windows), target.sweeps)
    return jnp.mean(losses, axis=0)


def recording_of(neuron, current, windows, dt=0.1) -> Recording:
    """What a rig would have recorded of a neuron: its voltage, with a spike in the place of each.

    The sample after a spike is as high as it must be for the straight line from the one before to
    cross -20 mV at the time of the spike. `current` has one row more than there are steps.
    """
    record = ("neuron.v", "neuron.spike_times")
    done = run(neuron, jnp.asarray(current[:-1], float), record, dt=dt)
    v, times = (np.asarray(done[path], float) for path in record)
    start = np.full((1, v.shape[1]), v[0])
    v = np.concatenate([start, v])
    for step, sweep in zip(*np.nonzero(np.isfinite(times)), strict=True):
        before = v[step, sweep]
        fraction = times[step, sweep] / dt - step
        v[step + 1, sweep] = before + (-20.0 - before) / fraction * (1 + 1e-12)
    labels = tuple(range(v.shape[1]))
    return Recording(np.arange(len(v)) * dt, v, np.asarray(current, float), windows, "cell", labels)
