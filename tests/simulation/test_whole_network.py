"""One network with an edge of every kind: blocks, restart, batch and gradient of the whole."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import edges, topology
from jaxneuro.edges import Projection, SharedReceptor
from jaxneuro.inputs import Cues, Poisson
from jaxneuro.integrators import Heun
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, Input, NormalStart, Population, Refractory, UniformStart
from jaxneuro.simulation import simulate

N, M, DT = 24, 12, 0.25
KEY = jax.random.key(3)


def cells(size, start, **options):
    lif = LIF(
        tau=15.0, v_rest=-65.0, v_reset=-60.0, threshold=-50.0, resistance=8.0, reset_by="value"
    )
    return Population(
        Refractory(lif, 1.0), size, integrator=Heun(), initial={"v": start}, **options
    )


def everything():
    sparse = topology.fixed_probability(KEY, N, N, 0.3)
    sign = topology.signs(KEY, N, 0.25)
    count = sparse.pre.size
    dual = edges.CurrentReceptor(edges.DualExponential(1.0, 4.0), 2.0)
    nodes = {
        "cue": Input(2),
        "in": Input(M),
        "a": cells(N, NormalStart(-60.0, 3.0)),
        "b": cells(M, UniformStart(-65.0, -50.0)),
    }
    wires = {
        "a/nmda": SharedReceptor("a", edges.NMDA(g_max=0.003)),
        "b/gaba": SharedReceptor("b", edges.GABAB(g_max=0.01)),
        "delayed": Projection(
            "a",
            "a/nmda",
            topology.uniform(KEY, count, 0.1, 0.6),
            edges.Dale(sparse, sign),
            delays=topology.uniform(KEY, count, 0.1, 5.0),
        ),
        "between": Projection(
            "a", "b", jnp.full((N, M), 0.3), receptor=dual, delay=1.0, spike_times="interpolated"
        ),
        "plastic": edges.ShortTermPlasticity(
            Projection("b", "a", jnp.full((M, N), 0.01), receptor=edges.AMPA()), tau_facil=50.0
        ),
        "bounded": Projection(
            "b",
            "b/gaba",
            jnp.full((M, M), 0.1),
            delay=2.5,
        ),
        "x_in": Projection(
            "in", "b", 3.0 * jnp.ones(M), edges.OneToOne(), edges.ExponentialCurrent()
        ),
        "gap": edges.GapJunction("b", "b", 0.01 * (jnp.ones((M, M)) - jnp.eye(M))),
        "noise": edges.PoissonNoise("a/nmda", rate=300.0, weight=0.2),
        "white": edges.GaussianNoise("b", mean=1.0, sd=0.5),
        "coloured": edges.OrnsteinUhlenbeck("a", mean=1.8, sd=0.5, tau=4.0),
        "tuned": edges.TunedPoisson(
            "cue", "b", M, kappa=2.0, weight=0.05, receptor=edges.AMPA(), delay=0.0
        ),
        "current": edges.TunedCurrent("cue", "a", N, kappa=2.0, delay=0.0),
    }
    return Network(nodes, wires)


def inputs(direction=3.0):
    cue = Cues(start=[5.0], stop=[20.0], values=jnp.asarray([[2.0, direction]]))
    return {"cue": cue, "in": Poisson(30.0)}


def run(net, steps, block, state=None, key=KEY, direction=3.0):
    return simulate(
        net,
        inputs(direction),
        dt=DT,
        steps=steps,
        key=key,
        state=state,
        block=block,
        record=("a.spikes", "b.spikes", "a.v", "b.v"),
    )


def same_bits(one, two):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


def test_a_restart_equals_one_continuous_run_bit_for_bit():
    net = everything()
    whole = run(net, 160, 8)
    for name in ("a.spikes", "b.spikes"):
        assert 5 < float(whole[name].sum()) < 0.2 * whole[name].size, name
    first = run(net, 77, 8)
    second = run(net, 83, 8, first.state)
    for name in whole.records:
        joined = jnp.concatenate([first[name], second[name]])
        np.testing.assert_array_equal(joined, whole[name])
    same_bits(second.state, whole.state)


@pytest.mark.slow
def test_every_block_computes_the_same():
    net = everything()
    step_by_step = run(net, 120, 1)
    for block in (4, 32):
        blocks = run(net, 120, block)
        np.testing.assert_array_equal(blocks["a.spikes"], step_by_step["a.spikes"])
        np.testing.assert_allclose(blocks["b.v"], step_by_step["b.v"], atol=1e-3)


@pytest.mark.slow
def test_a_batch_equals_its_lanes_and_another_cue_does_not_recompile():
    net = everything()
    keys = jax.random.split(jax.random.key(1), 3)
    traces = []

    @eqx.filter_jit
    def spikes(net, key, direction):
        traces.append(None)
        return run(net, 80, 8, key=key, direction=direction)["a.spikes"]

    lanes = [spikes(net, key, jnp.asarray(x)) for key, x in zip(keys, (0.0, 1.0, 3.0), strict=True)]
    assert len(traces) == 1
    batch = jax.vmap(lambda key, x: spikes(net, key, x))(keys, jnp.asarray([0.0, 1.0, 3.0]))
    agree = np.mean(np.asarray(batch) == np.asarray(jnp.stack(lanes)))
    assert agree > 0.999  # sums of a batch may differ in their last bits, and a spike with them


def test_gradients_reach_every_weight_and_stay_finite():
    net = everything()

    def loss(net):
        record = run(net, 80, 8)
        return (record["b.v"] ** 2).mean() + record["a.spikes"].mean()

    gradient = eqx.filter_grad(loss)(net)
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(gradient))
    for name in ("delayed", "between", "bounded", "x_in"):
        assert float(jnp.abs(gradient.edges[name].weight).sum()) > 0, name
    assert float(jnp.abs(gradient.edges["plastic"].edge.weight).sum()) > 0
    assert float(jnp.abs(gradient.edges["a/nmda"].receptor.g_max)) > 0
