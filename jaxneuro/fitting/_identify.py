from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxneuro.simulation import SpikeTimes
from jaxneuro.training import Parameters

from ._fitted import Fitted
from ._problem import NODE, Problem

CORRELATION = 5.0  # ms within which errors of the voltage are alike
LEAST_SD = 1e-3  # of the residuals, mV and ms: a perfect fit still has rounding


class Identifiability(NamedTuple):
    """Which combinations of parameters the data determine, near the fitted ones.

    Parameters are counted in unbounded numbers, in which the whole interval between the bounds has
    a width of a few units. An eigenvalue of 1 means that its combination is known to within one
    unit; those below are not determined by the data.

    **Attributes:**

    - `names`: of the parameters.
    - `information`: Fisher information matrix, `(p, p)`.
    - `eigenvalues`, `eigenvectors`: of it, falling, `(p,)` and `(p, p)`, a column each.
    - `uncertainty`: standard deviation of each parameter in its own unit, to first order, by name;
      without any information, one unit: about a quarter of an interval, around its middle.
    - `voltage_sd`, `spike_sd`: of the residuals that were taken for noise, mV and ms.
    """

    names: tuple[str, ...]
    information: Float[np.ndarray, "p p"]
    eigenvalues: Float[np.ndarray, "p"]
    eigenvectors: Float[np.ndarray, "p p"]
    uncertainty: dict[str, float]
    voltage_sd: float
    spike_sd: float

    @property
    def undetermined(self) -> int:
        """How many combinations the data do not determine."""
        return int(np.sum(self.eigenvalues < 1.0))


def identify(fitted: Fitted) -> Identifiability:
    """Fisher information of the fitted sweeps about the parameters, at the fitted values.

    The voltage below threshold and the times of the spikes are taken as measured with independent
    normal errors of the size of the fit's own residuals; errors of the voltage within 5 ms count
    as one. Derivatives are exact and pass through resets. The k-th spikes of model and recording
    in each sweep belong together; a model that is wrong about the cell makes all of this too
    confident.

    **Returns:** an `Identifiability`.
    """
    problem = fitted.problem
    paths = sorted(fitted.parameters)
    x = jnp.stack([fitted.parameters[path] for path in paths])
    slopes, bounded = _slopes(problem, tuple(paths), x)
    target = problem.target
    v, times = _observed(problem, tuple(paths), x)
    counted = np.asarray(target.is_subthreshold) > 0
    errors = np.asarray(v - target.voltage)[counted]
    voltage_sd = max(_sd(errors), LEAST_SD)
    capacity = min(target.spike_times.shape[0], times.shape[0])
    theirs, own = np.asarray(target.spike_times)[:capacity], np.asarray(times)[:capacity]
    both = np.isfinite(theirs) & np.isfinite(own)
    gaps = (np.where(both, own, 0.0) - np.where(both, theirs, 0.0))[both]
    spike_sd = max(_sd(gaps), LEAST_SD)
    by_voltage = np.asarray(slopes[0], float)[counted]
    by_spikes = np.asarray(slopes[1], float)[:capacity][both]
    per_step = target.dt / max(CORRELATION, target.dt)
    information = per_step * _gram(by_voltage) / voltage_sd**2 + _gram(by_spikes) / spike_sd**2
    values, vectors = np.linalg.eigh(information)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    # One unit is what is known beforehand: the parameters are between their bounds.
    spread = np.sqrt(np.diag(np.linalg.inv(information + np.eye(len(paths)))))
    names = tuple(problem.names[path] for path in paths)
    deviations = np.abs(np.asarray(bounded)) * spread
    uncertainty = {name: float(sd) for name, sd in zip(names, deviations, strict=True)}
    return Identifiability(names, information, values, vectors, uncertainty, voltage_sd, spike_sd)


def _gram(rows: np.ndarray) -> np.ndarray:
    rows = rows[np.isfinite(rows).all(axis=-1)]
    return rows.T @ rows


def _sd(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


@eqx.filter_jit
def _observed(
    problem: Problem, paths: tuple[str, ...], x: Float[Array, "p"]
) -> tuple[Float[Array, "time sweeps"], Float[Array, "capacity sweeps"]]:
    capacity = problem.target.spike_times.shape[0]
    record = {"v": f"{NODE}.v", "times": SpikeTimes(NODE, capacity)}
    recorded = problem.run(dict(zip(paths, x, strict=True)), record, True)
    return recorded["v"], recorded["times"]


@eqx.filter_jit
def _slopes(problem: Problem, paths: tuple[str, ...], x: Float[Array, "p"]) -> tuple:
    """Derivatives of voltage and spike times, the parameter last; and of each parameter's value."""

    def along(direction: Array) -> tuple[Array, Array]:
        return jax.jvp(lambda y: _observed(problem, paths, y), (x,), (direction,))[1]

    slopes = jax.lax.map(along, jnp.eye(len(paths), dtype=x.dtype))
    bounds = problem.chosen.bounds
    values: Parameters = {path: x[i] for i, path in enumerate(paths)}
    bounded = [jax.grad(bounds[path].bounded)(values[path]) for path in paths]
    return jax.tree.map(lambda s: jnp.moveaxis(s, 0, -1), slopes), jnp.stack(bounded)
