import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.plotting import psth

TRIALS = [np.array([-3.0, 2.0]), jnp.asarray([]), np.array([1.0, 6.0, 40.0])]
EDGES = np.array([-5.0, 0.0, 5.0, 10.0])
RATE = np.array([100.0, 200.0, 100.0])


def test_trials_are_rows_above_the_rate():
    figure = psth(TRIALS, EDGES, jnp.asarray(RATE), np.array([10.0, 20.0, 30.0]), title="cell")
    figure.canvas.draw()
    above, below = figure.axes
    time, row = above.lines[0].get_data()
    # What is outside of the bins is left out.
    assert sorted(zip(time, row, strict=True)) == [(-3.0, 1), (1.0, 3), (2.0, 1), (6.0, 3)]
    assert above.get_ylim()[0] > above.get_ylim()[1]  # the first is at the top
    values, edges, _ = below.patches[0].get_data()
    np.testing.assert_array_equal(values, RATE)
    np.testing.assert_array_equal(edges, EDGES)
    corners = below.collections[0].get_paths()[0].vertices[:, 1]
    assert {90.0, 110.0, 180.0, 220.0, 70.0, 130.0} <= set(np.round(corners, 6))
    assert above.get_xlim() == below.get_xlim() == (-5.0, 10.0)
    assert above.get_position().y0 > below.get_position().y1
    assert figure.get_suptitle() == "cell"


def test_the_event_is_marked_where_it_is_inside():
    inside = psth(TRIALS, EDGES, RATE)
    for axes in inside.axes:
        assert [0.0, 0.0] in [list(line.get_xdata()) for line in axes.lines]
    after = psth(TRIALS, EDGES + 5.0, RATE)
    assert not after.axes[1].lines


def test_silence_and_a_single_trial_are_drawn():
    figure = psth([np.array([])], EDGES, np.zeros(3), np.full(3, np.nan))
    figure.canvas.draw()
    above, below = figure.axes
    assert above.texts[0].get_text() == "no spikes"
    assert not below.collections  # no band
    assert below.get_ylim()[1] > 0


def test_misuse_is_named():
    with pytest.raises(ValueError, match="there are no trials"):
        psth([], EDGES, RATE)
    with pytest.raises(ValueError, match=r"rate has shape \(3,\), edges \(3,\)"):
        psth(TRIALS, EDGES[1:], RATE)
    with pytest.raises(ValueError, match=r"rate has shape \(3, 2\)"):
        psth(TRIALS, EDGES, np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"error has shape \(2,\), but rate \(3,\)"):
        psth(TRIALS, EDGES, RATE, np.zeros(2))
