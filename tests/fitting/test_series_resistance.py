import dataclasses

import numpy as np
import pytest

from jaxneuro.fitting import Recording, compensate, series_resistance


def circuit(resistance=12.0, tau=15.0, membrane=120.0, dt=0.05, noise=0.0, current=None):
    """A passive membrane (MΩ, ms) behind a resistance (MΩ), under two steps of the current."""
    time = np.arange(0.0, 200.0, dt)
    if current is None:
        levels = np.asarray([-100.0, -50.0, 50.0, 150.0])
        is_on = (time >= 50.0) & (time < 120.0)
        current = np.where(is_on[:, None], levels, 0.0)
    v = np.zeros_like(current)
    for k in range(len(time) - 1):  # exact for a current that is constant in each step
        end = 1e-3 * membrane * current[k]
        v[k + 1] = end + (v[k] - end) * np.exp(-dt / tau)
    # The voltage is measured while the current of the step before it flows.
    flowing = np.concatenate([current[:1] * 0, current[:-1]])
    v = -70.0 + v + 1e-3 * resistance * flowing
    v = v + noise * np.random.default_rng(0).normal(size=v.shape)
    sweeps = tuple(range(current.shape[1]))
    return Recording(time, v, current, ((50.0, 120.0),), "circuit", sweeps)


@pytest.mark.parametrize("resistance", [0.0, 5.0, 12.0, 40.0])
@pytest.mark.parametrize("dt", [0.05, 0.1])
def test_the_resistance_is_measured(resistance, dt):
    # The line over the first ms of the charging meets the step a little above it:
    # by 0.3 ms 1 ms / (2 tau^2) of the membrane's resistance.
    bend = 120.0 * 0.3 / (2 * 15.0**2)
    found = series_resistance(circuit(resistance, dt=dt))
    assert found == pytest.approx(resistance + bend, abs=0.1)


def test_noise_averages_out():
    assert series_resistance(circuit(noise=0.1)) == pytest.approx(12.0, abs=0.5)


def test_a_spike_after_a_step_does_not_count():
    cell = circuit()
    voltage = cell.voltage.copy()
    voltage[1010, 3] += 60.0
    spiking = dataclasses.replace(cell, voltage=voltage)
    assert series_resistance(spiking) == pytest.approx(series_resistance(cell), abs=0.05)


def test_compensation_leaves_the_membrane():
    cell = compensate(circuit(12.0), 12.0)
    without = circuit(0.0)
    # But for the sample at each step itself, which was measured before the current flowed.
    is_step = np.diff(cell.current, axis=0, prepend=0.0) != 0
    np.testing.assert_allclose(cell.voltage[~is_step], without.voltage[~is_step], atol=1e-9)
    assert cell.notes == ("Less the voltage across a series resistance of 12 MΩ.",)
    assert series_resistance(cell) < 0.2


def test_nothing_is_done_without_a_resistance():
    cell = circuit()
    assert compensate(cell, 0.0) is cell


def test_misuses_are_refused():
    with pytest.raises(ValueError, match=r"the resistance is -1.0 MΩ; it must be at least 0"):
        compensate(circuit(), -1.0)
    with pytest.raises(ValueError, match="the resistance is nan"):
        compensate(circuit(), float("nan"))
    time = np.arange(0.0, 200.0, 0.05)
    small = np.where(time >= 50.0, 5.0, 0.0)[:, None]
    ramp = np.linspace(0.0, 300.0, len(time))[:, None]
    for current in (small, ramp):
        with pytest.raises(ValueError, match=r"'circuit' has no steps.*Give the resistance, or 0"):
            series_resistance(circuit(current=current))
