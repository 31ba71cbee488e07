import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Drive
from jaxneuro.neurons import IF, LI, LIF, AdaptiveLIF, Population, Refractory


def run(neuron, current, dt, steps, size=1):
    population = Population(neuron, size)
    drive = Drive(current=jnp.broadcast_to(jnp.asarray(current), (size,)))

    def step(state, _):
        state, spikes = population.step(state, drive, dt)
        return state, (state, spikes)

    return jax.lax.scan(step, population.init(jax.random.key(0)), length=steps)[1]


@pytest.mark.parametrize(
    ("period", "dt", "held"), [(5.0, 0.1, 50), (2.0, 0.1, 20), (1.0, 0.3, 3), (0.04, 0.1, 0)]
)
@pytest.mark.parametrize("is_double", [False, True])
def test_whole_steps_are_counted(period, dt, held, is_double):
    # So strong a current that the cell fires in each step in which it may.
    with jax.enable_x64(is_double):
        cell = Refractory(LIF(tau=10.0, reset_by="value"), period=period)
        states, spikes = run(cell, 1e4, dt, 3 * (held + 1) + 1)
        np.testing.assert_array_equal(np.flatnonzero(spikes), np.arange(4) * (held + 1))
        v = np.asarray(states.v)
        np.testing.assert_array_equal(v, np.zeros_like(v))


def test_v_is_held_where_subtraction_left_it_and_then_goes_on(x64):
    cell = Refractory(IF(capacitance=1.0), period=2.0)
    states, spikes = run(cell, 0.6, 1.0, 7)
    # 0.6, 1.2 -> 0.2 (spike), held twice, 0.8, 1.4 -> 0.4 (spike), held
    np.testing.assert_array_equal(np.flatnonzero(spikes), [1, 5])
    np.testing.assert_allclose(states.v[:, 0], [0.6, 0.2, 0.2, 0.2, 0.8, 0.4, 0.4], atol=1e-12)
    np.testing.assert_array_equal(states.remaining[:, 0], [0, -1, 2, 1, 0, -1, 2])


def test_adaptation_goes_on_while_v_is_held(x64):
    cell = AdaptiveLIF(tau_threshold=30.0, step=0.5, reset_by="value", v_reset=-0.5)
    states, spikes = run(Refractory(cell, period=5.0), 1e3, 1.0, 6)
    np.testing.assert_array_equal(np.flatnonzero(spikes), [0])
    np.testing.assert_allclose(states.v[:, 0], -0.5)
    rise = np.asarray(states.inner.rise[:, 0])
    np.testing.assert_allclose(rise, 0.5 * np.exp(-np.arange(6) / 30.0), rtol=1e-12)


def test_a_jump_is_lost_while_v_is_held():
    population = Population(Refractory(IF(), period=1.0), 1)
    state = population.init(jax.random.key(0))
    drive = Drive(jump=jnp.asarray([1.5]))
    counts = []
    for _ in range(4):
        state, spikes = population.step(state, drive, 1.0)
        counts.append(float(spikes[0]))
    assert counts == [1.0, 0.0, 1.0, 0.0]
    assert state.v[0] == 1.0


def test_the_longer_of_nested_periods_counts():
    nested = Refractory(Refractory(LIF(), period=2.0), period=3.0)
    other = Refractory(Refractory(LIF(), period=3.0), period=2.0)
    for cell in (nested, other):
        _, spikes = run(cell, 1e4, 1.0, 9)
        np.testing.assert_array_equal(np.flatnonzero(spikes), [0, 4, 8])


def test_a_period_by_neuron():
    _, spikes = run(Refractory(LIF(), period=jnp.asarray([0.0, 1.0, 3.0])), 1e4, 1.0, 12, size=3)
    np.testing.assert_array_equal(spikes.sum(0), [12, 6, 3])


def test_a_cell_that_never_spikes_is_never_held():
    states, spikes = run(Refractory(LI(tau=5.0), period=3.0), 2.0, 1.0, 4)
    assert spikes.sum() == 0
    assert (states.remaining == 0).all()
    exact = 2.0 * (1 - np.exp(-np.arange(1, 5) / 5.0))
    np.testing.assert_allclose(states.v[:, 0], exact, rtol=1e-5)


def test_no_gradient_passes_a_held_step(x64):
    def final_v(currents):
        population = Population(Refractory(IF(reset_by="value"), period=2.0), 1)
        step = lambda s, i: population.step(s, Drive(current=i[None]), 1.0)  # noqa: E731
        state, spikes = jax.lax.scan(step, population.init(jax.random.key(0)), currents)
        return state.v[0], spikes

    slope, spikes = jax.grad(final_v, has_aux=True)(jnp.asarray([2.0, 0.3, 0.3, 0.3]))
    np.testing.assert_array_equal(np.flatnonzero(spikes), [0])
    np.testing.assert_array_equal(slope, [0.0, 0.0, 0.0, 1.0])


def test_negative_period_is_refused():
    with pytest.raises(ValueError, match=r"Refractory: period is -1.0 ms; it must be 0 or more"):
        Refractory(LIF(), period=-1.0)


@pytest.mark.parametrize("period", [2.0, 2.03, 0.04])
def test_a_hold_may_end_inside_a_step(period, x64):
    """Spikes of a perfect integrator of 1.0 ms^-1: a period of 1 ms, plus the hold."""
    population = Population(
        Refractory(IF(capacitance=1.0, reset_by="value"), period, whole_steps=False),
        1,
        reset_gradient="event",
    )

    def step(state, index):
        result = population.advance(state, Drive(current=jnp.ones(1)), 0.1)
        return result.state, jnp.where(
            result.spikes > 0, (index.astype(float) + result.fraction) * 0.1, jnp.inf
        )

    times = jax.lax.scan(step, population.init(jax.random.key(0)), jnp.arange(150))[1]
    times = np.sort(times[np.isfinite(times)])
    # Linear, so nothing is lost to the interpolation.
    np.testing.assert_allclose(times[:4], 1.0 + (1.0 + period) * np.arange(4), atol=1e-9)


def test_exact_and_counted_holds_agree_where_the_period_is_whole_steps():
    runs = [
        run(Refractory(AdaptiveLIF(tau=10.0), 2.0, whole_steps=exact), 3.0, 0.25, 200)
        for exact in (True, False)
    ]
    assert runs[0][1].sum() > 5
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    np.testing.assert_allclose(runs[0][0].v, runs[1][0].v, rtol=1e-5, atol=1e-6)
