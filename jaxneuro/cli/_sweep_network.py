"""A network as a lane of a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Key

from jaxneuro.core import whole_steps
from jaxneuro.simulation import simulate
from jaxneuro.sweeps import Grid, has_failed

from ._network_build import Built, build_network, start_state
from ._network_config import NetworkSimulationConfig
from ._sweep_catalogue import draws_of, find_joining, joined
from ._sweep_criticality import MEANING, OF_CRITICALITY, Activity, criticality_meter
from ._sweep_criticality_config import CriticalityConfig
from ._sweep_lane import SEED, Lane, Target
from ._sweep_measures import OF_SPIKES, UNITS, measured, reducers
from ._sweep_neuron import with_parameters

ACTIVITY = "activity of all"  # no path has a blank


class Model(eqx.Module):
    """What axes of a network can set: its parameters, and those of its inputs."""

    nodes: dict[str, Any]
    edges: dict[str, Any]
    inputs: dict[str, Any]


def network_model(config: NetworkSimulationConfig) -> Model:
    """The parts whose parameters axes set."""
    return _model(build_network(config))


def network_lane(
    config: NetworkSimulationConfig,
    targets: Sequence[Target],
    measure: Sequence[str],
    points: Grid,
    criticality: CriticalityConfig,
) -> Lane:
    """The function that simulates a network and measures it from `measure_from` on.

    The connections are those of the configuration's own seed, whatever the lane's seed.
    """
    dt, duration = float(config.dt), float(config.duration)
    steps = whole_steps(duration, dt, "duration")
    config, joining = find_joining(config, targets, points)
    built = build_network(config)
    draws = {} if joining is None else draws_of(built, config.seed)
    model, names = _model(built), list(built.network.populations)
    # Spikes after this time count, not those at it.
    begin = float(np.nextafter(np.float32(config.measure_from), np.float32(np.inf)))
    record = reducers(measure, names, {}, (begin, np.inf), OF_CRITICALITY)
    others = [name for name in measure if name not in OF_CRITICALITY]
    skipped = round(float(config.measure_from) / dt)
    meter = None
    if len(others) < len(measure):
        wanted = [name for name in measure if name in OF_CRITICALITY]
        neurons = sum(population.size for population in built.network.populations.values())
        meter = criticality_meter(wanted, criticality, dt, steps - skipped, neurons)
        record[ACTIVITY] = Activity(tuple(f"{name}.spikes" for name in names), steps)

    def function(point: Mapping[str, Any], key: Key[Array, ""]) -> dict[str, Array]:
        seeds = [point[target.axis] for target in targets if target.path == SEED]
        key = jax.random.key(seeds[0]) if seeds else key
        own = model if joining is None else joined(model, joining, draws, point)
        own = with_parameters(own, targets, point)
        network = eqx.tree_at(lambda n: (n.nodes, n.edges), built.network, (own.nodes, own.edges))
        run = simulate(
            network,
            own.inputs,
            dt=dt,
            steps=steps,
            key=key,
            state=start_state(network, config, key),
            record=record,
            spike_times=config.spike_times,
        )
        seconds = (duration - float(config.measure_from)) / 1000.0
        found = measured(run, others, names, seconds)
        if meter is not None:
            found |= meter(run[ACTIVITY][skipped:])
        return found | {"failed": has_failed(run.state)}

    of_spikes = [name for name in measure if name in OF_SPIKES]
    return Lane(
        function,
        {name: ("population",) for name in of_spikes},
        {name: unit for name, unit in (UNITS | MEANING).items() if name in measure},
        {"population": names} if of_spikes else {},
        duration / 1000.0,
    )


def _model(built: Built) -> Model:
    return Model(built.network.nodes, built.network.edges, built.inputs)
