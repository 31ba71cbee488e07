import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from jaxneuro.evolution import AbstractStrategy

from ._checkpoint import Checkpoints
from ._generation import Generation, lost_last, mean_of_sound, read_reports, summary
from ._members import Layout, as_member, choose_layout, low_rank_paths, score_members
from ._minibatches import Minibatches
from ._placement import Placement
from ._train import Diverged, better, check_key
from ._trainable import Parameters, Trainable, trainable

Fitness = Callable[[Any, Any, Key[Array, ""]], Any]
SECONDS_PER_CALL = 0.5
LONGEST_CALL = 256  # generations


@dataclass(frozen=True)
class Evolved:
    """The end of an evolution.

    **Attributes:**

    - `model`: with the strategy's answer in its trained leaves.
    - `parameters`: that answer, unbounded, by path.
    - `state`: the strategy's.
    - `generations`: done.
    - `best`: highest `evaluate` score of all generations, None without `evaluate`.
    - `compile_seconds`: spent compiling.
    """

    model: Any
    parameters: Parameters
    state: Any
    generations: int
    best: float | None
    compile_seconds: float


def evolve(
    fitness: Fitness,
    params: Any,
    strategy: AbstractStrategy,
    *,
    generations: int,
    key: Key[Array, ""],
    chosen: Trainable | None = None,
    data: Any = None,
    batch_size: int | None = None,
    slices: int = 1,
    prepare: Callable[[Any, Key[Array, ""]], Any] | None = None,
    chunk: int | None = None,
    devices: Sequence[Any] | None = None,
    evaluate: Callable[[Any], Mapping[str, Array]] | None = None,
    evaluate_every: int = 1,
    score: str = "accuracy",
    checkpoints: Checkpoints | None = None,
    on_generation: Callable[[Generation], None] | None = None,
) -> Evolved:
    """Maximises a fitness over a population of models, many generations in each compiled call.

    All members of a generation see the same minibatch and the same random key; the next one sees
    the next minibatch of a shuffled pass over the data. Everything random depends on `key` and
    the number of the generation, so a run that was stopped and resumed ends with the same bits.

    **Arguments:**

    - `fitness`: `(model, batch, key) -> fitness` or `-> (fitness, metrics)`, higher is better; a
      member whose fitness is not finite loses to all others.
    - `params`: any pytree of modules, or a dict of arrays.
    - `strategy`: see `jaxneuro.evolution`.
    - `chosen`: the leaves to evolve, as from `trainable(params, paths, bounds)`; by default every
      weight and bias.
    - `data`: pytree of arrays whose first axis is the sample; without it the batch is None.
    - `batch_size`: samples per minibatch, all of them by default.
    - `slices`: minibatches per generation; each serves an equal part of the candidates, and the
      two members of a mirrored pair always share one.
    - `prepare`: `(batch, key) -> batch`, before the fitness: scaling, augmentation.
    - `chunk`: members that run at the same time on one device, all of them by default.
    - `devices`: to spread the population over; all devices by default, of all processes after
      `jax.distributed.initialize` (then each process makes the same call).
    - `evaluate`: `model -> scores`, of the strategy's answer; it is traced.
    - `evaluate_every`: generations from one evaluation to the next; the last one has one too.
    - `score`: the one of them of which the highest value is kept as `best`.
    - `checkpoints`: where to save, and to resume from if there is something.
    - `on_generation`: called with each `Generation`.

    **Returns:** an `Evolved`.

    **Raises:** `ValueError` for a population that slices or devices do not divide, data shorter
    than the minibatches of a generation, or a checkpoint with another key; `Diverged` when
    every member of a generation failed or the answer is no longer finite.

    !!! example

        ```python
        def fitness(model, batch, key):
            return -jnp.sum((model["x"] - 3.0) ** 2)

        start = {"x": jnp.zeros(2)}
        result = evolve(fitness, start, LowRankES(32), generations=100, key=jax.random.key(0),
                        chosen=trainable(start, "x"))
        ```
    """
    chosen = trainable(params) if chosen is None else chosen
    if not chosen.bounds:
        raise ValueError("evolve: there is no leaf to evolve; choose some with `trainable`.")
    if generations < 1 or evaluate_every < 1:
        raise ValueError(
            f"evolve: generations is {generations} and evaluate_every {evaluate_every}; both must "
            "be at least 1."
        )
    layout = choose_layout(strategy, slices=slices, chunk=chunk, devices=devices)
    rows = Minibatches.choose(data, batch_size, slices)
    place = Placement(layout.mesh)
    arrays, rest = eqx.partition(params, eqx.is_array)
    data, arrays = place.everywhere((jax.tree.map(jnp.asarray, data), arrays))
    runner = _Runner(
        fitness,
        strategy,
        chosen,
        prepare,
        evaluate,
        evaluate_every,
        generations,
        layout,
        rows,
        rest,
    )
    init_key, loop_key = jax.random.split(key)
    loop_key = place.everywhere(loop_key)
    state = strategy.init(chosen.split(params), init_key)
    first, best = 0, None
    if checkpoints is not None:
        saved = checkpoints.restore(_kept(state, key))
        if saved is not None:
            check_key("evolve", saved.state["key"], key)
            state, first, best = saved.state["state"], saved.epoch, saved.best
    compiled, compile_seconds = None, 0.0
    if first < generations:
        compiled, compile_seconds = runner.compile(state, arrays, data, loop_key)
    state = jax.tree.map(jnp.copy, state)  # donated below, while the caller keeps the model

    done, count = first, 1
    while done < generations:
        assert compiled is not None
        called = time.perf_counter()
        stop = min(done + count, generations)
        state, reached, is_sound, rows_out = compiled(state, arrays, data, loop_key, done, stop)
        reached, is_sound = int(reached), bool(is_sound)
        seconds = (time.perf_counter() - called) / max(reached - done, 1)
        for report in read_reports(rows_out, done, reached, seconds):
            if score in report.scores:
                best = better(best, report.scores[score])
            if on_generation is not None:
                on_generation(report)
        if reached < stop or not is_sound:
            raise Diverged(_describe(reached, reached < stop, strategy, checkpoints))
        done = stop
        if checkpoints is not None:
            checkpoints.save(_kept(state, key), done, best, is_last=done == generations)
        count = max(1, min(LONGEST_CALL, int(SECONDS_PER_CALL / max(seconds, 1e-6))))
        count = place.agreed(count)
    if checkpoints is not None:
        checkpoints.close()
    parameters = place.here(strategy.centre(state))
    model = chosen.merge(params, parameters)
    return Evolved(model, parameters, state, max(first, generations), best, compile_seconds)


class _Runner:
    """The compiled part of `evolve`: generations `start` to `stop` in one call."""

    def __init__(
        self,
        fitness: Fitness,
        strategy: AbstractStrategy,
        chosen: Trainable,
        prepare: Callable | None,
        evaluate: Callable | None,
        evaluate_every: int,
        generations: int,
        layout: Layout,
        rows: Minibatches,
        rest: Any,
    ):
        self.fitness, self.strategy, self.chosen = fitness, strategy, chosen
        self.prepare, self.evaluate, self.evaluate_every = prepare, evaluate, evaluate_every
        self.generations, self.layout, self.rows = generations, layout, rows
        self.rest = rest  # of the model: what is no array

    def compile(self, state: Any, arrays: Any, data: Any, key: Key[Array, ""]) -> Any:
        began = time.perf_counter()
        place = Placement(self.layout.mesh)

        def placed(state: Any, arrays: Any, data: Any, key: Array, start: int, stop: int) -> Any:
            numbers = np.int32(start), np.int32(stop)
            return place.everywhere((state, arrays, data, key, *numbers))

        arguments = placed(state, arrays, data, key, 0, 0)
        compiled = place.compile(self.run, *arguments, donated=(0,))
        return lambda *a: compiled(*placed(*a)), time.perf_counter() - began

    def run(
        self,
        state: Any,
        arrays: Any,
        data: Any,
        key: Key[Array, ""],
        start: Int[Array, ""],
        stop: Int[Array, ""],
    ) -> tuple[Any, Int[Array, ""], Array, Any]:
        """Stops early at a generation of which every member failed.

        **Returns:** the state, the generation reached, whether the answer is finite, and the
        reports, in the first rows of `LONGEST_CALL`.
        """
        order_key, key = jax.random.split(key)
        low_rank = low_rank_paths(eqx.combine(arrays, self.rest))
        start = jnp.asarray(start, jnp.int32)
        order = self.rows.order(order_key, start) if self.rows.is_shuffled else None

        def generation(state: Any, order: Any, index: Array) -> Any:
            if order is not None:
                order = self.rows.renew(order, order_key, index)
            rows = None if order is None else self.rows.pick(order, index)
            generation_key = jax.random.fold_in(key, index)
            state, report, is_lost = self.step(state, arrays, data, rows, generation_key, low_rank)
            return state, order, report | {"scores": self.scored(state, arrays, index)}, is_lost

        def going(loop: Any) -> Array:
            return (loop[2] < stop) & ~loop[3]

        def body(loop: Any) -> Any:
            state, order, index, _, reports = loop
            state, order, report, is_lost = generation(state, order, index)
            write = lambda to, x: to.at[index - start].set(x)  # noqa: E731
            reports = jax.tree.map(write, reports, report)
            return state, order, jnp.where(is_lost, index, index + 1), is_lost, reports

        shapes = jax.eval_shape(lambda s, o: generation(s, o, start)[2], state, order)
        blank = lambda x: jnp.zeros((LONGEST_CALL, *x.shape), x.dtype)  # noqa: E731
        loop = state, order, start, jnp.asarray(False), jax.tree.map(blank, shapes)
        state, _, reached, _, reports = jax.lax.while_loop(going, body, loop)
        centre = self.strategy.centre(state)
        is_sound = jnp.stack([jnp.isfinite(x).all() for x in centre.values()]).all()
        return state, reached, is_sound, reports

    def step(
        self,
        state: Any,
        arrays: Any,
        data: Any,
        rows: Int[Array, "pool"] | None,
        key: Key[Array, ""],
        low_rank: frozenset[str],
    ) -> tuple[Any, dict[str, Any], Array]:
        """One generation: the new state, the report, and whether every member failed."""
        ask_key, prepare_key, score_key, tell_key = jax.random.split(key, 4)
        strategy, layout = self.strategy, self.layout
        batches = self.batches(data, rows, prepare_key)
        candidates, asked = strategy.ask(state, ask_key, batches)
        keys = jax.random.split(score_key, layout.slices)

        def score(shared: Any, candidate: Any, part: Any) -> tuple[Array, Any]:
            asked, arrays = shared
            batch, key = part
            model = eqx.combine(arrays, self.rest)

            def sibling(index: Array) -> tuple[Array, Any]:
                values = strategy.express(asked, candidate, index)
                result = self.fitness(as_member(model, self.chosen, values, low_rank), batch, key)
                value, metrics = result if isinstance(result, tuple) else (result, {})
                return jnp.asarray(value, float), metrics

            return jax.vmap(sibling)(jnp.arange(layout.siblings))

        shared = asked, arrays
        raw, metrics = score_members(score, shared, candidates, (batches, keys), layout)
        is_sound = jnp.isfinite(raw)
        is_lost = ~is_sound.any()
        report = summary(raw, is_sound) | {
            "diversity": strategy.diversity(asked, candidates),
            "metrics": jax.tree.map(lambda x: mean_of_sound(x, is_sound), metrics),
        }
        told = strategy.tell(asked, candidates, lost_last(raw, is_sound), tell_key)
        state = jax.tree.map(lambda a, b: jax.lax.select(is_lost, a, b), state, told)
        return state, report, is_lost

    def batches(self, data: Any, rows: Int[Array, "pool"] | None, key: Key[Array, ""]) -> Any:
        """The minibatches of a generation: leaves that begin with the axis of slices."""
        if data is None:
            return None
        pool = data if rows is None else jax.tree.map(lambda x: x[rows], data)
        pool = pool if self.prepare is None else self.prepare(pool, key)
        shape = self.rows.slices, self.rows.batch
        return jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), pool)

    def scored(self, state: Any, arrays: Any, index: Int[Array, ""]) -> dict[str, Array]:
        """The scores of the answer after generation `index`, NaN if they are not due."""
        if self.evaluate is None:
            return {}

        def scores() -> dict[str, Array]:
            model = self.chosen.merge(eqx.combine(arrays, self.rest), self.strategy.centre(state))
            given = self.evaluate(model)  # pyright: ignore
            return {name: jnp.asarray(x, float) for name, x in given.items()}

        shapes = jax.eval_shape(scores)
        is_due = ((index + 1) % self.evaluate_every == 0) | (index + 1 == self.generations)
        nothing = lambda: {name: jnp.full(x.shape, jnp.nan) for name, x in shapes.items()}  # noqa: E731
        return jax.lax.cond(is_due, scores, nothing)


def _kept(state: Any, key: Key[Array, ""]) -> dict[str, Any]:
    return {"state": state, "key": jax.random.key_data(key)}


def _describe(
    reached: int, is_lost: bool, strategy: AbstractStrategy, checkpoints: Checkpoints | None
) -> str:
    good = None if checkpoints is None else checkpoints.latest()
    kept = "no checkpoint was written" if good is None else f"the last good checkpoint is {good}"
    if is_lost:
        what = f"the fitness of all {strategy.population} members is not finite in"
        reached += 1
    else:
        what = "a parameter is not finite after"
    return f"Evolution diverged: {what} generation {reached}; {kept}. Choose a smaller sigma."
