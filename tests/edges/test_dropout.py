import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Context
from jaxneuro.edges import Dropout, Projection
from jaxneuro.inputs import Constant
from jaxneuro.network import Network
from jaxneuro.neurons import LI, Input, Population
from jaxneuro.simulation import simulate

CONTEXT = Context(jnp.asarray(0, jnp.int32), jax.random.key(9), 1.0)


def edge(size=4, **options):
    return Dropout(Projection("a", "b", jnp.eye(size), delay=2.0), **options)


def mask(dropout, key, size, inference=False):
    return dropout.init((size,), (size,), key, inference).mask


def test_sources_are_silenced_at_the_rate_and_the_others_scaled():
    size, rate = 100_000, 0.3
    kept = np.asarray(mask(edge(rate=rate), jax.random.key(0), size))
    np.testing.assert_allclose(np.unique(kept), [0.0, 1 / 0.7], rtol=1e-6)
    assert abs((kept == 0).mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / size)
    neighbours = np.corrcoef(kept[1:], kept[:-1])[0, 1]
    assert abs(neighbours) < 4 / np.sqrt(size)


def test_the_mask_holds_for_the_whole_presentation():
    dropout, signals = edge(64), jnp.ones((10, 64))
    state = dropout.init((64,), (64,), jax.random.key(1), False)
    after, released = dropout.release(state, signals, CONTEXT)
    np.testing.assert_array_equal(released, np.broadcast_to(state.mask, (10, 64)))
    assert 0 < (np.asarray(released[0]) == 0).sum() < 64
    np.testing.assert_array_equal(after.mask, state.mask)
    _, drive = dropout.step(after, signals[0], jnp.zeros(64), CONTEXT)
    np.testing.assert_array_equal(drive.current, signals[0])  # no second mask at the target


def test_masks_differ_by_key_and_between_nested_ones():
    dropout = Dropout(edge(256), rate=0.5)
    states = [dropout.init((256,), (256,), jax.random.key(k), False) for k in (0, 1)]
    masks = [np.asarray(m) for s in states for m in (s.mask, s.inner.mask)]
    for i in range(4):
        for j in range(i):
            assert abs(np.corrcoef(masks[i], masks[j])[0, 1]) < 4 / np.sqrt(256)
    again = dropout.init((256,), (256,), jax.random.key(0), False)
    np.testing.assert_array_equal(again.mask, states[0].mask)


@pytest.mark.parametrize(("rate", "inference"), [(0.0, False), (0.5, True)])
def test_off_at_inference_and_at_rate_zero(rate, inference):
    dropout, signals = edge(rate=rate), jnp.arange(8.0).reshape(2, 4)
    state = dropout.init((4,), (4,), jax.random.key(0), inference)
    assert state.mask is None
    np.testing.assert_array_equal(dropout.release(state, signals, CONTEXT)[1], signals)


def test_the_wrapped_edge_shows_through():
    dropout = edge()
    assert (dropout.source, dropout.target, dropout.delay) == ("a", "b", 2.0)
    assert dropout.output_shape((4,)) == (4,)


@pytest.mark.parametrize("rate", [1.0, -0.1, 1.5, float("nan")])
def test_rate_out_of_range(rate):
    with pytest.raises(ValueError, match=r"Dropout: rate is .*; it must be in \[0, 1\)"):
        edge(rate=rate)


def test_in_a_run_one_mask_a_presentation_and_none_at_inference():
    size = 64
    forward = Projection("a", "b", jnp.eye(size), delay=0.0)
    net = Network(
        {"a": Input(size), "b": Population(LI(tau=5.0, input_scale="unit"), size)},
        {"e": Dropout(forward, rate=0.5)},
    )

    @jax.jit
    def trained(key):
        run = simulate(net, {"a": Constant(1.0)}, dt=1.0, steps=3, key=key, record=["b.v"])
        return run["b.v"]

    one, two = trained(jax.random.key(0)), trained(jax.random.key(1))
    first = one[0]
    assert set(np.unique(first)) == {0.0, 2.0}
    np.testing.assert_array_equal((one == 0).all(0), first == 0)
    assert 0 < ((first == 0) != (two[0] == 0)).sum() < size
    run = simulate(
        net,
        {"a": Constant(1.0)},
        dt=1.0,
        steps=1,
        key=jax.random.key(0),
        record=["b.v"],
        inference=True,
    )
    np.testing.assert_array_equal(run["b.v"], np.ones((1, size)))
