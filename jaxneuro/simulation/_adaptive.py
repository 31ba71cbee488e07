from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Drive
from jaxneuro.neurons import AbstractODENeuron

if TYPE_CHECKING:
    import diffrax

Current = float | Float[Array, "..."] | Callable[[Float[Array, ""]], Float[Array, "..."]]


def solve_adaptive(
    neuron: AbstractODENeuron,
    i_app: Current = 0.0,
    *,
    times: Float[Array, "time"],
    shape: tuple[int, ...] = (),
    state: Any = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    solver: "diffrax.AbstractSolver | None" = None,
    max_steps: int = 1_000_000,
) -> Any:
    """Solves the differential equation of a neuron without reset, with a step chosen by its error.

    A reference for the fixed steps of `simulate`, and for models whose time scales lie far apart.
    It is differentiable. Use it in double precision, or with a looser `rtol`.

    **Arguments:**

    - `neuron`: a model whose spikes reset nothing, with parameters `()` or of `shape`.
    - `i_app`: the current: a number, an array of `shape`, or a function of t (ms).
    - `times`: when the state is returned, ms, ascending; the run starts at t = 0.
    - `shape`: of the population.
    - `state`: the state at t = 0; by default `neuron.init`.
    - `rtol`, `atol`: relative and absolute error of each variable per step.
    - `solver`: of diffrax; by default `Tsit5()`. `Kvaerno5()` is one for stiff equations.
    - `max_steps`: a run that needs more is an error.

    **Returns:** a state whose leaves have a leading time axis, `(time, *shape)`.

    **Raises:** `ValueError` for a neuron that is reset or is no differential equation;
    `ImportError` without diffrax.

    Reference: Tsitouras (2011), Comput. Math. Appl. 62:770; Kidger (2021), arXiv:2202.02435.

    !!! example

        ```python
        state = solve_adaptive(burster(), -2.0, times=jnp.arange(0.0, 10000.0))
        state.v  # (10000,)
        ```
    """
    diffrax = _import_diffrax()
    if state is None:
        check_is_smooth(neuron, shape)
        state = neuron.init(shape, jax.random.key(0))
    else:
        check_is_smooth(neuron, state.v.shape)
    moving, still = eqx.partition(state, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(moving)

    def build(leaves: list[Array]) -> Any:
        return eqx.combine(jax.tree.unflatten(structure, leaves), still)

    def slopes(t: Float[Array, ""], leaves: list[Array], args: tuple[Any, Any]) -> list[Array]:
        neuron, i_app = args
        y = build(leaves)
        current = i_app(t) if callable(i_app) else i_app
        current = jnp.broadcast_to(jnp.asarray(current, y.v.dtype), y.v.shape)
        return structure.flatten_up_to(neuron.derivative(y, Drive(current=current)))

    times = jnp.asarray(times, state.v.dtype)
    if callable(i_app):  # arrays that the function holds become its arguments: gradients reach them
        i_app = eqx.filter_closure_convert(i_app, times[0])
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(slopes),
        diffrax.Tsit5() if solver is None else solver,
        t0=jnp.zeros((), times.dtype),
        t1=times[-1],
        dt0=None,
        y0=leaves,
        args=(neuron, i_app),
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
        max_steps=max_steps,
    )
    return build(solution.ys)


def check_is_smooth(neuron: Any, shape: tuple[int, ...]) -> None:
    """Refuses neurons that are no plain differential equation.

    **Raises:** `ValueError`.
    """
    name = type(neuron).__name__
    if not isinstance(neuron, AbstractODENeuron):
        raise ValueError(
            f"solve_adaptive: {name} is no differential equation (AbstractODENeuron) but advances "
            "by steps of its own. Use `simulate`."
        )
    state = neuron.init(shape, jax.random.key(0))
    after = neuron.reset(state, jnp.ones(shape, state.v.dtype))
    before = jax.tree.leaves(state)
    # A model without reset hands on the arrays themselves: this can be seen while tracing, too.
    kept = [a is b for a, b in zip(jax.tree.leaves(after), before, strict=True)]
    if neuron.margin(state, state) is not None and not all(kept):
        raise ValueError(
            f"solve_adaptive: {name} is reset at its spikes, and an adaptive step would pass over "
            "them. Use `simulate`, with reset_gradient='event' for spike times within a step."
        )


def _import_diffrax() -> Any:
    try:
        import diffrax
    except ImportError as error:
        raise ImportError(
            "solve_adaptive needs diffrax, which is not installed. Run "
            "pip install 'jaxneuro[adaptive]'."
        ) from error
    return diffrax
