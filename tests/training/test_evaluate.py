import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Layer, sequential
from jaxneuro.edges import Dense
from jaxneuro.neurons import LI, LIF
from jaxneuro.training import Classifier, evaluate

RNG = np.random.default_rng(1)
INPUTS = RNG.integers(0, 256, (7, 2, 3)).astype(np.uint8)
LABELS = RNG.integers(0, 4, 7).astype(np.int32)
TASK = Classifier(steps=4, gain=3.0)


@pytest.fixture(scope="module")
def net():
    layers = Layer(Dense(8), LIF(tau=5.0)), Layer(Dense(4), LI(tau=10.0), dropout=0.5)
    return sequential((2, 3), *layers, key=jax.random.key(0))


@pytest.fixture(scope="module")
def unbatched(net):
    run = jax.jit(lambda x, key: TASK.run(net, x, key, inference=True)[0])
    values = jnp.asarray(INPUTS).astype(float) / 255.0
    return np.concatenate([run(x[None], jax.random.key(5)) for x in values])


@pytest.mark.parametrize("batch_size", [1, 3, 7, 500])
def test_every_batch_size_gives_the_scores_of_single_samples(net, unbatched, batch_size):
    result = evaluate(TASK, net, INPUTS, LABELS, scale=255.0, batch_size=batch_size)
    np.testing.assert_allclose(result.scores, unbatched, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(result.answers, unbatched.argmax(1))
    assert result.accuracy == pytest.approx((unbatched.argmax(1) == LABELS).mean())
    log_p = unbatched - np.log(np.exp(unbatched).sum(1, keepdims=True))
    expected = -log_p[np.arange(7), LABELS].mean()
    assert result.loss == pytest.approx(expected, rel=1e-5)


def test_a_silent_network_is_wrong_everywhere(net):
    result = evaluate(TASK, net, np.zeros_like(INPUTS), np.zeros(7, np.int32))
    np.testing.assert_array_equal(result.scores, 0.0)
    assert result.accuracy == 0.0
    assert result.loss == pytest.approx(np.log(4.0))


def test_random_encodings_repeat_with_the_key(net):
    task = Classifier(steps=16, encoding="rate", gain=900.0)
    first = evaluate(task, net, INPUTS, LABELS, scale=255.0)
    again = evaluate(task, net, INPUTS, LABELS, scale=255.0)
    other = evaluate(task, net, INPUTS, LABELS, scale=255.0, key=jax.random.key(9))
    np.testing.assert_array_equal(first.scores, again.scores)
    assert (first.scores != other.scores).any()


def test_a_mask_per_sample(net):
    series = RNG.random((5, 4, 2, 3)).astype(np.float32) * 3.0
    mask = np.arange(4) < np.array([1, 2, 3, 4, 2])[:, None]
    result = evaluate(TASK, net, series, LABELS[:5], mask=mask, batch_size=2)
    for sample, length in enumerate([1, 2, 3, 4, 2]):
        short = Classifier(steps=length)
        alone = evaluate(short, net, series[sample : sample + 1, :length], LABELS[:1])
        np.testing.assert_allclose(result.scores[sample], alone.scores[0], rtol=1e-5, atol=1e-6)


def test_no_samples(net):
    with pytest.raises(ValueError, match="no samples"):
        evaluate(TASK, net, INPUTS[:0], LABELS[:0])
