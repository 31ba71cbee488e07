import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import brentq

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, ExponentialEuler
from jaxneuro.neurons import GLIF, Refractory, rest
from jaxneuro.simulation import SpikeTimes

KEY = jax.random.key(0)
every_level = pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
NUMBERS = {
    "C": 60.0,
    "G": 9.0,
    "E_L": -78.0,
    "theta_inf": -52.0,
    "v_reset": -70.0,
    "f_v": 0.3,
    "delta_V": -10.0,
    "b_s": 0.02,
    "delta_theta_s": 2.0,
    "k_1": 0.01,
    "k_2": 0.15,
    "f_1": 0.9,
    "f_2": 0.8,
    "delta_I_1": -8.0,
    "delta_I_2": -90.0,
    "a_v": 0.01,
    "b_v": 0.07,
}


def exact_times(level, current, period, count):
    """Spike times by matrix exponentials of the linear equations, and roots between two steps."""
    p = {**NUMBERS}
    if level not in (2, 4, 5):
        p["delta_theta_s"] = 0.0
    if level not in (3, 4, 5):
        p["delta_I_1"] = p["delta_I_2"] = 0.0
    if level != 5:
        p["a_v"] = 0.0
    # y = (v, theta_s, theta_v, I_1, I_2, 1).
    free = np.zeros((6, 6))
    free[0] = [-p["G"], 0, 0, 1, 1, p["G"] * p["E_L"] + current]
    free[0] /= p["C"]
    free[1, 1] = -p["b_s"]
    free[2, [0, 2, 5]] = p["a_v"], -p["b_v"], -p["a_v"] * p["E_L"] + p["b_v"] * p["theta_inf"]
    free[3, 3], free[4, 4] = -p["k_1"], -p["k_2"]
    held = free.copy()
    held[0] = 0.0
    y = np.asarray([p["E_L"], 0.0, p["theta_inf"], 0.0, 0.0, 1.0])
    length = 0.1
    whole = expm(free * length)
    t, times = 0.0, []

    def level_of(y):
        return y[0] - y[1] - y[2]

    while len(times) < count:
        new = whole @ y
        if level_of(new) <= 0:
            t, y = t + length, new
            continue
        part = brentq(lambda s, y=y: level_of(expm(free * s) @ y), 0.0, length, xtol=1e-13)
        t, y = t + part, expm(free * part) @ y
        times.append(t)
        if level in (2, 4, 5):
            y[0] = p["E_L"] + p["f_v"] * (y[0] - p["E_L"]) - p["delta_V"]
        else:
            y[0] = p["v_reset"]
        y[1] += p["delta_theta_s"]
        y[3] = p["f_1"] * y[3] + p["delta_I_1"]
        y[4] = p["f_2"] * y[4] + p["delta_I_2"]
        t, y = t + period, expm(held * period) @ y
    return times


@every_level
@pytest.mark.parametrize("period", [0.0, 2.5])
def test_spikes_are_those_of_the_exact_solution(level, period, x64):
    cell = GLIF(level=level, **NUMBERS)
    if period > 0:
        cell = Refractory(cell, period=period, whole_steps=False)
    run = simulate(
        Population(cell, 1, integrator=RK4(), reset_gradient="event"),
        {"neuron": Constant(450.0)},
        dt=0.05,
        steps=4000,
        key=KEY,
        record={"times": SpikeTimes("neuron", 10)},
        spike_times="interpolated",
    )
    wanted = exact_times(level, 450.0, period, 10)
    # Within a step of the refractory period theta_v sees v move before it is put back: an error of
    # first order in dt.
    tolerance = 1e-2 if level == 5 and period > 0 else 1e-5
    np.testing.assert_allclose(run["times"][:, 0], wanted, atol=tolerance)


def test_each_level_has_its_own_times():
    times = [exact_times(level, 450.0, 2.5, 10) for level in (1, 2, 3, 4, 5)]
    distances = [abs(a[-1] - b[-1]) for i, a in enumerate(times) for b in times[:i]]
    assert min(distances) > 0.5


def test_level_1_is_a_leaky_neuron_in_closed_form(x64):
    cell = GLIF(level=1)
    run = simulate(
        Population(cell, 1, reset_gradient="event"),
        {"neuron": Constant(400.0)},
        dt=0.1,
        steps=300,
        key=KEY,
        record={"times": SpikeTimes("neuron", 3)},
        spike_times="interpolated",
    )
    period = 58.72 / 9.43 * np.log(400.0 / (400.0 - 9.43 * (78.85 - 51.68)))
    np.testing.assert_allclose(run["times"][:, 0], period * np.arange(1, 4), atol=1e-4)


@every_level
def test_reset_rules(level):
    neuron = GLIF(level=level, **NUMBERS)
    state = neuron.init((2,), KEY)
    state = jax.tree.map(lambda x: jnp.full_like(x, -20.0), state)
    new = neuron.reset(state, jnp.asarray([1.0, 0.0]))
    v = -78.0 + 0.3 * 58.0 + 10.0 if level in (2, 4, 5) else -70.0
    wanted = {"v": v}
    if level in (2, 4, 5):
        wanted["theta_s"] = -18.0
    if level in (3, 4, 5):
        wanted |= {"I_1": 0.9 * -20.0 - 8.0, "I_2": 0.8 * -20.0 - 90.0}
    if level == 5:
        wanted["theta_v"] = -20.0
    for name in ("v", "theta_s", "theta_v", "I_1", "I_2"):
        if name in wanted:
            np.testing.assert_allclose(getattr(new, name), [wanted[name], -20.0], rtol=1e-6)
        else:
            assert getattr(new, name) is None


@pytest.mark.slow
def test_rest_and_threshold(x64):
    state = rest(GLIF(), (2,))
    np.testing.assert_allclose(state.v, -78.85, atol=1e-8)
    np.testing.assert_allclose(state.theta_v, -51.68, atol=1e-8)
    # Depolarised by 10 mV, the threshold settles a_v / b_v of that higher.
    state = rest(GLIF(), (), Drive(current=jnp.asarray(94.3)))
    np.testing.assert_allclose(state.v, -68.85, atol=1e-8)
    theta = GLIF().observe(state, Drive())["theta"]
    np.testing.assert_allclose(theta, -51.68 + 10.0 * 0.005 / 0.09, atol=1e-8)


@pytest.mark.parametrize("reset_gradient", ["event", "surrogate"])
def test_spike_times_and_states_have_gradients(reset_gradient, x64):
    def last(neuron, current):
        run = simulate(
            Population(neuron, 1, integrator=RK4(), reset_gradient=reset_gradient),
            {"neuron": Constant(current)},
            dt=0.1,
            steps=400,
            key=KEY,
            record={"v": "neuron.v", "times": SpikeTimes("neuron", 3)},
            spike_times="interpolated",
        )
        return run["times"][-1, 0] if reset_gradient == "event" else jnp.mean(run["v"])

    leaves, structure = jax.tree.flatten((GLIF(level=5, **NUMBERS), jnp.asarray(500.0)))
    function = jax.jit(lambda *x: last(*structure.unflatten(x)))
    slopes = jax.jit(jax.grad(function, tuple(range(len(leaves)))))(*leaves)
    assert all(jnp.isfinite(slope) for slope in slopes)
    if reset_gradient == "surrogate":
        return
    for index, slope in enumerate(slopes):
        size = 1e-5 * float(abs(leaves[index]))
        up, down = (
            function(*leaves[:index], leaves[index] + h, *leaves[index + 1 :])
            for h in (size, -size)
        )
        # The slope of the interpolation error of the spike times, of second order in dt.
        np.testing.assert_allclose(slope, (up - down) / (2 * size), rtol=5e-3, atol=1e-6)
    assert sum(float(slope) == 0.0 for slope in slopes) == 1  # v_reset


def test_nest_s_order_of_spike_and_refractory_period(x64):
    # NEST's rule written out for level 4: jumps at the end of the period. The rescaled jumps give
    # its times, the plain ones do not.
    period, dt = 3.75, 0.002
    p = {field: float(value) for field, value in vars(GLIF(level=4)).items() if field != "level"}
    v, theta_s, i_1, i_2, t, wanted = p["E_L"], 0.0, 0.0, 0.0, 0.0, []
    while len(wanted) < 4:
        v += dt * (p["G"] * (p["E_L"] - v) + i_1 + i_2 + 400.0) / p["C"]
        i_1, i_2 = i_1 * (1 - p["k_1"] * dt), i_2 * (1 - p["k_2"] * dt)
        theta_s, t = theta_s * (1 - p["b_s"] * dt), t + dt
        if v > p["theta_inf"] + theta_s:
            wanted.append(t)
            t += period
            v = p["E_L"] + p["f_v"] * (v - p["E_L"]) - p["delta_V"]
            theta_s = theta_s * np.exp(-p["b_s"] * period) + p["delta_theta_s"]
            i_1 = i_1 * np.exp(-p["k_1"] * period) + p["delta_I_1"]
            i_2 = i_2 * np.exp(-p["k_2"] * period) + p["delta_I_2"]
    jumps = {"delta_theta_s": "b_s", "delta_I_1": "k_1", "delta_I_2": "k_2"}
    rescaled = {name: p[name] * np.exp(p[rate] * period) for name, rate in jumps.items()}

    def times(**options):
        cell = Refractory(GLIF(level=4, **options), period=period, whole_steps=False)
        run = simulate(
            Population(cell, 1, integrator=RK4(), reset_gradient="event"),
            {"neuron": Constant(400.0)},
            dt=0.1,
            steps=2000,
            key=KEY,
            record={"times": SpikeTimes("neuron", 4)},
            spike_times="interpolated",
        )
        return run["times"][:, 0]

    # Explicit Euler at 0.002 ms.
    np.testing.assert_allclose(times(**rescaled), wanted, atol=0.02)
    assert abs(times()[-1] - wanted[-1]) > 2.0


def test_strong_currents_stay_finite():
    for level in (1, 2, 3, 4, 5):
        population = Population(GLIF(level=level), 3, integrator=ExponentialEuler())
        state = population.init(KEY)
        for _ in range(5):
            state, _ = population.step(state, Drive(current=jnp.asarray([0.0, 1e6, -1e6])), 0.5)
        assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(state))


def test_spikes_have_a_gradient_where_start_and_threshold_meet():
    population = Population(GLIF(level=1, E_L=-51.68), 1)

    def spikes(current):
        state, _ = population.step(population.init(KEY), Drive(current=current), 0.1)
        return population.step(state, Drive(current=current), 0.1)[1].sum()

    assert jnp.isfinite(jax.grad(spikes)(jnp.full(1, 50.0))).all()


def test_resets_above_threshold_and_other_levels_are_refused():
    with pytest.raises(ValueError, match=r"GLIF of level 1.* v_reset is -50.0 and threshold -51"):
        GLIF(level=1, v_reset=-50.0)
    with pytest.raises(ValueError, match=r"GLIF of level 4.* would fire for ever.*larger delta_V"):
        GLIF(level=4, f_v=0.9)
    with pytest.raises(ValueError, match=r"GLIF: level is 6"):
        GLIF(level=6)
