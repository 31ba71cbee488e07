"""A small cell to fit: an AdEx whose parameters are known, three sweeps of 120 ms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from objective_examples import recording_of

from jaxneuro.evolution import Evosax
from jaxneuro.fitting import (
    Problem,
    Recording,
    SpikeTiming,
    Target,
    Voltage,
    make_problem,
    make_target,
)
from jaxneuro.neurons import AdEx

DT = 0.2
FREE = {"C": (50.0, 400.0, "log"), "g_L": (3.0, 40.0, "log")}
OBJECTIVE = Voltage(sd=2.0) + 2.0 * SpikeTiming()
# Of the strategies of evosax one of the quickest to compile.
STRATEGY = Evosax("SNES", 8, sigma=0.5)


def truth(**options) -> AdEx:
    return AdEx(**({"C": 120.0, "g_L": 8.0, "v_peak": -20.0} | options))


def wrong() -> AdEx:
    return truth(C=170.0, g_L=10.0)


def steps(amplitudes, dt=DT, window=(20.0, 100.0), duration=120.0) -> np.ndarray:
    """A step of current in each sweep, with a row more than there are steps."""
    time = np.arange(round(duration / dt) + 1) * dt
    is_on = (time >= window[0] - 1e-9) & (time < window[1] - 1e-9)
    return np.where(is_on[:, None], np.asarray(amplitudes), 0.0)


@functools.cache
def recording(amplitudes=(-50.0, 150.0, 400.0), dt=DT, **options) -> Recording:
    return recording_of(truth(**options), steps(amplitudes, dt), ((20.0, 100.0),), dt)


def target(dt=DT, **options) -> Target:
    return make_target(recording(dt=dt, **options), dt=dt)


def problem(model=None, free=FREE, objective=OBJECTIVE, aim=None, **options) -> Problem:
    model = truth() if model is None else model
    return make_problem(model, target() if aim is None else aim, free, objective, **options)


def free_numbers(problem, **values):
    """Unbounded numbers for these values of the parameters, all others at the model's own."""
    found = problem.chosen.split(problem.cell)
    for path, name in problem.names.items():
        if name in values:
            x = jnp.asarray(values[name], float)
            found[path] = problem.chosen.bounds[path].free(x)
    return found


def side_by_side(*parameters):
    """Several sets of parameters as the starts of a fit."""
    return jax.tree.map(lambda *x: jnp.stack(x), *parameters)
