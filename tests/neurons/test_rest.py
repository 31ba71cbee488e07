import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from neuron_examples import EXAMPLES
from scipy.optimize import root

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.integrators import Euler
from jaxneuro.neurons import (
    LIF,
    AbstractODENeuron,
    FitzHughNagumo,
    HHneuronCorbit,
    HodgkinHuxley,
    Izhikevich2007,
    Izhikevich2007FSI,
    MorrisLecar,
    Refractory,
    rest,
)

KEY = jax.random.key(0)
# They fire without any input (a Poisson cell that nothing is drawn for, in each step).
TONIC = ("Neuromorphic", "PoissonCell", "TraubMiles")
SETTLING = sorted(set(EXAMPLES) - set(TONIC))


def slopes_of(neuron, state):
    """d(y)/dt as a NumPy function of the floating-point leaves of one neuron's state, and y."""
    moving, still = eqx.partition(state, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(moving)
    silence = Drive(ports={name: Drive(current=jnp.zeros(())) for name in neuron.ports})

    @jax.jit
    def slopes(y):
        whole = eqx.combine(structure.unflatten(list(y)), still)
        new = neuron.advance(whole, silence, 0.125, Euler())
        return (jnp.stack(jax.tree.leaves(eqx.filter(new, eqx.is_inexact_array))) - y) / 0.125

    return lambda y: np.asarray(slopes(jnp.asarray(y))), np.asarray(leaves)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n == "HHneuronBischop" else ()) for n in SETTLING],
)
def test_it_is_the_stable_root_that_scipy_finds(name, x64):
    neuron = EXAMPLES[name].make()
    slopes, y = slopes_of(neuron, rest(neuron))
    assert np.abs(slopes(y)).max() < 1e-7
    jacobian = np.stack(
        [(slopes(y + h) - slopes(y - h)) / 2e-6 for h in 1e-6 * np.eye(y.size)], axis=1
    )
    if np.linalg.cond(jacobian) < 1e10:  # or some variable stays wherever it is
        found = root(slopes, y + 1e-3 * np.abs(y) + 1e-4, tol=1e-12)
        np.testing.assert_allclose(found.x, y, rtol=1e-6, atol=1e-7)
    assert np.linalg.eigvals(jacobian).real.max() < 1e-6


@pytest.mark.parametrize("name", SETTLING)
def test_a_population_that_starts_there_stays(name, x64):
    one = EXAMPLES[name]
    population = Population(one.make(), 2, start="rest")
    state = population.init(KEY)
    drive = one.drive(jnp.zeros(2))
    silent = Drive(ports={k: Drive(current=jnp.zeros(2)) for k in drive.ports})
    end = state
    step = jax.jit(lambda state: population.step(state, silent, 0.1))
    for _ in range(20):
        end, spikes = step(end)
        assert not spikes.any()
    np.testing.assert_allclose(end.v, state.v, rtol=1e-6, atol=1e-6)


def test_known_resting_states(x64):
    state = rest(Izhikevich2007(), (2,))
    np.testing.assert_allclose(state.v, [-60.0, -60.0], rtol=1e-9)
    np.testing.assert_allclose(state.u, [0.0, 0.0], atol=1e-7)
    # 0.7 (v + 60) (v + 40) + 2 (v + 60) + 30 = 0, the lower root.
    below = min(np.roots([0.7, 72.0, 1830.0]).real)
    np.testing.assert_allclose(rest(Izhikevich2007(I_app=30.0)).v, below, rtol=1e-9)
    np.testing.assert_allclose(rest(Izhikevich2007FSI()).v, -55.0, rtol=1e-9)
    np.testing.assert_allclose(rest(HHneuronCorbit()).v, -70.038105, rtol=1e-6)
    np.testing.assert_allclose(rest(MorrisLecar()).v, -60.855, atol=1e-3)


@pytest.mark.slow
def test_it_is_where_the_neuron_itself_settles(x64):
    for neuron in (Izhikevich2007(), HHneuronCorbit()):
        run = simulate(Population(neuron, 1), dt=0.1, steps=10000, key=KEY, record=("neuron.v",))
        np.testing.assert_allclose(run["neuron.v"][-1], rest(neuron, (1,)).v, atol=0.02)


@pytest.mark.parametrize(
    "neuron",
    [
        lambda: LIF(v_rest=2.0, threshold=1.0),
        lambda: Izhikevich2007(I_app=500.0),
        *(EXAMPLES[name].make for name in TONIC),
    ],
)
def test_a_tonic_neuron_is_refused_by_its_name(neuron):
    cell = neuron()
    name = type(cell).__name__
    with pytest.raises(eqx.EquinoxRuntimeError, match=f"rest: {name} settles in no stable state"):
        rest(cell, (2,))


def test_a_constant_drive_moves_it(x64):
    drive = Drive(current=jnp.asarray([0.0, 0.3]))
    np.testing.assert_allclose(rest(LIF(resistance=2.0), (2,), drive).v, [0.0, 0.6], atol=1e-9)


def test_a_refractory_neuron_rests_as_the_one_it_wraps(x64):
    for whole_steps in (True, False):
        state = rest(Refractory(Izhikevich2007(), period=2.0, whole_steps=whole_steps), (2,))
        np.testing.assert_allclose(state.v, -60.0, rtol=1e-9)
        np.testing.assert_array_equal(state.remaining, 0)


def test_parameters_by_neuron_jit_and_vmap(x64):
    currents = jnp.asarray([-20.0, 0.0, 40.0])
    apart = jnp.stack([rest(Izhikevich2007(I_app=i)).v for i in currents])
    assert len(np.unique(apart)) == 3
    np.testing.assert_allclose(rest(Izhikevich2007(I_app=currents), (3,)).v, apart, rtol=1e-9)
    batch = jax.jit(jax.vmap(lambda i: rest(Izhikevich2007(I_app=i)).v))(currents)
    np.testing.assert_allclose(batch, apart, rtol=1e-9)


def test_single_precision():
    single = rest(HodgkinHuxley(), (2,))
    assert single.v.dtype == jnp.float32
    with jax.enable_x64(True):
        double = rest(HodgkinHuxley(), (2,))
    for a, b in zip(jax.tree.leaves(single), jax.tree.leaves(double), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_a_fixed_point_that_is_not_stable_is_no_rest():
    """Between its Hopf points FitzHugh-Nagumo has one fixed point, and fires around it."""
    drive = Drive(current=jnp.full((1,), 0.8))
    with pytest.raises(Exception, match="FitzHughNagumo settles in no stable state"):
        jax.block_until_ready(rest(FitzHughNagumo(v_threshold=1.5), (1,), drive).v)


class Still(eqx.Module):
    v: jax.Array


class OnTheTop(AbstractODENeuron):
    """Starts exactly where it would stay, if nothing ever touched it: dv/dt = v / 10."""

    def init(self, shape, key):
        return Still(jnp.zeros(shape))

    def derivative(self, state, drive):
        return Still(state.v / 10.0)

    def margin(self, old, new):
        return new.v - 1.0

    def reset(self, state, spikes):
        return state


def test_a_start_on_an_unstable_point_is_no_rest():
    with pytest.raises(Exception, match="OnTheTop settles in no stable state"):
        jax.block_until_ready(rest(OnTheTop(), (2,)).v)
