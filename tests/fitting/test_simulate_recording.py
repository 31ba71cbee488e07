import dataclasses

import fit_examples as small
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import run

from jaxneuro.fitting import Fitted, simulate_recording

OTHERS = (-20.0, 320.0, 380.0)


def as_fitted(problem):
    own, nothing = problem.chosen.split(problem.cell), np.zeros((0, 1))
    return Fitted(
        problem.cell.neuron, {}, {}, 0.0, {}, nothing, nothing, parameters=own, problem=problem
    )


def test_held_out_sweeps_are_simulated_from_their_own_current():
    cell = small.recording(OTHERS)
    done = simulate_recording(as_fitted(small.problem()), cell)
    current = jnp.asarray(cell.current[:-1], float)
    wanted = run(small.truth(), current, ("neuron.v", "neuron.spike_times"), dt=small.DT)
    np.testing.assert_allclose(done.voltage, wanted["neuron.v"], rtol=1e-4)
    np.testing.assert_allclose(done.time, cell.time[1:])
    assert done.dt == pytest.approx(small.DT)
    times = np.asarray(wanted["neuron.spike_times"])
    assert [len(train) for train in done.spike_times] == np.isfinite(times).sum(0).tolist()
    for train, column in zip(done.spike_times, times.T, strict=True):
        np.testing.assert_allclose(train, column[np.isfinite(column)], rtol=1e-5)
    assert len(done.spike_times[2]) >= 2
    # A target is as good.
    again = simulate_recording(as_fitted(small.problem()), small.target(amplitudes=OTHERS))
    np.testing.assert_array_equal(again.voltage, done.voltage)


def test_each_sweep_starts_from_its_own_baseline():
    fitted = as_fitted(small.problem(baseline="E_L"))
    aim = small.target(amplitudes=OTHERS)
    rest = jnp.asarray([-75.0, -72.0, -70.0])
    done = simulate_recording(fitted, dataclasses.replace(aim, baseline=rest))
    np.testing.assert_allclose(done.voltage[50], rest, atol=0.05)
    with pytest.raises(ValueError, match=r"baseline='E_L' needs a voltage.*sweeps \[1\] have none"):
        simulate_recording(fitted, dataclasses.replace(aim, baseline=rest.at[1].set(jnp.nan)))
