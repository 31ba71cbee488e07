import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxneuro.training import Parameters

from ._polished import Polished
from ._problem import NODE, Problem
from ._target import Target

GOOD = 2.0  # times the least loss
GRID = 1.0  # ms between the times at which spikes counted so far are compared


def most_typical(problem: Problem, polished: Polished) -> int:
    """Which start, of those with a good loss, agrees best with the others where nothing was fitted.

    All of them run under the stimuli half-way between neighbouring sweeps. The distance of two is
    the mean difference of the spikes they have counted so far, as in `SpikeTiming`; the start with
    the least sum of distances to the others (their medoid) is the answer. What chance has made one
    of them do between the sweeps, the others do not share.
    """
    losses = np.asarray(polished.loss)
    good = np.flatnonzero(losses <= GOOD * losses.min())
    between = _between(problem.target)
    counts = []
    for index in good:
        parameters = {path: x[index] for path, x in polished.parameters.items()}
        counts.append(_counts(dataclasses.replace(problem, target=between), parameters))
    distances = np.array([[np.abs(a - b).mean() for b in counts] for a in counts])
    # Among equals the one with the least loss.
    totals = distances.sum(axis=1).round(9)
    return int(good[np.lexsort((losses[good], totals))[0]])


def _between(target: Target) -> Target:
    """The stimuli half-way between neighbouring sweeps; one sweep alone stays as it is."""
    if target.sweeps == 1:
        return target
    middle = jax.tree.map(lambda x: x[..., 1:], target)
    mean = lambda x: 0.5 * (x[..., :-1] + x[..., 1:])  # noqa: E731
    return dataclasses.replace(middle, current=mean(target.current), baseline=mean(target.baseline))


def _counts(problem: Problem, parameters: Parameters) -> Float[np.ndarray, "time sweeps"]:
    """Spikes of each window so far, at times within the windows."""
    times = np.asarray(_spike_times(problem, parameters))
    found = []
    for start, stop in problem.target.windows:
        grid = np.arange(start, stop, GRID)
        found.append([np.searchsorted(np.sort(t[t >= start]), grid) for t in times.T])
    return np.concatenate([np.array(window).T for window in found])


@eqx.filter_jit
def _spike_times(problem: Problem, parameters: Parameters) -> Float[jax.Array, "time sweeps"]:
    return jnp.asarray(problem.run(parameters, {"times": f"{NODE}.spike_times"}, True)["times"])
