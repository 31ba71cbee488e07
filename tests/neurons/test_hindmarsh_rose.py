import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun
from jaxneuro.neurons import HindmarshRose, rest
from jaxneuro.neurons._hindmarsh_rose import HindmarshRoseState
from jaxneuro.simulation import SpikeTimes

KEY = jax.random.key(0)


def simulated(neuron, current, dt, steps, count=40, **options):
    return simulate(
        Population(neuron, 1, **options),
        {"neuron": Constant(current)},
        dt=dt,
        steps=steps,
        key=KEY,
        record={"v": "neuron.v", "z": "neuron.z", "times": SpikeTimes("neuron", count)},
        spike_times="interpolated",
    )


def test_it_rests_where_the_paper_puts_its_rest(x64):
    # Without input, x³ + 2 x² - 1 = (x + 1) (x² + x - 1) is 0 there; the paper's x_1.
    start, end = HindmarshRose().init((), KEY), rest(HindmarshRose())
    golden = (1 + np.sqrt(5)) / 2
    wanted = [-golden, 1 - 5 * golden**2, 0.0]
    np.testing.assert_allclose(jax.tree.leaves(start), wanted, atol=1e-12)
    np.testing.assert_allclose(jax.tree.leaves(end), wanted, atol=1e-10)


def test_bursts_are_those_of_an_independent_integrator(x64):
    r, s, x_1, current = 0.006, 3.9, -1.6, 2.0

    def slopes(t, y):
        x, fast, slow = y
        return [
            fast - x**3 + 3 * x**2 - slow + current,
            1 - 5 * x**2 - fast,
            r * (s * (x - x_1) - slow),
        ]

    def upwards(t, y):
        return y[0] - 1.0

    upwards.direction = 1.0
    y = [x_1, 1 - 5 * x_1**2, 0.0]
    reference = solve_ivp(slopes, (0, 600), y, "LSODA", events=upwards, rtol=1e-11, atol=1e-11)
    wanted = reference.t_events[0]
    neuron = HindmarshRose(r=r, s=s, v_rest=x_1)
    run = simulated(neuron, current, 0.02, 30_000, integrator=RK4())
    times = run["times"][:, 0]
    np.testing.assert_allclose(times[np.isfinite(times)], wanted, atol=2e-3)
    intervals = np.diff(wanted)
    assert intervals.max() > 4 * intervals.min()
    assert len(wanted) > 10


def test_slopes_at_a_fixed_point_are_those_written_out(x64):
    # The Jacobian of the paper's equations, with every parameter its own.
    a, b, c, d, r, s, x_1, x = 1.1, 2.8, 0.9, 4.8, 0.02, 3.7, -1.5, -1.2
    neuron = HindmarshRose(a=a, b=b, c=c, d=d, r=r, s=s, v_rest=x_1)
    y = jnp.asarray([x, c - d * x**2, s * (x - x_1)])
    current = y[2] - y[1] + a * x**3 - b * x**2

    def slopes(y):
        new = neuron.derivative(HindmarshRoseState(*y), Drive(current=current))
        return jnp.stack(jax.tree.leaves(new))

    np.testing.assert_allclose(slopes(y), 0.0, atol=1e-12)
    wanted = [[-3 * a * x**2 + 2 * b * x, 1, -1], [-2 * d * x, -1, 0], [r * s, 0, -r]]
    np.testing.assert_allclose(jax.jacfwd(slopes)(y), wanted, atol=1e-12)


@pytest.mark.parametrize("integrator", [Euler(), Heun(), RK4(), ExponentialEuler()])
def test_any_current_stays_finite_forward_and_backward(integrator):
    population = Population(HindmarshRose(), 3, integrator=integrator)

    @jax.jit
    @jax.grad
    def slopes(currents):
        def step(state, _):
            new, spikes = population.step(state, Drive(current=currents), 0.05)
            return new, (new.v, spikes)

        v, spikes = jax.lax.scan(step, population.init(KEY), length=1000)[1]
        return jnp.mean(v) + jnp.sum(spikes)

    assert jnp.isfinite(slopes(jnp.asarray([2.0, 1e4, -1e4]))).all()


def test_gradients_match_finite_differences(x64):
    def last(neuron, current):
        def step(state, _):
            return neuron.advance(state, Drive(current=current), 0.05, RK4()), None

        state = jax.lax.scan(step, neuron.init((), KEY), length=100)[0]
        return state.v + 0.3 * state.y + 10.0 * state.z

    leaves, structure = jax.tree.flatten((HindmarshRose(), jnp.asarray(1.5)))
    function = jax.jit(lambda *x: last(*structure.unflatten(x)))
    slopes = jax.grad(function, tuple(range(len(leaves))))(*leaves)
    for index, slope in enumerate(slopes):
        up, down = (
            function(*leaves[:index], leaves[index] + h, *leaves[index + 1 :])
            for h in (1e-6, -1e-6)
        )
        np.testing.assert_allclose(slope, (up - down) / 2e-6, rtol=1e-3, atol=1e-7)
    assert sum(float(slope) == 0.0 for slope in slopes) == 1  # v_threshold


def test_spikes_have_a_gradient_where_start_and_threshold_meet():
    population = Population(HindmarshRose(v_threshold=-(1 + 5**0.5) / 2), 1)

    def spikes(current):
        state, _ = population.step(population.init(KEY), Drive(current=current), 0.1)
        return population.step(state, Drive(current=current), 0.1)[1].sum()

    assert jnp.isfinite(jax.grad(spikes)(jnp.full(1, 2.0))).all()


def test_parameters_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"HindmarshRose: r has shape \(4,\)"):
        HindmarshRose(r=[0.001] * 4).init((3,), KEY)
