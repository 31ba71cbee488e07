import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import Network, Population, simulate
from jaxneuro.core import Context
from jaxneuro.edges import Oscillation
from jaxneuro.neurons import LIF

KEY = jax.random.key(0)


def run(amplitude, frequency, shift, dt, duration=200.0, record=("cell.v", "osc.osc")):
    cell = LIF(tau=10.0, threshold=1e6, resistance=2.0)
    edges = {"osc": Oscillation("cell", amplitude, frequency, shift)}
    net = Network({"cell": Population(cell, 2)}, edges)
    return simulate(net, dt=dt, steps=round(duration / dt), key=KEY, record=record)


def test_the_current_is_a_sine(x64):
    osc = run([3.0, 1.0], 25.0, 7.0, 0.5)["osc.osc"]
    t = 0.5 * np.arange(400)[:, None]  # at the start of each step
    exact = np.asarray([3.0, 1.0]) * np.sin(2 * np.pi * 25.0 * (t - 7.0) / 1000.0)
    np.testing.assert_allclose(osc, exact, atol=1e-12)


def test_the_response_of_a_leaky_cell(x64):
    # tau dv/dt = -v + R A sin(w t): a low-pass filter, after a transient.
    w, tau = 2 * np.pi * 25.0 / 1000.0, 10.0
    errors = []
    for dt in (0.5, 0.25):
        v = run(3.0, 25.0, 0.0, dt)["cell.v"][:, 0]
        t = dt * np.arange(1, v.size + 1)
        swing = np.sin(w * t) - w * tau * np.cos(w * t) + w * tau * np.exp(-t / tau)
        errors.append(np.abs(v - 2.0 * 3.0 * swing / (1 + (w * tau) ** 2)).max())
    # The course within a step is taken as linear.
    assert errors[0] < 5e-3
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), 2.0, atol=0.1)


def test_it_is_exact_enough_late_in_single_precision():
    edge = Oscillation("cell", amplitude=1.0, frequency=40.0)
    step = 1_000_000
    context = Context(jnp.asarray(step, jnp.int32), KEY, 0.1)
    _, drive = edge.step(edge.init((), (1,), KEY, False), None, jnp.zeros(1), context)
    # 100 s: time itself has steps of 0.008 ms there.
    np.testing.assert_allclose(drive.current, np.sin(2 * np.pi * 4000.0), atol=5e-3)


def test_gradients_match_finite_differences(x64):
    @jax.jit
    @jax.value_and_grad
    def last(point):
        return run(*point, 0.5, duration=30.0)["cell.v"][-1].sum()

    point = jnp.asarray([3.0, 25.0, 7.0])
    slope = last(point)[1]
    for index in range(3):
        up, down = (last(point.at[index].add(sign * 1e-6))[0] for sign in (1, -1))
        assert slope[index] != 0
        np.testing.assert_allclose(slope[index], (up - down) / 2e-6, rtol=1e-5)
