import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ._fitted import Fitted
from ._objective import Record
from ._problem import NODE, Problem, check_baseline
from ._recording import Recording
from ._target import Target, make_target


class Simulated(NamedTuple):
    """What the fitted model does under the stimulus of a recording.

    **Attributes:**

    - `time`: end of each step, ms, `(time,)`.
    - `voltage`: mV, `(time, sweeps)`.
    - `spike_times`: of each sweep, ms.
    """

    time: Float[np.ndarray, "time"]
    voltage: Float[np.ndarray, "time sweeps"]
    spike_times: list[Float[np.ndarray, "spikes"]]

    @property
    def dt(self) -> float:
        """Length of a step, ms."""
        return float(self.time[0])


def simulate_recording(fitted: Fitted, recording: Recording | Target) -> Simulated:
    """Runs the fitted model under the current of a recording, with resets at exact times.

    **Arguments:**

    - `recording`: any sweeps, such as those that were held out, all of their time. If the fit had
      a baseline, each sweep has its own.

    !!! example

        ```python
        held_out = recording.select(range(1, recording.sweeps, 2))
        simulate_recording(fitted, held_out).spike_times
        ```
    """
    dt = fitted.problem.target.dt
    if isinstance(recording, Target):
        target = recording
    else:
        duration = (len(recording.resample(dt).time) - 1) * dt
        target = make_target(recording, dt=dt, duration=duration)
    problem = dataclasses.replace(fitted.problem, target=target)
    if problem.options.baseline is not None:
        check_baseline(target, problem.options.baseline)
    recorded = _run(problem, fitted.parameters)
    times = np.asarray(recorded["times"])
    return Simulated(
        np.arange(1, target.steps + 1) * dt,
        np.asarray(recorded["v"]),
        [column[np.isfinite(column)] for column in times.T],
    )


@eqx.filter_jit
def _run(problem: Problem, parameters: Any) -> dict[str, Any]:
    record: Record = {"v": f"{NODE}.v", "times": f"{NODE}.spike_times"}
    return dict(problem.run(parameters, record, True))
