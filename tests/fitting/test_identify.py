import equinox as eqx
import fit_examples as small
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import hand_made, run

from jaxneuro.core import param
from jaxneuro.fitting import Fitted, Voltage, identify, make_problem
from jaxneuro.fitting._identify import CORRELATION
from jaxneuro.neurons import LIF, AbstractODENeuron


def as_fitted(problem):
    """The end of a fit that has left the model's own values."""
    own = problem.chosen.split(problem.cell)
    nothing = np.zeros((0, 1))
    return Fitted(
        problem.cell.neuron, {}, {}, 0.0, {}, nothing, nothing, parameters=own, problem=problem
    )


def voltage(model, current, dt):
    return run(model, current, ("neuron.v",), dt=dt)["neuron.v"]


def noisy(model, current, sd=0.5, dt=0.5, spikes=()):
    """A target whose voltage is the model's and white noise."""
    trains = list(spikes) or [[]] * current.shape[1]
    made = hand_made(trains, ((0.0, 50.0),), dt, current.shape[0] * dt)
    noise = sd * np.random.default_rng(0).normal(size=current.shape)
    v = voltage(model, current, dt) + jnp.asarray(noise, float)
    return eqx.tree_at(lambda t: (t.current, t.voltage), made, (current, v))


def passive(**values):
    """A LIF that never fires, in mV."""
    values = {"tau": 12.0, "v_rest": -70.0, "resistance": 0.1} | values
    return LIF(threshold=1e3, v_reset=-70.0, input_scale="physical", **values)


CURRENT = jnp.asarray(small.steps((-60.0, 90.0), 0.5, (10.0, 60.0), 100.0)[:-1], float)
FREE = {"tau": (4.0, 40.0, "log"), "v_rest": (-80.0, -60.0), "resistance": (0.02, 0.5, "log")}


def test_the_information_of_a_passive_cell_is_the_known_one(x64):
    current = CURRENT.astype(float)
    problem = make_problem(passive(), noisy(passive(), current), FREE, Voltage())
    found = identify(as_fitted(problem))
    assert found.names == ("resistance", "tau", "v_rest")
    assert found.voltage_sd == pytest.approx(0.5, rel=0.1)
    # Sums over the samples of products of derivatives, here by differences of the closed course.
    own = {"tau": 12.0, "v_rest": -70.0, "resistance": 0.1}
    columns, steps = [], []
    for name in found.names:
        lower, upper, *scale = FREE[name]
        if scale:
            width = np.log(upper / lower)
            part = np.log(own[name] / lower) / width
            step = own[name] * width * part * (1 - part)
        else:
            part = (own[name] - lower) / (upper - lower)
            step = (upper - lower) * part * (1 - part)
        steps.append(step)  # of the parameter, for one of the unbounded number
        up, down = (
            voltage(passive(**{name: own[name] + sign * 1e-5 * step}), current, 0.5)
            for sign in (1.0, -1.0)
        )
        columns.append(np.asarray(up - down).reshape(-1) / 2e-5)
    slopes = np.stack(columns, axis=1)
    wanted = 0.5 / CORRELATION * slopes.T @ slopes / found.voltage_sd**2
    np.testing.assert_allclose(found.information, wanted, rtol=1e-4)
    values = np.linalg.eigvalsh(wanted)[::-1]
    np.testing.assert_allclose(found.eigenvalues, values, rtol=1e-4)
    again = found.eigenvectors @ np.diag(found.eigenvalues) @ found.eigenvectors.T
    np.testing.assert_allclose(again, found.information, rtol=1e-6, atol=1e-6 * values[0])
    # All of it is known well, so the bounds add nothing: the inverse of the information.
    sd = np.sqrt(np.diag(np.linalg.inv(wanted))) * steps
    assert found.undetermined == 0
    for name, one in zip(found.names, sd, strict=True):
        assert found.uncertainty[name] == pytest.approx(one, rel=0.02)


class _Product(AbstractODENeuron):
    """A passive cell with two parameters that only their product tells apart, and an idle one."""

    gain: jax.Array = param(2.0)
    part: jax.Array = param(3.0)
    idle: jax.Array = param(5.0)

    def init(self, shape, key):
        return _State(jnp.zeros(shape))

    def derivative(self, state, drive):
        return _State((self.gain * self.part * drive.at(state.v) - state.v) / 10.0)

    def margin(self, old, new):
        return None

    def reset(self, state, spikes):
        return state


class _State(eqx.Module):
    v: jax.Array


def test_what_the_data_cannot_tell_is_found():
    free = {"gain": (1.0, 4.0, "log"), "part": (1.5, 6.0, "log"), "idle": (0.0, 10.0)}
    aim = noisy(_Product(), CURRENT)
    found = identify(as_fitted(make_problem(_Product(), aim, free, Voltage())))
    assert found.names == ("gain", "idle", "part")
    assert found.undetermined == 2
    known, *unknown = found.eigenvalues
    assert known > 1e3
    np.testing.assert_allclose(unknown, 0.0, atol=1e-5 * known)
    # What is known is the product, which is the sum of the logarithms.
    np.testing.assert_allclose(np.abs(found.eigenvectors[:, 0]), [0.5**0.5, 0, 0.5**0.5], atol=1e-3)
    # Nothing is known of the idle one but its bounds: one unbounded unit, a quarter of them.
    assert found.uncertainty["idle"] == pytest.approx(10.0 / 4, rel=1e-3)
    # Of each factor it is one unit shared by two: half of its variance is left.
    width = 2.0 * np.log(4.0) / 4
    assert found.uncertainty["gain"] == pytest.approx(width * 0.5**0.5, rel=1e-2)


def spiking(**values):
    values = {"tau": 10.0, "threshold": -52.0} | values
    return LIF(
        v_rest=-70.0, v_reset=-65.0, resistance=0.1, reset_by="value", input_scale="physical",
        **values,
    )  # fmt: skip


def test_times_of_spikes_tell_about_the_threshold(x64):
    current = jnp.asarray(small.steps((260.0, 330.0), 0.5, (0.0, 60.0), 100.0)[:-1], float)

    def times(model):
        return np.asarray(
            run(model, current, ("neuron.spike_times",), dt=0.5)["neuron.spike_times"]
        )

    of_model = times(spiking())
    trains = [np.sort(column[np.isfinite(column)]) for column in of_model.T]
    counts = [len(train) for train in trains]
    assert min(counts) >= 3
    moved = [train + 0.4 * (-1.0) ** np.arange(len(train)) for train in trains]
    aim = noisy(spiking(), current, spikes=[one.tolist() for one in moved])
    aim = eqx.tree_at(lambda t: t.is_subthreshold, aim, jnp.zeros_like(aim.voltage))
    free = {"tau": (4.0, 40.0), "threshold": (-60.0, -45.0)}
    problem = make_problem(spiking(), aim, free, Voltage())
    found = identify(as_fitted(problem))
    assert found.spike_sd == pytest.approx(0.4, rel=1e-3)
    columns = []
    for name, step in (
        ("tau", 36.0 * (6 / 36) * (30 / 36)),
        ("threshold", 15 * (8 / 15) * (7 / 15)),
    ):
        own = {"tau": 10.0, "threshold": -52.0}[name]
        up, down = (times(spiking(**{name: own + sign * 1e-6 * step})) for sign in (1.0, -1.0))
        fired = np.isfinite(of_model)
        columns.append((up[fired] - down[fired]) / 2e-6)
    slopes = np.stack(columns, axis=1)
    np.testing.assert_allclose(found.information, slopes.T @ slopes / 0.4**2, rtol=2e-3)
