import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, Population, simulate
from jaxneuro.core import Context
from jaxneuro.edges import (
    Dropout,
    GradedCurrent,
    PoissonEvents,
    Projection,
    ShortTermPlasticity,
)
from jaxneuro.neurons import LIF

KEY = jax.random.key(3)
DT = 0.5


def edge(size=1, **options):
    return ShortTermPlasticity(Projection("in", "out", jnp.eye(size)), **options)


def released(edge, signals, parts=1):
    """What the edge passes on, released in some parts."""
    state = edge.init(signals.shape[1:], (1,), KEY, False)
    series = []
    for part in np.split(np.asarray(signals), parts):
        state, out = edge.release(state, jnp.asarray(part), Context(jnp.asarray(0), KEY, DT))
        series.append(np.asarray(out))
    return np.concatenate(series)


@pytest.mark.parametrize(
    ("U", "tau_rec", "tau_facil"),
    [(0.5, 800.0, None), (0.1, 100.0, 500.0), (0.6, 300.0, 50.0), (1.0, 200.0, 30.0)],
)
def test_a_regular_train_has_its_stationary_value(U, tau_rec, tau_facil, x64):
    period = 40
    signals = jnp.zeros((12_000, 1)).at[::period].set(1.0)
    out = released(edge(U=U, tau_rec=tau_rec, tau_facil=tau_facil), signals)
    spikes = out[::period, 0]
    np.testing.assert_allclose(spikes[0], U, rtol=1e-12)
    # The fixed point of the maps from spike to spike (Markram et al. 1998, eq. 2 to 4).
    r = np.exp(-period * DT / tau_rec)
    f = 0.0 if tau_facil is None else np.exp(-period * DT / tau_facil)
    u = U / (1 - (1 - U) * f)
    np.testing.assert_allclose(spikes[-1], u * (1 - r) / (1 - (1 - u) * r), rtol=1e-9)
    assert np.all(out.reshape(-1, period)[:, 1:] == 0)


def test_every_spike_follows_the_maps(x64):
    rng = np.random.default_rng(0)
    fired = rng.random((400, 3)) < 0.05
    U, tau_rec, tau_facil = np.asarray([0.1, 0.5, 0.9]), 120.0, np.asarray([300.0, 80.0, 20.0])
    out = released(edge(3, U=U, tau_rec=tau_rec, tau_facil=tau_facil), jnp.asarray(fired, float))
    for index in range(3):
        last, u, x = None, 0.0, 1.0
        for step in np.flatnonzero(fired[:, index]):
            if last is not None:
                gap = DT * (step - last)
                x = 1 - (1 - x * (1 - u)) * np.exp(-gap / tau_rec)
                u = u * np.exp(-gap / tau_facil[index])
            u, last = u + U[index] * (1 - u), step
            np.testing.assert_allclose(out[step, index], u * x, rtol=1e-10)


def test_other_signals_count_as_that_many_spikes():
    synapse = edge(U=0.4, tau_rec=1e9)
    np.testing.assert_allclose(released(synapse, jnp.asarray([[0.5], [1.0]]))[:, 0], [0.2, 0.32])
    # More than there is cannot be released; then nothing is left.
    out = released(synapse, jnp.asarray([[2.0], [3.0], [1.0]]))[:, 0]
    np.testing.assert_allclose(out, [0.8, 0.2, 0.0], atol=1e-6)


def test_a_series_may_be_cut_anywhere():
    signals = jnp.asarray(np.random.default_rng(1).random((24, 2)) < 0.3, float)
    synapse = edge(2, U=0.3, tau_rec=20.0, tau_facil=30.0)
    whole = released(synapse, signals)
    for parts in (2, 24):
        np.testing.assert_allclose(released(synapse, signals, parts), whole, rtol=1e-6)


def network(inner=lambda edge: edge, weight=20.0, U=0.3, tau_rec=50.0, tau_facil=60.0):
    def plastic(source, target, factor):
        projection = Projection(source, target, weight * factor)
        return ShortTermPlasticity(inner(projection), U, tau_rec, tau_facil)

    return Network(
        {"in": Input(3), "a": Population(LIF(), 4), "b": Population(LIF(), 4)},
        {
            "in_to_a": plastic("in", "a", jnp.linspace(0.3, 3.0, 12).reshape(3, 4)),
            "a_to_a": plastic("a", "a", jnp.linspace(-0.5, 1.0, 16).reshape(4, 4)),
            "a_to_b": plastic("a", "b", jnp.linspace(1.0, 9.0, 16).reshape(4, 4)),
        },
    )


SPIKES = np.asarray(np.random.default_rng(2).random((60, 3)) < 0.3, np.float32)


def test_the_length_of_blocks_changes_nothing():
    runs = [
        simulate(
            network(),
            {"in": jnp.asarray(SPIKES)},
            dt=DT,
            key=KEY,
            block=block,
            record=("b.v", "a.spikes", "a_to_a.x", "a_to_a.u"),
        )
        for block in (1, 7, 60)
    ]
    assert runs[0]["a.spikes"].sum() > 20
    assert runs[0]["a_to_a.x"].min() < 0.6
    for run in runs[1:]:
        for name in ("b.v", "a.spikes", "a_to_a.x", "a_to_a.u"):
            np.testing.assert_allclose(run[name], runs[0][name], rtol=1e-5, atol=1e-6)


def test_it_wraps_and_is_wrapped():
    def last(net):
        return simulate(
            net, {"in": jnp.asarray(SPIKES)}, dt=DT, key=KEY, record="b.v", inference=True
        )["b.v"]

    plain = last(network())
    np.testing.assert_array_equal(last(network(lambda edge: Dropout(edge, 0.5))), plain)
    outer = network()
    edges = {name: Dropout(edge, 0.5) for name, edge in outer.edges.items()}
    np.testing.assert_array_equal(last(Network(outer.nodes, edges)), plain)


def test_gradients_match_finite_differences(x64):
    @jax.jit
    @jax.value_and_grad
    def total(values):
        net = Network(
            {"in": Input(3), "out": Population(LIF(threshold=1e6), 2)},
            {
                "syn": ShortTermPlasticity(
                    Projection("in", "out", values[0] * jnp.ones((3, 2))), *values[1:]
                )
            },
        )
        run = simulate(net, {"in": jnp.asarray(SPIKES, float)}, dt=DT, key=KEY, record="out.v")
        return run["out.v"].mean()

    point = jnp.asarray([0.4, 0.3, 50.0, 60.0])
    slopes = total(point)[1]
    for index, size in enumerate(point):
        step = 1e-5 * float(size)
        up, down = (total(point.at[index].add(sign * step))[0] for sign in (1, -1))
        assert slopes[index] != 0
        np.testing.assert_allclose(slopes[index], (up - down) / (2 * step), rtol=1e-5)


def test_gradients_by_the_signals_match_finite_differences(x64):
    way = jnp.cos(jnp.arange(6.0))[:, None]

    @jax.value_and_grad
    def total(amount):
        signals = jnp.asarray([[1.0], [0.0], [0.5], [1.0], [0.0], [0.3]]) + amount * way
        synapse = edge(U=0.3, tau_rec=5.0, tau_facil=4.0)
        state = synapse.init((1,), (1,), KEY, False)
        return (synapse.release(state, signals, Context(jnp.asarray(0), KEY, DT))[1] ** 2).sum()

    numeric = (total(1e-6)[0] - total(-1e-6)[0]) / 2e-6
    np.testing.assert_allclose(total(0.0)[1], numeric, rtol=1e-6)


def test_misuse():
    with pytest.raises(ValueError, match=r"U is 1\.5; it must be from 0 to 1"):
        edge(U=1.5)
    with pytest.raises(ValueError, match=r"tau_rec is 0\.0.*above 0"):
        edge(tau_rec=0.0)
    with pytest.raises(ValueError, match="a PoissonEvents has no source"):
        ShortTermPlasticity(PoissonEvents("out"))
    with pytest.raises(ValueError, match="a GradedCurrent reads 'v'"):
        ShortTermPlasticity(GradedCurrent("in", "out", [[1.0]]))
    nodes = {"in": Input(2), "out": Population(LIF(), 2)}
    with pytest.raises(ValueError, match=r"U has shape \(3,\).*\(2,\)"):
        Network(nodes, {"syn": edge(2, U=[0.1, 0.2, 0.3])})
