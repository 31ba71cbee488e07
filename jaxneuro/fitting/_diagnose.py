import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from jaxneuro.training import Bounds, Parameters, Trainable

from ._problem import Problem

FACTORS = (0.1, 10.0, 0.01, 100.0, 0.001, 1000.0)


def who_ran_away(problem: Problem, is_exact: bool) -> str:
    """Which parameter keeps the loss from being finite: a sentence for an error message.

    Each parameter in turn is made smaller and larger by factors of up to 1000, past its bounds: a
    wrong unit is the likeliest cause.

    **Arguments:**

    - `is_exact`: as in `Problem`.
    """
    own = problem.chosen.split(problem.cell)
    values = {path: problem.chosen.bounds[path].bounded(x) for path, x in own.items()}
    # Without bounds the numbers are the parameters themselves.
    loose = dataclasses.replace(problem, chosen=Trainable(dict.fromkeys(values, Bounds())))
    paths = list(values)
    changed = {
        path: jnp.stack(
            [x] + [x * factor if path == other else x for other in paths for factor in FACTORS]
        )
        for path, x in values.items()
    }
    is_finite = np.asarray(_are_finite(loose, changed, is_exact))
    if is_finite[0]:
        return (
            "The model's own values give a finite one, but nothing around them does. Narrow the "
            "bounds, or let the evolution begin with a smaller sigma."
        )
    saved = is_finite[1:].reshape(len(paths), len(FACTORS))
    if not saved.any():
        return (
            "Not even the model's own values give a finite one, nor does a change of any single "
            "parameter: the voltage runs away. Take a smaller dt, another integrator, or other "
            "start values."
        )
    # The smallest change that helps.
    column = int(np.argmax(saved.any(axis=0)))
    path = paths[int(np.argmax(saved[:, column]))]
    name, bounds, value = problem.names[path], problem.chosen.bounds[path], float(values[path])
    return (
        f"The parameter {name!r} ran away: the model's own {name} = {value:g} gives none, and "
        f"{value * FACTORS[column]:g} would. Look at its unit and its bounds "
        f"({bounds.lower:g}, {bounds.upper:g}), or take a smaller dt."
    )


@eqx.filter_jit
def _are_finite(problem: Problem, parameters: Parameters, is_exact: bool) -> Bool[Array, "tried"]:
    return jnp.isfinite(jax.vmap(lambda one: problem.loss(one, is_exact))(parameters))
