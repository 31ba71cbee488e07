import jax.numpy as jnp
import numpy as np
from scipy.stats import rankdata

from jaxneuro.evolution._shaping import centred_rank, standardize


def test_ranks_are_centred_and_equals_share_theirs():
    np.testing.assert_allclose(centred_rank(jnp.asarray([30.0, 10.0, 20.0])), [0.5, -0.5, 0.0])
    fitness = np.random.default_rng(0).integers(0, 6, (20, 2)).astype(np.float32)
    expected = (rankdata(fitness).reshape(20, 2) - 1) / 39 - 0.5
    np.testing.assert_allclose(centred_rank(jnp.asarray(fitness)), expected, atol=1e-6)


def test_equal_fitness_says_nothing():
    np.testing.assert_allclose(centred_rank(jnp.full((4, 2), 3.0)), 0.0, atol=1e-7)
    np.testing.assert_array_equal(standardize(jnp.full((4, 2), 3.0)), 0.0)


def test_standardized_fitness():
    fitness = jnp.asarray([[1.0, 2.0], [4.0, 9.0]])
    shaped = np.asarray(standardize(fitness))
    np.testing.assert_allclose(shaped, (np.asarray(fitness) - 4.0) / np.std(fitness), rtol=1e-6)
