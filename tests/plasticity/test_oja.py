import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plasticity_examples import KEY, Voltage, alone, at, forced

from jaxneuro.core import Context
from jaxneuro.plasticity import Activity, Oja


def test_linear_neurons_learn_the_first_principal_component(x64):
    rng = np.random.default_rng(0)
    samples = jnp.asarray(rng.normal(size=(300, 4)) @ np.diag([0.5, 2.0, 1.0, 0.3]))
    mixing = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    samples = samples @ mixing
    values, vectors = np.linalg.eigh(np.asarray(samples.T @ samples) / 300)
    # So short a trace is what is sent in the step itself.
    edge = forced(Oja(eta=1e-3, tau=1e-3), 0.3 * rng.normal(size=(4, 3))).edges["learns"]
    pairs = edge.pairs((4,), (3,))

    def step(carry, x):
        weight, state = carry
        y = x @ weight
        activity = Activity(x, y, Voltage(y), None)
        context = Context(jnp.asarray(0), KEY, 1.0)
        return edge.rule.update(weight, state, activity, pairs, context), None

    start = edge.projection.weight, edge.rule.init(edge.projection.weight, pairs)
    epochs = jnp.tile(samples, (30, 1))
    (weight, _), _ = jax.jit(lambda start: jax.lax.scan(step, start, epochs))(start)
    assert values[-1] > 2 * values[-2]
    for column in np.asarray(weight).T:
        np.testing.assert_allclose(np.linalg.norm(column), 1.0, rtol=5e-3)
        assert abs(column @ vectors[:, -1]) > 0.999


def test_a_spike_of_the_target_moves_the_weights_towards_what_was_active(x64):
    rule = Oja(eta=0.1, tau=10.0, gain=0.5)
    pre = np.concatenate([at(20, 4), at(20, 9), at(20, 15)], axis=1)
    found = alone(rule, [[0.5], [0.6], [0.7]], pre, at(20, 2, 12))[:, 0]
    weight = np.array([0.5, 0.6, 0.7]) * (1 - 0.1 * 0.5)
    x = 0.5 * np.exp(-np.array([8.0, 3.0, np.inf]) / 10.0)
    y = 0.5 * (1.0 + np.exp(-1.0))
    np.testing.assert_allclose(found, weight + 0.1 * (x - y * weight), atol=1e-12)


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match=r"Oja: tau is 0\.0; it must be above 0"):
        Oja(tau=0.0)
