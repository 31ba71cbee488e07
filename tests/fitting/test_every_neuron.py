"""Every neuron of the catalogue can be fitted: it has a loss and a gradient."""

import equinox as eqx
import fit_examples as small
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import hand_made, recording_of

from jaxneuro.catalogue import MODELS
from jaxneuro.core import get_leaf, leaf_paths, param
from jaxneuro.fitting import Voltage, make_problem, make_target
from jaxneuro.fitting._polish import polish
from jaxneuro.neurons import GLIF, AbstractNeuron, AbstractODENeuron, Refractory

QUICK = ("LIF", "GLIF2", "Own")


class OwnState(eqx.Module):
    v: jax.Array
    u: jax.Array


class Own(AbstractODENeuron):
    """The neuron of a user, as in the design notes."""

    a: jax.Array = param(0.02)
    b: jax.Array = param(0.2)
    c: jax.Array = param(-65.0)
    d: jax.Array = param(8.0)
    v_peak: jax.Array = param(30.0)

    def init(self, shape, key):
        v = jnp.broadcast_to(self.c, shape)
        return OwnState(v, self.b * v)

    def derivative(self, state, drive):
        v, u = state.v, state.u
        dv = 0.04 * v**2 + 5.0 * v + 140.0 - u + drive.at(v)
        return OwnState(dv, self.a * (self.b * v - u))

    def margin(self, old, new):
        return new.v - self.v_peak

    def reset(self, state, spikes):
        return OwnState(state.v + spikes * (self.c - state.v), state.u + spikes * self.d)


def neurons():
    found = {f"GLIF{level}": lambda level=level: GLIF(level=level) for level in range(1, 6)}
    found |= {"Own": Own, "Refractory": lambda: Refractory(GLIF(level=3), 1.0)}
    for name, make in MODELS.items():
        # A held voltage or none cannot be fitted, a fragment's edges need a network of their own.
        is_neuron = isinstance(make, type) and issubclass(make, AbstractNeuron)
        if is_neuron and name != "IntegratorNeuron":
            found[name] = make
    return found | {"burster": MODELS["burster"]}


def a_parameter(model):
    """The first one that is a number other than 0."""
    for path in leaf_paths(model):
        x = get_leaf(model, path)
        if eqx.is_inexact_array(x) and x.ndim == 0 and x != 0:
            return path, float(x)
    raise AssertionError(model)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in neurons()],
)
def test_it_has_a_loss_and_a_gradient(name):
    model = neurons()[name]()
    path, x = a_parameter(model)
    aim = hand_made([[], []], ((0.0, 1.0),), 0.05, 1.0)
    bounds = tuple(sorted((0.5 * x, 2.0 * x)))
    problem = make_problem(model, aim, {path: bounds}, Voltage(sd=50.0))
    own = problem.chosen.split(problem.cell)
    assert float(next(iter(problem.values(own).values()))) == pytest.approx(x, rel=1e-5)
    loss, slope = jax.jit(jax.value_and_grad(lambda p: problem.loss(p, True)))(own)
    assert np.isfinite(loss)
    assert all(np.isfinite(one) for one in slope.values())
    # Some start with a spike, of which the grid does not know when in the step it was.
    np.testing.assert_allclose(problem.loss(own, False), loss, rtol=0.2)


def test_a_neuron_of_a_user_is_found():
    current = small.steps((0.0, 4.0, 6.0), 0.1, (5.0, 40.0), 45.0)
    aim = make_target(recording_of(Own(b=0.21), current, ((5.0, 40.0),)), dt=0.1)
    problem = make_problem(Own(), aim, {"b": (0.1, 0.3)}, Voltage(sd=1.0))
    begun = small.side_by_side(problem.chosen.split(problem.cell))
    found = polish(problem, begun, steps=12, devices=jax.devices()[:1])
    np.testing.assert_allclose(problem.values(found.parameters)["b"], 0.21, rtol=0.01)
