import equinox as eqx
import fit_examples as small
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxneuro.fitting import Problem, Voltage
from jaxneuro.fitting._descend import descend
from jaxneuro.fitting._polish import _Linearised, _linearised, _step, polish
from jaxneuro.fitting._polished import leave

ONE = jax.devices()[:1]
FIVE = small.FREE | {"E_L": (-80.0, -60.0), "b": (20.0, 150.0), "tau_w": (30.0, 400.0, "log")}


def starts(problem):
    values = ({"C": 128.0, "g_L": 8.6}, {"C": 110.0, "g_L": 7.2}, {"C": 150.0, "g_L": 10.0})
    return small.side_by_side(*(small.free_numbers(problem, **one) for one in values))


def test_one_backward_pass_gives_the_gradient_of_each_sweep():
    problem = small.problem(small.wrong())
    own = problem.chosen.split(problem.cell)
    paths = sorted(own)
    x = jnp.stack([own[path] for path in paths])
    found = jax.jit(lambda x: _linearised(problem, paths, x))(x[None])

    def apart(x):
        return jnp.mean(problem.losses(dict(zip(paths, x, strict=True)), True), axis=0)

    np.testing.assert_allclose(found.losses[0], jax.jit(apart)(x), rtol=1e-5)
    np.testing.assert_allclose(found.total[0], problem.loss(own, True), rtol=1e-5)
    wanted = jax.jit(jax.jacfwd(apart))(x).T
    assert (np.abs(np.asarray(wanted)) > 1e-3).all()
    np.testing.assert_allclose(found.slopes[0], wanted, rtol=1e-3)


def test_a_step_is_exact_where_roots_of_losses_are_straight(x64):
    slope = jnp.asarray([[1.0, 0.5, -2.0, 3.0], [0.3, -1.0, 1.0, 0.2]])
    end = jnp.asarray([0.2, -0.3])
    start = jnp.zeros(2)
    root = slope.T @ (start - end)
    losses, slopes = root**2, 2.0 * slope * root[None]

    def step(losses, slopes):
        return _step(_Linearised(start, losses.mean(), losses, slopes), jnp.asarray(1e-12))

    np.testing.assert_allclose(step(losses, slopes), end, rtol=1e-6)
    # A sweep that is not finite has no say, nor one of which nothing counts.
    lost = losses.at[1].set(jnp.nan), slopes.at[:, 1].set(jnp.nan)
    np.testing.assert_allclose(step(*lost), end, rtol=1e-6)
    off = losses.at[2].set(0.0), slopes.at[:, 2].set(0.0)
    np.testing.assert_allclose(step(*off), end, rtol=1e-6)
    # No step is longer than half a unit.
    far = step(100.0 * losses, 10.0 * slopes)
    assert float(jnp.linalg.norm(far)) == pytest.approx(0.5)


def test_the_loss_never_rises_and_the_truth_is_found():
    problem = small.problem()
    begun = starts(problem)
    found = polish(problem, begun, steps=24, devices=ONE)
    history = np.asarray(found.history)
    assert history.shape == (25, 3)
    assert (np.diff(history, axis=0) <= 0).all()
    np.testing.assert_array_equal(history[-1], found.loss)
    np.testing.assert_allclose(history[0], leave(problem, begun).loss, rtol=1e-4)
    np.testing.assert_allclose(found.loss, leave(problem, found.parameters).loss, atol=1e-6)
    assert (history[-1] < 2e-3 * history[0]).all()
    values = problem.values(found.parameters)
    np.testing.assert_allclose(values["C"], 120.0, rtol=5e-3)
    np.testing.assert_allclose(values["g_L"], 8.0, rtol=5e-3)


def test_a_sweep_that_does_not_count_has_no_say():
    aim = small.target()
    # The last sweep of another cell: without it, the truth is still found.
    aim = eqx.tree_at(lambda t: t.voltage, aim, aim.voltage.at[:, 2].add(-8.0))
    problem = small.problem(aim=aim, objective=Voltage(sd=2.0), trim=0.34)
    found = polish(problem, starts(problem), steps=12, devices=ONE)
    values = problem.values(found.parameters)
    np.testing.assert_allclose(values["C"], 120.0, rtol=5e-3)
    np.testing.assert_allclose(values["g_L"], 8.0, rtol=5e-3)


def test_it_leaves_a_start_that_is_no_number_and_the_others_do_not_notice():
    problem = small.problem()
    fine = starts(problem)
    lost = {path: x.at[1].set(jnp.nan) for path, x in fine.items()}
    with_lost = polish(problem, lost, steps=24, devices=ONE)
    without = polish(problem, fine, steps=24, devices=ONE)
    assert np.isinf(with_lost.history[:, 1]).all()
    assert np.isnan(with_lost.parameters["neuron.C"][1])
    for a, b in zip(jax.tree.leaves(with_lost), jax.tree.leaves(without), strict=True):
        lane = (slice(None), slice(None, None, 2)) if a.ndim == 2 else slice(None, None, 2)
        np.testing.assert_array_equal(a[lane], b[lane])


def test_other_numbers_of_the_same_shape_are_not_compiled_again(monkeypatch):
    problem = small.problem()
    polish(problem, starts(problem), steps=24, devices=ONE)
    traced, losses = [], Problem.losses
    monkeypatch.setattr(Problem, "losses", lambda *a: traced.append(a) or losses(*a))
    other = small.problem(small.truth(E_L=-69.0), aim=small.target(C=130.0))
    found = polish(other, starts(other), steps=24, devices=ONE)
    assert (found.loss < found.history[0]).all()
    assert not traced


@pytest.mark.slow
def test_five_parameters_are_found_from_near_the_truth():
    aim = small.target(amplitudes=(-50.0, 100.0, 300.0, 400.0))
    problem = small.problem(free=FIVE, aim=aim)
    near = {"C": 123.0, "g_L": 8.2, "E_L": -70.9, "b": 78.0, "tau_w": 150.0}
    above = {"C": 118.0, "g_L": 7.9, "E_L": -70.3, "b": 83.0, "tau_w": 140.0}
    begun = small.side_by_side(*(small.free_numbers(problem, **one) for one in (near, above)))
    found = polish(problem, begun, steps=60, devices=ONE)
    assert (found.loss < 0.05 * found.history[0]).all()
    values = problem.values(found.parameters)
    # A few spikes tell little about the adaptation.
    for name, within in {"C": 0.005, "g_L": 0.01, "E_L": 0.001, "b": 0.02, "tau_w": 0.1}.items():
        wanted = float(getattr(small.truth(), name))
        np.testing.assert_allclose(values[name], wanted, rtol=within, err_msg=name)


def test_the_best_point_of_a_descent_is_kept():
    problem = small.problem()
    begun = starts(problem)
    lost = {path: x.at[1].set(jnp.nan) for path, x in begun.items()}
    # Steps this long jump over the truth and back.
    found = descend(problem, lost, steps=8, optimizer=optax.sgd(0.003, 0.9), devices=ONE)
    history = np.asarray(found.history)
    assert history.shape == (9, 3)
    np.testing.assert_array_equal(found.loss[::2], history[:, ::2].min(axis=0))
    assert (found.loss[::2] < history[0, ::2]).all()
    assert (np.diff(history[:, ::2], axis=0) > 0).any(), "make the steps longer"
    assert np.isinf(found.loss[1])
    np.testing.assert_allclose(
        found.loss[::2], leave(problem, found.parameters).loss[::2], rtol=1e-3, atol=1e-6
    )


def test_a_descent_is_what_optax_does():
    problem = small.problem()
    optimizer = optax.adam(0.01)
    found = descend(problem, starts(problem), steps=8, optimizer=optimizer, devices=ONE)
    point = {path: x[0] for path, x in starts(problem).items()}
    state, losses = optimizer.init(point), []
    gradient = jax.jit(jax.value_and_grad(lambda p: problem.loss(p, True)))
    for _ in range(9):
        loss, slope = gradient(point)
        losses.append(loss)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(slope, state, point)
            point = optax.apply_updates(point, updates)
    np.testing.assert_allclose(found.history[:, 0], losses, rtol=1e-3)
