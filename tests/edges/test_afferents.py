import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, Population, simulate
from jaxneuro.edges import (
    AMPA,
    NMDA,
    AbstractGate,
    ConductanceReceptor,
    FirstOrder,
    SharedReceptor,
    TunedCurrent,
    TunedPoisson,
)
from jaxneuro.inputs import Constant, Cues
from jaxneuro.neurons import LIF

REFERENCE = pathlib.Path(__file__).parents[1] / "data" / "calvin_kinetics.npz"
KEY = jax.random.key(6)
DT = 0.5
KAPPA = 2 * math.pi / 0.4


def currents(edge, stimulus):
    """What the edge hands on for one stimulus."""
    key = jax.random.key(0)
    shape = edge.output_shape((2,))
    state = edge.init((2,), shape, key, False)
    return edge.propagate(edge.release(state, jnp.asarray(stimulus)[None], None)[1])[0]


def test_tuning_is_that_of_the_original_program(x64):
    with np.load(REFERENCE) as data:
        directions, wanted = data["directions"], data["ring_current"]
    edge = TunedCurrent("cue", "ring", 256, kappa=KAPPA)
    np.testing.assert_allclose(edge.directions, directions, rtol=1e-12)
    # There a current is outward.
    np.testing.assert_allclose(currents(edge, [0.15, math.pi]), -wanted, rtol=1e-12, atol=1e-16)
    given = TunedCurrent("cue", "ring", directions, kappa=KAPPA)
    np.testing.assert_array_equal(currents(given, [1.0, 2.0]), currents(edge, [1.0, 2.0]))
    np.testing.assert_array_equal(currents(TunedCurrent("cue", "ring", 5), [0.15, 1.0]), [0.15] * 5)


def ring(edge, size=4, **more):
    nodes = {"cue": Input(2), "ring": Population(LIF(threshold=1e6), size)}
    return Network(nodes, {"aff": edge, **more})


def run(network, cue, steps=40, record="ring.v", **options):
    return simulate(network, {"cue": cue}, dt=DT, steps=steps, key=KEY, record=record, **options)


def test_a_cue_drives_the_neurons_that_are_tuned_to_it():
    network = ring(TunedCurrent("cue", "ring", 4, kappa=1.5, delay=0.0))
    cue = Cues([5.0], [10.0], [[2.0, math.pi / 2]])
    v = np.asarray(run(network, cue)["ring.v"])
    share = np.exp(1.5 * (np.cos(np.arange(4) * math.pi / 2 - math.pi / 2) - 1))
    # The closed form of a leaky cell with tau = 10 ms: up for 5 ms, then down.
    t = DT * np.arange(1, 41)
    rise = 1 - np.exp(-np.clip(t - 5, 0, 5) / 10)
    shape = rise * np.exp(-np.clip(t - 10, 0, None) / 10)
    np.testing.assert_allclose(v, 2.0 * shape[:, None] * share, rtol=1e-5, atol=1e-6)
    held = run(network, Constant([2.0, math.pi / 2]))["ring.v"]
    np.testing.assert_allclose(held[9], v[19], rtol=1e-5)


class Counting(AbstractGate):
    """Notes that it is traced."""

    def __call__(self, v):
        TRACES.append(1)
        return jnp.ones_like(v)


TRACES = []


@pytest.mark.parametrize("kind", [TunedCurrent, TunedPoisson])
def test_other_cues_are_not_compiled_again(kind):
    counting = SharedReceptor("ring", ConductanceReceptor(FirstOrder(), gate=Counting()))
    network = ring(kind("cue", "ring", 4, kappa=2.0), **{"ring/x": counting})
    first = run(network, Cues([5.0], [10.0], [[800.0, 0.0]]))["ring.v"]
    traced = len(TRACES)
    assert traced > 0
    moved = run(network, Cues([5.0], [10.0], [[800.0, math.pi]]))["ring.v"]
    late = run(network, Cues([10.0], [15.0], [[800.0, 0.0]]))["ring.v"]
    none = run(network, Cues([5.0], [5.0], [[800.0, 0.0]]))["ring.v"]
    assert len(TRACES) == traced
    assert jnp.argmax(first.sum(0)) == 0
    assert jnp.argmax(moved.sum(0)) == 2
    assert jnp.all(late[:20] == 0)
    assert late.max() > 0
    assert jnp.all(none == 0)


def test_events_have_the_rate_of_the_tuning(x64):
    size, amplitude = 200, 1500.0
    directions = np.repeat([0.0, 0.4, math.pi], size)
    edges = {
        "ring/ampa": SharedReceptor("ring", AMPA(tau=1e9, alpha=0.5)),
        "aff": TunedPoisson("cue", "ring/ampa", directions, kappa=1.0, weight=2.0, delay=0.0),
    }
    nodes = {"cue": Input(2), "ring": Population(LIF(threshold=1e6), 3 * size)}
    cue = Cues([5.0], [25.0], [[amplitude, 0.4]])
    s = np.asarray(run(Network(nodes, edges), cue, 100, "ring/ampa.s")["ring/ampa.s"])
    np.testing.assert_allclose(s, np.round(s), atol=1e-4)  # one per event of weight 2
    assert np.all(s[9] == 0)
    np.testing.assert_allclose(s[-1], s[49], rtol=1e-6)
    counts = s[-1].reshape(3, size)
    wanted = amplitude * 0.02 * np.exp(np.cos(np.asarray([0.0, 0.4, math.pi]) - 0.4) - 1)
    assert np.all(np.abs(counts.mean(1) - wanted) < 4 * np.sqrt(wanted / size))
    spread = np.sqrt((wanted + 2 * wanted**2) / size)
    assert np.all(np.abs(counts.var(1) - wanted) < 4 * spread)


def test_events_go_through_a_receptor_and_any_block():
    edge = TunedPoisson("cue", "ring", 4, 1.0, weight=0.3, receptor=NMDA(g_max=0.5, e_rev=2.0))
    cue = Cues([2.0], [15.0], [[2000.0, 0.0]])
    whole = run(ring(edge), cue, record=("ring.v", "aff.inner.s"))
    assert whole["aff.inner.s"].max() > 0.1
    assert whole["ring.v"].max() > 0.01
    parts = run(ring(edge), cue, block=7)
    np.testing.assert_allclose(parts["ring.v"], whole["ring.v"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", [TunedCurrent, TunedPoisson])
def test_gradients_match_finite_differences(kind, x64):
    @jax.jit
    @jax.value_and_grad
    def total(point):
        cue = Cues([2.0], [10.0], point[None, :2])
        if kind is TunedCurrent:
            edge = TunedCurrent("cue", "ring", 4, kappa=point[2])
        else:
            receptor = AMPA(tau=point[1], e_rev=2.0)
            cue = Cues([2.0], [10.0], [[900.0, 1.0]])
            edge = TunedPoisson("cue", "ring", 4, 1.0, weight=point[0], receptor=receptor)
        return run(ring(edge), cue)["ring.v"][:, 1].sum()

    point = jnp.asarray([0.4, 2.0, 1.5])
    slope = total(point)[1]
    for index in range(3 if kind is TunedCurrent else 2):
        up, down = (total(point.at[index].add(sign * 1e-6))[0] for sign in (1, -1))
        assert slope[index] != 0
        np.testing.assert_allclose(slope[index], (up - down) / 2e-6, rtol=1e-5)


def test_misuse():
    nodes = {"cue": Input(3), "ring": Population(LIF(), 4)}
    with pytest.raises(ValueError, match=r"reads an amplitude and a direction.*Input\(2\)"):
        Network(nodes, {"aff": TunedCurrent("cue", "ring", 4)})
    with pytest.raises(ValueError, match=r"shape \(5,\).*has shape \(4,\)"):
        ring(TunedCurrent("cue", "ring", 5))
    with pytest.raises(ValueError, match=r"kappa has shape \(3,\).*\(4,\)"):
        ring(TunedPoisson("cue", "ring", 4, kappa=[1.0, 2.0, 3.0]))
