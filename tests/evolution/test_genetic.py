import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.evolution import GeneticAlgorithm
from jaxneuro.evolution._genetic import cross, mutate, select

KEY = jax.random.key(0)
WEIGHTS = {"w": jnp.asarray([[0.1, -0.2, 0.0], [-0.3, 0.05, 0.2]])}


def test_a_tournament_is_won_by_the_best_of_those_drawn():
    fitness = jnp.arange(10.0)
    winners = np.asarray(select(KEY, fitness, 3, (20_000,)))
    # P(winner < k) = (k / 10)^3: all three are below k.
    for k in range(1, 10):
        assert np.mean(winners < k) == pytest.approx((k / 10) ** 3, abs=0.012)


def test_a_tournament_of_one_is_a_fair_draw():
    winners = np.asarray(select(KEY, jnp.arange(4.0), 1, (2, 10_000)))
    assert winners.shape == (2, 10_000)
    np.testing.assert_allclose(np.bincount(winners.ravel()) / 20_000, 0.25, atol=0.02)


def test_crossover_exchanges_genes_of_couples_that_mix():
    first, second = jnp.zeros((4, 1000)), jnp.ones((4, 1000))
    mixes = jnp.asarray([True, False, True, False])
    one, two = cross(KEY, first, second, mixes, 0.3)
    np.testing.assert_array_equal(one + two, 1.0)  # no gene is lost or doubled
    np.testing.assert_allclose(one.mean(1), [0.3, 0.0, 0.3, 0.0], atol=0.05)
    assert not np.array_equal(one[0], one[2])


def test_mutation_changes_some_genes_by_normal_noise():
    genes = jnp.full((100_000,), 2.0)
    change = np.asarray(mutate(KEY, genes, 0.1, 0.5) - genes)
    moved = change[change != 0]
    assert moved.size / change.size == pytest.approx(0.1, abs=0.005)
    assert moved.mean() == pytest.approx(0.0, abs=0.02)
    assert moved.std() == pytest.approx(0.5, abs=0.02)
    # Normal: a third lies beyond one standard deviation.
    assert np.mean(abs(moved) > 0.5) == pytest.approx(0.317, abs=0.02)


def test_mutation_can_be_off():
    np.testing.assert_array_equal(mutate(KEY, jnp.arange(5.0), 0.0, 1.0), jnp.arange(5.0))


def expressed(strategy, state, candidates):
    return jax.vmap(lambda c: strategy.express(state, c, jnp.asarray(0)))(candidates)["w"]


def test_signs_are_those_of_the_first_network_and_magnitudes_keep_their_range():
    strategy = GeneticAlgorithm(50, lower=0.02, upper=0.25, mutation=0.5, mutation_sigma=0.5)
    state = strategy.init(WEIGHTS, KEY)
    for generation in range(5):
        candidates, state = strategy.ask(state, KEY)
        weights = np.asarray(expressed(strategy, state, candidates))
        signs = np.broadcast_to(np.sign(WEIGHTS["w"]), weights.shape)
        np.testing.assert_array_equal(np.sign(weights), signs)
        sizes = abs(weights[signs != 0])
        assert sizes.min() >= np.float32(0.02)
        assert sizes.max() <= np.float32(0.25)
        fitness = jax.random.normal(jax.random.fold_in(KEY, generation), (50, 1))
        state = strategy.tell(state, candidates, fitness, jax.random.fold_in(KEY, 10 + generation))


def test_the_first_members_scatter_around_the_network():
    strategy = GeneticAlgorithm(20_000, lower=-9.0, upper=9.0, signs="free", initial_sigma=0.5)
    drawn = np.asarray(strategy.init(WEIGHTS, KEY).chromosomes)
    np.testing.assert_allclose(drawn.mean(0), WEIGHTS["w"].reshape(-1), atol=0.02)
    np.testing.assert_allclose(drawn.std(0), 0.5, atol=0.02)
    default = GeneticAlgorithm(20_000, lower=-9.0, upper=7.0, signs="free")
    first = np.asarray(default.init({"w": jnp.zeros(1)}, KEY).chromosomes)
    # A quarter of the range, less what is clipped.
    clipped = np.clip(np.random.default_rng(0).normal(0.0, 4.0, 100_000), -9.0, 7.0)
    assert first.std() == pytest.approx(clipped.std(), rel=0.02)


def test_elites_stay_as_they_are_and_the_best_is_the_answer():
    strategy = GeneticAlgorithm(10, lower=0.0, upper=1.0, mutation=1.0, elites=3)
    candidates, state = strategy.ask(strategy.init(WEIGHTS, KEY), KEY)
    fitness = jnp.asarray([3.0, 9, 1, 4, 0, 8, 2, 7, 5, 6])[:, None]
    after = strategy.tell(state, candidates, fitness, KEY)
    best = np.asarray(candidates)[[1, 5, 7]]
    np.testing.assert_array_equal(after.chromosomes[:3], best)
    answer = jnp.sign(WEIGHTS["w"]) * best[0].reshape(2, 3)
    np.testing.assert_array_equal(strategy.centre(after)["w"], answer)
    others = np.asarray(after.chromosomes[3:])
    assert not any(np.array_equal(x, y) for x in others for y in np.asarray(candidates))


def test_without_mutation_children_are_made_of_their_parents_genes():
    strategy = GeneticAlgorithm(40, lower=0.0, upper=1.0, mutation=0.0, elites=0)
    candidates, state = strategy.ask(strategy.init(WEIGHTS, KEY), KEY)
    fitness = jnp.arange(40.0)[:, None]
    after = np.asarray(strategy.tell(state, candidates, fitness, jax.random.key(3)).chromosomes)
    pool = np.asarray(candidates)
    for gene in range(6):
        assert set(after[:, gene]) <= set(pool[:, gene])
    copies = sum(any(np.array_equal(child, old) for old in pool) for child in after)
    assert 4 <= copies <= 25  # 30 % of the couples do not mix (those of equal parents neither)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"lower": 1.0, "upper": 0.5}, "lower must be below upper"),
        ({"lower": -1.0}, "a gene is a magnitude"),
        ({"crossover": 1.5}, "crossover is 1.5; it is a probability"),
        ({"mutation": -0.1}, "mutation is -0.1; it is a probability"),
        ({"population": 2, "elites": 2}, "fewer elites than members"),
        ({"tournament": 0}, "at least one contestant"),
    ],
)
def test_mistakes(arguments, wanted):
    with pytest.raises(ValueError, match=wanted):
        GeneticAlgorithm(**arguments)
