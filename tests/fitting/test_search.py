import subprocess
import sys
import types
from pathlib import Path

import fit_examples as small
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import environment

from jaxneuro.fitting import Problem, Voltage, _search
from jaxneuro.fitting._search import Search, begin_search, continue_search, draw_starts

KEY = jax.random.key(5)


def begin(count=2, problem=None):
    problem = small.problem(small.wrong()) if problem is None else problem
    return problem, begin_search(small.STRATEGY, draw_starts(problem, count, KEY), KEY)


def go_on(problem, search, start, stop, patience=1000, devices=None):
    devices = jax.devices()[:1] if devices is None else devices
    return continue_search(problem, small.STRATEGY, search, KEY, start, stop, patience, devices)


def leaves(tree, start=None):
    found = [np.asarray(x) for x in jax.tree.leaves(tree)]
    return found if start is None else [x[start] for x in found]


def assert_equal(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_first_start_is_the_model_and_the_others_are_between_the_bounds():
    problem = small.problem(small.wrong())
    drawn = problem.values(draw_starts(problem, 200, KEY))
    assert (float(drawn["C"][0]), float(drawn["g_L"][0])) == pytest.approx((170.0, 10.0))
    # Evenly in the logarithm for a log scale, up to a margin at the ends.
    for name, (lower, upper, _) in small.FREE.items():
        part = np.log(np.asarray(drawn[name][1:]) / lower) / np.log(upper / lower)
        assert part.min() > 0.049
        assert part.max() < 0.951
        assert part.mean() == pytest.approx(0.5, abs=0.06)
        assert part.std() == pytest.approx(0.9 / 12**0.5, abs=0.03)
    few, more = draw_starts(problem, 4, KEY), draw_starts(problem, 4, jax.random.key(6))
    assert not np.array_equal(few["neuron.C"][1:], more["neuron.C"][1:])


def test_the_loss_falls_and_is_that_of_the_best_parameters():
    problem, search = begin()
    search, reached, rows = go_on(problem, search, 0, 12)
    assert reached == len(rows) == 12
    assert (np.diff(rows, axis=0) <= 0).all()
    assert (rows[-1] < 0.6 * rows[0]).all()
    np.testing.assert_array_equal(rows[-1], search.loss)
    again = jax.vmap(lambda p: problem.loss(p, False))(search.best)
    np.testing.assert_allclose(again, search.loss, rtol=1e-3)


def test_it_can_be_cut_anywhere():
    problem, search = begin()
    whole, _, rows = go_on(problem, search, 0, 6)
    parts = []
    for generation in range(6):
        search, reached, row = go_on(problem, search, generation, generation + 1)
        assert reached == generation + 1
        parts.append(row)
    assert_equal(leaves(whole), leaves(search))
    np.testing.assert_array_equal(np.concatenate(parts), rows)


def test_a_stalled_start_stays_as_it_is_and_all_of_them_end_the_search():
    problem, search = begin()
    patience, done, since = 4, 0, {}
    for generation in range(60):
        before = search
        search, reached, _ = go_on(problem, search, generation, generation + 1, patience)
        for start in range(2):
            if int(before.stalled[start]) >= patience:
                since.setdefault(start, generation)
                assert_equal(leaves(before, start), leaves(search, start))
        if reached == generation:  # nothing left to do
            break
        done = reached
    assert set(since) == {0, 1}
    assert since[0] != since[1], "take another key: both stalled at once"
    assert done == max(since.values())
    # In one call it ends there too.
    _, search = begin()
    at_once, reached, rows = go_on(problem, search, 0, 60, patience)
    assert reached == len(rows) == done < 60
    assert (np.asarray(at_once.stalled) >= patience).all()


def test_the_others_do_not_notice_a_start_that_is_no_number():
    problem, search = begin()
    drawn = draw_starts(problem, 2, KEY)
    lost = {path: x.at[1].set(jnp.nan) for path, x in drawn.items()}
    with_lost, _, rows = go_on(problem, begin_search(small.STRATEGY, lost, KEY), 0, 5)
    fine, _, _ = go_on(problem, search, 0, 5)
    assert np.isinf(rows[:, 1]).all()
    assert_equal(leaves(fine, 0), leaves(with_lost, 0))


def test_other_numbers_of_the_same_shape_are_not_compiled_again(monkeypatch):
    objective = Voltage(sd=2.5)  # that of no other test, whose programs could be taken
    problem, search = begin(problem=small.problem(small.wrong(), objective=objective))
    search, _, _ = go_on(problem, search, 0, 2)
    traced, losses = [], Problem.losses
    monkeypatch.setattr(Problem, "losses", lambda *a: traced.append(a) or losses(*a))
    go_on(problem, search, 2, 5, patience=7)
    other = small.problem(
        small.truth(C=99.0, E_L=-68.0), objective=objective, aim=small.target(C=130.0)
    )
    shape = problem.target.spike_times.shape
    assert other.target.spike_times.shape == shape, "take a truth with as many spikes"
    _, search = begin(problem=other)
    go_on(other, search, 0, 3)
    assert not traced


def test_it_tells_after_each_call_and_makes_calls_of_about_a_second(monkeypatch):
    problem, search = begin()
    told = []
    # A clock by which the first call takes 0.25 s a generation, all later ones 0.05 s.
    times = iter(np.cumsum([0.0, 0.25] + [0.0, 0.2] * 9).tolist())
    monkeypatch.setattr(_search, "time", types.SimpleNamespace(perf_counter=lambda: next(times)))
    end, done = _search.search_all(
        problem,
        small.STRATEGY,
        search,
        generations=12,
        first=0,
        patience=1000,
        key=KEY,
        devices=jax.devices()[:1],
        on_call=lambda search, done, rows: told.append((done, len(rows))),
    )
    assert told == [(1, 1), (5, 4), (12, 7)]
    assert done == 12
    whole, _, _ = go_on(problem, search, 0, 12)
    assert_equal(leaves(whole), leaves(end))


def test_it_does_nothing_once_all_have_stalled():
    problem, search = begin()
    stalled = Search(search.strategy, search.best, search.loss, jnp.full(2, 9, jnp.int32))
    options = {"generations": 50, "first": 3, "key": KEY, "devices": jax.devices()[:1]}
    end, done = _search.search_all(
        problem, small.STRATEGY, stalled, patience=9, on_call=None, **options
    )
    assert done == 3
    assert_equal(leaves(stalled), leaves(end))


TWO = """
import sys
sys.path.insert(0, sys.argv[1])
import jax
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)
import fit_examples as small
import numpy as np
from jaxneuro.fitting import fit
assert jax.device_count() == 2
found = {}
for count in (1, 2):
    done = fit(small.wrong(), small.target(), small.FREE, small.OBJECTIVE, key=jax.random.key(5),
               starts=2, evolution=small.STRATEGY, generations=25, patience=4, steps=3,
               devices=jax.devices()[:count])
    found |= {f"{name}.{count}": x for name, x in done.trials.items()}
    found |= {f"evolution.{count}": done.evolution, f"gradient.{count}": done.gradient}
np.savez(sys.argv[2], **found)
"""


@pytest.mark.slow
def test_the_number_of_devices_does_not_matter(tmp_path):
    arguments = [str(Path(small.__file__).parent), str(tmp_path / "found.npz")]
    done = subprocess.run(
        [sys.executable, "-c", TWO, *arguments], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "found.npz")
    names = {name.rsplit(".", 1)[0] for name in found}
    assert len(names) == 9
    assert 4 < len(found["evolution.1"]) < 25, "should end by patience"
    for name in names:
        # One start a device is compiled to other vector instructions than two: to rounding.
        np.testing.assert_allclose(found[f"{name}.2"], found[f"{name}.1"], rtol=1e-3, err_msg=name)
