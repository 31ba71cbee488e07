import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxneuro import Input, Layer, Network, Population, sequential, topology
from jaxneuro.edges import Dale, Dense, LowRank, OneToOne, Projection, Sparse
from jaxneuro.evolution import LowRankES
from jaxneuro.neurons import LI, LIF
from jaxneuro.training import Classifier, evolve, train

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
SIGN = np.asarray([1, -1, 1, 1, -1, 1])


def effective(connectivity, weight, sources=6):
    """The matrix that the projection really applies."""
    return np.asarray(connectivity.propagate(weight, jnp.eye(sources)))


def test_the_matrix_has_the_signs_of_its_sources(x64):
    weight = jnp.asarray(RNG.normal(size=(6, 4)))
    dense = effective(Dale(Dense(4), SIGN), weight)
    np.testing.assert_allclose(dense, SIGN[:, None] * np.abs(weight), rtol=1e-12)
    sparse = topology.fixed_probability(KEY, 6, 4, 0.5)
    values = jnp.asarray(RNG.normal(size=sparse.pre.size))
    wanted = np.zeros((6, 4))
    wanted[sparse.pre, sparse.post] = SIGN[sparse.pre] * np.abs(values)
    np.testing.assert_allclose(effective(Dale(sparse, SIGN), values), wanted, rtol=1e-12)
    own = jnp.asarray(RNG.normal(size=6))
    np.testing.assert_allclose(
        effective(Dale(OneToOne(), SIGN), own), np.diag(SIGN * np.abs(own)), rtol=1e-12
    )
    shared = effective(Dale(OneToOne(shared=True), SIGN), jnp.asarray(-2.0))
    np.testing.assert_array_equal(shared, np.diag(2.0 * SIGN))


def test_signs_of_the_population_s_shape():
    weight, signals = jnp.asarray(RNG.normal(size=(6, 4)), float), jnp.ones((2, 2, 3))
    flat, shaped = Dale(Dense(4), SIGN), Dale(Dense(4), SIGN.reshape(2, 3))
    np.testing.assert_array_equal(
        flat.propagate(weight, signals), shaped.propagate(weight, signals)
    )
    assert shaped.output_shape((2, 3)) == flat.output_shape((2, 3)) == (4,)


def test_a_perturbed_weight_is_the_magnitude_of_the_sum(x64):
    parts = [jnp.asarray(RNG.normal(size=shape)) for shape in ((6, 4), (6, 2), (4, 2))]
    weight = LowRank(*parts)
    wanted = SIGN[:, None] * np.abs(weight.dense())
    np.testing.assert_allclose(effective(Dale(Dense(4), SIGN), weight), wanted, rtol=1e-12)


def test_the_gradient_is_that_of_the_magnitude(x64):
    connectivity, signals = Dale(Dense(4), SIGN), jnp.asarray(RNG.normal(size=(3, 6)))
    weight = jnp.asarray(RNG.normal(size=(6, 4)))

    def value(weight):
        return jnp.cos(connectivity.propagate(weight, signals)).sum()

    way = jnp.asarray(RNG.normal(size=(6, 4)))
    numeric = (value(weight + 1e-6 * way) - value(weight - 1e-6 * way)) / 2e-6
    np.testing.assert_allclose((jax.grad(value)(weight) * way).sum(), numeric, rtol=1e-6)
    # At 0 a weight can still grow.
    total = jax.grad(lambda w: connectivity.propagate(w, jnp.ones((1, 6))).sum())
    np.testing.assert_array_equal(total(jnp.zeros((6, 4))), np.repeat(SIGN[:, None], 4, axis=1))


IMAGES = RNG.random((40, 6)).astype(np.float32)
LABELS = (IMAGES[:, :3].sum(1) > IMAGES[:, 3:].sum(1)).astype(np.int32)
HIDDEN = np.asarray([1, 1, 1, -1, 1, 1, -1, -1])


def network():
    return sequential(
        6,
        Layer(Dale(Dense(8), SIGN), LIF(tau=5.0)),
        Layer(Dale(Dense(2), HIDDEN), LI(tau=10.0)),
        key=KEY,
    )


def check_signs(before, after):
    for name, sign in (("input_to_hidden1", SIGN), ("hidden1_to_readout", HIDDEN)):
        edge, old = after.edges[name], before.edges[name]
        np.testing.assert_array_equal(edge.connectivity.sign, sign)
        weight = np.asarray(edge.weight)
        assert (weight < 0).any()  # which the connectivity does not mind
        assert not np.allclose(weight, old.weight)
        matrix = effective(edge.connectivity, edge.weight, len(sign))
        assert (matrix * sign[:, None] >= 0).all()
        np.testing.assert_allclose(np.abs(matrix), np.abs(weight), rtol=1e-6)


def test_training_keeps_the_signs():
    task, before, losses = Classifier(steps=4, gain=3.0), network(), []
    result = train(
        task.loss,
        before,
        (IMAGES, LABELS),
        optimizer=optax.adam(0.3),  # large: weights cross 0
        epochs=8,
        batch_size=20,
        key=KEY,
        on_epoch=lambda epoch: losses.append(epoch.metrics["loss"]),
    )
    check_signs(before, result.model)
    first, last = (
        np.asarray(before.edges["input_to_hidden1"].weight),
        np.asarray(result.model.edges["input_to_hidden1"].weight),
    )
    assert ((first > 0) != (last > 0)).any()
    assert losses[-1] < losses[0]


def test_evolution_keeps_the_signs():
    wanted = jnp.asarray(RNG.normal(size=(6, 4)), float)  # half of the signs are out of reach
    weight = 0.3 * jnp.ones((6, 4))
    start = Projection("a", "b", weight=weight, connectivity=Dale(Dense(4), SIGN))

    def fitness(edge, batch, key):
        return -((edge.propagate(jnp.eye(6)) - wanted) ** 2).sum(), {}

    strategy = LowRankES(16, sigma=0.3, optimizer=optax.adam(0.3))
    edge = evolve(fitness, start, strategy, generations=30, key=KEY).model
    np.testing.assert_array_equal(edge.connectivity.sign, SIGN)
    assert (edge.weight < 0).any()
    matrix = np.asarray(edge.propagate(jnp.eye(6)))
    assert (matrix * SIGN[:, None] >= 0).all()
    assert fitness(edge, None, KEY)[0] > fitness(start, None, KEY)[0]


def test_what_makes_no_sense_is_refused():
    for sign, came in (([1, 0, -1], "0"), ([1.0, 0.5], "0.5"), (1, "1"), ([np.nan, 1.0], "nan")):
        with pytest.raises(ValueError, match=rf"Dale: sign has {came}; pass \+1 \(excitatory\)"):
            Dale(Dense(4), sign)
    nodes = {"a": Input(3), "b": Population(LIF(), 4)}
    edge = Projection("a", "b", connectivity=Dale(Dense(4), [1, -1]))
    with pytest.raises(ValueError, match=r"Dale: sign has shape \(2,\), but the source has shape"):
        Network(nodes, {"ab": edge})
    # Traced signs are not checked.
    sum_of = jax.jit(
        lambda sign: Dale(Sparse([0], [0], 1), sign).propagate(jnp.ones(1), jnp.ones((1, 2)))
    )
    np.testing.assert_array_equal(sum_of(jnp.asarray([-1.0, 1.0])), [[-1.0]])
