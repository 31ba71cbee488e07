import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxneuro import sweeps
from jaxneuro.core import plural
from jaxneuro.sweeps import Grid

from ._config import Config, Section
from ._devices import DeviceArguments, on_first, start_devices
from ._errors import fail, told, users_mistakes
from ._info import device_name, versions
from ._network_config import NetworkSimulationConfig
from ._parse import parse
from ._run_folder import RunFolder, as_json, as_table, free_folder, write_atomically
from ._sweep_axes import build_grid, count_points, resolve_targets, static_tables
from ._sweep_base import base_kind, base_table, checked
from ._sweep_config import AxisConfig, SweepConfig
from ._sweep_criticality import REGIME, count_regimes
from ._sweep_figures import draw_sweep
from ._sweep_lane import Lane, Target
from ._sweep_network import network_lane
from ._sweep_neuron import neuron_lane
from ._sweep_progress import sweep_display
from ._sweep_training import sweep_training_lane
from ._trial import runtime_mistakes

MOST_LANES = 10**9
SHOWN_FAILURES = 20
MOST_TOLD = 4  # results whose range the last line names


class SweepArguments(SweepConfig, DeviceArguments):
    """Run one configuration at many points, in compiled calls over all devices."""

    run_dir: str = ""
    """Folder of the results; by default a new one under runs/, named after the file."""
    resume: bool = False
    """Go on with what is missing in --run-dir."""
    yes: bool = False
    """Also run more than a billion points."""


class Prepared(NamedTuple):
    """A sweep that can begin.

    **Attributes:**

    - `config`: with all that its files say, so that it needs none of them.
    - `points`, `targets`: the grid, and what each of its axes sets.
    - `lane`, `programs`: the function of all groups, and how many groups there are.
    - `devices`: of all processes.
    - `folder`: of the results.
    """

    config: SweepArguments
    points: Grid
    targets: list[Target]
    lane: Lane
    programs: int
    devices: list[Any]
    folder: RunFolder


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro sweep CONFIG.toml [--run-dir DIR] [--resume] [--any.field VALUE]`."""
    with users_mistakes():
        sweep = _prepare(*parse(SweepArguments, arguments, "sweep"))
    _say(sweep)
    results, last = _run(sweep)
    on_first(lambda: _finish(sweep, results, last, began))


def _prepare(path: Path, config: SweepArguments) -> Prepared:
    if config.resume and not config.run_dir:
        fail("--resume needs --run-dir: which sweep should go on?")
    table = base_table(config, path.parent)
    check_count(count_points(config), config.yes)
    points = build_grid(config, path.parent)
    check_count(points.lanes, config.yes)
    devices = start_devices(config, is_split=True)
    kind = base_kind(table)
    targets = resolve_targets(config, points, kind, table)
    lane, programs = _build_lane(config, points, targets, kind, table)
    whole = self_contained(config, table, points)
    folder = RunFolder(Path(on_first(lambda: _open_folder(whole, path.stem))))
    return Prepared(whole, points, targets, lane, programs, devices, folder)


def _open_folder(config: SweepArguments, stem: str) -> str:
    """Makes the folder, or checks the one that is there; its path."""
    chosen = Path(config.run_dir) if config.run_dir else free_folder(Path("runs"), stem)
    folder = RunFolder(chosen)
    folder.resume(config, SweepConfig) if config.resume else folder.start(config)
    return str(chosen)


def check_count(lanes: int, is_wanted: bool) -> None:
    """Refuses more points than anybody wants by mistake."""
    if lanes > MOST_LANES and not is_wanted:
        raise ValueError(f"{lanes:,} points are more than a billion. Take fewer, or say --yes.")


def _build_lane(
    config: SweepConfig,
    points: Grid,
    targets: Sequence[Target],
    kind: type[Section],
    table: dict[str, Any],
) -> tuple[Lane, int]:
    """One function for all groups, which looks up that of the group; and how many there are."""
    names = [target.axis for target in targets if target.is_static]
    dynamic = [target for target in targets if not target.is_static]
    built: dict[tuple[Any, ...], Lane] = {}
    for group, changed in static_tables(points, targets, table).items():
        where = ", ".join(f"axes.{n} = {v!r}" for n, v in zip(names, group, strict=True))
        base = checked(kind, changed, where or "the base")
        if kind is Config:
            if config.measure:
                raise ValueError("measure is for simulations; a training has results of its own.")
            has_epochs = all(target.path != "training.epochs" for target in targets)
            built[group] = sweep_training_lane(base, dynamic, points, has_epochs)
        else:
            measure = config.measure or ["rate"]
            built[group] = (
                network_lane(base, dynamic, measure, points, config.criticality)
                if kind is NetworkSimulationConfig
                else neuron_lane(base, dynamic, measure)
            )

    def function(point: Mapping[str, Any], key: jax.Array) -> dict[str, jax.Array]:
        return built[tuple(point[name] for name in names)].function(point, key)

    return next(iter(built.values()))._replace(function=function), len(built)


def _run(sweep: Prepared) -> tuple[Any, sweeps.Progress | None]:
    """The results, and where the sweep was at the end (None if nothing was missing)."""
    config, points, lane, folder = sweep.config, sweep.points, sweep.lane, sweep.folder
    last: list[sweeps.Progress] = []
    again = (
        f"Go on with: jaxneuro sweep {shlex.quote(str(folder.config))} "
        f"--run-dir {shlex.quote(str(folder.path))} --resume"
    )
    try:
        with runtime_mistakes(), sweep_display(points.lanes, lane.simulated_seconds) as show:

            def on_progress(at: sweeps.Progress) -> None:
                last[:] = [at]
                show(at)

            results = sweeps.run(
                lane.function,
                points,
                key=jax.random.key(config.seed),
                store=folder.path / "results.zarr",
                static=[target.axis for target in sweep.targets if target.is_static],
                tile=config.tile or None,
                chunk=config.chunk or None,
                devices=sweep.devices,
                dims=lane.dims,
                units=lane.units,
                coords=lane.coords,
                settings=as_table(config),
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        fail(f"stopped. {again}", code=130)
    except OSError as error:  # a full disk, for instance
        fail(f"{told(error)} {again}")
    except (ValueError, MemoryError) as error:
        fail(str(error))
    return results, last[0] if last else None


def self_contained(config: SweepArguments, table: dict[str, Any], points: Grid) -> SweepArguments:
    """The configuration with all that its files say, so that it needs none of them."""
    changed: dict[str, Any] = {"base": table, "config": None, "table": None}
    if config.table is not None:
        changed["method"] = "zip"
        changed["axes"] = {
            name: config.axes.get(name, AxisConfig()).model_copy(
                update={"values": axis.values.tolist()}
            )
            for name, axis in points.axes.items()
        }
    return config.model_copy(update=changed)


def _say(sweep: Prepared) -> None:
    axes = sweep.points.axes
    is_product = all(axis.dim == name for name, axis in axes.items())
    shape = " x ".join(f"{len(axis.values)} {name}" for name, axis in axes.items())
    shape = f" ({shape})" if is_product and len(axes) > 1 else ""
    programs = f" in {sweep.programs} programs" if sweep.programs > 1 else ""
    told = f"{plural(sweep.points.lanes, 'lane')}{shape}{programs}"
    print(f"{told}; {device_name()}; {sweep.folder.path}", flush=True)


def _finish(sweep: Prepared, results: Any, last: sweeps.Progress | None, began: float) -> None:
    """Figures, summary, and what is told at the end."""
    points, folder = sweep.points, sweep.folder
    draw_sweep(results, points, sweep.targets, folder.figures)
    failed = int((results.status == sweeps.FAILED).sum())
    listed = sweeps.failed_points(results, SHOWN_FAILURES)
    summary: dict[str, Any] = {
        "lanes": points.lanes,
        "failed": failed,
        "failed_points": listed,
        "results": {str(name): _spread(results[name]) for name in results.data_vars},
        "axes": points.describe(),
        "sets": {target.axis: target.path for target in sweep.targets},
        "programs": sweep.programs,
        "tile": results.attrs["sweep"]["plan"]["tile"],
        "devices": len(sweep.devices),
        "processes": jax.process_count(),
        "seed": sweep.config.seed,
        "device": device_name(),
        "versions": versions(),
    }
    del summary["results"]["status"]
    if REGIME in results:
        summary["regimes"] = count_regimes(results)
    if last is not None:
        speed = last.run / last.seconds
        summary |= {
            "run_seconds": round(last.seconds, 3),
            "compile_seconds": round(last.compile_seconds, 3),
            "lanes_per_second": speed,
            "simulated_seconds_per_second": speed * sweep.lane.simulated_seconds or None,
        }
    summary["wall_seconds"] = round(time.perf_counter() - began, 2)
    write_atomically(folder.summary, as_json(summary, indent=2) + "\n")
    ranges = [
        f"{name} {one['min']:.4g} to {one['max']:.4g}"
        for name, one in summary["results"].items()
        if one["min"] is not None and "epoch" not in results[name].dims and name != REGIME
    ]
    regimes = [f"{count} {name}" for name, count in summary.get("regimes", {}).items()]
    told = ", ".join([*regimes, *ranges[:MOST_TOLD]])
    print(f"{told}; {summary['wall_seconds']:.1f} s; {folder.path}")
    if failed:
        first = ", ".join(f"{name} = {value}" for name, value in listed[0].items())
        print(
            f"warning: {failed:,} of {plural(points.lanes, 'lane')} did not stay finite, the first "
            f"at {first}. They are marked in status; summary.json lists "
            f"{'them' if failed <= SHOWN_FAILURES else f'the first {SHOWN_FAILURES}'}."
        )


def _spread(values: Any) -> dict[str, float | None]:
    """Smallest, mean and largest number of a result, as far as they are finite."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return {"min": None, "mean": None, "max": None}
    return {
        "min": float(numbers.min()),
        "mean": float(numbers.mean()),
        "max": float(numbers.max()),
    }
