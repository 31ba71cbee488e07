import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxneuro import Population, simulate
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, Euler, ExponentialEuler
from jaxneuro.neurons import AdaptiveThresholdAdEx, AdEx, Refractory
from jaxneuro.simulation import SpikeTimes

NUMBERS = {
    "C": 150.0,
    "g_L": 11.0,
    "E_L": -69.0,
    "v_t": -50.0,
    "Delta_T": 2.2,
    "v_reset": -60.0,
    "v_peak": -35.0,
    "tau_w": 120.0,
    "a": 3.0,
    "b": 25.0,
    "tau_2": 18.0,
    "a_2": -2.0,
    "b_2": 40.0,
    "tau_s": 35.0,
    "delta_theta": 4.0,
    "tau_v": 9.0,
    "a_v": 0.3,
    "v_i": -62.0,
}


def run(neuron, current, record, dt=0.05, steps=4000, integrator=None, **options):
    population = Population(neuron, 1, integrator=integrator or RK4(), **options)
    return simulate(
        population,
        {"neuron": Constant(current)},
        dt=dt,
        steps=steps,
        key=jax.random.key(0),
        record=record,
        block=1,  # compiles in less time
        spike_times="interpolated",
    )


def spike_times(neuron, current, count, **options):
    record = {"times": SpikeTimes("neuron", count)}
    return run(neuron, current, record, reset_gradient="event", **options)["times"][:, 0]


def test_without_its_additions_it_is_adex(x64):
    shared = {name: NUMBERS[name] for name in ("C", "g_L", "v_t", "v_reset", "tau_w", "a", "b")}
    record = ("neuron.v", "neuron.w", "neuron.spikes")
    plain, extended = (
        run(neuron, 500.0, record) for neuron in (AdEx(**shared), AdaptiveThresholdAdEx(**shared))
    )
    assert plain["neuron.spikes"].sum() > 5
    for path in record:
        np.testing.assert_allclose(extended[path], plain[path], rtol=1e-12)


def reference_times(current, count):
    """LSODA from spike to spike, with the equations written out again."""
    p = NUMBERS

    def slopes(t, y):
        v, w, w_2, theta_s, theta_v = y
        theta = p["v_t"] + theta_s + theta_v
        above = v - p["E_L"]
        upstroke = p["g_L"] * p["Delta_T"] * np.exp((v - theta) / p["Delta_T"])
        return [
            (-p["g_L"] * above + upstroke - w - w_2 + current) / p["C"],
            (p["a"] * above - w) / p["tau_w"],
            (p["a_2"] * above - w_2) / p["tau_2"],
            -theta_s / p["tau_s"],
            (p["a_v"] * max(v - p["v_i"], 0.0) - theta_v) / p["tau_v"],
        ]

    def spike(t, y):
        return y[0] - p["v_peak"]

    spike.terminal, spike.direction = True, 1.0
    t, y, times = 0.0, [p["E_L"], 0.0, 0.0, 0.0, 0.0], []
    while len(times) < count:
        solved = solve_ivp(slopes, (t, 1e3), y, "LSODA", events=spike, rtol=1e-10, atol=1e-10)
        t, (_, w, w_2, theta_s, theta_v) = solved.t[-1], solved.y[:, -1]
        y = [p["v_reset"], w + p["b"], w_2 + p["b_2"], theta_s + p["delta_theta"], theta_v]
        times.append(t)
    return times


def test_spikes_are_those_of_an_independent_integrator(x64):
    times = spike_times(AdaptiveThresholdAdEx(**NUMBERS), 600.0, 10, dt=0.01, steps=30_000)
    wanted = reference_times(600.0, 10)
    intervals = np.diff(wanted)
    assert intervals.max() > 1.5 * intervals.min()
    np.testing.assert_allclose(times, wanted, atol=1e-3)


def test_what_a_spike_adds_decays_in_closed_form(x64):
    # Without couplings to v, each is a sum of exponentials that start at the spikes.
    own = NUMBERS | {"a": 0.0, "a_2": 0.0}
    record = {path: f"neuron.{path}" for path in ("w_2", "theta_s", "theta_v", "theta")}
    done = run(
        AdaptiveThresholdAdEx(**own),
        600.0,
        record | {"times": SpikeTimes("neuron", 40)},
        reset_gradient="event",
    )
    times = np.asarray(done["times"])[:, 0]
    times = times[np.isfinite(times)]
    assert len(times) > 5
    ends = 0.05 * np.arange(1, 4001)
    since = ends[:, None] - times
    for path, jump, tau in (("w_2", "b_2", "tau_2"), ("theta_s", "delta_theta", "tau_s")):
        parts = np.where(since >= 0, own[jump] * np.exp(-np.maximum(since, 0) / own[tau]), 0.0)
        # A spike is within 1e-5 ms of where its reset is.
        np.testing.assert_allclose(done[path][:, 0], parts.sum(1), atol=1e-4)
    threshold = own["v_t"] + done["theta_s"] + done["theta_v"]
    np.testing.assert_allclose(done["theta"], threshold, rtol=1e-12)


def test_the_threshold_follows_the_voltage(x64):
    # v is held so well that it is constant: C is huge, and no current flows.
    held = {"C": 1e12, "v_t": -30.0, "a_2": -3.0, "tau_2": 12.0, "a_v": 0.4, "tau_v": 8.0}
    record = ("neuron.theta_v", "neuron.w_2")
    ends = 0.05 * np.arange(1, 4001)[:, None]
    for v_i, above in ((-64.6, 4.0), (-55.0, 0.0)):
        neuron = AdaptiveThresholdAdEx(**held, v_i=v_i)
        done = run(neuron, 0.0, record, initial={"v": -60.6})
        wanted = 0.4 * above * (1.0 - np.exp(-ends / 8.0))
        np.testing.assert_allclose(done["neuron.theta_v"], wanted, rtol=1e-6)
        wanted = -3.0 * 10.0 * (1.0 - np.exp(-ends / 12.0))
        np.testing.assert_allclose(done["neuron.w_2"], wanted, rtol=1e-6)


def test_gradients_of_spike_times_match_finite_differences(x64):
    names = [name for name in NUMBERS if name != "E_L"]

    def times(values):
        own = NUMBERS | dict(zip(names, values, strict=True))
        neuron = Refractory(AdaptiveThresholdAdEx(**own), 2.03, whole_steps=False)
        return spike_times(neuron, 600.0, 6, dt=0.1, steps=900, integrator=Euler())

    at = jnp.asarray([NUMBERS[name] for name in names])
    slopes = jax.jit(jax.jacrev(times))(at)
    assert np.isfinite(np.asarray(times(at))).all()
    step = 1e-6 * np.abs(at)
    compiled = jax.jit(times)
    for index in range(len(names)):
        up, down = (compiled(at.at[index].add(sign * step[index])) for sign in (1.0, -1.0))
        numeric = (up - down) / (2 * step[index])
        np.testing.assert_allclose(slopes[:, index], numeric, rtol=1e-3, atol=1e-6)
        assert np.abs(numeric * at[index]).max() > 1e-3, names[index]


def test_spikes_stay_finite_where_the_exponential_would_not():
    def summed(neuron):
        record = ("neuron.v", "neuron.theta_v")
        options = {"dt": 0.5, "steps": 200, "integrator": ExponentialEuler()}
        done = run(neuron, 3000.0, record, reset_gradient="event", **options)
        return jnp.sum(done["neuron.v"]) + jnp.sum(done["neuron.theta_v"])

    value, slope = jax.jit(jax.value_and_grad(summed))(AdaptiveThresholdAdEx(Delta_T=0.1))
    assert np.isfinite(value)
    assert all(np.isfinite(x) for x in jax.tree.leaves(slope))


def test_wrong_values_are_refused():
    with pytest.raises(ValueError, match=r"AdaptiveThresholdAdEx.* v_reset is -30.0 and threshold"):
        AdaptiveThresholdAdEx(v_reset=-30.0)
    for name in ("tau_2", "tau_s", "tau_v"):
        with pytest.raises(ValueError, match=rf"AdaptiveThresholdAdEx: {name} is 0.0; it must be"):
            AdaptiveThresholdAdEx(**{name: 0.0})
