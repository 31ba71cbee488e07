"""`reset_gradient="event"`: spike times are continuous, and their gradients are the true ones."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, Population, simulate
from jaxneuro.core import Drive
from jaxneuro.edges import Delta, Projection
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, ExponentialEuler, Heun
from jaxneuro.neurons import LIF, AdEx, HodgkinHuxley, Izhikevich2007, Refractory, _population
from jaxneuro.neurons._population import _computed_once
from jaxneuro.simulation import SpikeTimes

KEY = jax.random.key(0)


def spike_times(neuron, current, dt, steps, count, integrator=None, **options):
    """The first `count` interpolated spike times of one neuron under a constant current."""
    population = Population(
        neuron,
        1,
        integrator=ExponentialEuler() if integrator is None else integrator,
        reset_gradient="event",
        **options,
    )
    run = simulate(
        population,
        {"neuron": Constant(current)},
        dt=dt,
        steps=steps,
        key=KEY,
        record={"times": SpikeTimes("neuron", count)},
        spike_times="interpolated",
    )
    return run["times"][:, 0]


def lif_times(tau, current, period, count):
    """Closed form: LIF from 0 with threshold 1, reset to 0."""
    interval = tau * jnp.log(current / (current - 1.0))
    return interval + jnp.arange(float(count)) * (interval + period)


def test_lif_spike_times_and_gradients_are_the_closed_form(x64):
    count, period = 10, 2.03

    def simulated(tau, current):
        neuron = Refractory(LIF(tau=tau, reset_by="value"), period, whole_steps=False)
        return spike_times(neuron, current, 0.1, 1300, count)

    point = jnp.asarray(10.0), jnp.asarray(1.6)
    exact = lif_times(*point, period, count)
    # Of third order in dt: 1e-6 ms at 0.1 ms.
    np.testing.assert_allclose(simulated(*point), exact, atol=1e-5)
    slopes = jax.jit(jax.jacrev(simulated, (0, 1)))(*point)
    wanted = jax.jacfwd(lambda t, i: lif_times(t, i, period, count), (0, 1))(*point)
    for slope, want in zip(slopes, wanted, strict=True):
        # The slope of the remaining interpolation error, of second order in dt.
        np.testing.assert_allclose(slope, want, rtol=1e-3)


def test_the_refractory_period_has_a_gradient(x64):
    def last(period):
        neuron = Refractory(LIF(tau=10.0, reset_by="value"), period, whole_steps=False)
        return spike_times(neuron, 1.6, 0.1, 1300, 10)[-1]

    np.testing.assert_allclose(jax.grad(last)(2.03), 9.0, rtol=1e-3)


def test_spike_times_are_of_third_order_in_dt(x64):
    exact = lif_times(jnp.asarray(10.0), jnp.asarray(1.6), 0.0, 8)
    errors = []
    for dt in (0.4, 0.2, 0.1):
        neuron = LIF(tau=10.0, reset_by="value")
        times = spike_times(neuron, 1.6, dt, round(90 / dt), 8)
        errors.append(float(jnp.abs(times - exact).max()))
    slopes = np.diff(np.log(errors)) / np.log(0.5)
    assert slopes.mean() > 2.5, errors
    # The plain grid is of first order: it is off by up to a step per spike.
    run = simulate(
        Population(LIF(tau=10.0, reset_by="value"), 1),
        {"neuron": Constant(1.6)},
        dt=0.1,
        steps=900,
        key=KEY,
        record={"times": SpikeTimes("neuron", 8)},
    )
    assert float(jnp.abs(run["times"][:, 0] - exact).max()) > 100 * errors[-1]


CELLS = {
    "Izhikevich2007": (
        lambda p: Izhikevich2007(C=p[0], k=p[1], a=p[2], b=p[3], c=p[4], d=p[5], v_t=p[6]),
        (100.0, 0.7, 0.03, -2.0, -50.0, 100.0, -40.0),
        200.0,
        3000,
    ),
    "AdEx": (
        lambda p: AdEx(C=p[0], g_L=p[1], Delta_T=p[2], tau_w=p[3], a=p[4], b=p[5]),
        (281.0, 30.0, 2.0, 144.0, 4.0, 80.5),
        1200.0,
        6000,
    ),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(
    "integrator",
    [
        pytest.param(RK4(), id="RK4"),
        pytest.param(ExponentialEuler(), id="ExpEuler", marks=pytest.mark.slow),
    ],
)
def test_gradients_through_ten_resets_match_finite_differences(name, integrator, x64):
    make, values, current, steps = CELLS[name]
    point = jnp.asarray(values)

    @jax.jit
    def eleventh(p):
        return spike_times(make(p), current, 0.1, steps, 11, integrator)[-1]

    slope = jax.jit(jax.grad(eleventh))(point)
    assert np.isfinite(eleventh(point))
    for index, value in enumerate(values):
        # So small that hardly ever a spike passes from one step to the next in between, where
        # the numerical solution has a kink.
        size = 1e-8 * max(1.0, abs(value))
        up, down = (eleventh(point.at[index].add(sign * size)) for sign in (1.0, -1.0))
        np.testing.assert_allclose(slope[index], (up - down) / (2 * size), rtol=1e-3)


@pytest.mark.parametrize("block", [1, 7])
def test_blocks_and_restart_do_not_matter(block):
    population = Population(Izhikevich2007(), 3, reset_gradient="event", start="rest")
    inputs = {"neuron": Constant([150.0, 200.0, 300.0])}
    options = {"dt": 0.25, "key": KEY, "record": ("neuron.v", "neuron.spike_times")}
    whole = simulate(population, inputs, steps=140, spike_times="interpolated", **options)
    blocks = simulate(
        population, inputs, steps=140, block=block, spike_times="interpolated", **options
    )
    for path in options["record"]:
        np.testing.assert_allclose(blocks[path], whole[path], rtol=1e-5)
    assert np.isfinite(whole["neuron.spike_times"]).any()


def test_a_batch_equals_its_lanes():
    population = Population(Izhikevich2007(), 1, reset_gradient="event", start="rest")

    @jax.jit
    def run(current):
        options = {"dt": 0.1, "steps": 800, "key": KEY, "spike_times": "interpolated"}
        record = {"times": SpikeTimes("neuron", 4)}
        return simulate(population, {"neuron": Constant(current)}, record=record, **options)[
            "times"
        ]

    currents = jnp.asarray([120.0, 250.0])
    many = jax.vmap(run)(currents)
    np.testing.assert_allclose(many, jnp.stack([run(i) for i in currents]), rtol=1e-5)


def test_a_neuron_without_reset_is_integrated_in_one_piece():
    drive = Drive(current=jnp.full(5, 12.0))
    steps = []
    for kind in ("event", "detached"):
        initial = {"v": jnp.linspace(-6.0, 2.0, 5)}
        population = Population(HodgkinHuxley(), 5, reset_gradient=kind, initial=initial)
        state = population.init(KEY)
        state = dataclasses.replace(state, m=jnp.full(5, 0.9))  # on its way up
        steps.append(population.advance(state, drive, 0.05))
    event, detached = steps
    assert 0 < event.spikes.sum() < 5
    for a, b in zip(jax.tree.leaves(event.state), jax.tree.leaves(detached.state), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(event.fraction, detached.fraction, atol=0.1)


def test_a_run_without_resets_does_not_depend_on_them(x64):
    @partial(jax.jit, static_argnums=1)
    def run(g_Na, kind):
        population = Population(HodgkinHuxley(g_Na=g_Na), 2, reset_gradient=kind)
        inputs = {"neuron": Constant([8.0, 15.0])}
        done = simulate(population, inputs, dt=0.05, steps=300, key=KEY, record="neuron.v")
        return done["neuron.v"], jnp.sum(done["neuron.v"][-1])

    (event, _), (detached, _) = (run(jnp.asarray(120.0), kind) for kind in ("event", "detached"))
    assert event.max() > 0
    np.testing.assert_allclose(event, detached, rtol=1e-9)
    slopes = [
        jax.grad(lambda g, kind=kind: run(g, kind)[1])(jnp.asarray(120.0))
        for kind in ("event", "detached")
    ]
    assert abs(slopes[0]) > 1e-3
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-9)


def test_what_cannot_be_reset_inside_a_step_is_refused():
    with pytest.raises(ValueError, match="LIF with input_scale='physical'"):
        Population(LIF(input_scale="unit"), 2, reset_gradient="event")
    with pytest.raises(ValueError, match="whole_steps=False"):
        Population(Refractory(LIF()), 2, reset_gradient="event")
    network = Network(
        {"input": Input(1), "exc": Population(LIF(), 1, reset_gradient="event")},
        {"jump": Projection("input", "exc", jnp.ones((1, 1)), receptor=Delta())},
    )
    with pytest.raises(ValueError, match="a jump of v"):
        simulate(network, {"input": jnp.ones((2, 1))}, dt=1.0, key=KEY)


def test_heun_and_exponential_euler_agree_under_a_changing_conductance(x64):
    from jaxneuro.edges import ExponentialConductance

    neuron = LIF(tau=10.0, v_rest=-65.0, threshold=-55.0, v_reset=-65.0, reset_by="value")
    times = []
    for integrator in (Heun(), ExponentialEuler()):
        network = Network(
            {
                "input": Input(1),
                "exc": Population(neuron, 1, reset_gradient="event", integrator=integrator),
            },
            {
                "drive": Projection(
                    "input",
                    "exc",
                    0.4 * jnp.ones((1, 1)),
                    receptor=ExponentialConductance(tau=30.0, e_rev=0.0),
                )
            },
        )
        spikes = jnp.zeros((1200, 1)).at[0].set(20.0).at[400].set(20.0)
        run = simulate(
            network,
            {"input": spikes},
            dt=0.05,
            key=KEY,
            record={"times": SpikeTimes("exc", 12)},
            spike_times="interpolated",
        )
        times.append(run["times"][:, 0])
    assert np.isfinite(times[0]).all()
    # Both of second order in the linear course of the conductance within a step.
    np.testing.assert_allclose(times[0], times[1], atol=2e-3)


def test_what_has_no_number_keeps_it_and_nothing_else_changes():
    values = {"v": jnp.array([1.5, -0.0, jnp.inf, -jnp.inf, jnp.nan]), "spikes": jnp.arange(3)}
    same = _computed_once(values)
    np.testing.assert_array_equal(same["v"], values["v"])
    assert same["spikes"] is values["spikes"]
    slope = jax.grad(lambda v: jnp.sum(_computed_once(v) * jnp.arange(3.0)))(jnp.ones(3))
    np.testing.assert_array_equal(slope, jnp.arange(3.0))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="it is how XLA compiles for the CPU")
def test_a_step_repeats_little_of_itself(monkeypatch):
    def instructions():
        jax.clear_caches()
        program = jax.jit(lambda c: spike_times(AdEx(), c, 0.1, 400, 3)).lower(600.0).compile()
        return program.as_text().count(" = f32[")

    once = instructions()
    monkeypatch.setattr(_population, "_computed_once", lambda tree: tree)
    assert once < 0.8 * instructions()
