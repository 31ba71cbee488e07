import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from ._protocol import first_change
from ._resample import resample_current, resample_voltage, step_ratio


@dataclass(frozen=True, eq=False)
class Recording:
    """The voltage of one cell under injected current, in sweeps of equal length.

    Sample k is at k dt, and `current[k]` flows from k dt to (k + 1) dt, as in `simulate`.

    **Arguments:**

    - `time`: ms, from 0 in equal steps, shape `(time,)`.
    - `voltage`: mV, shape `(time, sweeps)`; NaN where nothing was measured.
    - `current`: injected current, pA, shape `(time, sweeps)`.
    - `windows`: start and stop (ms) of each stretch of stimulus, in order.
    - `name`: what the cell is called in reports.
    - `labels`: number of each sweep in the file it comes from.
    - `notes`: what was found or changed in reading it, a sentence each.

    **Raises:** `ValueError` when the shapes disagree, the time is irregular, a current is missing
    or a window lies outside the time.

    >>> import numpy as np
    >>> time = np.arange(0.0, 100.0, 0.1)
    >>> current = np.where((time >= 20) & (time < 70), 50.0, 0.0)[:, None]
    >>> cell = Recording(time, -70 + 0.1 * current, current, ((20.0, 70.0),), "cell", (0,))
    >>> cell.sampling_rate, cell.baseline.tolist()
    (10000.0, [-70.0])
    """

    time: Float[np.ndarray, " time"]
    voltage: Float[np.ndarray, "time sweeps"]
    current: Float[np.ndarray, "time sweeps"]
    windows: tuple[tuple[float, float], ...]
    name: str
    labels: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.time), len(self.labels))
        if self.voltage.shape != shape or self.current.shape != shape or 0 in shape or shape[0] < 2:
            raise ValueError(
                f"Recording '{self.name}': {shape[0]} times and {shape[1]} labels came with a "
                f"voltage of shape {self.voltage.shape} and a current of shape "
                f"{self.current.shape}. Pass both as (time, sweeps), at least two times and one "
                "sweep, and a label for each sweep."
            )
        regular = np.arange(shape[0]) * self.dt
        if self.time[0] != 0 or self.dt <= 0 or np.abs(self.time - regular).max() > 0.01 * self.dt:
            raise ValueError(
                f"Recording '{self.name}': the time must rise from 0 in equal steps, but starts "
                f"{self.time[:3].tolist()} and ends at {self.time[-1]} ms after {shape[0]} samples."
            )
        if not np.isfinite(self.current).all():
            raise ValueError(
                f"Recording '{self.name}': the current has values that are not finite. A model "
                "needs to know its input at every time; leave these sweeps out."
            )
        for start, stop in self.windows:
            if not 0 <= start < stop <= self.time[-1] + 1.01 * self.dt:
                raise ValueError(
                    f"Recording '{self.name}': the window from {start} to {stop} ms is empty or "
                    f"not within the time, 0 to {self.time[-1]} ms."
                )

    @property
    def dt(self) -> float:
        """Time from one sample to the next, ms."""
        # Rounded because (n - 1) * 0.1 / (n - 1) need not be 0.1.
        return round(float(self.time[-1] - self.time[0]) / (len(self.time) - 1), 12)

    @property
    def sampling_rate(self) -> float:
        """Samples a second, Hz."""
        return round(1000 / self.dt, 6)

    @property
    def sweeps(self) -> int:
        """How many sweeps there are."""
        return len(self.labels)

    @property
    def baseline(self) -> Float64[np.ndarray, " sweeps"]:
        """Median voltage of each sweep before the stimulus first changes in any of them, mV.

        Of the whole sweep when it never changes, and NaN for one with no voltage before it does.
        """
        before = first_change(self.current, self.dt)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
            return np.nanmedian(self.voltage[:before], axis=0).astype(np.float64)

    def select(self, indices: Sequence[int] | np.ndarray) -> "Recording":
        """The sweeps at these places (0 is the first, whatever its label), in that order.

        The windows stay those of the whole recording.

        **Raises:** `ValueError` when a sweep does not exist or none is chosen.
        """
        chosen = np.asarray(indices, dtype=int)
        wrong = [int(index) for index in chosen if not -self.sweeps <= index < self.sweeps]
        if wrong or len(chosen) == 0:
            raise ValueError(
                f"Recording '{self.name}': has {self.sweeps} sweeps, but select was asked for "
                f"{wrong or 'none'}. Pass at least one place from 0 to {self.sweeps - 1}."
            )
        return dataclasses.replace(
            self,
            voltage=self.voltage[:, chosen],
            current=self.current[:, chosen],
            labels=tuple(self.labels[index] for index in chosen),
        )

    def resample(self, dt: float) -> "Recording":
        """The same recording with a sample at every multiple of `dt` (ms).

        A longer step filters the voltage first, so that nothing above the new Nyquist frequency
        folds back; a shorter one joins the samples by straight lines, which a note says. The
        current becomes its mean over each new step: charge is kept and levels stay exact, and
        only a step of the current that falls between two new samples leaves one value in between.
        The windows stay as they are.

        **Raises:** `ValueError` when `dt` is not positive, no simple fraction of the present step,
        or longer than the recording.
        """
        ratio = step_ratio(self.dt, dt, self.name)
        if ratio > len(self.time) - 1:
            raise ValueError(
                f"Recording '{self.name}': resample got dt={dt} ms, but it lasts "
                f"{self.time[-1]:g} ms. Pass a shorter step."
            )
        if ratio == 1:
            return self
        voltage = resample_voltage(self.voltage, ratio)
        lines = f"The voltage was interpolated from steps of {self.dt:g} ms to {dt:g} ms."
        return dataclasses.replace(
            self,
            time=np.arange(len(voltage)) * dt,
            voltage=voltage,
            current=resample_current(self.current, ratio, len(voltage)),
            notes=(*self.notes, lines) if ratio < 1 else self.notes,
        )
