import importlib.util
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import simulate
from jaxneuro.network import dense_by_delay
from jaxneuro.simulation import Count


def experiment():
    path = Path(__file__).parents[2] / "experiments" / "conductance_digits.py"
    spec = importlib.util.spec_from_file_location("conductance_digits", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_start_is_balanced_and_mutual_inhibition_does_not_learn():
    module = experiment()
    network = module.build(3, 0, module.DT)
    weight, post = (np.asarray(network[f"exc.{name}"]) for name in ("weight", "connectivity.post"))
    hidden = np.unique(post[post >= 49])
    assert set(range(99, 102)) <= set(hidden)  # each output neuron hears someone
    sums = np.bincount(post, weight, 102)[hidden]
    np.testing.assert_allclose(sums, module.START_SUM, rtol=0.02)
    edge = network.edges["output"]
    pairs = set(zip(*map(np.ndarray.tolist, map(np.asarray, (
        edge.connectivity.pre, edge.connectivity.post
    ))), strict=True))  # fmt: skip
    assert pairs == {(i, j) for i in range(99, 102) for j in range(99, 102) if i != j}
    assert (np.asarray(edge.weight) == 2.5).all()
    learner = module.with_reward(network)
    assert learner.edges["output"] is not learner.edges["exc"]
    assert [type(learner.edges[n]).__name__ for n in ("exc", "inh", "output")] == [
        "Plastic", "Plastic", "Projection",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_longer_step_gives_nearly_the_same_spikes():
    # By exponential Euler. By Euler's method at 0.5 ms the outputs go on firing without any input.
    module = experiment()
    values = np.random.default_rng(0).random((20, 49)).astype(np.float32)
    counts = {}
    for dt in (module.DT, module.DT_TEST):
        network = module.build(5, 0, dt)

        def one(value, network=network, dt=dt):
            steps = round(module.DURATION / dt)
            spikes = module.SPIKES(value, steps=steps, dt=dt)
            record = {"count": Count("cells.spikes")}
            run = simulate(
                dense_by_delay(network, dt), {"input": spikes}, dt=dt, key=jax.random.key(0),
                record=record, block=1,
            )  # fmt: skip
            return run["count"]

        counts[dt] = np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(values)))
    coarse, fine = (np.mean(counts[dt][:, 49:]) for dt in (module.DT, module.DT_TEST))
    assert fine > 1.0
    assert coarse == pytest.approx(fine, rel=0.15)


@pytest.mark.slow
def test_digits_are_learned_three_ways(tmp_path, capsys):
    module = experiment()
    results = module.main(quick=True, classes=[0, 1], out=str(tmp_path))
    kept = json.loads((tmp_path / "results.json").read_text())
    assert (
        list(results)
        == list(kept["results"])
        == ["start", *(t for t, _ in module.METHODS.values())]
    )
    assert results["surrogate gradient"]["accuracy"] > 0.6
    for title, row in results.items():
        matrix = np.array(row["confusion"])
        assert matrix.shape == (2, 3)
        assert matrix.sum() == 60
        assert math.isclose(row["accuracy"], np.trace(matrix) / 60)
        assert math.isclose(row["silent"], matrix[:, 2].sum() / 60, abs_tol=1e-9)
        weights = np.abs(np.load(tmp_path / "weights.npz")[title])
        assert weights.min() >= module.LOW * (1 - 1e-5)
        assert weights.max() <= module.HIGH * (1 + 1e-5)
        assert [x for x, _ in row["curve"]] == sorted(x for x, _ in row["curve"])
    budget = module.QUICK
    found = [row["simulations"] for row in results.values()]
    assert found == [0, budget.population * budget.generations * budget.batch, 20, 3 * 200]
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.count("| genetic algorithm |") == 1


def test_other_classes_are_refused():
    with pytest.raises(SystemExit, match=r"--classes are \[3\]; pass at least two digits"):
        experiment().main(classes=[3, 3])
