from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from jaxneuro.training import Bounds, Parameters

from ._consensus import most_typical
from ._polished import Polished
from ._problem import Problem


class FitProgress(NamedTuple):
    """Where a fit is: handed to `on_progress`.

    **Attributes:**

    - `stage`: `"evolution"` or `"gradient"`.
    - `done`, `total`: generations or steps.
    - `losses`: the best of each start so far, `(starts,)`.
    - `seconds`: since the fit began.
    """

    stage: str
    done: int
    total: int
    losses: Float[np.ndarray, "starts"]
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """The end of a fit.

    **Attributes:**

    - `model`: the neuron with the best values; a leaf that takes each sweep's baseline has their
      median plus the offset.
    - `values`: those of the free parameters, by the names they were given.
    - `bounds`: theirs.
    - `loss`: at the best.
    - `trials`: a table with a row for each start: `start.NAME` and `NAME` of each parameter,
      `evolution_loss`, `loss`, best first; infinity for a start that failed. `is_chosen` marks the
      one that became the model.
    - `evolution`: best loss of each start until each generation, `(generations, starts)`; starts
      are in the order in which they were drawn, as in `gradient`.
    - `gradient`: loss of each start at each step of the polishing, `(steps + 1, starts)`.
    - `parameters`: the best, unbounded, by path.
    - `problem`: what was fitted.
    """

    model: Any
    values: dict[str, float]
    bounds: dict[str, Bounds]
    loss: float
    trials: dict[str, Shaped[np.ndarray, "starts"]]
    evolution: Float[np.ndarray, "generations starts"]
    gradient: Float[np.ndarray, "steps starts"]
    parameters: Parameters
    problem: Problem


def finish(
    problem: Problem,
    drawn: Parameters,
    evolution_losses: np.ndarray,
    polished: Polished,
    rows: np.ndarray,
    select: str,
) -> Fitted:
    """The result of a fit, from what its two stages have left."""
    polished = jax.tree.map(lambda x: jnp.asarray(np.asarray(x)), polished)
    losses = np.asarray(polished.loss)
    order = np.argsort(losses, kind="stable")
    chosen = most_typical(problem, polished) if select == "consensus" else order[0]
    best = {path: x[chosen] for path, x in polished.parameters.items()}
    began, ended = problem.values(drawn), problem.values(polished.parameters)
    trials = {f"start.{name}": np.asarray(x)[order] for name, x in began.items()}
    trials |= {name: np.asarray(x)[order] for name, x in ended.items()}
    trials |= {"evolution_loss": evolution_losses[order], "loss": losses[order]}
    trials |= {"is_chosen": order == chosen}
    return Fitted(
        model=problem.finished(best),
        values={name: float(x) for name, x in problem.values(best).items()},
        bounds={problem.names[path]: bounds for path, bounds in problem.chosen.bounds.items()},
        loss=float(losses[chosen]),
        trials=trials,
        evolution=rows,
        gradient=np.asarray(polished.history),
        parameters=best,
        problem=problem,
    )
