import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxneuro.edges import LowRank
from jaxneuro.evolution import LowRankES
from jaxneuro.evolution._low_rank_es import span_basis

KEY = jax.random.key(5)
PARAMETERS = {"w": jnp.ones((6, 5)), "b": jnp.zeros(3), "k": jnp.zeros((2, 2, 2))}


def noise(strategy, parameters, sibling=0):
    """The perturbations of all pairs, `(pairs, ...)`, as drawn from `express`."""
    state = strategy.init(parameters, jax.random.key(0))
    candidates, state = strategy.ask(state, jax.random.key(1))

    def one(candidate):
        values = strategy.express(state, candidate, jnp.asarray(sibling))
        full = {p: x.dense() if isinstance(x, LowRank) else x for p, x in values.items()}
        return {p: (x - parameters[p]) / strategy.sigma for p, x in full.items()}

    return jax.vmap(one)(candidates), candidates, state


@pytest.mark.parametrize("kind", ["normal", "sign"])
@pytest.mark.parametrize("rank", [1, 3])
def test_the_noise_has_mean_0_and_variance_1_and_the_rank_asked_for(kind, rank):
    strategy = LowRankES(8000, sigma=0.5, rank=rank, noise=kind)
    drawn, _, _ = noise(strategy, PARAMETERS)
    for x in drawn.values():
        # 4,000 draws: standard errors of 0.016 for the mean, up to 0.045 for the variance of
        # products of normal numbers (of which the fourth moment is 9).
        np.testing.assert_allclose(x.mean(0), 0.0, atol=0.08)
        np.testing.assert_allclose(x.var(0), 1.0, atol=0.2)
    ranks = np.linalg.matrix_rank(np.asarray(drawn["w"][:50]), tol=1e-4)
    assert ranks.max() == rank
    flat = np.concatenate([np.asarray(x).reshape(4000, -1) for x in drawn.values()], axis=1)
    correlation = np.corrcoef(flat.T) - np.eye(flat.shape[1])
    assert abs(correlation).max() < 0.15


@pytest.mark.parametrize("kind", ["normal", "sign"])
def test_siblings_mirror_each_other(kind):
    strategy = LowRankES(16, noise=kind)
    plus, _, _ = noise(strategy, PARAMETERS, 0)
    minus, _, _ = noise(strategy, PARAMETERS, 1)
    for path in PARAMETERS:
        np.testing.assert_allclose(plus[path], -minus[path], atol=2e-6)


@pytest.mark.parametrize("pairs", [3, 128, 130])
def test_tell_climbs_the_weighted_sum_of_the_noise(pairs):
    strategy = LowRankES(
        2 * pairs,
        sigma=0.1,
        rank=2,
        optimizer=optax.sgd(1.0),
        shaping="standardize",
    )
    drawn, candidates, state = noise(strategy, PARAMETERS)
    fitness = jax.random.normal(jax.random.key(4), (pairs, 2))
    after = strategy.centre(strategy.tell(state, candidates, fitness, jax.random.key(5)))
    shaped = (np.asarray(fitness) - np.mean(fitness)) / np.std(fitness)
    weights = (shaped[:, 0] - shaped[:, 1]) / (2 * pairs * 0.1)
    for path, x in drawn.items():
        expected = np.asarray(PARAMETERS[path]) + np.tensordot(weights, np.asarray(x), 1)
        # The noise was found as a difference of numbers near 1, divided by sigma.
        np.testing.assert_allclose(after[path], expected, rtol=1e-4, atol=1e-5)


def test_the_estimate_is_the_gradient_of_a_linear_fitness():
    parameters = {"w": jnp.zeros((4, 3))}
    slope = jnp.arange(12.0).reshape(4, 3) - 5.0
    strategy = LowRankES(40_000, sigma=1.0, optimizer=optax.sgd(1.0), shaping="standardize")
    drawn, candidates, state = noise(strategy, parameters)
    value = jnp.tensordot(drawn["w"], slope, 2)
    fitness = jnp.stack([value, -value], axis=1)
    moved = strategy.centre(strategy.tell(state, candidates, fitness, jax.random.key(0)))["w"]
    # Standardized: divided by the standard deviation of the fitness, |slope|.
    expected = slope / jnp.sqrt(jnp.sum(slope**2))
    np.testing.assert_allclose(moved, expected, atol=0.05)  # of a random estimate


def test_the_basis_spans_the_inputs():
    inputs = jax.random.normal(jax.random.key(0), (3, 8)) * jnp.asarray([[1.0], [10.0], [0.1]])
    basis = np.asarray(span_basis(inputs), np.float64)
    # The ridge that keeps dependent inputs from failing shortens directions a little.
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=0.3)
    inside = basis @ np.linalg.lstsq(basis, np.asarray(inputs.T), rcond=None)[0]
    np.testing.assert_allclose(inside, inputs.T, atol=1e-4)


def test_equal_inputs_give_the_basis_of_one_and_none_that_of_nothing():
    basis = np.asarray(span_basis(jnp.tile(jnp.asarray([[3.0, 4.0]]), (2, 1))))
    assert np.isfinite(basis).all()
    np.testing.assert_allclose(abs(basis[:, 0]), [0.6, 0.8], rtol=1e-4)
    assert abs(basis[:, 1]).max() < 0.1
    np.testing.assert_array_equal(span_basis(jnp.zeros((2, 3))), 0.0)


def test_noise_within_the_span_is_the_noise_without_what_cannot_be_seen():
    inputs = jax.random.normal(jax.random.key(0), (2, 3, 6))
    strategy = LowRankES(4000, span=lambda mean, batch: {"w": batch})
    state = strategy.init(PARAMETERS, jax.random.key(0))
    pairs, state = strategy.ask(state, jax.random.key(1), inputs)
    drawn = jax.vmap(lambda p: strategy.express(state, p, jnp.asarray(0))["w"].dense())(pairs)
    noise = (np.asarray(drawn) - np.asarray(PARAMETERS["w"])) / strategy.sigma
    for x, own in zip(np.asarray(inputs), noise.reshape(2, 1000, 6, 5), strict=True):
        projector = np.linalg.pinv(x) @ x
        np.testing.assert_allclose(projector @ own, own, atol=2e-4)
        covariance = np.einsum("kij,klj->il", own, own) / own.shape[0] / 5
        np.testing.assert_allclose(covariance, projector, atol=0.15)  # of 1,000 draws


def test_the_estimate_within_the_span_is_the_gradient():
    """Of a fitness that sees a weight through its products with the inputs of each slice."""
    inputs = jax.random.normal(jax.random.key(0), (20, 2, 6))
    aims = jax.random.normal(jax.random.key(3), (20, 2, 5))
    parameters = {"w": jnp.zeros((6, 5))}
    strategy = LowRankES(
        20_000,
        sigma=1.0,
        optimizer=optax.sgd(1.0),
        shaping="standardize",
        span=lambda mean, batch: {"w": batch},
    )
    state = strategy.init(parameters, jax.random.key(0))
    pairs, state = strategy.ask(state, jax.random.key(1), inputs)
    weight = jax.vmap(lambda p: strategy.express(state, p, jnp.asarray(0))["w"].dense())(pairs)
    own = lambda x: jnp.repeat(x, 500, axis=0)  # noqa: E731
    value = jnp.einsum("kbi,kij,kbj->k", own(inputs), weight, own(aims))
    fitness = jnp.stack([value, -value], axis=1)
    moved = np.asarray(strategy.centre(strategy.tell(state, pairs, fitness, KEY))["w"])
    expected = np.einsum("sbi,sbj->ij", inputs, aims) / 20 / np.std(fitness)
    # Of 10,000 random pairs: an error of about 0.006 in each entry.
    np.testing.assert_allclose(moved, expected, atol=0.03)
    slope = (moved * expected).sum() / (expected**2).sum()
    assert slope == pytest.approx(1.0, abs=0.1)
    assert abs(expected).max() > 0.05


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"population": 7}, "even number"),
        ({"population": 0}, "even number"),
        ({"population": 8, "sigma": 0.0}, "sigma must be above 0"),
        ({"population": 8, "rank": 0}, "rank 1 or more"),
        ({"population": 8, "shaping": "rang"}, "There are rank, standardize"),
        ({"population": 8, "noise": "uniform"}, "There are normal, sign"),
    ],
)
def test_mistakes(arguments, wanted):
    with pytest.raises(ValueError, match=wanted):
        LowRankES(**arguments)


def test_a_span_without_data():
    strategy = LowRankES(8, span=lambda mean, batch: {})
    state = strategy.init(PARAMETERS, KEY)
    with pytest.raises(ValueError, match="span needs the inputs of a batch"):
        strategy.ask(state, KEY)
