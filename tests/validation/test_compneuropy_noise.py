"""The random models of CompNeuroPy against 1000 neurons of each, run by ANNarchy for 1000 ms.

The reference names no parameters; they follow from its statistics. Poisson: the mean rate, and the
courses of act and rates, which are the same in all neurons. Noisy AMPA: increase = 2 var(g) /
mean(g), rate = 1000 mean(g) / (tau increase). Noisy base: mean and standard deviation of I_base,
and its rate from how the latter grows from 0. The cells are those of `test_compneuropy.py`.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Population, catalogue, simulate
from jaxneuro.integrators import Euler
from jaxneuro.simulation import Count, SpikeTimes

REFERENCE = np.load(Path(__file__).parents[1] / "data" / "compneuropy_noise.npz")
DT, NEURONS, THEIRS = 0.1, 500, 1000
REGULAR = {"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0, "n2": 0.04, "n1": 5.0, "n0": 140.0}
STEPS_OF_RATE = np.repeat([0.0, 80.0, 10.0], [2000, 4000, 4000])
# The model, its start values, what is recorded of it.
MODELS = {
    "poisson_50Hz": (lambda: catalogue.PoissonNeuron(rates=50.0), {}, {}),
    "poisson_updown": (
        lambda: catalogue.PoissonNeuronUpDown(tau_up=50.0, tau_down=20.0),
        {},
        {"act": "neuron.act"},
    ),
    "poisson_sin": (
        lambda: catalogue.PoissonNeuronSin(amplitude=40.0, base=50.0, frequency=5.0, phase=0.05),
        {},
        {"rates": "neuron.rates"},
    ),
    "noisy_ampa_2007": (
        lambda: catalogue.Izhikevich2007NoisyAmpa(increase_noise=0.5, rates_noise=200.0),
        {"v": -60.0},
        {"g_ampa": "neuron/ampa.g", "v": "neuron.v"},
    ),
    "noisy_base_2007": (
        lambda: catalogue.Izhikevich2007NoisyBase(
            base_mean=40.0, base_noise=50.0, rate_base_noise=100.0
        ),
        {"v": -60.0},
        {"I_base": "neuron/base.I_base", "v": "neuron.v"},
    ),
    "noisy_ampa_2003": (
        lambda: catalogue.Izhikevich2003NoisyAmpa(
            **REGULAR, tau_ampa=10.0, increase_noise=0.02, rates_noise=200.0
        ),
        {"v": -65.0, "u": -13.0},
        {"g_ampa": "neuron/ampa.g", "v": "neuron.v"},
    ),
    "noisy_base_2003": (
        lambda: catalogue.Izhikevich2003NoisyBase(
            **REGULAR, base_mean=4.0, base_noise=3.0, rate_base_noise=100.0
        ),
        {"v": -65.0, "u": -13.0},
        {"I_base": "neuron/base.I_base", "v": "neuron.v"},
    ),
}
SAME_EVERYWHERE = ("act", "rates")


def statistics(name):
    model, initial, record = MODELS[name]
    population = Population(model(), NEURONS, integrator=Euler(), initial=initial)
    inputs = {}
    if name == "poisson_updown":
        inputs["neuron"] = jnp.broadcast_to(
            jnp.asarray(STEPS_OF_RATE, float)[:, None], (10000, NEURONS)
        )
    run = simulate(
        population,
        inputs,
        dt=DT,
        steps=10000,
        key=jax.random.key(1),
        record=record
        | {"count": Count("neuron.spikes"), "times": SpikeTimes("neuron", capacity=100)},
        every=10,
    )
    return {key: np.asarray(x, float) for key, x in run.records.items()}


def standard_error(one, two):
    """Of the difference of the means of two samples."""
    return np.sqrt(one.var() / one.size + two.var() / two.size)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_spikes_and_variables_are_distributed_alike(name):
    run = statistics(name)
    count, wanted = run["count"], REFERENCE[f"{name}/spike_count"].astype(float)
    assert abs(count.mean() - wanted.mean()) < 4 * standard_error(count, wanted)
    squares, wanted_squares = (count - count.mean()) ** 2, (wanted - wanted.mean()) ** 2
    difference = squares.mean() - wanted_squares.mean()
    assert abs(difference) < 4 * standard_error(squares, wanted_squares)
    # Spikes per 10 ms: Poisson counts, or (regular cells) less variable than those.
    edges = np.arange(0.0, 1001.0, 10.0) + DT / 2
    mine = np.histogram(run["times"][np.isfinite(run["times"])], edges)[0] / NEURONS
    theirs = REFERENCE[f"{name}/psth10ms"] / THEIRS
    error = np.sqrt(np.maximum(mine, theirs) * (1 / NEURONS + 1 / THEIRS))
    assert (np.abs(mine - theirs) <= 4 * error).all()
    for variable in MODELS[name][2]:
        compare_over_time(run[variable], name, variable)


def compare_over_time(series, name, variable):
    """Means and standard deviations over neurons at each ms."""
    wanted, wanted_std = (REFERENCE[f"{name}/{variable}_{kind}"] for kind in ("mean", "std"))
    mean, std = series.mean(1), series.std(1)
    if variable in SAME_EVERYWHERE:
        np.testing.assert_allclose(mean, wanted, rtol=2e-4, atol=2e-4)
        np.testing.assert_allclose(std, 0.0, atol=1e-4)
        return
    error = np.sqrt(std**2 / NEURONS + wanted_std**2 / THEIRS)
    assert (np.abs(mean - wanted) < 4.5 * error).all()  # 1000 of them: one in 100 runs by chance
    # Mean variances of 100 ms. Neighbours in time are nearly the same number, so that the error
    # allowed is that of a single ms (of a normal sample).
    late = slice(100, None)
    ratio = (std**2)[late].reshape(9, 100).mean(1) / (wanted_std**2)[late].reshape(9, 100).mean(1)
    assert (np.abs(np.log(ratio)) < 4 * np.sqrt(2 / NEURONS + 2 / THEIRS)).all()
