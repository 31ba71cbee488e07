"""The cell of `jaxneuro fit` without a recording: simulated, so that the truth is known."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import fitting
from jaxneuro.core import get_leaf, init_key, map_leaves, resolve_path, suggest, whole_steps
from jaxneuro.neurons import Population, Refractory
from jaxneuro.simulation import simulate
from jaxneuro.training import Bounds

from ._cell import INTEGRATORS
from ._fit_config import FitConfig
from ._fit_model import NODE, start_values

AROUND = 0.2  # of its interval, by which a truth may be off the model's own value
EDGE = 0.05  # of an interval, in which no truth is drawn
DRAWS = 300
FEWEST, MOST = 2.0, 200.0  # mean spikes of a sweep, and Hz in any, of a cell that is worth fitting
STEEP = 60.0  # mV that a spike rises in a step


class Truth(NamedTuple):
    """A simulated cell.

    **Attributes:**

    - `recording`: of it, with a sample every dt.
    - `values`: of the free parameters, by name.
    """

    recording: fitting.Recording
    values: dict[str, float]


def synthesize(config: FitConfig, model: Any, bounds: dict[str, Bounds]) -> Truth:
    """Simulates a cell with the stated parameters, and others drawn around the model's own.

    They are drawn again until the cell spikes, but not all the time.

    **Raises:** `ValueError` for a truth that is not free or outside its bounds, a duration that is
    no multiple of dt, and a cell that does not stay finite or, as often as it is drawn, spikes.
    """
    _check_truth(config, bounds)
    current = _current(config)
    drawn = [n for n in bounds if n not in config.synthetic.truth and n != config.baseline]
    for draw in range(DRAWS if drawn else 1):
        values = config.synthetic.truth | _draw(config, model, bounds, drawn, draw)
        voltage, spikes = _run(config, _with(model, values), current)
        if np.isfinite(voltage).all() and (not drawn or _is_lively(config, spikes)):
            recording = _record(config, voltage, spikes, current)
            if config.baseline in bounds:
                own = float(get_leaf({NODE: model}, f"{NODE}.{config.baseline}"))
                values[config.baseline] = own - float(np.median(recording.baseline))
            return Truth(recording, {name: values[name] for name in bounds})
    if drawn:
        raise ValueError(
            f"synthetic: none of {DRAWS} cells drawn around the start values spikes as a cell "
            "does. State parameters of one under [synthetic.truth], or give other amplitudes."
        )
    raise ValueError(
        "synthetic: the voltage of the cell does not stay finite. Take a smaller dt or amplitude."
    )


def _check_truth(config: FitConfig, bounds: dict[str, Bounds]) -> None:
    for name, value in config.synthetic.truth.items():
        where = f"synthetic.truth.{name}"
        if name == config.baseline:
            raise ValueError(f"{where}: it is that of the cell, as neuron.parameters.{name} says.")
        if name not in bounds:
            raise ValueError(f"{where}: it is not free. {suggest(name, list(bounds))}")
        if not bounds[name].contain(jnp.asarray(value)):
            lower, upper, _ = bounds[name]
            raise ValueError(f"{where} is {value:g}, outside the bounds {lower:g} to {upper:g}.")


def _draw(
    config: FitConfig, model: Any, bounds: dict[str, Bounds], names: list[str], draw: int
) -> dict[str, float]:
    """Values around the model's own, as far off as may be."""
    key = jax.random.fold_in(init_key(jax.random.key(config.seed), "synthetic"), draw)
    own = start_values(config, model, names)
    parts = jnp.asarray([jax.nn.sigmoid(bounds[n].free(jnp.asarray(own[n]))) for n in names])
    parts += jax.random.uniform(key, (len(names),), minval=-AROUND, maxval=AROUND)
    parts = jnp.clip(parts, EDGE, 1 - EDGE)
    free = jnp.log(parts) - jnp.log1p(-parts)
    return {name: float(bounds[name].bounded(x)) for name, x in zip(names, free, strict=True)}


def _is_lively(config: FitConfig, spikes: np.ndarray) -> bool:
    seconds = float(config.synthetic.duration) / 1000
    counts = np.isfinite(spikes).sum(axis=0)
    return counts.mean() >= FEWEST and counts.max() / seconds <= MOST


def _current(config: FitConfig) -> np.ndarray:
    """Current of each step and sweep, pA, `(steps, sweeps)`."""
    stimulus, dt = config.synthetic, float(config.dt)
    steps, start, stop = (
        whole_steps(float(getattr(stimulus, name)), dt, f"synthetic.{name}")
        for name in ("duration", "start", "stop")
    )
    current = np.zeros((steps, len(stimulus.amplitudes)))
    current[start:stop] = stimulus.amplitudes
    return current


def _with(model: Any, values: dict[str, float]) -> Any:
    """The model with these parameters, and with a refractory period that ends at its exact time."""
    tree = {NODE: model}
    by_path = {resolve_path(tree, f"{NODE}.{name}"): value for name, value in values.items()}
    neuron = map_leaves(
        tree, list(by_path), lambda path, leaf: jnp.asarray(by_path[path], leaf.dtype)
    )[NODE]
    if isinstance(neuron, Refractory):
        return dataclasses.replace(neuron, whole_steps=False)
    return neuron


def _run(config: FitConfig, neuron: Any, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The voltage from 0 on, `(steps + 1, sweeps)`, and the spike of each step, ms or infinity."""
    population = Population(
        neuron,
        current.shape[1],
        integrator=INTEGRATORS[config.integrator](),
        reset_gradient="event",
    )
    start = population.init(jax.random.key(0)).v
    run = simulate(
        population,
        {NODE: jnp.asarray(current, float)},
        dt=float(config.dt),
        key=jax.random.key(config.seed),
        record={"v": f"{NODE}.v", "times": f"{NODE}.spike_times"},
        spike_times="interpolated",
    )
    voltage = np.concatenate([np.asarray(start)[None], np.asarray(run["v"])]).astype(float)
    return voltage, np.asarray(run["times"], float)


def _record(
    config: FitConfig, voltage: np.ndarray, spikes: np.ndarray, current: np.ndarray
) -> fitting.Recording:
    """What an amplifier would have recorded of the run."""
    dt, threshold = float(config.dt), float(config.sweeps.spike_threshold)
    noise = np.random.default_rng(config.seed).normal(size=voltage.shape)
    voltage = voltage + float(config.synthetic.noise) * noise
    for sweep, times in enumerate(spikes.T):
        column, steps = voltage[:, sweep], np.flatnonzero(np.isfinite(times))
        cut = steps[column[steps + 1] < threshold]
        if len(cut):
            # The neuron resets its voltage: what is left of its upstroke is no crossing of its own.
            column[:] = np.minimum(column, threshold - 1.0)
        for step in cut:
            # A spike of one sample, through the threshold at the very time.
            part = times[step] / dt - step
            column[step] = threshold - STEEP * part
            column[step + 1] = threshold + max(STEEP * (1 - part), 1e-3)
    return fitting.Recording(
        np.arange(len(voltage)) * dt,
        voltage,
        np.concatenate([current, current[-1:]]),
        ((float(config.synthetic.start), float(config.synthetic.stop)),),
        "synthetic cell",
        tuple(range(voltage.shape[1])),
        ("The cell was simulated, so its true parameters are known.",),
    )
