"""Spikes of several trials, with what was shown in each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float64, Int64, Shaped

Labels = Mapping[str, Sequence[float | int | bool | str] | Shaped[np.ndarray, " trials"]]
# The columns of a table of trials, which no label can be called.
COLUMNS = ("trial", "population", "neuron", "time_ms", "size", "duration_ms")


@dataclass(frozen=True, eq=False)
class SpikeTrials:
    """The spikes of some populations in some trials, one entry for each spike.

    Entries are in order of trial, time, population and neuron, in whatever order they are given.

    **Arguments:**

    - `sizes`: number of neurons of each population, by name.
    - `duration_ms`: how long each trial lasted, ms.
    - `trial`: 0 to the number of trials - 1.
    - `population`: the place of its population in `sizes`.
    - `neuron`: its place in its population.
    - `time_ms`: from the start of its trial, 0 to `duration_ms`.
    - `labels`: by name, a number, text or truth value for each trial, such as its cue.

    **Raises:** `ValueError` for a spike of no trial, population, neuron or time, or labels that are
    not one for each trial.

    >>> import numpy as np
    >>> trials = trials_from_times([{"exc": [[5.0, 2.0], []]}], 10.0, labels={"cue": ["A"]})
    >>> trials.time_ms.tolist(), trials.neuron.tolist(), trials.labels["cue"].tolist()
    ([2.0, 5.0], [0, 0], ['A'])
    """

    sizes: Mapping[str, int]
    duration_ms: Float64[np.ndarray, " trials"]
    trial: Int64[np.ndarray, " spikes"]
    population: Int64[np.ndarray, " spikes"]
    neuron: Int64[np.ndarray, " spikes"]
    time_ms: Float64[np.ndarray, " spikes"]
    labels: Mapping[str, Shaped[np.ndarray, " trials"]]

    def __post_init__(self) -> None:
        _check(self)
        order = np.lexsort((self.neuron, self.population, self.time_ms, self.trial))
        for name in ("trial", "population", "neuron", "time_ms"):
            object.__setattr__(self, name, getattr(self, name)[order])

    def __len__(self) -> int:
        return len(self.duration_ms)

    def times(self, trial: int, population: str) -> list[Float64[np.ndarray, " _"]]:
        """The times of each neuron's spikes in one trial, ms."""
        if not 0 <= trial < len(self):
            raise ValueError(f"SpikeTrials: no trial {trial}; there are 0 to {len(self) - 1}.")
        found = self.trial == trial
        found &= self.population == self._place(population)
        order = np.argsort(self.neuron[found], kind="stable")
        neurons, times = self.neuron[found][order], self.time_ms[found][order]
        return np.split(times, np.searchsorted(neurons, np.arange(1, self.sizes[population])))

    def counts(
        self, population: str, start: float = 0.0, stop: float = np.inf
    ) -> Int64[np.ndarray, "trials neurons"]:
        """Each neuron's spikes in [start, stop) of each trial."""
        found = (self.population == self._place(population)) & (self.time_ms >= start)
        found &= self.time_ms < stop
        counts = np.zeros((len(self), self.sizes[population]), np.int64)
        np.add.at(counts, (self.trial[found], self.neuron[found]), 1)
        return counts

    def _place(self, population: str) -> int:
        if population not in self.sizes:
            raise ValueError(
                f"SpikeTrials: there is no population {population!r}. There are "
                f"{', '.join(self.sizes)}."
            )
        return list(self.sizes).index(population)


def trials_from_times(
    trials: Sequence[Mapping[str, Sequence[Shaped[Array | np.ndarray, " _"] | Sequence[float]]]],
    duration_ms: float | Sequence[float] | Shaped[np.ndarray, " trials"],
    labels: Labels | None = None,
) -> SpikeTrials:
    """Trials from the times of each neuron's spikes.

    **Arguments:**

    - `trials`: for each trial, by population, the times of each of its neurons, ms; the same
      populations of the same sizes in every trial.
    - `duration_ms`: of all trials, or of each.
    - `labels`: as in `SpikeTrials`.

    **Raises:** `ValueError` as `SpikeTrials`.

    >>> trials_from_times([{"exc": [[1.0], [2.0, 3.0]]}], 5.0).counts("exc").tolist()
    [[1, 2]]
    """
    sizes = _common_sizes([{name: len(each) for name, each in one.items()} for one in trials])
    parts = []
    for trial, spikes in enumerate(trials):
        for place, name in enumerate(sizes):
            each = [np.asarray(times, np.float64) for times in spikes[name]]
            counts = [len(times) for times in each]
            times = np.concatenate([np.zeros(0), *each])
            neurons = np.repeat(np.arange(len(each)), counts)
            parts.append((np.full(len(times), trial), np.full(len(times), place), neurons, times))
    return _assembled(sizes, len(trials), parts, duration_ms, labels)


def trials_from_series(
    trials: Sequence[Mapping[str, Shaped[Array | np.ndarray, "time ..."]]],
    dt: float,
    labels: Labels | None = None,
) -> SpikeTrials:
    """Trials from recorded series of spikes.

    A spike of step i is at (i + 1) dt, and a trial lasts as long as its series.

    **Arguments:**

    - `trials`: for each trial, by population, its spikes: whatever is above 0 is one; axes after
      time are flattened.
    - `dt`: step, ms.
    - `labels`: as in `SpikeTrials`.

    **Raises:** `ValueError` as `SpikeTrials`, or for series of different lengths in one trial.

    >>> import numpy as np
    >>> trials_from_series([{"exc": np.array([[0, 1], [1, 0]])}], 0.5).time_ms.tolist()
    [0.5, 1.0]
    """
    parts, sizes, durations = [], [], []
    for trial, series in enumerate(trials):
        lengths = {name: len(spikes) for name, spikes in series.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"SpikeTrials: the series of trial {trial} have lengths {lengths}.")
        durations.append(max(lengths.values(), default=0) * dt)
        sizes.append({name: int(np.prod(spikes.shape[1:])) for name, spikes in series.items()})
        for place, name in enumerate(sizes[0]):
            fired = np.asarray(series.get(name, ())) > 0
            steps, neurons = np.nonzero(fired.reshape(len(fired), -1))
            ends = (steps + 1) * float(dt)
            parts.append((np.full(len(steps), trial), np.full(len(steps), place), neurons, ends))
    return _assembled(_common_sizes(sizes), len(trials), parts, durations, labels)


def as_labels(values: Sequence[float | int | bool | str] | np.ndarray) -> np.ndarray:
    """Labels as int64, float64, truth values or text."""
    array = np.asarray(values)
    kinds = {"i": np.int64, "u": np.int64, "f": np.float64, "b": np.bool_, "U": np.str_}
    return array.astype(kinds[array.dtype.kind]) if array.dtype.kind in kinds else array


def _assembled(
    sizes: Mapping[str, int],
    count: int,
    parts: Sequence[tuple[np.ndarray, ...]],
    durations: float | Sequence[float] | np.ndarray,
    labels: Labels | None,
) -> SpikeTrials:
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    trial, population, neuron = (column.astype(np.int64) for column in columns[:3])
    lasting = np.asarray(durations, np.float64)
    lasting = np.full(count, lasting) if lasting.ndim == 0 else lasting
    if len(lasting) != count:
        raise ValueError(f"SpikeTrials: {count} trials came with {len(lasting)} durations.")
    named = {name: as_labels(values) for name, values in (labels or {}).items()}
    return SpikeTrials(sizes, lasting, trial, population, neuron, columns[3], named)


def _common_sizes(sizes: Sequence[Mapping[str, int]]) -> dict[str, int]:
    if not sizes or not sizes[0]:
        raise ValueError("SpikeTrials: pass at least one trial, with at least one population.")
    for trial, own in enumerate(sizes):
        if own != sizes[0]:
            raise ValueError(
                f"SpikeTrials: trial {trial} has populations of sizes {dict(own)}, but trial 0 "
                f"{dict(sizes[0])}. Pass the same ones in every trial, with no spikes if need be."
            )
    return dict(sizes[0])


def _check(trials: SpikeTrials) -> None:
    count, sizes = len(trials.duration_ms), np.array(list(trials.sizes.values()), np.int64)
    columns = (trials.trial, trials.population, trials.neuron, trials.time_ms)
    if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
        shapes = [column.shape for column in columns]
        raise ValueError(
            f"SpikeTrials: its columns have shapes {shapes}; they must be equally long."
        )
    if not np.all(np.isfinite(trials.duration_ms) & (trials.duration_ms >= 0)):
        raise ValueError("SpikeTrials: a duration_ms is negative or not finite.")
    _refuse_first((trials.trial < 0) | (trials.trial >= count), trials, f"there are {count} trials")
    wrong = (trials.population < 0) | (trials.population >= len(sizes))
    _refuse_first(wrong, trials, f"there are {len(sizes)} populations")
    wrong = (trials.neuron < 0) | (trials.neuron >= sizes[trials.population])
    _refuse_first(wrong, trials, f"the populations have sizes {dict(trials.sizes)}")
    # A spike at the very end may be above it by rounding.
    latest = trials.duration_ms[trials.trial] * (1 + 1e-6)
    wrong = ~((trials.time_ms >= 0) & (trials.time_ms <= latest))
    _refuse_first(wrong, trials, "a time is from 0 to the duration_ms of its trial")
    for name, values in trials.labels.items():
        if name in COLUMNS or not name:
            raise ValueError(f"SpikeTrials: a label cannot be called {name!r}.")
        if values.shape != (count,) or values.dtype.kind not in "ifbU":
            raise ValueError(
                f"SpikeTrials: label {name!r} has shape {values.shape} and type {values.dtype}. "
                f"Pass one number, text or truth value for each of the {count} trials."
            )


def _refuse_first(wrong: np.ndarray, trials: SpikeTrials, wanted: str) -> None:
    if not wrong.any():
        return
    i = int(np.argmax(wrong))
    raise ValueError(
        f"SpikeTrials: spike {i} is of trial {trials.trial[i]}, population {trials.population[i]}, "
        f"neuron {trials.neuron[i]} at {trials.time_ms[i]:g} ms, but {wanted}."
    )
