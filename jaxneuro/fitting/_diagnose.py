import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.training import Parameters

from ._problem import Problem

TRIED = 8


def who_ran_away(problem: Problem, failing: Parameters) -> str:
    """Which parameter keeps candidates from a finite loss: a sentence for an error message.

    Of some that failed, each parameter in turn is put back to the model's own value.

    **Arguments:**

    - `failing`: parameters, unbounded, `(candidates,)` each.
    """
    own = problem.chosen.split(problem.cell)
    failing = {path: x[:TRIED] for path, x in failing.items()}
    loss = jax.jit(jax.vmap(lambda p: problem.loss(p, False)))
    count = len(next(iter(failing.values())))
    everywhere = {path: jnp.broadcast_to(x, (count,)) for path, x in own.items()}
    if not np.isfinite(np.asarray(loss(everywhere))).all():
        return (
            "Not even the model's own values give a finite one: the voltage runs away. Take a "
            "smaller dt, another integrator, or other start values."
        )
    saved = {}
    for path in own:
        one_back = {**failing, path: everywhere[path]}
        saved[path] = int(np.isfinite(np.asarray(loss(one_back))).sum())
    path = max(saved, key=lambda name: saved[name])
    if not saved[path]:
        return (
            "The model's own values give a finite one, but putting back any single parameter does "
            "not: several of them run away together. Narrow their bounds."
        )
    name, bounds = problem.names[path], problem.chosen.bounds[path]
    return (
        f"The parameter {name!r} ran away: with {float(bounds.bounded(own[path])):g} in its place "
        f"{saved[path]} of {count} failed candidates are finite. Narrow its bounds "
        f"({bounds.lower:g}, {bounds.upper:g})."
    )
