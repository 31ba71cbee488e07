import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Key

from jaxneuro.core import check_option, init_key
from jaxneuro.evolution import AbstractStrategy, Evosax
from jaxneuro.integrators import AbstractIntegrator
from jaxneuro.neurons import AbstractNeuron, Fragment, Population
from jaxneuro.training import Checkpoints, Diverged, Parameters

from ._descend import descend
from ._diagnose import who_ran_away
from ._fitted import FitProgress, Fitted, finish
from ._latency import Latency
from ._least_squares import check_squares, is_squares, least_squares
from ._objective import AbstractObjective
from ._polish import polish
from ._polished import leave
from ._problem import Free, Problem, make_problem
from ._recording import Recording
from ._search import Search, begin_search, draw_starts, search_all
from ._spike_count import SpikeCount
from ._spike_timing import SpikeTiming
from ._target import Target, make_target
from ._voltage import Voltage

Strategy = Literal["hybrid", "evolution", "gradient", "least_squares"]
Select = Literal["loss", "consensus"]


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
    trim: float = 0.0,
    select: Select = "loss",
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
      `Population` brings its integrator; its shape does not matter, and start values of its own
      are refused.
    - `recording`: the sweeps to fit, all of them: choose by `recording.select`. Or a target of
      `make_target`, which has further options.
    - `free`: by path such as `"g_L"`, the bounds between which a parameter is looked for:
      `(lower, upper)`, or `(lower, upper, "log")` where factors matter.
    - `objective`: what is minimised, mean over windows and sweeps; `default_objective()` if None.
    - `strategy`: `"hybrid"`; `"evolution"` or `"gradient"` alone; or `"least_squares"`: the method
      of Levenberg and Marquardt from every start, for objectives that are sums of squares. For
      those it is the second half of the hybrid too.
    - `key`: draws starts and candidates.
    - `dt`: length of a step, ms (of a recording; a target has its own).
    - `baseline`: path of the leak potential, such as `"E_L"`, that takes the voltage of each sweep
      before the stimulus. If it is among the free, its bounds are of the offset from there, mV.
    - `integrator`: method for the neuron's differential equation, by default that of the
      population, or `Euler()`.
    - `trim`: share of the windows of all sweeps, those with the largest losses, that is left out. A
      window near rheobase, whose late spike is chance, can then not bend the model. (Least trimmed
      squares: Rousseeuw (1984), J. Am. Stat. Assoc. 79:871.)
    - `select`: which of the polished starts is the answer: that with the least `"loss"`, or by
      `"consensus"` the one that agrees best with the other good ones between the fitted sweeps,
      where a loss cannot tell.
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
    outside its bounds, an unknown strategy; `ModuleNotFoundError` for least squares without
    optimistix; `Diverged` when no start has a finite loss, with the parameter that ran away.

    !!! example

        ```python
        cell = read_recording("cell.abf")
        fitted = fit(Refractory(AdEx(), 2.0), cell.select(range(0, cell.sweeps, 2)),
                     {"C": (50.0, 400.0, "log"), "g_L": (2.0, 40.0, "log"), "v_t": (-60.0, -30.0)},
                     baseline="E_L", key=jax.random.key(0))
        fitted.values
        ```
    """
    check_option(strategy, Strategy, "fit: strategy")
    check_option(select, Select, "fit: select")
    if trim and strategy == "least_squares":
        raise ValueError(
            "fit: strategy 'least_squares' counts every window. Leave out trim, or take "
            "strategy='hybrid'."
        )
    if min(starts, generations, patience) < 1 or steps < 0:
        raise ValueError(
            f"fit: starts is {starts}, generations {generations}, patience {patience} and steps "
            f"{steps}; all must be at least 1 (steps 0)."
        )
    began = time.perf_counter()
    target = recording if isinstance(recording, Target) else make_target(recording, dt=dt)
    objective = default_objective() if objective is None else objective
    problem = make_problem(
        model, target, free, objective, integrator=integrator, baseline=baseline, trim=trim
    )
    can_be_squares = strategy == "hybrid" and not trim and is_squares(objective)
    by_squares = strategy == "least_squares" or can_be_squares
    if by_squares:
        check_squares(objective)
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
            raise Diverged(f"fit: no candidate has a finite loss. {who_ran_away(problem, False)}")
    if strategy == "evolution" or not steps:
        polished = leave(problem, found)
    elif by_squares:
        polished = least_squares(problem, found, steps=steps)
    elif optimizer is None:
        polished = polish(problem, found, steps=steps, devices=devices)
    else:
        polished = descend(problem, found, steps=steps, optimizer=optimizer, devices=devices)
    if not np.isfinite(np.asarray(polished.loss)).any():
        raise Diverged(f"fit: no start has a finite loss. {who_ran_away(problem, True)}")
    tell("gradient", len(polished.history) - 1, steps, polished.loss)
    return finish(problem, drawn, losses, polished, rows, select)


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
    history, first, about = np.full((generations, starts), np.inf), 0, _fingerprint(problem, key)
    if checkpoints is not None:
        saved = checkpoints.restore((search, history, about))
        if saved is not None:
            (search, kept, old), first = saved.state, saved.epoch
            if not np.array_equal(np.asarray(old), about):
                raise ValueError(
                    f"fit: the checkpoint in {checkpoints.folder} was made with another key, "
                    "recording, model or bounds. Go on with those, or take another folder."
                )
            history[:] = np.asarray(kept)

    def on_call(search: Search, done: int, rows: np.ndarray) -> None:
        history[done - len(rows) : done] = rows
        if checkpoints is not None:
            is_last = done == generations or np.all(np.asarray(search.stalled) >= patience)
            checkpoints.save((search, history, about), done, None, is_last=bool(is_last))
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


def _fingerprint(problem: Problem, key: Key[Array, ""]) -> np.ndarray:
    """Tells a fit from one with another key, recording, model or bounds."""
    found = 0
    for leaf in jax.tree.leaves((problem, jax.random.key_data(key))):
        is_array = isinstance(leaf, jax.Array | np.ndarray)
        found = zlib.crc32(np.asarray(leaf).tobytes() if is_array else repr(leaf).encode(), found)
    return np.asarray(found, np.uint32)


def _choose_devices(devices: Sequence[Any] | None, starts: int) -> list[Any]:
    found = jax.local_devices() if devices is None else list(devices)
    count = max(n for n in range(1, len(found) + 1) if starts % n == 0)
    return found[:count]
