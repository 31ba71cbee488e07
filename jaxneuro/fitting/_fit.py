import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from jaxneuro.core import init_key
from jaxneuro.evolution import AbstractStrategy, Evosax
from jaxneuro.integrators import AbstractIntegrator
from jaxneuro.neurons import AbstractNeuron, Fragment, Population
from jaxneuro.training import Bounds, Checkpoints, Diverged, Parameters

from ._descend import Polished, descend
from ._diagnose import who_ran_away
from ._latency import Latency
from ._least_squares import is_squares, least_squares
from ._objective import AbstractObjective
from ._polish import polish
from ._problem import Free, Problem, make_problem
from ._recording import Recording
from ._search import Search, begin_search, draw_starts, search_all
from ._spike_count import SpikeCount
from ._spike_timing import SpikeTiming
from ._target import Target, make_target
from ._voltage import Voltage

Strategy = Literal["hybrid", "evolution", "gradient", "least_squares"]
STRATEGIES = ("hybrid", "evolution", "gradient", "least_squares")


class FitProgress(NamedTuple):
    """Where a fit is: handed to `on_progress`.

    **Attributes:**

    - `stage`: `"evolution"` or `"gradient"`.
    - `done`, `total`: generations or steps.
    - `losses`: the best of each start so far, `(starts,)`.
    - `seconds`: since the fit began.
    """

    stage: str
    done: int
    total: int
    losses: Float[np.ndarray, "starts"]
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """The end of a fit.

    **Attributes:**

    - `model`: the neuron with the best values; a leaf that takes each sweep's baseline has their
      median plus the offset.
    - `values`: those of the free parameters, by the names they were given.
    - `bounds`: theirs.
    - `loss`: at the best.
    - `trials`: a table with a row for each start: `start.NAME` and `NAME` of each parameter,
      `evolution_loss`, `loss`, best first; infinity for a start that failed.
    - `evolution`: best loss of each start until each generation, `(generations, starts)`; starts are
      in the order in which they were drawn, as in `gradient`.
    - `gradient`: loss of each start at each step of the polishing, `(steps + 1, starts)`.
    - `parameters`: the best, unbounded, by path.
    - `problem`: what was fitted.
    """

    model: Any
    values: dict[str, float]
    bounds: dict[str, Bounds]
    loss: float
    trials: dict[str, Float[np.ndarray, "starts"]]
    evolution: Float[np.ndarray, "generations starts"]
    gradient: Float[np.ndarray, "steps starts"]
    parameters: Parameters
    problem: Problem


def default_objective() -> AbstractObjective:
    """Spike times, counts and latencies in each window, and the voltage below threshold."""
    return 3.0 * SpikeTiming() + 1.0 * SpikeCount() + 0.5 * Latency(sd=5.0) + 1.0 * Voltage(sd=4.5)


def fit(
    model: AbstractNeuron | Fragment | Population,
    recording: Recording | Target,
    free: Free,
    objective: AbstractObjective | None = None,
    *,
    strategy: Strategy = "hybrid",
    key: Key[Array, ""],
    dt: float = 0.1,
    baseline: str | None = None,
    integrator: AbstractIntegrator | None = None,
    starts: int = 8,
    evolution: AbstractStrategy | None = None,
    generations: int = 300,
    patience: int = 60,
    steps: int = 60,
    optimizer: optax.GradientTransformation | None = None,
    devices: Sequence[Any] | None = None,
    checkpoints: Checkpoints | str | Path | None = None,
    on_progress: Callable[[FitProgress], None] | None = None,
) -> Fitted:
    """Fits a neuron to recorded sweeps: many starts at once, by evolution, then by gradient.

    Every start has an evolution of its own, all of them in one compiled call; the best of each is
    then polished by gradient, with resets at the exact times of spikes. A start or a candidate that
    is not finite loses to the others and disturbs none.

    **Arguments:**

    - `model`: a neuron with its start values; `Refractory(...)` and the like are looked through. A
      `Population` brings its integrator; its shape does not matter.
    - `recording`: the sweeps to fit, all of them: choose by `recording.select`. Or a target of
      `make_target`, which has further options.
    - `free`: by path such as `"g_L"`, the bounds between which a parameter is looked for:
      `(lower, upper)`, or `(lower, upper, "log")` where factors matter.
    - `objective`: what is minimised, mean over the sweeps; by default `default_objective()`.
    - `strategy`: `"hybrid"`; `"evolution"` or `"gradient"` alone; or `"least_squares"`: the method
      of Levenberg and Marquardt from every start, for objectives that are sums of squares. For
      those it is the second half of the hybrid too.
    - `key`: draws starts and candidates.
    - `dt`: length of a step, ms (of a recording; a target has its own).
    - `baseline`: path of the leak potential, such as `"E_L"`, that takes the voltage of each sweep
      before the stimulus. If it is among the free, its bounds are of the offset from there, mV.
    - `integrator`: method for the neuron's differential equation, by default that of the
      population, or `Euler()`.
    - `starts`: how many: the model's own values and others drawn between the bounds.
    - `evolution`: strategy of each start, by default `Evosax("CMA_ES", 24, sigma=0.6)`, in
      unbounded numbers (`Bounds.free`).
    - `generations`: at most.
    - `patience`: generations without a better loss after which a start has stalled; the evolution
      ends when all have.
    - `steps`: of the gradient (at most, for `"least_squares"`).
    - `optimizer`: one of optax to descend the gradient with; by default damped Gauss–Newton
      steps over the losses of the sweeps.
    - `devices`: to spread the starts over, by default as many of all devices as divide them.
    - `checkpoints`: a folder in which the evolution is saved, and from which it goes on if there
      is something; the end is the same as without a stop.
    - `on_progress`: called with each `FitProgress`.

    **Returns:** a `Fitted`.

    **Raises:** `ValueError` for a path that names nothing or more than one number, a start
    outside its bounds, an unknown strategy; `Diverged` when no start has a finite loss, with the
    parameter that ran away.

    !!! example

        ```python
        cell = read_recording("cell.abf")
        fitted = fit(Refractory(AdEx(), 2.0), cell.select(range(0, cell.sweeps, 2)),
                     {"C": (50.0, 400.0, "log"), "g_L": (2.0, 40.0, "log"), "v_t": (-60.0, -30.0)},
                     baseline="E_L", key=jax.random.key(0))
        fitted.values
        ```
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"fit: no strategy {strategy!r}. There are {', '.join(STRATEGIES)}.")
    if min(starts, generations, patience) < 1 or steps < 0:
        raise ValueError(
            f"fit: starts is {starts}, generations {generations}, patience {patience} and steps "
            f"{steps}; all must be at least 1 (steps 0)."
        )
    began = time.perf_counter()
    target = recording if isinstance(recording, Target) else make_target(recording, dt=dt)
    objective = default_objective() if objective is None else objective
    problem = make_problem(model, target, free, objective, integrator=integrator, baseline=baseline)
    devices = _choose_devices(devices, starts)
    drawn = draw_starts(problem, starts, init_key(key, "starts"))

    def tell(stage: str, done: int, total: int, losses: Any) -> None:
        if on_progress is not None:
            seconds = time.perf_counter() - began
            on_progress(FitProgress(stage, done, total, np.asarray(losses), seconds))

    found, rows = drawn, np.zeros((0, starts))
    losses = np.full(starts, np.inf)
    if strategy in ("hybrid", "evolution"):
        evolution = Evosax("CMA_ES", 24, sigma=0.6) if evolution is None else evolution
        search, rows = _evolve(
            problem, evolution, drawn, generations, patience, key, devices, checkpoints, tell
        )
        # Through the host: operations on arrays spread over devices would make them wait for each
        # other, which the CPU's devices give up after some seconds on a busy machine.
        found = {path: jnp.asarray(np.asarray(x)) for path, x in search.best.items()}
        losses = np.asarray(search.loss)
        if not np.isfinite(losses).any():
            raise Diverged(f"fit: no candidate has a finite loss. {who_ran_away(problem, drawn)}")
    if strategy == "least_squares" or (strategy == "hybrid" and steps and is_squares(objective)):
        polished = least_squares(problem, found, steps=steps)
    else:
        count = 0 if strategy == "evolution" else steps
        if optimizer is None:
            polished = polish(problem, found, steps=count, devices=devices)
        else:
            polished = descend(problem, found, steps=count, optimizer=optimizer, devices=devices)
    if not np.isfinite(np.asarray(polished.loss)).any():
        raise Diverged(f"fit: no start has a finite loss. {who_ran_away(problem, found)}")
    tell("gradient", len(polished.history) - 1, steps, polished.loss)
    return _finish(problem, drawn, losses, polished, rows)


def _evolve(
    problem: Problem,
    strategy: AbstractStrategy,
    drawn: Parameters,
    generations: int,
    patience: int,
    key: Key[Array, ""],
    devices: Sequence[Any],
    folder: Checkpoints | str | Path | None,
    tell: Callable[[str, int, int, Any], None],
) -> tuple[Search, np.ndarray]:
    """The evolution of all starts, resumed from its folder if there is something in it."""
    starts = len(next(iter(drawn.values())))
    search = begin_search(strategy, drawn, init_key(key, "strategy"))
    checkpoints = Checkpoints(folder) if isinstance(folder, str | Path) else folder
    history, first = np.full((generations, starts), np.inf), 0
    if checkpoints is not None:
        saved = checkpoints.restore((search, history, jax.random.key_data(key)))
        if saved is not None:
            (search, kept, old_key), first = saved.state, saved.epoch
            if not np.array_equal(np.asarray(old_key), np.asarray(jax.random.key_data(key))):
                raise ValueError(
                    "fit: the checkpoint was made with another key. Pass that one, or another "
                    "folder."
                )
            history[:] = np.asarray(kept)

    def on_call(search: Search, done: int, rows: np.ndarray) -> None:
        history[done - len(rows) : done] = rows
        if checkpoints is not None:
            state = search, history, jax.random.key_data(key)
            checkpoints.save(state, done, None, is_last=done == generations)
        tell("evolution", done, generations, search.loss)

    search, done = search_all(
        problem,
        strategy,
        search,
        generations=generations,
        first=first,
        patience=patience,
        key=init_key(key, "evolution"),
        devices=devices,
        on_call=on_call,
    )
    if checkpoints is not None:
        checkpoints.close()
    return search, history[:done]


def _choose_devices(devices: Sequence[Any] | None, starts: int) -> list[Any]:
    found = jax.local_devices() if devices is None else list(devices)
    count = max(n for n in range(1, len(found) + 1) if starts % n == 0)
    return found[:count]


def _finish(
    problem: Problem,
    drawn: Parameters,
    evolution_losses: np.ndarray,
    polished: Polished,
    rows: np.ndarray,
) -> Fitted:
    polished = jax.tree.map(lambda x: jnp.asarray(np.asarray(x)), polished)
    losses = np.asarray(polished.loss)
    order = np.argsort(losses, kind="stable")
    best = {path: x[order[0]] for path, x in polished.parameters.items()}
    began, ended = problem.values(drawn), problem.values(polished.parameters)
    trials = {f"start.{name}": np.asarray(x)[order] for name, x in began.items()}
    trials |= {name: np.asarray(x)[order] for name, x in ended.items()}
    trials |= {"evolution_loss": evolution_losses[order], "loss": losses[order]}
    return Fitted(
        model=problem.finished(best),
        values={name: float(x) for name, x in problem.values(best).items()},
        bounds={problem.names[path]: bounds for path, bounds in problem.chosen.bounds.items()},
        loss=float(losses[order[0]]),
        trials=trials,
        evolution=rows,
        gradient=np.asarray(polished.history),
        parameters=best,
        problem=problem,
    )
