import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array

from jaxneuro import Layer, sequential
from jaxneuro.core import get_leaf, param
from jaxneuro.edges import Dense
from jaxneuro.neurons import LI, LIF, Refractory
from jaxneuro.training import Bounds, Trainable, train, trainable

INTERVALS = [(None, None), (0.5, None), (None, 3.0), (-1.0, 3.0)]


class Cell(eqx.Module):
    tau: Array = param(5.0, unit="ms", lower=0.0)
    rate: Array = param(0.25, lower=0.0, upper=1.0)
    gain: Array = param(1.0)
    count: Array = eqx.field(default_factory=lambda: jnp.asarray(3))


def network():
    return sequential(
        4,
        Layer(Dense(5), LIF(tau=5.0)),
        Layer(Dense(6), Refractory(LIF(tau=7.0), 2.0)),
        Layer(Dense(3), LI(tau=10.0)),
        key=jax.random.key(0),
    )


def test_by_default_all_weights_and_biases_of_a_network():
    edges = ("hidden1_to_hidden2", "hidden2_to_readout", "input_to_hidden1")
    expected = {f"edges.{edge}.{leaf}" for edge in edges for leaf in ("weight", "bias")}
    chosen = trainable(network())
    assert set(chosen.bounds) == expected
    assert set(chosen.bounds.values()) == {Bounds()}


def test_patterns_names_and_wrappers():
    taus = trainable(network(), "hidden*.tau")
    assert list(taus.bounds) == ["nodes.hidden1.neuron.tau", "nodes.hidden2.neuron.neuron.tau"]
    one = trainable(network(), ["readout.tau", "input_to_hidden1.weight"])
    assert set(one.bounds) == {"nodes.readout.neuron.tau", "edges.input_to_hidden1.weight"}
    assert one.bounds["nodes.readout.neuron.tau"] == Bounds(0.0, None)


@pytest.mark.parametrize("interval", INTERVALS)
def test_bounds_round_trip(interval, x64):
    bounds = Bounds(*interval)
    values = jnp.array([0.500001, 0.6, 1.0, 2.0, 2.999999])
    assert bounds.contain(values)
    back = bounds.bounded(bounds.free(values))
    np.testing.assert_allclose(back, values, rtol=1e-9)


@pytest.mark.parametrize("interval", INTERVALS)
def test_every_free_number_is_inside_and_the_map_rises(interval):
    values = Bounds(*interval).bounded(jnp.linspace(-14.0, 14.0, 201))
    assert Bounds(*interval).contain(values)
    assert (np.diff(np.asarray(values)) >= 0).all()


@pytest.mark.parametrize("interval", INTERVALS)
def test_bounded_gradient_against_finite_differences(interval, x64):
    bounds = Bounds(*interval)
    for free in (-3.0, 0.1, 2.0):
        exact = jax.grad(bounds.bounded)(jnp.asarray(free))
        pair = [bounds.bounded(jnp.asarray(free + step)) for step in (1e-6, -1e-6)]
        assert float(exact) == pytest.approx(float(pair[0] - pair[1]) / 2e-6, rel=1e-6)


LOG = Bounds(2e-3, 5e4, "log")


def test_log_bounds_round_trip(x64):
    values = jnp.array([2.00001e-3, 0.03, 1.0, 700.0, 4.99999e4])
    assert LOG.contain(values)
    np.testing.assert_allclose(LOG.bounded(LOG.free(values)), values, rtol=1e-9)
    # The middle is the geometric mean, and equal factors are equally far from it.
    assert float(LOG.free(jnp.asarray(10.0))) == pytest.approx(0.0, abs=1e-12)
    below, above = LOG.free(jnp.asarray([1.0, 100.0]))
    assert float(above) == pytest.approx(-float(below))


def test_log_bounds_hold_in_single_precision():
    values = LOG.bounded(jnp.linspace(-14.0, 14.0, 201))
    assert values.dtype == jnp.float32
    assert LOG.contain(values)
    assert (np.diff(np.asarray(values)) > 0).all()
    # Far out they end at the bounds, up to rounding, and nothing is infinite.
    ends = LOG.bounded(jnp.asarray([-1e6, -200.0, 200.0, 1e6]))
    np.testing.assert_allclose(ends, [2e-3, 2e-3, 5e4, 5e4], rtol=2e-6)
    slopes = jax.vmap(jax.grad(LOG.bounded))(jnp.asarray([-1e6, -200.0, 0.0, 200.0, 1e6]))
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(LOG.bounded(LOG.free(values)), values, rtol=1e-5)


def test_log_bounded_gradient_against_finite_differences(x64):
    for free in (-3.0, 0.1, 2.0):
        exact = jax.grad(LOG.bounded)(jnp.asarray(free))
        pair = [LOG.bounded(jnp.asarray(free + step)) for step in (1e-6, -1e-6)]
        assert float(exact) == pytest.approx(float(pair[0] - pair[1]) / 2e-6, rel=1e-6)


def test_split_and_merge_give_the_model_back():
    model = network()
    chosen = trainable(model, ["*.weight", "*.tau"])
    parameters = chosen.split(model)
    assert list(parameters) == list(chosen.bounds)
    again = chosen.merge(model, parameters)
    assert eqx.tree_equal(again, model, rtol=1e-6)
    moved = chosen.merge(model, {path: x + 1.0 for path, x in parameters.items()})
    assert get_leaf(moved, "hidden1.tau") > get_leaf(model, "hidden1.tau")
    assert get_leaf(moved, "hidden1.threshold") == get_leaf(model, "hidden1.threshold")


def test_bounds_are_declared_by_the_field_or_given():
    declared = trainable({"a": Cell(), "b.c": [Cell()]}, ["*.tau", "*.rate", "*.gain"])
    assert declared.bounds == {
        "a.tau": Bounds(0.0, None),
        "a.rate": Bounds(0.0, 1.0),
        "a.gain": Bounds(),
        "b.c.0.tau": Bounds(0.0, None),
        "b.c.0.rate": Bounds(0.0, 1.0),
        "b.c.0.gain": Bounds(),
    }
    given = trainable(Cell(), ["tau", "rate"], {"tau": (1.0, 50.0), "rate": (None, None)})
    assert given.bounds == {"tau": Bounds(1.0, 50.0), "rate": Bounds()}


def test_any_pytree_can_be_trained():
    state = optax.ScaleByAdamState(jnp.asarray(0), {1: jnp.ones(2)}, {1: (jnp.zeros(2),)})
    assert trainable(state, ["mu.1", "nu.1.0"]) == Trainable({"mu.1": Bounds(), "nu.1.0": Bounds()})


@pytest.mark.parametrize(
    ("paths", "bounds", "message"),
    [
        ("tua", None, "No path 'tua'.*tau"),
        ("x*.tau", None, "No path matches"),
        ("count", None, "'count' holds no floating-point numbers"),
        ("tau", {"rate": (0.0, 1.0)}, r"bounds for \['rate'\], which are not among"),
        ("tau", {"tau": (6.0, 9.0)}, r"'tau' starts outside its bounds \(6.0, 9.0\)"),
        ("tau", {"tau": (5.0, None)}, "starts outside its bounds"),
        ("tau", {"tau": (9.0, 1.0)}, "lower must be below upper"),
        ("tau", {"tau": (0.0, 9.0, "log")}, r"'tau' are \(0.0, 9.0\) on a log scale, which needs"),
        ("tau", {"tau": (-1.0, 9.0, "log")}, "which needs both ends above 0"),
        ("tau", {"tau": (1.0, None, "log")}, "which needs both ends above 0"),
        ("tau", {"tau": (6.0, 9.0, "log")}, r"'tau' starts outside its bounds \(6.0, 9.0\)"),
        ("tau", {"tau": (1.0, 9.0, "ln")}, "have the scale 'ln'; there are 'linear' and 'log'"),
    ],
)
def test_errors_name_the_path(paths, bounds, message):
    with pytest.raises(ValueError, match=message):
        trainable(Cell(), paths, bounds)


@pytest.mark.parametrize(("target", "end"), [(-50.0, 1.0), (90.0, 50.0)])
def test_tau_trains_and_stays_in_bounds(target, end):
    chosen = trainable(Cell(), "tau", {"tau": (1.0, 50.0)})

    def loss(cell, batch, key):
        return (cell.tau - target) ** 2 + 0.0 * batch.sum(), {}

    data = jnp.zeros(40)
    result = train(
        loss,
        Cell(),
        data,
        optimizer=optax.adam(0.3),
        epochs=3,
        batch_size=2,
        key=jax.random.key(0),
        chosen=chosen,
    )
    assert 1.0 <= result.model.tau <= 50.0
    assert abs(result.model.tau - end) < 0.1 * abs(5.0 - end)
    assert result.model.gain == 1.0
