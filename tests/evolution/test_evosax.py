import builtins

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxneuro.evolution import Evosax, evosax_names
from jaxneuro.evolution._evosax import MIRRORED, _lenient
from jaxneuro.training import evolve, trainable

GOAL = jnp.asarray([1.0, -2.0, 0.5])


def cost(x):
    return jnp.sum((x - GOAL) ** 2)


def fitness(model, batch, key):
    return -cost(model["x"])


def by_hand(strategy, key, generations):
    """What evosax does when it is called as its documentation says, with our keys."""
    from evosax import algorithms

    init_key, loop_key = jax.random.split(key)
    loop_key = jax.random.split(loop_key)[1]
    with _lenient():
        algorithm = algorithms.algorithms[strategy.name](strategy.population, {"x": GOAL})
        params = algorithm.default_params.replace(std_init=strategy.sigma)
        state = algorithm.init(init_key, {"x": jnp.zeros(3)}, params)
        for index in range(generations):
            keys = jax.random.split(jax.random.fold_in(loop_key, index), 4)
            members, state = algorithm.ask(keys[0], state, params)
            costs = jax.vmap(cost)(members["x"])
            state, _ = algorithm.tell(keys[3], members, costs, state, params)
        return algorithm.get_mean(state)["x"]


@pytest.mark.parametrize("name", ["SNES", "CMA_ES", "PGPE"])
def test_it_does_what_evosax_does(name):
    strategy = Evosax(name, 12, 0.3)
    model = {"x": jnp.zeros(3)}
    key = jax.random.key(3)
    result = evolve(fitness, model, strategy, generations=20, key=key, chosen=trainable(model, "x"))
    # Compiled in one piece and step by step, 20 generations differ by rounding.
    expected = by_hand(strategy, key, 20)
    np.testing.assert_allclose(result.model["x"], expected, rtol=1e-4, atol=1e-5)


def test_the_first_members_of_a_population_are_scored_themselves():
    strategy = Evosax("DifferentialEvolution", 8, 0.5)
    state = strategy.init({"x": jnp.zeros(3)}, jax.random.key(0))
    first, state = strategy.ask(state, jax.random.key(1))
    again, _ = strategy.ask(state, jax.random.key(2))
    np.testing.assert_array_equal(first["x"], again["x"])
    scores = -jax.vmap(cost)(first["x"][:, 0])
    state = strategy.tell(state, first, scores[:, None], jax.random.key(3))
    best = first["x"][jnp.argmax(scores), 0]
    np.testing.assert_array_equal(strategy.centre(state)["x"], best)
    second, _ = strategy.ask(state, jax.random.key(2))
    assert not np.array_equal(second["x"], first["x"])


@pytest.mark.parametrize("name", MIRRORED)
def test_siblings_mirror_each_other(name):
    strategy = Evosax(name, 10, 0.2)
    state = strategy.init({"x": GOAL}, jax.random.key(0))
    candidates, _ = strategy.ask(state, jax.random.key(1))
    np.testing.assert_allclose(candidates["x"].mean(1), np.tile(GOAL, (5, 1)), atol=1e-6)


def test_sigma_is_the_first_standard_deviation():
    for name in ("SNES", "CMA_ES", "Open_ES", "SimpleGA", "PSO", "MR15_GA"):
        strategy = Evosax(name, 2000, 0.3)
        state = strategy.init({"x": GOAL}, jax.random.key(0))
        candidates, _ = strategy.ask(state, jax.random.key(1))
        assert np.asarray(candidates["x"]).std((0, 1)).mean() == pytest.approx(0.3, rel=0.1), name


def test_options_reach_the_strategy():
    one, two = (
        Evosax("PGPE", 8, 0.3, options={"std_lr": rate})._algorithm({"x": GOAL})[1]
        for rate in (0.1, 0.7)
    )
    assert (float(one.std_lr), float(two.std_lr)) == pytest.approx((0.1, 0.7))


@pytest.mark.slow
@pytest.mark.parametrize("name", evosax_names())
def test_each_runs_and_ends_finite(name):
    strategy = Evosax(name, 24, 0.3)
    model = {"x": jnp.zeros(60)}
    goal = lambda model, batch, key: -jnp.sum((model["x"] - 1.0) ** 2)  # noqa: E731
    result = evolve(
        goal, model, strategy, generations=30, key=jax.random.key(0), chosen=trainable(model, "x")
    )
    assert np.isfinite(result.model["x"]).all()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("SNSE", 8), "Did you mean SNES.*There are ARS, .*xNES"),
        (("Open_ES", 9), "mirrored pairs. Choose an even number"),
        (("DifferentialEvolution", 3), "at least 4 members"),
        (("SNES", 8, 0.0), "sigma above 0"),
        (("CMA_ES", 8, 0.1, optax.adam(0.1)), "CMA_ES uses no optimiser"),
        (("SNES", 8, 0.1, None, "ranks"), "There are default, rank"),
    ],
)
def test_mistakes(arguments, wanted):
    with pytest.raises(ValueError, match=wanted):
        Evosax(*arguments)


def test_an_option_that_the_strategy_does_not_have():
    strategy = Evosax("PGPE", 8, options={"std_rate": 0.1})
    with pytest.raises(ValueError, match=r"no option .std_rate.*Did you mean std_lr"):
        strategy.init({"x": GOAL}, jax.random.key(0))


def test_without_evosax(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("evosax"):
            raise ModuleNotFoundError("No module named 'evosax'", name="evosax")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        Evosax("SNES", 8)
