from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

SteadyCurrent = Callable[[Float[Array, ""]], Float[Array, ""]]
StaticCurrent = Callable[
    [Float[Array, ""], Float[Array, ""], Float[Array, ""] | float], Float[Array, ""]
]


class IVCurves(NamedTuple):
    """I-V curves of a neuron, one for each time scale.

    **Attributes:**

    - `v`: voltages.
    - `currents`: I_T(v), a row for each time scale.
    - `slopes`: dI_T/dv, exact.
    - `regions`: the index of the first time scale, up to that of the row, on which the slope is
      negative; -1 where it is not.
    - `v_rest`: the equilibrium that slower elements are held at.
    """

    v: Float[Array, "v"]
    currents: Float[Array, "scales v"]
    slopes: Float[Array, "scales v"]
    regions: Int[Array, "scales v"]
    v_rest: Float[Array, ""]


def iv_curves(
    static_current: StaticCurrent,
    taus: tuple[float, ...],
    i_app: Float[Array, ""] | float,
    v: Float[Array, "v"],
    near: Float[Array, ""] | float = 0.0,
) -> IVCurves:
    """The current against voltage on each time scale, around the equilibrium.

    I_T(V) holds everything slower than T where it is at the equilibrium V_r, and lets the rest
    follow V. Where its slope is negative the neuron is excitable on that time scale.

    Curves, slopes and equilibrium are differentiable in whatever the current is made of.

    **Arguments:**

    - `static_current`: I(v, v_rest, tau) of numbers, such as `Neuromorphic.static_current`.
    - `taus`: time scales, ms, fast to slow; the slowest holds the steady state.
    - `i_app`: applied current.
    - `v`: ascending voltages with equal steps.
    - `near`: as in `equilibrium`.

    The original program lets a slower time scale take over a region that was negative on a faster
    one already; here a region belongs to where it appears first.

    Reference: Ribar & Sepulchre (2019), IEEE Trans. Circuits Syst. I 66:3028.

    >>> import jax.numpy as jnp
    >>> def current(v, v_rest, tau):
    ...     return v - 2.0 * jnp.tanh(v) + 2.0 * jnp.tanh(v if tau >= 50.0 else v_rest)
    >>> curves = iv_curves(current, (0.0, 50.0), -1.0, jnp.linspace(-2.0, 2.0, 5))
    >>> float(curves.v_rest), curves.regions.tolist()
    (-1.0, [[-1, -1, 0, -1, -1], [-1, -1, 0, -1, -1]])
    """
    v_rest = equilibrium(lambda v: static_current(v, v, taus[-1]), i_app, v, near)

    def on(tau: float) -> tuple[Array, Array]:
        def value_and_slope(v: Array) -> tuple[Array, Array]:
            return jax.jvp(lambda x: static_current(x, v_rest, tau), (v,), (jnp.ones_like(v),))

        return jax.vmap(value_and_slope)(v)

    rows = [on(tau) for tau in taus]
    currents, slopes = (jnp.stack([row[i] for row in rows]) for i in range(2))
    return IVCurves(v, currents, slopes, negative_regions(slopes), v_rest)


def negative_regions(slopes: Float[Array, "scales v"]) -> Int[Array, "scales v"]:
    """Where the slope is negative, by the first time scale on which it is; -1 elsewhere.

    What a faster time scale has marked stays marked on the slower ones.

    >>> import jax.numpy as jnp
    >>> negative_regions(jnp.asarray([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])).tolist()
    [[-1, 0, -1], [1, 0, -1]]
    """
    count = slopes.shape[0]
    index = jnp.arange(count, dtype=jnp.int32)[:, None]
    scale = jnp.where(slopes < 0, index, count)
    first = jax.lax.cummin(scale, axis=0)
    return jnp.where(first == count, -1, first)


def equilibrium(
    steady_current: SteadyCurrent,
    i_app: Float[Array, ""] | float,
    v: Float[Array, "v"],
    near: Float[Array, ""] | float = 0.0,
) -> Float[Array, ""]:
    """The root V_r of I(V) = I_app that is nearest to `near`, to rounding.

    It is bisected in the cell that `equilibrium_cell` finds. Its derivative is that of the implicit
    function, dV_r = (dI_app - dI) / I'(V_r).

    **Arguments:**

    - `steady_current`: I(v), a function of a number.
    - `i_app`: applied current.
    - `v`: ascending voltages with equal steps; the search goes beyond them, see `equilibrium_cell`.
    - `near`: the previous equilibrium.

    **Raises:** a runtime error if there is no root.

    >>> import jax, jax.numpy as jnp
    >>> v = jnp.linspace(-2.0, 2.0, 9)
    >>> round(float(equilibrium(lambda v: v**3, 0.125, v)), 6)
    0.5
    >>> round(float(jax.grad(lambda i: equilibrium(lambda v: v**3, i, v))(0.125)), 4)
    1.3333
    """
    fixed = jax.lax.stop_gradient
    low, high = fixed(equilibrium_cell(steady_current, i_app, v, near))
    excess = lambda v: steady_current(v) - i_app  # noqa: E731
    side = jnp.sign(fixed(excess(low)))

    def halve(_: Array, cell: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = cell
        middle = 0.5 * (low + high)
        is_below = jnp.sign(fixed(excess(middle))) == side
        return jnp.where(is_below, middle, low), jnp.where(is_below, high, middle)

    low, high = jax.lax.fori_loop(0, jnp.finfo(v.dtype).nmant + 2, halve, (low, high))
    root = fixed(0.5 * (low + high))
    # One step of Newton's method carries the derivative: its value is the root up to rounding.
    left, slope = jax.jvp(excess, (root,), (jnp.ones_like(root),))
    slope = fixed(slope)
    return root - jnp.where(slope == 0, 0.0, left / jnp.where(slope == 0, 1.0, slope))


def equilibrium_cell(
    steady_current: SteadyCurrent,
    i_app: Float[Array, ""] | float,
    v: Float[Array, "v"],
    near: Float[Array, ""] | float = 0.0,
) -> Float[Array, "2"]:
    """The two grid points between which I(V) - I_app changes sign, nearest to `near`.

    The grid is that of `v`, made longer by half its length on both sides. The original program
    takes the middle of this cell for the equilibrium. Nearness is measured from the lower point.

    **Arguments** and **Raises:** as in `equilibrium`.

    >>> import jax.numpy as jnp
    >>> equilibrium_cell(lambda v: v**3, 0.5, jnp.linspace(-2.0, 2.0, 9)).tolist()
    [0.75, 1.25]
    """
    count = v.shape[0]
    step = (v[-1] - v[0]) / (count - 1)
    grid = v[0] - 0.5 * count * step + step * jnp.arange(2 * count, dtype=v.dtype)
    sign = jnp.sign(jax.vmap(steady_current)(grid) - i_app)
    changes = sign[1:] != sign[:-1]
    distance = jnp.where(changes, jnp.abs(grid[:-1] - near), jnp.inf)
    place = jnp.argmin(distance)
    cell = jnp.stack([grid[place], grid[place + 1]])
    message = (
        "equilibrium: the steady-state current equals i_app nowhere on the searched voltages. "
        "Pass a wider range of v."
    )
    return eqx.error_if(cell, ~jnp.any(changes), message)
