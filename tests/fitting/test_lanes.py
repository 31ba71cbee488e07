import dataclasses

import equinox as eqx
import fit_examples as small
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.fitting import Latency, SpikeCount, SpikeTiming, Voltage
from jaxneuro.fitting._lanes import losses_of_all, side_by_side


@pytest.mark.parametrize(
    ("sweeps", "candidates", "count"),
    [(30, 24, 4), (11, 24, 8), (15, 24, 8), (16, 24, 2), (32, 24, 1), (8, 24, 4), (1, 24, 24)],
)
def test_the_fewest_candidates_that_fill_vectors_share_a_population(sweeps, candidates, count):
    assert side_by_side(sweeps, candidates) == count


@pytest.mark.parametrize("is_exact", [True, False])
@pytest.mark.parametrize("count", [1, 13, 17])
def test_candidates_beside_each_other_are_those_alone(count, is_exact):
    problem = small.problem(small.wrong(), objective=small.OBJECTIVE + SpikeCount() + Latency())
    own = problem.chosen.split(problem.cell)
    many = {path: x + 0.05 * jnp.arange(float(count)) for path, x in own.items()}
    found = eqx.filter_jit(losses_of_all)(problem, many, is_exact)
    assert found.shape == (count, 1, 3)
    alone = eqx.filter_jit(lambda p: problem.losses(p, is_exact))
    for index in (0, count // 2, count - 1):
        wanted = alone({path: x[index] for path, x in many.items()})
        np.testing.assert_allclose(found[index], wanted, rtol=1e-3, atol=1e-5)
    assert count == 1 or np.ptp(np.asarray(found), axis=0).min() > 1e-3


def test_windows_of_candidates_beside_each_other_are_not_mixed_up():
    halves = dataclasses.replace(small.target(), windows=((20.0, 60.0), (60.0, 100.0)))
    problem = small.problem(small.wrong(), aim=halves)
    own = problem.chosen.split(problem.cell)
    many = {path: x + 0.05 * jnp.arange(9.0) for path, x in own.items()}
    found = eqx.filter_jit(losses_of_all)(problem, many, False)
    wanted = eqx.filter_jit(lambda p: problem.losses(p, False))({p: x[7] for p, x in many.items()})
    assert found.shape == (9, 2, 3)
    np.testing.assert_allclose(found[7], wanted, rtol=1e-3, atol=1e-5)
    assert np.abs(np.asarray(found[7, 0] - found[7, 1])).max() > 1e-2


def test_each_candidate_and_sweep_has_its_own_gradient():
    problem = small.problem(small.wrong())
    own = problem.chosen.split(problem.cell)
    many = {path: x + 0.1 * jnp.arange(12.0) for path, x in own.items()}

    @jax.jit
    def slopes(many):
        copies = {path: jnp.repeat(x[:, None], 3, axis=1) for path, x in many.items()}
        return jax.grad(lambda c: jnp.sum(losses_of_all(problem, c, True)))(copies)

    found = slopes(many)
    alone = jax.jit(jax.jacfwd(lambda p: problem.losses(p, True)[0]))
    for index in (0, 7, 11):
        wanted = alone({path: x[index] for path, x in many.items()})
        for path, slope in found.items():
            np.testing.assert_allclose(slope[index], wanted[path], rtol=1e-3, atol=1e-4)


def test_a_window_costs_what_it_does_alone(x64):
    # One step of current, seen as one window or as two that share its time.
    whole = small.target()
    halves = dataclasses.replace(whole, windows=((20.0, 60.0), (60.0, 100.0)))
    for objective in (SpikeTiming(), SpikeCount(softness=1e-3), Latency()):
        both = _losses(objective, halves)
        for index, window in enumerate(halves.windows):
            one = dataclasses.replace(whole, windows=(window,))
            np.testing.assert_allclose(both[index], _losses(objective, one)[0], atol=1e-9)
    # Of the voltage, each has the time until the next one begins.
    both = _losses(Voltage(sd=2.0), halves)
    np.testing.assert_allclose(both.mean(0), _losses(Voltage(sd=2.0), whole)[0], rtol=1e-9)
    first = eqx.tree_at(
        lambda t: t.is_subthreshold,
        whole,
        whole.is_subthreshold.at[round(60.0 / small.DT) :].set(0),
    )
    share = jnp.sum(first.is_subthreshold, 0) / jnp.sum(whole.is_subthreshold, 0)
    alone = _losses(Voltage(sd=2.0), first)[0] * share
    # (Not the last sweep, whose voltage is clipped at the highest of all that counts.)
    np.testing.assert_allclose(both[0, :2] / 2.0, alone[:2], rtol=1e-9)
    assert alone.min() > 1e-3


def _losses(objective, aim):
    problem = small.problem(small.wrong(), objective=objective, aim=aim)
    return np.asarray(problem.losses(problem.chosen.split(problem.cell), True))
