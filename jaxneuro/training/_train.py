import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key, UInt32

from ._checkpoint import Checkpoints
from ._placement import Placement, choose_placement
from ._trainable import Parameters, Trainable, trainable

Loss = Callable[[Any, Any, Key[Array, ""]], tuple[Float[Array, ""], Any]]
SECONDS_PER_CALL = 0.5


class Progress(NamedTuple):
    """Where a training run is: handed to `on_progress` several times an epoch.

    **Attributes:**

    - `epoch`, `step`: epochs done, and steps done in this one.
    - `steps`: steps of an epoch.
    - `metrics`: the loss function's metrics, mean over this epoch so far.
    """

    epoch: int
    step: int
    steps: int
    metrics: Any


class Epoch(NamedTuple):
    """What one epoch brought: handed to `on_epoch`.

    **Attributes:**

    - `epoch`, `step`: number of this epoch (from 1) and optimiser steps done in all.
    - `metrics`: the loss function's metrics, mean over the epoch.
    - `scores`: what `evaluate` returned.
    - `seconds`: spent training, without `evaluate`.
    """

    epoch: int
    step: int
    metrics: Any
    scores: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Trained:
    """The end of a training run.

    **Attributes:**

    - `model`: with its trained leaves.
    - `parameters`: those leaves as the optimiser sees them, by path.
    - `steps`: optimiser steps done.
    - `best`: highest `evaluate` score of all epochs, None without `evaluate`.
    - `compile_seconds`: spent compiling the training step.
    """

    model: Any
    parameters: Parameters
    steps: int
    best: float | None
    compile_seconds: float


class Diverged(RuntimeError):
    """The loss became NaN or infinite; the message says where, and what can be resumed."""


class _State(NamedTuple):
    parameters: Parameters
    optimizer: Any


class _Kept(NamedTuple):
    """What a checkpoint holds beside the epoch and the best score."""

    state: _State
    key: UInt32[Array, "..."]
    step: Int[Array, ""]


def train(
    loss: Loss,
    model: Any,
    data: Any,
    *,
    optimizer: optax.GradientTransformation,
    epochs: int,
    batch_size: int,
    key: Key[Array, ""],
    chosen: Trainable | None = None,
    prepare: Callable[[Any, Key[Array, ""]], Any] | None = None,
    evaluate: Callable[[Any], Mapping[str, float]] | None = None,
    score: str = "accuracy",
    devices: Sequence[Any] | None = None,
    checkpoints: Checkpoints | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Trained:
    """Minimises a loss over shuffled mini-batches, many steps in each compiled call.

    Epoch e draws its order, its augmentation and its noise from `key` folded with e, so a run
    that goes on from a checkpoint ends with the same bits as one that was never stopped.

    On several devices each computes a part of every batch. Nothing else changes: order,
    augmentation and noise are those of one device, and only sums are taken in another order.

    **Arguments:**

    - `loss`: `(model, batch, key) -> (loss, metrics)`; metrics are any pytree of arrays.
    - `model`: any pytree, usually a `Network`.
    - `data`: a pytree of arrays that share their first axis; it stays on the device.
    - `optimizer`: from optax; schedules count steps.
    - `batch_size`: the last, incomplete batch of an epoch is left out (another one each time).
    - `chosen`: the leaves to train, see `trainable`; by default all weights and biases.
    - `prepare`: `(batch, key) -> batch`, run on the device before the loss: scaling, augmentation.
    - `evaluate`: `model -> scores`, after each epoch; it may keep the model.
    - `score`: the one of them of which the highest value is kept as `best`.
    - `devices`: to split each batch over; by default one. After `jax.distributed.initialize` pass
      `jax.devices()` in every process, and there the same of everything else; the callbacks
      are called in each, with arrays of its own.
    - `checkpoints`: where to save, and to resume from if there is something (parameters,
      optimiser state, key, epoch, step and best score).
    - `on_epoch`, `on_progress`: called with an `Epoch` and a `Progress`.

    **Returns:** a `Trained`.

    **Raises:** `ValueError` for data shorter than a batch, a batch that the devices cannot share
    evenly or a checkpoint with another key;
    `Diverged` for a loss or, after an epoch, a parameter that is NaN or infinite, before any
    further step.

    !!! example

        ```python
        result = train(task.loss, net, (images, labels), optimizer=optax.adam(1e-3),
                       epochs=10, batch_size=64, key=jax.random.key(0))
        ```
    """
    samples = count_samples("train", data)
    steps = samples // batch_size
    if steps == 0:
        raise ValueError(f"train: {samples} samples do not fill one batch of {batch_size}.")
    place = choose_placement(batch_size, devices)
    chosen = trainable(model) if chosen is None else chosen
    if not chosen.bounds:
        raise ValueError("train: there is no leaf to train; choose some with `trainable`.")
    parameters = chosen.split(model)
    state = _State(parameters, optimizer.init(parameters))
    first, best = 0, None
    if checkpoints is not None:
        saved = checkpoints.restore(_kept(state, key, 0))
        if saved is not None:
            check_key("train", saved.state.key, key)
            state, first, best = saved.state.state, saved.epoch, saved.best
    data = place.everywhere(jax.tree.map(jnp.asarray, data))
    arrays, rest = eqx.partition(model, eqx.is_array)
    arrays = place.everywhere(arrays)
    runner = _Runner(loss, optimizer, chosen, prepare, batch_size, rest, place)
    # Donated below, while the caller keeps the model.
    state = place.everywhere(jax.tree.map(jnp.copy, state))
    compiled: Any = None
    compile_seconds = 0.0
    if first < epochs:
        compiled, compile_seconds = runner.compile(state, arrays, data, samples, key)

    for epoch in range(first, epochs):
        began = time.perf_counter()
        epoch_key = jax.random.fold_in(key, epoch)
        order, placed_key = place.everywhere((runner.order(samples, epoch_key), epoch_key))
        done, sums, chunk = 0, runner.zero_metrics(state, arrays, data, key), 1
        while done < steps:
            called = time.perf_counter()
            stop = min(done + chunk, steps)
            given = arrays, data, order, placed_key, *runner.bounds(done, stop)
            state, sums, reached = compiled(state, sums, *given)
            at, value, is_sound = int(reached[0]), float(reached[1]), bool(reached[2])
            if not np.isfinite(value) or (stop == steps and not is_sound):
                raise Diverged(_describe(value, epoch, at, steps, state, checkpoints))
            seconds = max(time.perf_counter() - called, 1e-6)
            chunk = place.agreed(max(1, int((stop - done) * SECONDS_PER_CALL / seconds)))
            done = stop
            if on_progress is not None:
                on_progress(Progress(epoch, done, steps, _mean(sums, done)))
        seconds = time.perf_counter() - began
        scores = {}
        if evaluate is not None:
            kept = place.here(state.parameters)  # the next epoch donates the originals
            scores = {name: float(x) for name, x in evaluate(chosen.merge(model, kept)).items()}
        if score in scores:
            best = better(best, scores[score])
        if on_epoch is not None:
            on_epoch(Epoch(epoch + 1, (epoch + 1) * steps, _mean(sums, steps), scores, seconds))
        if checkpoints is not None:
            whole = _kept(state, key, (epoch + 1) * steps)
            checkpoints.save(whole, epoch + 1, best, is_last=epoch + 1 == epochs)
    if checkpoints is not None:
        checkpoints.close()
    parameters = place.here(state.parameters)
    return Trained(
        chosen.merge(model, parameters),
        parameters,
        max(first, epochs) * steps,
        best,
        compile_seconds,
    )


class _Runner:
    """The compiled part of `train`: steps `start` to `stop` of an epoch in one call."""

    def __init__(
        self,
        loss: Loss,
        optimizer: optax.GradientTransformation,
        chosen: Trainable,
        prepare: Callable | None,
        batch_size: int,
        rest: Any,
        place: Placement | None = None,
    ):
        self.loss, self.optimizer, self.chosen = loss, optimizer, chosen
        self.prepare, self.batch_size = prepare, batch_size
        self.rest = rest  # of the model: what is no array
        self.place = Placement() if place is None else place

    def order(self, samples: int, key: Key[Array, ""]) -> Int[Array, "steps batch"]:
        steps = samples // self.batch_size
        shuffled = jax.random.permutation(key, samples)
        return shuffled[: steps * self.batch_size].reshape(steps, self.batch_size)

    def compile(self, state: _State, arrays: Any, data: Any, samples: int, key: Array) -> Any:
        began = time.perf_counter()
        sums = self.zero_metrics(state, arrays, data, key)
        order, key = self.place.everywhere((self.order(samples, key), key))
        arguments = state, sums, arrays, data, order, key, *self.bounds(0, 0)
        compiled = self.place.compile(self.run, *arguments, donated=(0, 1))
        return compiled, time.perf_counter() - began

    def zero_metrics(self, state: _State, arrays: Any, data: Any, key: Array) -> Any:
        rows = jnp.arange(self.batch_size)
        shapes = jax.eval_shape(lambda *a: self.step(*a)[2], state, arrays, data, rows, key)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        return self.place.everywhere(zeros)

    def bounds(self, start: int, stop: int) -> tuple[Any, Any]:
        """The numbers of the first step and of that after the last, for `run`."""
        numbers = np.int32(start), np.int32(stop)
        return self.place.everywhere(numbers)

    def run(
        self,
        state: _State,
        sums: Any,
        arrays: Any,
        data: Any,
        order: Int[Array, "steps batch"],
        key: Key[Array, ""],
        start: Int[Array, ""],
        stop: Int[Array, ""],
    ) -> tuple[_State, Any, tuple[Array, Array, Array]]:
        """Stops early after a loss that is not finite.

        **Returns:** the state, the sums, and the step reached, its loss, and whether all
        parameters are finite.
        """

        def going(loop: Any) -> Array:
            return (loop[2] < stop) & jnp.isfinite(loop[3])

        def step(loop: Any) -> Any:
            state, sums, index, _ = loop
            step_key = jax.random.fold_in(key, index)
            state, value, metrics = self.step(state, arrays, data, order[index], step_key)
            return state, jax.tree.map(jnp.add, sums, metrics), index + 1, value

        begin = state, sums, jnp.asarray(start, jnp.int32), jnp.asarray(0.0)
        state, sums, index, value = jax.lax.while_loop(going, step, begin)
        is_sound = jnp.stack([jnp.isfinite(x).all() for x in state.parameters.values()]).all()
        return state, sums, (index, value, is_sound)

    def step(
        self, state: _State, arrays: Any, data: Any, rows: Int[Array, "batch"], key: Array
    ) -> tuple[_State, Float[Array, ""], Any]:
        model = eqx.combine(arrays, self.rest)
        batch = self.place.divided(jax.tree.map(lambda x: x[rows], data))
        prepare_key, loss_key = jax.random.split(key)
        if self.prepare is not None:
            batch = self.prepare(batch, prepare_key)

        def objective(parameters: Parameters) -> tuple[Array, Any]:
            return self.loss(self.chosen.merge(model, parameters), batch, loss_key)

        (value, metrics), gradient = jax.value_and_grad(objective, has_aux=True)(state.parameters)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes floats and integers
            updates, optimizer = self.optimizer.update(gradient, state.optimizer, state.parameters)
        # After a loss that is not finite the parameters stay those that gave it, to be named.
        updates = jax.tree.map(lambda x: jnp.where(jnp.isfinite(value), x, 0.0), updates)
        parameters = optax.apply_updates(state.parameters, updates)
        return _State(parameters, optimizer), value.astype(float), metrics  # pyright: ignore


def _kept(state: _State, key: Key[Array, ""], step: int) -> _Kept:
    return _Kept(state, jax.random.key_data(key), jnp.asarray(step, jnp.int32))


def check_key(who: str, saved: UInt32[Array, "..."], key: Key[Array, ""]) -> None:
    """Refuses to go on from a checkpoint with another key."""
    if not np.array_equal(saved, jax.random.key_data(key)):
        raise ValueError(
            f"{who}: the checkpoint was made with another key, so going on would not end where "
            "that run would have. Pass the same key, or an empty folder."
        )


def count_samples(who: str, data: Any) -> int:
    """The length that all arrays of the data share."""
    lengths = {x.shape[0] for x in jax.tree.leaves(data)}
    if len(lengths) != 1:
        raise ValueError(f"{who}: the arrays of data have different lengths, {sorted(lengths)}.")
    return lengths.pop()


def better(best: float | None, score: float) -> float:
    """The higher of two scores, of which either may be NaN."""
    return score if best is None or score > best or np.isnan(best) else best


def _mean(sums: Any, count: int) -> Any:
    return jax.tree.map(lambda x: np.asarray(x) / count, sums)


def _describe(
    value: float,
    epoch: int,
    reached: int,
    steps: int,
    state: _State,
    checkpoints: Checkpoints | None,
) -> str:
    values = {path: jnp.asarray(np.asarray(x)) for path, x in state.parameters.items()}
    spoilt = [path for path, x in values.items() if not bool(jnp.all(jnp.isfinite(x)))]
    what = "a parameter is not finite after" if np.isfinite(value) else f"the loss is {value} in"
    first = (
        f"The first parameter that is no longer finite is {spoilt[0]!r}"
        if spoilt
        else ("All parameters are still finite")
    )
    good = None if checkpoints is None else checkpoints.latest()
    kept = "no checkpoint was written" if good is None else f"the last good checkpoint is {good}"
    return (
        f"Training diverged: {what} epoch {epoch + 1}, step {reached} of {steps}. "
        f"{first}; {kept}. Lower the learning rate, or clip the gradient."
    )
