"""One neuron under a stimulus as a lane of a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxneuro.core import map_leaves, param, whole_steps
from jaxneuro.inputs import AbstractSource, Constant
from jaxneuro.network import Network
from jaxneuro.simulation import simulate
from jaxneuro.sweeps import has_failed

from ._cell import build_population, record_paths
from ._simulation_config import SimulationConfig
from ._stimulus import build_stimulus
from ._sweep_lane import SEED, Lane, Target
from ._sweep_measures import UNITS, measured, reducers

AMPLITUDE = "stimulus.amplitude"


def neuron_model(config: SimulationConfig) -> Network:
    """The neuron whose parameters axes set."""
    return Network({"neuron": build_population(config, 1)})


def neuron_lane(
    config: SimulationConfig, targets: Sequence[Target], measure: Sequence[str]
) -> Lane:
    """The function that simulates one neuron and measures it within the stimulus.

    **Raises:** `ValueError` for a stimulus of several amplitudes, or a measure there is not.
    """
    dt, duration = float(config.dt), float(config.duration)
    steps = whole_steps(duration, dt, "duration")
    course = _course(config, steps, any(target.path == AMPLITUDE for target in targets))
    network = neuron_model(config)
    variables = [name.partition(":")[2] for name in measure if ":" in name]
    paths = record_paths(network.populations["neuron"], config.neuron.model, variables)
    window = float(config.stimulus.start), config.stop
    record = reducers(measure, ["neuron"], paths, window)

    def function(point: Mapping[str, Any], key: Key[Array, ""]) -> dict[str, Array]:
        values = {target.path: point[target.axis] for target in targets}
        if SEED in values:
            key = jax.random.key(values[SEED])
        run = simulate(
            with_parameters(network, targets, point),
            {"neuron": course(values.get(AMPLITUDE))},
            dt=dt,
            steps=steps,
            key=key,
            record=record,
        )
        found = measured(run, measure, ["neuron"], (window[1] - window[0]) / 1000.0)
        whole = {name: x[0] if x.ndim else x for name, x in found.items()}
        return whole | {"failed": has_failed(run.state)}

    units = {name: UNITS[name] for name in measure if name in UNITS}
    return Lane(function, {}, units, {}, duration / 1000.0)


def with_parameters(model: Any, targets: Sequence[Target], point: Mapping[str, Any]) -> Any:
    """A model with the values of a point in the parameters that the axes set."""
    others = (SEED, AMPLITUDE)
    chosen = {t.path: t for t in targets if t.path not in others and not t.is_joining}

    def placed(path: str, leaf: Array) -> Array:
        target = chosen[path]
        value = jnp.broadcast_to(jnp.asarray(point[target.axis]).astype(leaf.dtype), leaf.shape)
        return leaf * value if target.is_factor else value

    return map_leaves(model, list(chosen), placed)


class Course(AbstractSource):
    """A stimulus that is the same at every point but for its amplitude.

    **Arguments:**

    - `amplitude`: of this point.
    - `fixed`, `scaled`: the current of each step is fixed + amplitude * scaled.
    """

    amplitude: Float[Array, ""] = param()
    fixed: Float[Array, "time"] = param()
    scaled: Float[Array, "time"] = param()

    def sample(
        self, key: Key[Array, ""], step: Int[Array, ""], shape: tuple[int, ...], dt: float
    ) -> Float[Array, "..."]:
        value = self.fixed[step] + self.amplitude * self.scaled[step]
        return jnp.broadcast_to(value, shape)


def _course(config: SimulationConfig, steps: int, is_swept: bool) -> Any:
    """From an amplitude (None for that of the base) to an input of `simulate`.

    All kinds of stimulus are affine in their amplitude, so two of them tell all.
    """
    given = config.stimulus.amplitudes
    if config.stimulus.kind == "csv":
        series = build_stimulus(config, steps).series
        if is_swept or series.shape[1] != 1:
            raise ValueError(
                f"stimulus.path: {config.stimulus.path} has {series.shape[1]} neurons; a sweep "
                "takes a file with one, and no axis for its amplitude."
            )
        fixed, scaled, base = series[:, 0], np.zeros(steps), 0.0
    else:
        if not is_swept and len(given) != 1:
            raise ValueError(
                f"stimulus.amplitudes has {len(given)} numbers. A lane has one: give one, or an "
                f"axis with path = {AMPLITUDE!r}."
            )
        base = given[0] if given else 0.0
        two = [base, base + 1.0]  # one seed: what is random is the same for both
        series = np.concatenate([_alone(config, steps, amplitude) for amplitude in two], axis=1)
        scaled = series[:, 1] - series[:, 0]
        fixed = series[:, 0] - base * scaled
    if np.ptp(fixed) == 0 and np.ptp(scaled) == 0:
        return lambda value: Constant(
            jnp.reshape(fixed[0] + (base if value is None else value) * scaled[0], (1,))
        )

    def course(value: Any) -> Course:
        amplitude = jnp.asarray(base if value is None else value, float)
        return Course(amplitude, jnp.asarray(fixed, float), jnp.asarray(scaled, float))

    return course


def _alone(config: SimulationConfig, steps: int, amplitude: float) -> np.ndarray:
    stimulus = config.stimulus.model_copy(update={"amplitudes": [amplitude]})
    return build_stimulus(config.model_copy(update={"stimulus": stimulus}), steps).series
