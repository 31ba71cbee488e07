import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxneuro
from jaxneuro import Layer, sequential
from jaxneuro.edges import Dense
from jaxneuro.evolution import Evosax, GeneticAlgorithm, LowRankES
from jaxneuro.neurons import LI, LIF
from jaxneuro.training import (
    Checkpoints,
    Classifier,
    Diverged,
    evaluate,
    evolve,
    grade,
    trainable,
)

KEY = jax.random.key(7)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((40, 6)).astype(np.float32)
LABELS = (IMAGES[:, :3].sum(1) > IMAGES[:, 3:].sum(1)).astype(np.int32)
DATA = IMAGES, LABELS
TASK = Classifier(steps=4, gain=3.0)


def network():
    return sequential(
        6, Layer(Dense(8), LIF(tau=5.0)), Layer(Dense(2), LI(tau=10.0)), key=jax.random.key(0)
    )


def parabola(model, batch, key):
    return -jnp.sum((model["x"] - 3.0) ** 2)


def point():
    return {"x": jnp.zeros(2)}


def climb(fitness=parabola, strategy=None, **options):
    """An evolution of a point; what it returned, and every `Generation`."""
    seen = []
    strategy = LowRankES(8, optimizer=optax.sgd(0.1)) if strategy is None else strategy
    model = point()
    options = {"generations": 5, "key": KEY, "chosen": trainable(model, "x")} | options
    result = evolve(fitness, model, strategy, on_generation=seen.append, **options)
    return result, seen


def learn(strategy=None, **options):
    """An evolution of a small network on small data."""
    seen = []
    strategy = strategy or LowRankES(16, sigma=0.1, optimizer=optax.adam(0.05))
    options = {"generations": 6, "key": KEY, "data": DATA, "batch_size": 5} | options
    result = evolve(TASK.fitness, network(), strategy, on_generation=seen.append, **options)
    return result, seen


def check_equal(one, two, **tolerance):
    assert one.parameters.keys() == two.parameters.keys()
    for path, x in one.parameters.items():
        np.testing.assert_allclose(x, two.parameters[path], **tolerance)


def check_same_bits(one, two):
    for path, x in one.parameters.items():
        np.testing.assert_array_equal(x, two.parameters[path])


def test_a_network_learns():
    strategy = LowRankES(64, sigma=0.1, optimizer=optax.adam(0.05))
    before = evaluate(TASK, network(), *DATA).accuracy
    result, seen = learn(strategy, generations=80, batch_size=20)
    after = evaluate(TASK, result.model, *DATA)
    assert before < 0.7
    assert after.accuracy > 0.85
    assert seen[-1].metrics["accuracy"] > seen[0].metrics["accuracy"]
    assert result.generations == 80
    assert [g.generation for g in seen] == list(range(1, 81))


def test_what_a_generation_reports():
    values = jnp.asarray([1.0, 4.0, jnp.nan, 2.0, jnp.inf, 1.0])

    def fitness(model, batch, key):
        value = jnp.sum(model["x"])
        return value, {"twice": 2 * value, "both": jnp.stack([value, -value])}

    class Listed(type(GeneticAlgorithm())):
        """Its members are given."""

        def ask(self, state, key, batches=None):
            return jnp.stack([values, jnp.zeros(6)], axis=1), state

    _, seen = climb(fitness, Listed(6, lower=-9.0, upper=9.0, signs="free"), generations=1)
    (report,) = seen
    finite = np.array([1.0, 4.0, 2.0, 1.0])
    assert report.best == 4.0
    assert report.mean == pytest.approx(finite.mean())
    assert report.spread == pytest.approx(finite.std())
    assert report.failed == 2
    assert report.metrics["twice"] == pytest.approx(2 * finite.mean())
    np.testing.assert_allclose(report.metrics["both"], [finite.mean(), -finite.mean()])
    assert report.scores == {}
    assert report.seconds > 0


@pytest.mark.parametrize("lost", [jnp.nan, jnp.inf, -jnp.inf])
@pytest.mark.parametrize(
    "strategy",
    [
        LowRankES(16, sigma=0.5, optimizer=optax.sgd(0.2)),
        LowRankES(16, sigma=0.5, optimizer=optax.sgd(0.2), shaping="standardize"),
        GeneticAlgorithm(16, lower=-9.0, upper=9.0, signs="free", mutation_sigma=0.5, mutation=0.5),
        Evosax("SNES", 16, 0.5),
        Evosax("DifferentialEvolution", 16, 0.5),
    ],
    ids=lambda s: getattr(s, "name", type(s).__name__),
)
def test_members_whose_fitness_is_not_finite_lose_and_are_counted(lost, strategy):
    def fitness(model, batch, key):
        x = model["x"]
        return jnp.where(x[0] > 1.0, lost, -jnp.sum((x - 3.0) ** 2))

    result, seen = climb(fitness, strategy, generations=40)
    assert sum(g.failed for g in seen) > 0
    assert all(np.isfinite([g.best, g.mean, g.spread]).all() for g in seen)
    x = result.model["x"]
    assert 0.0 < x[0] < 1.5  # it went up to the edge, and no farther
    assert x[1] > 1.5


def test_if_every_member_fails_it_ends_with_a_message(tmp_path):
    def fitness(model, batch, key):
        return jnp.where(jnp.sum(model["x"]) > 1.0, jnp.nan, jnp.sum(model["x"]))

    strategy = LowRankES(8, sigma=0.01, optimizer=optax.sgd(1e-2))
    checkpoints = Checkpoints(tmp_path, seconds=0.0)
    with pytest.raises(Diverged, match=r"fitness of all 8 members is not finite in generation \d+"):
        climb(fitness, strategy, generations=10_000, checkpoints=checkpoints)
    assert checkpoints.latest() is not None
    with pytest.raises(Diverged, match="generation 1; no checkpoint was written"):
        climb(lambda *_: jnp.nan)


@pytest.mark.parametrize(
    "strategy",
    [
        LowRankES(24, sigma=0.1, optimizer=optax.adam(0.05)),
        GeneticAlgorithm(24, lower=0.0, upper=2.0),
        Evosax("SNES", 24, 0.1),
        Evosax("Open_ES", 24, 0.1, optax.adam(0.05)),
    ],
    ids=lambda s: getattr(s, "name", type(s).__name__),
)
@pytest.mark.parametrize("slices", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_chunks_give_the_same(strategy, slices):
    whole, _ = learn(strategy, slices=slices)
    part, _ = learn(strategy, slices=slices, chunk=10)
    check_equal(part, whole, rtol=1e-5, atol=1e-6)


def layer_inputs(mean, batch):
    net = network()
    return TASK.layer_inputs(trainable(net).merge(net, mean), batch, KEY)


@pytest.mark.parametrize("span", [pytest.param(None, marks=pytest.mark.slow), layer_inputs])
def test_low_rank_weights_give_the_same_as_full_ones(monkeypatch, span):
    strategy = LowRankES(24, sigma=0.1, rank=2, optimizer=optax.adam(0.05), span=span)
    fast, fast_seen = learn(strategy)
    monkeypatch.setattr("jaxneuro.training._evolve.low_rank_paths", lambda model: frozenset())
    slow, slow_seen = learn(strategy)
    check_equal(fast, slow, rtol=1e-5, atol=1e-6)
    for a, b in zip(fast_seen, slow_seen, strict=True):
        assert a.best == pytest.approx(b.best, rel=1e-5)


def test_bounds_are_kept_and_reached():
    model = {"x": jnp.ones(2)}
    for strategy in (LowRankES(32, sigma=0.5, optimizer=optax.adam(0.2)), Evosax("SNES", 32, 1.0)):
        result = evolve(
            parabola,
            model,
            strategy,
            generations=100,
            key=KEY,
            chosen=trainable(model, "x", {"x": (0.0, 2.0)}),
        )
        x = np.asarray(result.model["x"])
        assert (x <= 2.0).all()
        np.testing.assert_allclose(x, 2.0, atol=0.1)


def test_low_rank_noise_respects_the_bounds_of_a_weight():
    net = network()
    path = "input_to_hidden1.weight"
    chosen = trainable(net, path, {path: (-5.0, 5.0)})
    strategy = LowRankES(16, sigma=4.0, optimizer=optax.sgd(5.0))
    result, _ = learn(strategy, chosen=chosen, generations=30)
    weight = np.asarray(result.model.edges["input_to_hidden1"].weight)
    assert 2.0 < abs(weight).max() <= 5.0


def rows_seen(**options):
    """The first sample that each member saw in each generation."""

    def fitness(model, batch, key):
        return jnp.sum(model["x"]), {"rows": batch[0]}

    return [np.asarray(g.metrics["rows"]) for g in climb(fitness, **options)[1]]


def test_all_members_see_one_minibatch_and_the_next_see_the_next():
    data = (jnp.arange(12.0),)
    seen = rows_seen(data=data, batch_size=4, generations=6)
    # The mean over the members is a row of whole numbers only if all saw the same.
    first, second = (np.concatenate(seen[i : i + 3]) for i in (0, 3))
    for one_pass in (first, second):
        np.testing.assert_array_equal(np.sort(one_pass), np.arange(12.0))
    assert not np.array_equal(first, second)


def test_without_a_batch_size_all_samples_are_seen_in_order():
    seen = rows_seen(data=(jnp.arange(12.0),), generations=3)
    for rows in seen:
        np.testing.assert_array_equal(rows, np.arange(12.0))


def test_each_pair_has_a_slice_of_its_own_and_all_together_the_pool():
    strategy = LowRankES(8, optimizer=optax.sgd(0.0))
    seen = []

    def fitness(model, batch, key):
        jax.debug.callback(lambda x, rows: seen.append((x, rows)), model["x"], batch[0])
        return 0.0

    model = point()
    evolve(
        fitness,
        model,
        strategy,
        generations=1,
        key=KEY,
        chosen=trainable(model, "x"),
        data=(jnp.arange(12.0),),
        batch_size=3,
        slices=4,
    )
    jax.effects_barrier()
    assert len(seen) == 8
    by_slice = {}
    for x, rows in seen:
        by_slice.setdefault(tuple(np.asarray(rows)), []).append(np.asarray(x))
    assert sorted(row for rows in by_slice for row in rows) == list(range(12))
    for pair in by_slice.values():
        np.testing.assert_allclose(pair[0], -pair[1])


def test_prepare_sees_the_whole_pool():
    shapes = []

    def prepare(batch, key):
        shapes.append(batch[0].shape)
        return (batch[0] + 100.0,)

    seen = rows_seen(data=(jnp.arange(12.0),), batch_size=2, prepare=prepare, generations=1)
    assert set(shapes) == {(2,)}
    assert seen[0].min() >= 100.0


def test_members_share_the_key_of_a_generation():
    def fitness(model, batch, key):
        return jnp.sum(model["x"]), {
            "drawn": jax.random.normal(key),
            "squared": jax.random.normal(key) ** 2,
        }

    _, seen = climb(fitness, generations=4)
    for g in seen:
        assert g.metrics["squared"] == pytest.approx(g.metrics["drawn"] ** 2, rel=1e-4)
    assert len({float(g.metrics["drawn"]) for g in seen}) == 4


def test_evaluate_sees_the_answer_when_it_is_due():
    evaluate_x = lambda model: {"accuracy": model["x"][0], "other": 1.0}  # noqa: E731
    result, seen = climb(evaluate=evaluate_x, evaluate_every=3, generations=8)
    assert [g.generation for g in seen if g.scores] == [3, 6, 8]
    last = seen[-1].scores
    assert last == {"accuracy": pytest.approx(float(result.model["x"][0])), "other": 1.0}
    assert result.best == max(g.scores["accuracy"] for g in seen if g.scores)
    assert climb()[0].best is None


def test_grade_is_evaluate():
    net = network()
    graded = jax.jit(lambda: grade(TASK, net, *DATA, batch_size=7))()
    result = evaluate(TASK, net, *DATA)
    assert graded["accuracy"] == pytest.approx(result.accuracy)
    assert graded["loss"] == pytest.approx(result.loss, rel=1e-5)


class Stopped(Exception):
    pass


@pytest.mark.parametrize(
    "strategy",
    [
        LowRankES(8, sigma=0.1, optimizer=optax.adam(0.05)),
        pytest.param(GeneticAlgorithm(8, lower=0.0, upper=2.0), marks=pytest.mark.slow),
        pytest.param(Evosax("CMA_ES", 8, 0.1), marks=pytest.mark.slow),
        pytest.param(Evosax("SimpleGA", 8, 0.1), marks=pytest.mark.slow),
    ],
    ids=lambda s: getattr(s, "name", type(s).__name__),
)
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(strategy, tmp_path):
    def stop(generation):
        if generation.generation == 5:
            raise Stopped

    options = {"generations": 9, "key": KEY, "data": DATA, "batch_size": 15}
    whole = evolve(TASK.fitness, network(), strategy, **options)
    with pytest.raises(Stopped):
        evolve(
            TASK.fitness,
            network(),
            strategy,
            **options,
            checkpoints=Checkpoints(tmp_path, seconds=0.0),
            on_generation=stop,
        )
    reached = Checkpoints(tmp_path).epoch()
    assert 0 < reached < 5
    seen = []
    rest = evolve(
        TASK.fitness,
        network(),
        strategy,
        **options,
        checkpoints=Checkpoints(tmp_path, seconds=0.0),
        on_generation=seen.append,
    )
    assert [g.generation for g in seen] == list(range(reached + 1, 10))
    check_same_bits(rest, whole)
    again = evolve(TASK.fitness, network(), strategy, **options, checkpoints=Checkpoints(tmp_path))
    check_same_bits(again, whole)
    with pytest.raises(ValueError, match="evolve: the checkpoint was made with another key"):
        evolve(
            TASK.fitness,
            network(),
            strategy,
            **options | {"key": jax.random.key(8)},
            checkpoints=Checkpoints(tmp_path),
        )


def test_the_callers_model_stays_as_it_is():
    net = network()
    before = np.asarray(net.edges["input_to_hidden1"].weight)
    evolve(TASK.fitness, net, LowRankES(8), generations=3, key=KEY, data=DATA)
    np.testing.assert_array_equal(net.edges["input_to_hidden1"].weight, before)


EIGHT_DEVICES = """
import json, sys
sys.path.insert(0, sys.argv[1])
import jax, numpy as np
import test_evolve as t
from jaxneuro.evolution import Evosax, GeneticAlgorithm, LowRankES
assert len(jax.devices()) == 8, jax.devices()
strategies = {
    "low rank": (LowRankES(32, sigma=0.1, optimizer=t.optax.adam(0.05)), 1),
    "low rank, slices": (LowRankES(32, sigma=0.1, optimizer=t.optax.adam(0.05)), 8),
    "genetic": (GeneticAlgorithm(32, lower=0.0, upper=2.0), 1),
    "SNES": (Evosax("SNES", 32, 0.1), 4),
}
found = {}
for name, (strategy, slices) in strategies.items():
    many = t.learn(strategy, slices=slices)[0]
    spread = jax.tree.leaves(many.state)[0].sharding.num_devices
    chunked = t.learn(strategy, slices=slices, chunk=2)[0] if slices == 8 else many
    one = t.learn(strategy, slices=slices, devices=jax.devices()[:1])[0]
    distance = lambda a: max(
        float(abs(np.asarray(x) - np.asarray(one.parameters[p])).max())
        for p, x in a.parameters.items()
    )
    found[name] = [spread, distance(many), distance(chunked)]
try:
    t.learn(LowRankES(20))
except ValueError as error:
    found["error"] = str(error)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_eight_devices_give_the_same_as_one():
    run = subprocess.run(
        [sys.executable, "-c", EIGHT_DEVICES, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(jaxneuro.__file__).parents[1],
        env={
            "PATH": "/usr/bin:/bin",
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
            "PYTHONPATH": str(Path(jaxneuro.__file__).parents[1]),
        },
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert "20 members (10 mirrored pairs) in 1 slices" in found.pop("error")
    assert len(found) == 4
    for name, (devices, distance, chunked) in found.items():
        assert devices == 8, name
        assert distance < 1e-6, name
        assert chunked < 1e-6, name


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"generations": 0}, "generations is 0"),
        ({"evaluate_every": 0}, "evaluate_every 0"),
        ({"slices": 3}, "8 members \\(4 mirrored pairs\\) cannot share 3 slices"),
        ({"chunk": 0}, "chunk is 0"),
        ({"data": (jnp.arange(3.0),), "batch_size": 4}, "3 samples do not fill 1 minibatches of 4"),
        ({"data": (jnp.arange(3.0),), "batch_size": 0}, "minibatches of 0"),
        ({"data": (jnp.arange(3.0),), "slices": 2}, "give a batch_size"),
        ({"data": (jnp.arange(3.0), jnp.arange(4.0))}, "different lengths"),
    ],
)
def test_mistakes(options, wanted):
    with pytest.raises(ValueError, match=wanted):
        climb(**options)


def test_a_path_that_matches_nothing_and_bounds_reversed():
    model = point()
    with pytest.raises(ValueError, match=r"No path 'y'.*Did you mean x"):
        evolve(parabola, model, LowRankES(8), generations=1, key=KEY, chosen=trainable(model, "y"))
    with pytest.raises(ValueError, match="lower must be below upper"):
        trainable(model, "x", {"x": (1.0, -1.0)})
    with pytest.raises(ValueError, match="no leaf to evolve"):
        evolve(parabola, model, LowRankES(8), generations=1, key=KEY)
