import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import topology


def test_several_groups_are_normalised_by_their_common_sum():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(5, 3)), rng.normal(size=(2, 3))
    total = np.abs(one).sum(0) + np.abs(two).sum(0)
    got = topology.normalise_incoming([jnp.asarray(one), jnp.asarray(two)], 2.5)
    np.testing.assert_allclose(got[0], one / total * 2.5, rtol=1e-5)
    np.testing.assert_allclose(got[1], two / total * 2.5, rtol=1e-5)


def test_what_hears_nothing_stays_so_and_has_a_gradient():
    weight = jnp.asarray([[1.0, 0.0], [3.0, 0.0]])
    (got,) = topology.normalise_incoming([weight], jnp.asarray([2.0, 2.0]))
    np.testing.assert_allclose(got, [[0.5, 0.0], [1.5, 0.0]])
    gradient = jax.grad(lambda w: topology.normalise_incoming([w])[0].sum())(weight)
    assert jnp.isfinite(gradient).all()


def test_balancing_is_that_of_the_original():
    # PymoNNto's CreateWeights, targets x sources: sources first, then targets.
    weight = np.random.default_rng(1).uniform(size=(6, 4))
    wanted = weight.T.copy()
    for _ in range(10):
        wanted /= wanted.sum(0)
        wanted /= wanted.sum(1)[:, None]
    got = topology.balance(jnp.asarray(weight), factor=3.0)
    np.testing.assert_allclose(got, 3.0 * wanted.T, rtol=1e-5)
    np.testing.assert_allclose(got.sum(0), 3.0, rtol=1e-5)


def test_balancing_a_square_matrix_converges_to_rows_and_columns_of_one():
    weight = topology.uniform(jax.random.key(0), (20, 20), 0.1, 1.0)
    got = topology.balance(weight, rounds=50)
    np.testing.assert_allclose(got.sum(0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(got.sum(1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("shapes", [[], [(3,)], [(3, 2), (3, 4)]])
def test_other_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="pass at least one matrix"):
        topology.normalise_incoming([jnp.ones(shape) for shape in shapes])


@pytest.mark.parametrize("density", [0.3, jnp.linspace(0.0, 1.0, 2000), jnp.full((1, 50), 0.3)])
def test_thin_keeps_each_with_its_probability(density):
    values = jnp.full((2000, 50), 2.0)
    kept = np.asarray(topology.thin(jax.random.key(0), values, density))
    assert set(np.unique(kept)) == {0.0, 2.0}
    share = (kept > 0).mean()
    wanted = float(jnp.mean(jnp.asarray(density)))
    assert abs(share - wanted) < 5 * np.sqrt(0.25 / kept.size)
    if jnp.ndim(density) == 1:
        rows = (kept > 0).mean(1)
        assert rows[0] == 0.0
        assert rows[-1] == 1.0
        assert np.corrcoef(rows, density)[0, 1] > 0.95


def test_thin_refuses_what_is_no_density():
    with pytest.raises(ValueError, match=r"density is 1.5; a probability"):
        topology.thin(jax.random.key(0), jnp.ones(3), 1.5)
    with pytest.raises(ValueError, match=r"shape \(2,\) does not fit values of shape \(3,\)"):
        topology.thin(jax.random.key(0), jnp.ones(3), jnp.ones(2))
