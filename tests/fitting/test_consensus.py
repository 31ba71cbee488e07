import dataclasses

import fit_examples as small
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.fitting import fit
from jaxneuro.fitting._consensus import _between, most_typical
from jaxneuro.fitting._polished import Polished


def polished(problem, capacitances, losses):
    starts = small.side_by_side(*(small.free_numbers(problem, C=c) for c in capacitances))
    losses = jnp.asarray(losses)
    return Polished(starts, losses, losses[None])


def test_the_start_in_the_middle_of_the_good_ones_is_chosen():
    problem = small.problem()
    # The least loss is alone with what it does between the sweeps, and the last one is no good.
    outlier = polished(problem, (390.0, 120.0, 125.0, 118.0, 390.0), (1.0, 1.2, 1.1, 1.3, 9.0))
    assert most_typical(problem, outlier) in (1, 2, 3)
    # Of two that do exactly the same, the one with the least loss.
    twins = polished(problem, (120.0, 120.0), (1.1, 1.0))
    assert most_typical(problem, twins) == 1
    # Alone among the good ones, it is the answer, whatever the others do.
    alone = polished(problem, (390.0, 120.0, 121.0), (1.0, 2.1, 2.2))
    assert most_typical(problem, alone) == 0


def test_it_runs_half_way_between_the_sweeps():
    target = dataclasses.replace(small.target(), baseline=jnp.asarray([-70.0, -68.0, -60.0]))
    between = _between(target)
    assert between.sweeps == 2
    np.testing.assert_allclose(between.baseline, [-69.0, -64.0])
    during = np.asarray(between.current)[200]  # 40 ms, within the steps of -50, 150 and 400 pA
    np.testing.assert_allclose(during, [50.0, 275.0])


def test_a_selection_that_is_none_is_refused(getkey):
    with pytest.raises(ValueError, match=r"fit: select is 'mean'.*'loss', 'consensus'"):
        fit(small.truth(), small.target(), small.FREE, key=getkey(), select="mean")
