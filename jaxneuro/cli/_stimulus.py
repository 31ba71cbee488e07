"""The current that `jaxneuro simulate` gives each neuron, step by step."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._simulation_config import SimulationConfig, Stimulus


class Protocol(NamedTuple):
    """A stimulus made out.

    **Attributes:**

    - `series`: mean over each step, `(steps, neurons)`.
    - `labels`: what tells the neurons apart: their amplitudes, or the columns of a file.
    """

    series: np.ndarray
    labels: tuple[float | str, ...]


def build_stimulus(config: SimulationConfig, steps: int) -> Protocol:
    """The stimulus of every neuron.

    **Raises:** `ValueError` for a file that does not hold one, or amplitudes that are missing.
    """
    choice, dt = config.stimulus, float(config.dt)
    share = _share(choice.start, config.stop, dt, steps)
    times = (np.arange(steps) + 0.5) * dt
    if choice.kind == "csv":
        assert choice.path is not None, "the configuration checks this"
        names, values = read_series(choice.path, times)
        return Protocol(values * share[:, None], names)
    if not choice.amplitudes:
        raise ValueError("stimulus.amplitudes is missing: a list of numbers, one neuron each.")
    amplitudes = np.asarray(choice.amplitudes, np.float64)
    random = np.random.default_rng(config.seed)
    course = _course(choice, amplitudes, times, config, share, random)
    return Protocol(course * share[:, None], tuple(choice.amplitudes))


def _course(
    choice: Stimulus,
    amplitudes: np.ndarray,
    times: np.ndarray,
    config: SimulationConfig,
    share: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """The stimulus `(steps, neurons)` as if it had neither beginning nor end."""
    dt, since = float(config.dt), times - choice.start
    if choice.kind == "ramp":
        return np.outer(since / (config.stop - choice.start), amplitudes)
    if choice.kind == "sine":
        wave = np.sin(2.0 * math.pi * choice.frequency * since / 1000.0)
        return np.outer(wave, amplitudes) + choice.offset
    if choice.kind == "poisson":
        expected = choice.rate * dt / 1000.0 * share
        events = random.poisson(expected[:, None], (len(times), len(amplitudes)))
        return _shots(events, choice.tau, dt) * amplitudes
    if choice.kind == "frozen_noise":
        return _noise(len(times), choice, dt, random)[:, None] + amplitudes
    return np.tile(amplitudes, (len(times), 1))


def _share(start: float, stop: float, dt: float, steps: int) -> np.ndarray:
    """Which part of each step lies between start and stop, so that no charge depends on dt."""
    first, last = (
        round(edge) if abs(edge - round(edge)) < 1e-6 * max(1.0, edge) else edge
        for edge in (start / dt, stop / dt)
    )
    step = np.arange(steps)
    return np.clip(np.minimum(step + 1, last) - np.maximum(step, first), 0.0, 1.0)


def _shots(events: np.ndarray, tau: float, dt: float) -> np.ndarray:
    """Jumps by 1 that decay exponentially, as means over each step."""
    decay = math.exp(-dt / tau)
    current = np.zeros(events.shape)
    level = np.zeros(events.shape[1])
    for step, count in enumerate(events):
        level = level * decay + count
        current[step] = level
    return current * (-math.expm1(-dt / tau) * tau / dt)


def _noise(steps: int, choice: Stimulus, dt: float, random: np.random.Generator) -> np.ndarray:
    """An Ornstein-Uhlenbeck process of mean 0, stationary from its first step on."""
    decay = math.exp(-dt / choice.tau)
    draws = random.standard_normal(steps) * choice.sd
    draws[1:] *= math.sqrt(-math.expm1(-2.0 * dt / choice.tau))
    level, noise = 0.0, np.zeros(steps)
    for step, draw in enumerate(draws):
        level = noise[step] = level * decay + draw
    return noise


def read_series(path: Path, times: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The columns of a CSV file at these times (ms); the first and last value hold outside.

    **Returns:** their names, and their values `(time, columns)`.

    **Raises:** `ValueError` naming the file, and the line and column, for what is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, row) for row in reader if row]
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path} is not a CSV file (text in UTF-8).") from None
    names = [name.strip() for name in lines[0][1]] if lines else []
    if names.count("time_ms") != 1 or len(names) < 2 or len(lines) < 2:
        raise ValueError(
            f"{path}: it needs a first line with time_ms and one name for each neuron, then lines "
            f"of numbers; its first line is {', '.join(names)[:80]!r}, of {len(lines)}."
        )
    table = np.array([_numbers(path, line, names, row) for line, row in lines[1:]])
    clock = names.index("time_ms")
    at = table[:, clock]
    if not np.all(np.diff(at) > 0):
        line = lines[int(np.argmax(np.diff(at) <= 0)) + 2][0]
        raise ValueError(f"{path}: line {line}, column time_ms: the times must increase.")
    kept = [index for index in range(len(names)) if index != clock]
    values = np.stack([np.interp(times, at, table[:, index]) for index in kept], axis=1)
    return tuple(names[index] for index in kept), values


def _numbers(path: Path, line: int, names: list[str], row: list[str]) -> list[float]:
    if len(row) != len(names):
        raise ValueError(f"{path}: line {line} has {len(row)} values for {len(names)} columns.")
    numbers = []
    for name, text in zip(names, row, strict=True):
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(
                f"{path}: line {line}, column {name}: {text.strip()!r} is no finite number."
            )
        numbers.append(number)
    return numbers
