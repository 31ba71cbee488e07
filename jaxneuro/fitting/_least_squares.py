from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.training import Parameters

from ._objective import AbstractLeastSquares, AbstractObjective, split_terms
from ._polished import Polished
from ._problem import NODE, Problem


def is_squares(objective: AbstractObjective) -> bool:
    """Whether an objective is a sum of squares throughout."""
    return all(isinstance(term, AbstractLeastSquares) for term in split_terms(objective)[0])


def check_squares(objective: AbstractObjective) -> None:
    """Whether least squares can be used at all, to be known before an evolution.

    **Raises:** `ValueError` for an objective that is no sum of squares; `ModuleNotFoundError`
    without optimistix.
    """
    terms, _ = split_terms(objective)
    others = [type(term).__name__ for term in terms if not isinstance(term, AbstractLeastSquares)]
    if others:
        raise ValueError(
            f"fit: strategy 'least_squares' needs an objective of squares, but {', '.join(others)} "
            "is none. Leave it out, or take strategy='hybrid'."
        )
    try:
        import optimistix  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"fit: least squares need the package {error.name}, which is not installed. "
            "Install it with: pip install 'jaxneuro[app]'",
            name=error.name,
        ) from None


def least_squares(problem: Problem, starts: Parameters, *, steps: int) -> Polished:
    """The method of Levenberg and Marquardt from every start, one after another.

    For what passes `check_squares`.
    """
    import optimistix

    solver = optimistix.LevenbergMarquardt(rtol=1e-6, atol=1e-8)
    ends, before, after = [], [], []
    for index in range(len(next(iter(starts.values())))):
        start = {path: x[index] for path, x in starts.items()}
        end, first, last = _solve(problem, start, solver, steps)
        is_better = bool(last < first)  # else it was left by a step to where nothing is finite
        ends.append(end if is_better else start)
        before.append(first)
        after.append(last if is_better else first)
    parameters = jax.tree.map(lambda *x: jnp.stack(x), *ends)
    losses = jnp.stack(after)
    return Polished(parameters, losses, jnp.stack([jnp.stack(before), losses]))


@eqx.filter_jit
def _solve(
    problem: Problem, start: Parameters, solver: Any, steps: int
) -> tuple[Parameters, Array, Array]:
    """Where a start leads, its own loss and that of the end."""
    import optimistix

    function = lambda parameters, _: _residuals(problem, parameters)  # noqa: E731
    found = optimistix.least_squares(function, solver, start, max_steps=steps, throw=False)
    return found.value, problem.loss(start, True), problem.loss(found.value, True)


def _residuals(problem: Problem, parameters: Parameters) -> Float[Array, "n"]:
    """Numbers of which the sum of squares is the loss."""
    terms, weights = split_terms(problem.objective)
    target = problem.target
    record, parts = {}, []
    for index, term in enumerate(terms):
        assert isinstance(term, AbstractLeastSquares)
        wanted = term.residual_record(NODE, target)
        record |= {f"{index}.{name}": what for name, what in wanted.items()}
    recorded = problem.run(parameters, record, True)
    for index, (term, weight) in enumerate(zip(terms, weights, strict=True)):
        assert isinstance(term, AbstractLeastSquares)
        start = f"{index}."
        own = {n.removeprefix(start): x for n, x in recorded.items() if n.startswith(start)}
        parts.append((weight / target.sweeps) ** 0.5 * term.residuals(own, target).reshape(-1))
    return jnp.concatenate(parts)
