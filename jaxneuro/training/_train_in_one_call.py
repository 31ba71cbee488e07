from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key

from ._train import Loss, _Runner, _State, count_samples
from ._trainable import Parameters, Trainable, trainable


class TrainedInOneCall(NamedTuple):
    """The end of a training run that was one call.

    **Attributes:**

    - `model`: with its trained leaves.
    - `parameters`: those leaves as the optimiser sees them, by path.
    - `metrics`: the loss function's metrics, mean over each epoch, leaves `(epochs, ...)`.
    - `scores`: what `evaluate` returned after each epoch, leaves `(epochs, ...)`.
    """

    model: Any
    parameters: Parameters
    metrics: Any
    scores: dict[str, Float[Array, "epochs ..."]]


def train_in_one_call(
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
    evaluate: Callable[[Any], Mapping[str, Array]] | None = None,
) -> TrainedInOneCall:
    """`train` as a pure function: a whole run that may be traced, with the results of `train`.

    It runs under `jax.jit`, `jax.vmap`, `jax.lax.map` and `jax.shard_map`, so many runs are one
    program. Numbers of the optimiser, the model and the loss may be traced; epochs and batch size
    may not.

    A loss that is NaN or infinite does not end the run, since runs that are batched go on
    together: its metrics say so, and the parameters stay those that gave it.

    **Arguments:** as in `train`, and

    - `evaluate`: traceable, `model -> scores`, after each epoch.

    **Returns:** a `TrainedInOneCall`.

    **Raises:** `ValueError` as `train`.

    !!! example

        ```python
        def run(rate):
            return train_in_one_call(task.loss, net, (images, labels), optimizer=optax.adam(rate),
                                     epochs=10, batch_size=64, key=jax.random.key(0))

        losses = jax.jit(lambda rates: jax.lax.map(run, rates))(rates).metrics["loss"]
        ```
    """
    samples = count_samples("train_in_one_call", data)
    steps = samples // batch_size
    if steps == 0:
        raise ValueError(
            f"train_in_one_call: {samples} samples do not fill one batch of {batch_size}."
        )
    chosen = trainable(model) if chosen is None else chosen
    if not chosen.bounds:
        raise ValueError(
            "train_in_one_call: there is no leaf to train; choose some with `trainable`."
        )
    data = jax.tree.map(jnp.asarray, data)
    arrays, rest = eqx.partition(model, eqx.is_array)
    runner = _Runner(loss, optimizer, chosen, prepare, batch_size, rest)

    def epoch(state: _State, number: Array) -> tuple[_State, tuple[Any, Any]]:
        epoch_key = jax.random.fold_in(key, number)
        order = runner.order(samples, epoch_key)

        def step(index: Array, now: tuple[_State, Any]) -> tuple[_State, Any]:
            state, sums = now
            step_key = jax.random.fold_in(epoch_key, index)
            state, _, metrics = runner.step(state, arrays, data, order[index], step_key)
            return state, jax.tree.map(jnp.add, sums, metrics)

        sums = runner.zero_metrics(state, arrays, data, key)
        state, sums = jax.lax.fori_loop(0, steps, step, (state, sums))
        scores = {} if evaluate is None else dict(evaluate(chosen.merge(model, state.parameters)))
        return state, (jax.tree.map(lambda x: x / steps, sums), scores)

    parameters = chosen.split(model)
    start = _State(parameters, optimizer.init(parameters))
    state, (metrics, scores) = jax.lax.scan(epoch, start, jnp.arange(epochs))
    model = chosen.merge(model, state.parameters)
    return TrainedInOneCall(model, state.parameters, metrics, scores)
