"""What every strategy must keep."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxneuro.edges import LowRank
from jaxneuro.evolution import Evosax, GeneticAlgorithm, LowRankES
from jaxneuro.training import evolve, trainable

ADAM = optax.adam(0.1)
FREE = {"lower": -5.0, "upper": 5.0, "signs": "free", "initial_sigma": 0.3}
STRATEGIES = {
    "LowRankES": LowRankES(32, sigma=0.1, optimizer=ADAM),
    "LowRankES, signs, rank 2": LowRankES(32, sigma=0.1, optimizer=ADAM, noise="sign", rank=2),
    "LowRankES, sizes": LowRankES(32, sigma=0.1, optimizer=ADAM, shaping="standardize"),
    "GeneticAlgorithm": GeneticAlgorithm(32, **FREE, mutation=0.3, mutation_sigma=0.3),
    "GeneticAlgorithm, odd, no elites": GeneticAlgorithm(
        31, **FREE, mutation=0.2, mutation_sigma=0.1, elites=0
    ),
    "Open_ES": Evosax("Open_ES", 32, 0.1, ADAM),
    "Open_ES, sizes": Evosax("Open_ES", 32, 0.1, ADAM, shaping="standardize"),
    "SNES": Evosax("SNES", 32, 0.3),
    "CMA_ES": Evosax("CMA_ES", 31, 0.3),
    "Sep_CMA_ES": Evosax("Sep_CMA_ES", 32, 0.3),
    "PGPE": Evosax("PGPE", 32, 0.1, ADAM),
    "DifferentialEvolution": Evosax("DifferentialEvolution", 32, 0.5),
    "SimpleGA": Evosax("SimpleGA", 32, 0.2),
    "PSO": Evosax("PSO", 32, 0.5),
}
GOAL = {"w": 1.0, "x": 3.0}


def start():
    return {"w": jnp.zeros((3, 4)), "x": jnp.zeros(2)}


def fitness(model, batch, key):
    return -sum(jnp.sum((model[name] - goal) ** 2) for name, goal in GOAL.items())


def dense(values):
    return {p: x.dense() if isinstance(x, LowRank) else x for p, x in values.items()}


def members(strategy, state, candidates):
    """All members' parameters, `(candidates, siblings, ...)`."""
    one = lambda c, s: dense(strategy.express(state, c, s))  # noqa: E731
    inner = jax.vmap(one, in_axes=(None, 0))
    return jax.vmap(inner, in_axes=(0, None))(candidates, jnp.arange(strategy.siblings))


@pytest.fixture(params=list(STRATEGIES))
def strategy(request):
    return STRATEGIES[request.param]


def asked(strategy, parameters):
    state = strategy.init(parameters, jax.random.key(1))
    return strategy.ask(state, jax.random.key(2))


def test_every_member_has_the_parameters(strategy):
    parameters = start()
    candidates, state = asked(strategy, parameters)
    assert strategy.population % strategy.siblings == 0
    drawn = members(strategy, state, candidates)
    count = strategy.population // strategy.siblings, strategy.siblings
    assert {p: x.shape for p, x in drawn.items()} == {
        p: (*count, *x.shape) for p, x in parameters.items()
    }
    assert all(x.dtype == jnp.float32 for x in drawn.values())
    rows = [np.asarray(x).reshape(strategy.population, -1) for x in drawn.values()]
    different = len(np.unique(np.concatenate(rows, axis=1), axis=0))
    assert different > 0.8 * strategy.population  # signs may agree by chance


def test_diversity_is_the_distance_from_the_mean(strategy):
    parameters = start()
    candidates, state = asked(strategy, parameters)
    drawn = members(strategy, state, candidates)
    flat = np.concatenate(
        [np.asarray(x, np.float64).reshape(strategy.population, -1) for x in drawn.values()], 1
    )
    expected = np.sqrt(((flat - flat.mean(0)) ** 2).mean())
    np.testing.assert_allclose(strategy.diversity(state, candidates), expected, rtol=1e-5)


def test_a_generation_keeps_structure_and_types(strategy):
    parameters = start()

    def generation(state, key):
        candidates, state = strategy.ask(state, key)
        scores = jnp.zeros((strategy.population // strategy.siblings, strategy.siblings))
        return strategy.tell(state, candidates, scores, key)

    state = strategy.init(parameters, jax.random.key(1))
    after = jax.eval_shape(generation, state, jax.random.key(2))
    assert jax.tree.structure(after) == jax.tree.structure(state)
    for x, y in zip(jax.tree.leaves(after), jax.tree.leaves(state), strict=True):
        assert (x.shape, x.dtype) == (jnp.shape(y), jnp.asarray(y).dtype)


def test_the_answer_has_the_parameters(strategy):
    parameters = start()
    centre = strategy.centre(strategy.init(parameters, jax.random.key(1)))
    assert {p: x.shape for p, x in centre.items()} == {p: x.shape for p, x in parameters.items()}


def test_it_climbs(strategy):
    model = start()
    result = evolve(
        fitness,
        model,
        strategy,
        generations=150,
        key=jax.random.key(0),
        chosen=trainable(model, ["w", "x"]),
    )
    # From -30 at the start. How near they come by then differs with their step size.
    assert fitness(result.model, None, None) > -3.0


def test_what_comes_is_decided_by_the_keys(strategy):
    one, two = (asked(strategy, start())[0] for _ in range(2))
    raw = lambda x: jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x  # noqa: E731
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(raw(a), raw(b)), one, two)
