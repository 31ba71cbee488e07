import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxneuro.analysis import pad_spike_times

from ._recording import Recording
from ._spike_detection import spike_times

SPIKE_MASK = (2.0, 5.0)  # ms before and after a spike
AFTERMATH = 150.0  # ms after the last change of the stimulus that are fitted too


class Target(eqx.Module):
    """Recorded sweeps on the model's grid of time: what an objective compares a run with.

    Row i belongs to step i of the run, from i dt to (i + 1) dt: the current flows during it, the
    voltage is that at its end, and so is the mask.

    **Attributes:**

    - `current`: pA, `(time, sweeps)`.
    - `voltage`: mV, `(time, sweeps)`; 0 where nothing was measured.
    - `is_subthreshold`: 1 where the voltage counts and no spike is near, else 0.
    - `spikes`: recorded spikes of each step, 0 or 1.
    - `fraction`: where in its step each of them is, in (0, 1]; 1 without one.
    - `spike_times`: ms, `(capacity, sweeps)`, infinity after the last.
    - `baseline`: voltage before the stimulus, mV, `(sweeps,)`.
    - `windows`: start and stop of the stimulus, ms; the whole time if there is none.
    - `dt`: length of a step, ms.
    """

    current: Float[Array, "time sweeps"]
    voltage: Float[Array, "time sweeps"]
    is_subthreshold: Float[Array, "time sweeps"]
    spikes: Float[Array, "time sweeps"]
    fraction: Float[Array, "time sweeps"]
    spike_times: Float[Array, "capacity sweeps"]
    baseline: Float[Array, "sweeps"]
    windows: tuple[tuple[float, float], ...] = eqx.field(static=True)
    dt: float = eqx.field(static=True)

    def __check_init__(self):
        bounds = np.round(np.asarray(self.windows).reshape(-1, 2) / self.dt).reshape(-1)
        are_apart = np.all(np.diff(bounds.reshape(-1, 2)) > 0) and np.all(np.diff(bounds) >= 0)
        if not (len(bounds) and are_apart and bounds[0] >= 0 and bounds[-1] <= self.steps):
            raise ValueError(
                f"Target: the windows are {self.windows} ms. There must be at least one, each must "
                f"hold a step of {self.dt:g} ms, and they must follow each other without overlap "
                f"from 0 to {self.steps * self.dt:g} ms."
            )

    @property
    def steps(self) -> int:
        return self.current.shape[0]

    @property
    def sweeps(self) -> int:
        return self.current.shape[1]

    @property
    def segments(self) -> Float[np.ndarray, "time windows"]:
        """1 for the steps that belong to each window: up to the start of the next, else 0."""
        starts = np.round(np.asarray(self.windows)[1:, 0] / self.dt)
        owner = np.searchsorted(starts, np.arange(self.steps), side="right")
        return np.eye(len(self.windows))[owner]

    @property
    def spike_series(self) -> Float[Array, "time sweeps"]:
        """Time of each step's spike, ms, infinity without one, as `simulate` records it."""
        steps = jnp.arange(self.steps, dtype=self.fraction.dtype)[:, None]
        return jnp.where(self.spikes > 0, (steps + self.fraction) * self.dt, jnp.inf)


def make_target(
    recording: Recording,
    *,
    dt: float = 0.1,
    duration: float | None = None,
    spike_threshold: float = -20.0,
    spike_mask: tuple[float, float] = SPIKE_MASK,
) -> Target:
    """Brings a recording to the model's grid of time.

    Spikes are found at the recording's own sampling rate, before it is resampled.

    **Arguments:**

    - `dt`: length of a step, ms.
    - `duration`: how much is fitted, ms; by default until 150 ms after the stimulus last changes.
      A window that lasts longer ends there.
    - `spike_threshold`: an upward crossing of it is a spike, mV.
    - `spike_mask`: time before and after each spike (ms) in which the voltage does not count.

    **Raises:** `ValueError` for a duration longer than the recording, and two spikes in one step.

    !!! example

        ```python
        target = make_target(recording, dt=0.1)
        target.voltage  # (steps, sweeps)
        ```
    """
    times = spike_times(recording.voltage, recording.dt, spike_threshold)
    fine = recording.resample(dt)
    steps = len(fine.time) - 1
    if duration is None:
        changes = np.flatnonzero(np.any(np.diff(fine.current, axis=0) != 0, axis=1))
        last = changes[-1] + 1 if len(changes) else steps
        steps = min(steps, last + round(AFTERMATH / dt))
    elif not 0 < duration <= steps * dt * (1 + 1e-9):
        raise ValueError(
            f"make_target: duration is {duration:g} ms, but '{recording.name}' has "
            f"{steps * dt:g} ms. Pass at most that."
        )
    else:
        steps = round(duration / dt)
    end = steps * dt
    times = [one[one <= end] for one in times]
    windows = tuple((float(a), min(float(b), end)) for a, b in recording.windows if a < end - dt)
    voltage = np.asarray(fine.voltage[1 : steps + 1], float)
    at_end = np.arange(1, steps + 1) * dt
    shape = voltage.shape
    is_subthreshold = np.isfinite(voltage)
    spikes, fraction = np.zeros(shape), np.ones(shape)
    for sweep, found in enumerate(times):
        index = np.maximum(np.ceil(found / dt - 1e-9).astype(int) - 1, 0)
        if len(set(index)) < len(index):
            raise ValueError(
                f"make_target: sweep {recording.labels[sweep]} of '{recording.name}' has two "
                f"spikes within one step of {dt:g} ms. Take a smaller dt."
            )
        spikes[index, sweep] = 1.0
        fraction[index, sweep] = found / dt - index
        for time in found:
            near = (at_end >= time - spike_mask[0]) & (at_end <= time + spike_mask[1])
            is_subthreshold[near, sweep] = False
    return Target(
        current=_as_floats(fine.current[:steps]),
        voltage=_as_floats(np.where(np.isfinite(voltage), voltage, 0.0)),
        is_subthreshold=_as_floats(is_subthreshold),
        spikes=_as_floats(spikes),
        fraction=_as_floats(fraction),
        spike_times=_as_floats(pad_spike_times(times)),
        baseline=_as_floats(recording.baseline),
        windows=windows or ((0.0, end),),
        dt=float(dt),
    )


def repeat_sweeps(target: Target, times: int) -> Target:
    """A target with all sweeps so many times, one whole set after another."""
    arrays, rest = eqx.partition(target, eqx.is_array)
    return eqx.combine(jax.tree.map(lambda x: jnp.concatenate([x] * times, -1), arrays), rest)


def _as_floats(values: np.ndarray) -> Array:
    return jnp.asarray(values, float)
