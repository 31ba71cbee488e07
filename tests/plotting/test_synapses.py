import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.plotting import synapse_distributions

RNG = np.random.default_rng(0)
WEIGHTS = np.concatenate([RNG.uniform(0.1, 1.0, 300), -RNG.uniform(0.1, 2.0, 100), np.zeros(7)])
DELAYS = RNG.uniform(0.5, 3.0, 407)


def counts_of(axes):
    """Heights of the bars, by the side of 0 on which they stand."""
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axes.patches]
    left, right = (sum(h for x, h in bars if (x > 0) == side) for side in (False, True))
    return left, right


def labels_of(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_each_synapse_is_in_a_bar_of_its_sign():
    figure = synapse_distributions(
        jnp.asarray(WEIGHTS), jnp.asarray(DELAYS), unit="nS", title="all"
    )
    figure.canvas.draw()
    weight, delay = figure.axes
    assert counts_of(weight) == (100, 300)
    assert counts_of(delay) == (0, 407)
    assert weight.get_title("left") == "407 synapses, 7 of weight 0"
    positive, negative = labels_of(weight)
    assert positive == f"positive: n = 300, mean {WEIGHTS[:300].mean():.3g}"
    assert negative == f"negative: n = 100, mean {WEIGHTS[300:400].mean():.3g}"
    assert (weight.get_xlabel(), delay.get_xlabel()) == ("Weight (nS)", "Delay (ms)")
    assert figure.get_suptitle() == "all"
    # No bar reaches the legend's lines.
    assert max(bar.get_height() for bar in weight.patches) < 0.82 * weight.get_ylim()[1]


@pytest.mark.parametrize("weights", [np.full(100, 0.5), np.asarray([-3.0]), np.zeros((3, 4))])
def test_weights_all_alike(weights):
    figure = synapse_distributions(weights)
    figure.canvas.draw()
    (axes,) = figure.axes
    assert sum(counts_of(axes)) == np.count_nonzero(weights)


def test_a_long_tail_does_not_stretch_the_axis():
    weights = np.concatenate([RNG.uniform(0.0, 1.0, 9_999), [1000.0]])
    (axes,) = synapse_distributions(weights).axes
    assert axes.get_xlim()[1] < 1.2
    beyond = int((weights > axes.patches[-1].get_x() + axes.patches[-1].get_width()).sum())
    assert 1 <= beyond <= 21
    assert axes.get_title("left") == f"10,000 synapses, {beyond} beyond the axis"
    assert sum(counts_of(axes)) == 10_000 - beyond


def test_over_distance():
    distances = RNG.uniform(0.0, 9.0, 407)
    figure = synapse_distributions(WEIGHTS, DELAYS, distances=distances)
    figure.canvas.draw()
    weight, delay = figure.axes[2:]
    positive, negative = (np.asarray(c.get_offsets()) for c in weight.collections)
    np.testing.assert_allclose(sorted(positive[:, 1]), np.sort(WEIGHTS[:300]))
    np.testing.assert_allclose(sorted(negative[:, 1]), np.sort(WEIGHTS[300:400]))
    (points,) = (np.asarray(c.get_offsets()) for c in delay.collections)
    wanted = np.stack([distances, DELAYS], axis=1)
    np.testing.assert_allclose(points[points[:, 0].argsort()], wanted[distances.argsort()])
    assert len(synapse_distributions(WEIGHTS, distances=distances).axes) == 2


def test_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"delays have shape \(3,\), but the weights \(407,\)"):
        synapse_distributions(WEIGHTS, DELAYS[:3])
    with pytest.raises(ValueError, match=r"weights have shape \(0,\)"):
        synapse_distributions(np.zeros(0))
    with pytest.raises(ValueError, match=r"delays have shape \(2,\) and 1 that are not finite"):
        synapse_distributions(np.ones(2), np.asarray([1.0, np.nan]))
