import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plasticity_examples import at, forced, learn

from jaxneuro.plasticity import HardBounds, PairSTDP, SoftBounds, Unbounded

LAGS = np.array([-60, -20, -5, -1, 0, 1, 5, 20, 60])


def change(rule, pre, post, weight=0.5, dt=1.0):
    net = forced(rule, [[weight]])
    return float(learn(net, pre, post, dt=dt).state.edges["learns"].weight[0, 0]) - weight


def window(rule, weight=0.5):
    """The change by one pair of spikes for each lag, in ms."""
    return np.array([change(rule, at(200, 100), at(200, 100 + lag), weight) for lag in LAGS])


def test_the_window_is_the_published_one(x64):
    rule = PairSTDP(a_plus=0.02, a_minus=0.015, tau_plus=15.0, tau_minus=30.0)
    wanted = np.where(LAGS >= 0, 0.02 * np.exp(-LAGS / 15.0), -0.015 * np.exp(LAGS / 30.0))
    np.testing.assert_allclose(window(rule), wanted, atol=1e-12)


@pytest.mark.parametrize("mu", [0.0, 0.3, 1.0])
def test_soft_bounds_scale_both_sides(mu, x64):
    rule = PairSTDP(0.02, 0.015, bounds=SoftBounds(-1.0, 3.0, mu))
    plain = window(PairSTDP(0.02, 0.015, bounds=Unbounded()))
    for weight in (-1.0, 0.0, 2.5, 3.0):
        up, down = ((3.0 - weight) / 4.0) ** mu, ((weight + 1.0) / 4.0) ** mu
        wanted = np.where(LAGS >= 0, up, down) * plain
        wanted = np.clip(weight + wanted, -1.0, 3.0) - weight
        np.testing.assert_allclose(window(rule, weight), wanted, atol=1e-12)


def test_a_hard_bound_holds():
    rule = PairSTDP(a_plus=0.4, a_minus=0.7, bounds=HardBounds(0.0, 0.6))
    assert change(rule, at(40, 10), at(40, 12)) == pytest.approx(0.1)
    assert change(rule, at(40, 12), at(40, 10)) == pytest.approx(-0.5)


@pytest.mark.parametrize("is_nearest", [False, True])
def test_all_pairs_or_the_nearest_ones_count(is_nearest, x64):
    rule = PairSTDP(0.02, 0.015, 15.0, 30.0, Unbounded(), is_nearest)
    ours, theirs = (10, 14, 30), (12, 33, 35)
    wanted = 0.0
    for t in theirs:
        before = [s for s in ours if s <= t]
        before = before[-1:] if is_nearest else before
        wanted += sum(0.02 * np.exp(-(t - s) / 15.0) for s in before)
    for s in ours:
        before = [t for t in theirs if t < s]
        before = before[-1:] if is_nearest else before
        wanted -= sum(0.015 * np.exp(-(s - t) / 30.0) for t in before)
    assert change(rule, at(50, *ours), at(50, *theirs)) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("dt", [0.25, 1.0])
def test_it_is_exact_at_any_dt(dt, x64):
    rule = PairSTDP(0.02, 0.015, 15.0, 30.0)
    steps = round(50 / dt)
    pre, post = at(steps, round(10 / dt)), at(steps, round(17 / dt))
    assert change(rule, pre, post, dt=dt) == pytest.approx(0.02 * np.exp(-7 / 15.0), abs=1e-12)


def test_a_spike_counts_when_it_arrives():
    rule = PairSTDP(0.02, 0.015)
    for delay, wanted in ((3.0, 0.02 * np.exp(-2 / 20.0)), (8.0, -0.015 * np.exp(-3 / 20.0))):
        net = forced(rule, [[0.5]], delay=delay)
        found = learn(net, at(60, 10), at(60, 15)).state.edges["learns"].weight[0, 0]
        assert float(found) - 0.5 == pytest.approx(wanted, abs=1e-6)


def test_inputs_compete_where_nothing_holds_the_weights_in_the_middle():
    # Song, Miller & Abbott (2000): additive rules spread the weights between the bounds,
    # multiplicative ones leave a narrow group (van Rossum, Bi & Turrigiano, 2000).
    rng = np.random.default_rng(0)
    pre = jnp.asarray(rng.random((6000, 100)) < 0.02, float)
    drive = np.asarray(pre)[:, :50].sum(1) + rng.random(6000)
    post = jnp.asarray(drive > np.quantile(drive, 0.98), float)[:, None]
    weight = jnp.full((100, 1), 0.5)
    ends = {}
    for name, bounds in (("hard", HardBounds()), ("soft", SoftBounds())):
        net = forced(PairSTDP(0.03, 0.033, bounds=bounds), weight)
        ends[name] = np.asarray(learn(net, pre, post).state.edges["learns"].weight)
    assert ends["hard"][:50].mean() > ends["hard"][50:].mean() + 0.1
    assert ends["hard"].std() > 2.5 * ends["soft"].std()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HardBounds(1.0, 1.0), "low is 1.0 and high 1.0; low must be below high"),
        (lambda: SoftBounds(mu=-1.0), "mu is -1.0; it must be at least 0"),
        (lambda: PairSTDP(tau_plus=0.0), "tau_plus"),
    ],
)
def test_wrong_numbers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_rate_can_be_learned_by_gradient(x64):
    pre, post = at(60, 10, 30), at(60, 15, 41)

    def end(a_plus):
        run = learn(forced(PairSTDP(a_plus), [[0.5]]), pre, post)
        return run.state.edges["learns"].weight[0, 0]

    slope = jax.jit(jax.grad(end))(jnp.asarray(0.01))
    wanted = sum(np.exp(-(t - s) / 20.0) for t in (15, 41) for s in (10, 30) if s <= t)
    np.testing.assert_allclose(slope, wanted, rtol=1e-9)
