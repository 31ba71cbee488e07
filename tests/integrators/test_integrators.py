import re
import textwrap

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxneuro.integrators as integrators
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun

ORDERS = {Euler: 1, Heun: 2, RK4: 4, ExponentialEuler: 1}
every_method = pytest.mark.parametrize("method", ORDERS)


def _system(t, dt):
    """Driven, nonlinear and coupled equations; `_solution` is theirs."""

    def f(y, c):
        now = t + c * dt
        return {
            "driven": jnp.cos(now) * y["driven"],
            "decay": -(y["decay"] ** 2),
            "pair": jnp.stack([y["pair"][1], -y["pair"][0]]),
        }

    return f


def _solution(t):
    return {
        "driven": np.exp(np.sin(t)),
        "decay": 1 / (1 + t),
        "pair": np.array([np.sin(t), np.cos(t)]),
    }


def _integrate(method, system, y, steps, dt):
    def step(y, i):
        return method().step(system(i.astype(float) * dt, dt), y, dt), None

    return jax.jit(lambda y: jax.lax.scan(step, y, jnp.arange(steps))[0])(y)


def _observed_order(method, system, solution, steps=(20, 40, 80)):
    start = jax.tree.map(jnp.asarray, solution(0.0))
    errors = []
    for n in steps:
        end = _integrate(method, system, start, n, 2.0 / n)
        differences = jax.tree.map(lambda a, b: np.abs(a - b).max(), end, solution(2.0))
        errors.append(max(jax.tree.leaves(differences)))
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize(("method", "order"), ORDERS.items())
def test_order_of_convergence(method, order, x64):
    assert abs(_observed_order(method, _system, _solution) - order) < 0.15


def test_exponential_euler_is_of_second_order_for_one_driven_variable(x64):
    def system(t, dt):
        # The drive is such that v = sin t; the decay is nonlinear.
        return lambda v, c: -(v**3) + jnp.cos(t + c * dt) + jnp.sin(t + c * dt) ** 3

    assert abs(_observed_order(ExponentialEuler, system, np.sin) - 2) < 0.15


@pytest.mark.parametrize(
    ("method", "fractions"),
    [(Euler, [0.0]), (Heun, [0, 1.0]), (RK4, [0, 0.5, 0.5, 1]), (ExponentialEuler, [0.5])],
)
def test_drives_are_evaluated_at_these_fractions_of_the_step(method, fractions):
    seen = []

    def f(v, c):
        seen.append(c)
        return -v

    method().step(f, jnp.array(1.0), 0.1)
    assert seen == fractions


@pytest.mark.parametrize("dt", [1e-6, 0.1, 5.0, 1000.0])
def test_exponential_euler_is_exact_for_linear_equations(dt, x64):
    tau, current = jnp.array([0.5, 5.0, 50.0]), 2.0
    v = jnp.array([-70.0, 0.0, 3.0])
    new = ExponentialEuler().step(lambda v, c: -v / tau + current, v, dt)
    np.testing.assert_allclose(new, v + (v - tau * current) * np.expm1(-dt / tau), rtol=1e-12)


def test_exponential_euler_is_exact_for_a_complex_resonator(x64):
    pole = -0.1 + 3.0j
    new = ExponentialEuler().step(lambda z, c: pole * z + 1.0, jnp.array(1.0 + 0.5j), 4.0)
    expected = (1.0 + 0.5j + 1 / pole) * np.exp(4.0 * pole) - 1 / pole
    np.testing.assert_allclose(new, expected, rtol=1e-12)


def test_exponential_euler_relaxes_each_gate_in_its_turn(x64):
    y = {"m": jnp.array(0.2), "h": jnp.array(0.9)}

    def f(y, c):
        return {"m": y["h"] * (1.0 - y["m"]) / 0.05, "h": y["m"] - y["h"] / 8.0}

    new = ExponentialEuler().step(f, y, 0.3)
    # Leaves of a dict are in the order of their keys: h goes first, m sees the new h.
    h = 8.0 * 0.2 + (0.9 - 8.0 * 0.2) * np.exp(-0.3 / 8.0)
    np.testing.assert_allclose(new["h"], h, rtol=1e-12)
    np.testing.assert_allclose(new["m"], 1.0 - 0.8 * np.exp(-h / 0.05 * 0.3), rtol=1e-12)


@pytest.mark.parametrize("dt", [0.2, 0.1])
def test_exponential_euler_keeps_the_period_of_a_cycle_to_second_order(dt, x64):
    # v drives w and w drives v back: with all slopes taken at once, the cycle would grow.
    def step(i, y):
        return ExponentialEuler().step(lambda y, c: {"v": -y["w"], "w": y["v"]}, y, dt)

    y = jax.lax.fori_loop(0, round(2000.0 / dt), step, {"v": jnp.array(1.0), "w": jnp.array(0.0)})
    np.testing.assert_allclose(jnp.hypot(y["v"], y["w"]), 1.0, atol=0.6 * dt)
    # One turn takes 2 pi (1 - dt^2 / 24): the frequency of the same splitting in closed form.
    turned = 2000.0 * 2.0 * np.arcsin(dt / 2.0) / dt
    late = (np.arctan2(float(y["w"]), float(y["v"])) - turned + np.pi) % (2.0 * np.pi) - np.pi
    assert abs(late) < 0.6 * dt


def test_exponential_euler_takes_an_euler_step_where_the_slope_is_positive(x64):
    def f(v, c):
        return jnp.exp(v)

    v = jnp.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(ExponentialEuler().step(f, v, 0.5), Euler().step(f, v, 0.5))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a", [0.0, -1e-30, -1e-9, -1e-4, -0.0185, -0.3, -40.0])
def test_exponential_euler_has_accurate_gradients_at_small_slopes(a, dtype, x64):
    """v(dt) = v + dt (a v + 1) φ(a dt), of which d/da is known by quadrature."""
    v, dt = 0.7, 1.0
    gradient = jax.grad(
        lambda a: ExponentialEuler().step(lambda v, c: a * v + 1.0, jnp.array(v, dtype), dt)
    )(jnp.array(a, dtype))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    s = (nodes + 1) / 2
    phi, phi_slope = weights / 2 @ np.exp(s * a), weights / 2 @ (s * np.exp(s * a))
    expected = v * phi + (a * v + 1.0) * phi_slope
    # float32: the quotient's derivative cancels to about 1e-5 where the series ends.
    rtol = 3e-5 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(gradient, expected, rtol=rtol, atol=rtol * 1e-2)


def _shapes_of_expm1(f, batch):
    step = jax.vmap(lambda v: ExponentialEuler().step(f, v, 0.1))
    return set(_find_shapes(jax.make_jaxpr(step)(batch).jaxpr))


def _find_shapes(jaxpr):
    for equation in jaxpr.eqns:
        if equation.primitive.name == "expm1":
            yield equation.outvars[0].aval.shape
        for parameter in equation.params.values():
            if isinstance(parameter, jax.extend.core.ClosedJaxpr):
                yield from _find_shapes(parameter.jaxpr)


def test_exponential_euler_shares_the_exponential_of_a_linear_neuron_across_a_batch():
    batch, tau = jnp.ones((8, 3)), jnp.array([5.0, 10.0, 20.0])
    assert _shapes_of_expm1(lambda v, c: (-65.0 - v) / tau, batch) == {(3,)}
    assert _shapes_of_expm1(lambda v, c: -(v**3) / tau, batch) == {(8, 3)}


@every_method
def test_gradients_match_finite_differences(method, x64):
    def end(y, gain, dt):
        def f(y, c):
            return {"v": -gain * y["v"] ** 3 + c, "w": y["v"].sum() - y["w"]}

        return method().step(f, method().step(f, y, dt), dt)

    y = {"v": jnp.array([0.5, -1.2]), "w": jnp.array(0.3)}
    check_grads(end, (y, jnp.array(0.8), jnp.array(0.2)), order=1, rtol=1e-6)


@every_method
def test_jit_and_vmap_agree_with_plain_steps(method, x64):
    def step(v, dt):
        return method().step(lambda v, c: -(v**3) + jnp.sin(v) + c, v, dt)

    batch = jnp.linspace(-2.0, 2.0, 12).reshape(4, 3)
    expected = jnp.stack([step(v, 0.3) for v in batch])
    np.testing.assert_allclose(jax.jit(step)(batch, 0.3), expected, rtol=1e-12)
    np.testing.assert_allclose(jax.vmap(step, (0, None))(batch, 0.3), expected, rtol=1e-12)


@every_method
@pytest.mark.parametrize("dt", [0.1, np.float64(0.1), np.float32(0.1), jnp.array(0.1)])
def test_the_dtype_of_dt_leaves_the_state_alone(method, dt, x64):
    y = (jnp.ones(2, jnp.float32), jnp.ones(2, jnp.float64), jnp.ones(2, jnp.complex64))
    new = jax.jit(lambda y, dt: method().step(lambda y, c: jax.tree.map(jnp.negative, y), y, dt))(
        y, dt
    )
    assert [leaf.dtype for leaf in new] == [leaf.dtype for leaf in y]
    plain = method().step(lambda y, c: jax.tree.map(jnp.negative, y), y, dt)
    for a, b in zip(new, plain, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-6)
    np.testing.assert_allclose(new[0], np.exp(-0.1), rtol=6e-3)


@every_method
@pytest.mark.parametrize("filler", [None, jnp.array(7)])
def test_leaves_without_a_slope_stay_as_they_are(method, filler):
    key = jax.random.key(3)
    y = {"v": jnp.ones(2), "count": jnp.array([1, 2]), "on": jnp.array(True), "key": key}

    def f(y, c):
        return {"v": -y["v"] * y["count"].astype(float)} | dict.fromkeys(
            ["count", "on", "key"], filler
        )

    new = method().step(f, y, 0.1)
    np.testing.assert_array_equal(new["count"], [1, 2])
    assert new["on"].dtype == bool
    assert new["key"] == key
    np.testing.assert_allclose(new["v"], np.exp([-0.1, -0.2]), rtol=3e-2)


@every_method
def test_a_scalar_derivative_is_broadcast(method):
    new = method().step(lambda v, c: 2.0, jnp.zeros(3), 0.5)
    np.testing.assert_allclose(new, np.ones(3), rtol=1e-6)


@every_method
def test_a_derivative_of_another_shape_is_refused(method):
    with pytest.raises(ValueError, match=r"State y\['v'\] has shape \(3,\).*of shape \(2,\)"):
        method().step(lambda y, c: {"v": jnp.ones(2)}, {"v": jnp.ones(3)}, 0.1)


@pytest.mark.parametrize("name", [name for name in vars(integrators) if name[0].isupper()])
def test_examples_run(name):
    code = re.search(r"```python\n(.*?)```", getattr(integrators, name).__doc__, re.DOTALL)
    assert code is not None
    exec(textwrap.dedent(code[1]), {})
