import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxneuro.edges import (
    Alpha,
    Bounded,
    DualExponential,
    FirstOrder,
    GProtein,
    MagnesiumBlock,
    SecondOrder,
)

REFERENCE = pathlib.Path(__file__).parents[1] / "data" / "calvin_kinetics.npz"


@functools.partial(jax.jit, static_argnames="dt")
def series(kinetics, events, dt):
    """s at the start (after the events) and at the end of each step."""

    def step(state, events):
        state, start, end = kinetics.step(state, events, dt)
        return state, (start, end)

    return jax.lax.scan(step, kinetics.init(events.shape[1:]), events)[1]


def with_events(steps, at, weight=1.0):
    return jnp.zeros(steps).at[jnp.asarray(at)].set(weight)


@pytest.mark.parametrize(
    ("name", "kinetics", "tolerance"),
    [
        # The originals decay in steps of 1 - dt / tau, dt = 0.05: they are of first order in dt.
        ("bounded", lambda: Bounded(tau=80.0, alpha=0.5), 1e-4),
        ("first_order", lambda: FirstOrder(tau=2.0), 1e-4),
        ("second_order", SecondOrder, 7e-3),
    ],
)
def test_the_original_program_of_calvin_and_redish(name, kinetics, tolerance, x64):
    with np.load(REFERENCE) as data:
        wanted, steps = data[name], data["step"]
        dt, weight, every = float(data["dt"]), float(data["weight"]), int(data["every"])
        parts = data["offsets"] / dt
    events = np.zeros(4001)
    # An event between two steps: a part of its weight at the start of each.
    events[:-1:every] = weight * (1 - parts).sum()
    events[1::every] = weight * parts.sum()
    start, _ = series(kinetics(), jnp.asarray(events), dt)
    assert wanted.max() > 0.5
    np.testing.assert_allclose(np.asarray(start)[steps + 1], wanted, atol=tolerance)


DT = 0.5
TIME = DT * np.arange(400)
EVENTS = {0: 1.0, 40: 0.5, 43: 2.0}


def superposed(kernel):
    """The sum of a kernel over the events, at the start of each step, after its events."""
    since = [(TIME - DT * at, weight) for at, weight in EVENTS.items()]
    return sum(weight * np.where(t >= 0, kernel(np.maximum(t, 0)), 0.0) for t, weight in since)


def dual(rise, decay):
    at = rise * decay / (decay - rise) * np.log(decay / rise)
    peak = np.exp(-at / decay) - np.exp(-at / rise)
    return lambda t: (np.exp(-t / decay) - np.exp(-t / rise)) / peak


@pytest.mark.parametrize(
    ("kinetics", "kernel"),
    [
        (lambda: FirstOrder(tau=7.0, alpha=0.8), lambda t: 0.8 * np.exp(-t / 7.0)),
        (lambda: Alpha(tau=6.0), lambda t: t / 6.0 * np.exp(1 - t / 6.0)),
        (lambda: DualExponential(0.8, 9.0), dual(0.8, 9.0)),
        (lambda: DualExponential(9.0, 0.8), dual(0.8, 9.0)),
        (lambda: DualExponential(0.01, 5.0), dual(0.01, 5.0)),
        (lambda: DualExponential(6.0, 6.0), lambda t: t / 6.0 * np.exp(1 - t / 6.0)),
        (lambda: DualExponential(6.0, 6.0 + 1e-5), dual(6.0, 6.0 + 1e-5)),
        (lambda: DualExponential(6.0, 6.03), dual(6.0, 6.03)),
    ],
)
def test_linear_kinetics_have_their_closed_form(kinetics, kernel, x64):
    events = with_events(400, list(EVENTS), jnp.asarray(list(EVENTS.values())))
    start, end = series(kinetics(), events, DT)
    np.testing.assert_allclose(start, superposed(kernel), rtol=1e-9, atol=1e-9)
    quiet = np.asarray(events)[1:] == 0
    np.testing.assert_allclose(end[:-1][quiet], start[1:][quiet], rtol=1e-12)
    np.testing.assert_allclose(kernel(np.linspace(0, 20, 200_001)).max(), 1.0, atol=0.21)


def test_the_peak_of_one_event_is_its_weight(x64):
    for kinetics in (Alpha(tau=3.0), DualExponential(1.0, 5.0), DualExponential(3.0, 3.0)):
        start, _ = series(kinetics, with_events(2000, [0], 2.5), 0.01)
        np.testing.assert_allclose(start.max(), 2.5, rtol=1e-5)


def test_an_event_opens_a_part_of_what_is_closed():
    kinetics = Bounded(tau=1e6, alpha=0.5)
    start, _ = series(kinetics, jnp.asarray([0.6, 0.6, 1.0, 2.0, 3.0]), 0.5)
    # The last two open everything: alpha w is 1, and above.
    np.testing.assert_allclose(start, [0.3, 0.51, 0.755, 1.0, 1.0], rtol=1e-5)
    slope = jax.grad(lambda w: series(kinetics, w[None], 0.5)[0][0])
    assert slope(jnp.asarray(2.0)) == 0.5
    assert slope(jnp.asarray(0.0)) == 0.5


def second_order(t, y):
    x, s = y
    return [-x / 2.0, 0.7 * x * (1 - s) - s / 80.0]


def test_second_order_kinetics_are_of_second_order_in_dt(x64):
    exact = np.zeros(2)
    for _ in range(3):
        exact[0] += 0.4
        exact = solve_ivp(second_order, (0, 10.0), exact, rtol=1e-12, atol=1e-14).y[:, -1]
    errors = []
    for dt in (0.5, 0.25):
        events = with_events(round(30 / dt), [round(10 * i / dt) for i in range(3)], 0.4)
        kinetics = SecondOrder(2.0, 80.0, alpha_s=0.7)
        errors.append(abs(float(series(kinetics, events, dt)[1][-1]) - exact[1]))
    assert errors[1] < 1e-4
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), 2.0, atol=0.1)


def test_second_order_kinetics_stay_in_bounds_at_any_step():
    for dt in (0.01, 1.0, 100.0):
        for weight in (0.1, 100.0):
            start, end = series(SecondOrder(), jnp.full(300, weight), dt)
            assert start.min() >= 0
            assert end.max() <= 1


def g_protein(t, y, transmitter):
    r, g = y
    return [0.09 * transmitter * (1 - r) - 0.0012 * r, 0.18 * r - 0.034 * g]


@pytest.mark.parametrize("dt", [0.1, 0.4, 2.0])
def test_g_proteins_follow_their_equations(dt, x64):
    # Pulses of 1 ms, of 1 mM and of 2.5 mM.
    y, wanted = np.zeros(2), []
    for weight in (1.0, 2.5):
        for duration, transmitter in ((1.0, weight), (199.0, 0.0)):
            run = solve_ivp(
                g_protein, (0, duration), y, args=(transmitter,), rtol=1e-10, atol=1e-13
            )
            y = run.y[:, -1]
        wanted.append(y[1] ** 4 / (y[1] ** 4 + 100.0))
    half = round(200 / dt)
    events = with_events(2 * half, [0, half], jnp.asarray([1.0, 2.5]))
    end = series(GProtein(), events, dt)[1]
    np.testing.assert_allclose(end[jnp.asarray([half - 1, 2 * half - 1])], wanted, rtol=1e-6)


def test_g_proteins_need_several_events():
    peaks = [
        series(GProtein(), with_events(4000, at), 0.25)[1].max() for at in ([0], range(0, 200, 20))
    ]
    assert peaks[1] > 100 * peaks[0]
    # Events during a pulse: no transmitter is lost.
    kinetics = GProtein(K1=1e-4)  # few receptors bind, so that their number is in proportion
    last = [
        kinetics_r(kinetics, with_events(100, at, weight))
        for at, weight in (([0], 1.0), ([0], 3.0), ([0, 1, 2], 1.0))
    ]
    np.testing.assert_allclose(last[1:], 3 * last[0], rtol=3e-3)
    with pytest.raises(ValueError, match="GProtein: n is 0"):
        GProtein(n=0)


def kinetics_r(kinetics, events, dt=0.25):
    def step(state, events):
        return kinetics.step(state, events, dt)[0], None

    return jax.lax.scan(step, kinetics.init(()), events)[0].r


GRADIENTS = {
    "FirstOrder": (FirstOrder, [3.0, 0.7]),
    "Bounded": (Bounded, [3.0, 0.7]),
    "SecondOrder": (SecondOrder, [2.0, 30.0, 0.9, 0.6]),
    "Alpha": (Alpha, [3.0]),
    "DualExponential": (DualExponential, [1.0, 6.0]),
    "DualExponential, equal": (DualExponential, [3.0, 3.0]),
    "DualExponential, close": (DualExponential, [3.0, 3.0001]),
    "GProtein": (GProtein, [0.09, 0.0012, 0.18, 0.034, 1e-4, 1.3]),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_match_finite_differences(name, x64):
    make, point = GRADIENTS[name]
    at = jnp.asarray([0, 20, 21, 30])

    @jax.jit
    @jax.value_and_grad
    def total(values):
        events = jnp.zeros(60).at[at].set(values[0] * jnp.asarray([1.0, 0.5, 1.5, 0.0]))
        start, end = series(make(*values[1:]), events, 0.5)
        return start[5::7].sum() + 2.0 * end[3::7].sum()

    point = jnp.asarray([0.4, *point])
    slopes = total(point)[1]
    for index, size in enumerate(point):
        step = 1e-5 * float(size)
        up, down = (total(point.at[index].add(sign * step))[0] for sign in (1, -1))
        assert slopes[index] != 0
        np.testing.assert_allclose(slopes[index], (up - down) / (2 * step), rtol=1e-5)


@pytest.mark.parametrize("name", GRADIENTS)
def test_an_event_of_weight_zero_has_a_gradient(name):
    # What the surrogate gradient of a spike that was not fired is multiplied with.
    make, point = GRADIENTS[name]

    def last(weight):
        return series(
            make(*point), with_events(40, [0, 10], jnp.stack([weight, 0.5 + weight])), 0.5
        )[1].sum()

    slope = jax.grad(last)(jnp.asarray(0.0))
    assert jnp.isfinite(slope)
    assert slope > 0


def test_magnesium_blocks_as_in_the_reference(x64):
    with np.load(REFERENCE) as data:
        np.testing.assert_allclose(
            MagnesiumBlock()(jnp.asarray(data["v"])), data["mg_block"], rtol=1e-12
        )
    # Jahr & Stevens: half blocked where mg = half exp(slope v).
    gate = MagnesiumBlock(mg=0.5, half=2.0, slope=0.1)
    np.testing.assert_allclose(gate(jnp.log(0.25) / 0.1), 0.5, rtol=1e-12)


def test_the_block_neither_overflows_nor_spoils_gradients():
    for v in (-1e6, -60.0, 1e6):
        gradients = jax.grad(lambda gate, v: gate(v), argnums=(0, 1))(MagnesiumBlock(), v)
        assert all(jnp.isfinite(x) for x in jax.tree.leaves(gradients))
    np.testing.assert_array_equal(MagnesiumBlock()(jnp.asarray([-1e6, 1e6])), [0.0, 1.0])
    with pytest.raises(ValueError, match=r"MagnesiumBlock: mg is -1.0.*above 0"):
        MagnesiumBlock(mg=-1.0)


def test_bad_time_constants_are_refused():
    for make in (FirstOrder, Bounded, Alpha):
        with pytest.raises(ValueError, match=f"{make.__name__}: tau is 0.0.*above 0"):
            make(tau=0.0)
    with pytest.raises(ValueError, match=r"SecondOrder: tau_decay is -1\.0"):
        SecondOrder(tau_decay=-1.0)
