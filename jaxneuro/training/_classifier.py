import math
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jaxneuro.edges import Dense, Dropout, Projection
from jaxneuro.inputs import Constant, Poisson, latency_encode
from jaxneuro.network import Network
from jaxneuro.simulation import AbstractGradient, Backprop, Count, simulate, sum_over_time

from ._losses import (
    accuracy,
    cross_entropy,
    first_spike_time,
    membrane_max,
    membrane_mean,
    membrane_sum,
    rate_mse,
    recall,
    saturation_penalty,
    silence_penalty,
    spike_count,
)
from ._placement import map_samples

Number = float | Float[Array, ""]
Encoding = Literal["current", "rate", "latency"]
Measure = Literal["loss", "accuracy", "recall"]
Loss = Literal[
    "membrane_mean", "membrane_sum", "membrane_max", "spike_count", "first_spike", "rate_mse"
]

_SCORES: dict[str, tuple[str, Callable[..., Array]]] = {
    "membrane_mean": ("v", membrane_mean),
    "membrane_sum": ("v", membrane_sum),
    "membrane_max": ("v", membrane_max),
    "spike_count": ("spikes", spike_count),
    "first_spike": ("spikes", lambda spikes, mask: -first_spike_time(spikes, mask)),
    "rate_mse": ("spikes", spike_count),
}


class Classifier(eqx.Module):
    """How a network is used as a classifier: encoding, duration, readout and loss.

    **Arguments:**

    - `steps`, `dt`: length of a presentation and of a step (ms).
    - `encoding`: `"current"` feeds the values as constant currents, `"rate"` as Poisson spikes,
      `"latency"` as one spike each, in the first step for 1, in the last for nearly 0, none for
      0; a series `(time, ...)` per example
      is fed as it is.
    - `gain`: factor on the values (`"current"`), or the highest rate in Hz (`"rate"`).
    - `objective`: what is scored and compared, see the losses of this package.
    - `smoothing`: of labels in the cross-entropy.
    - `silence`, `saturation`: weights of the penalties on hidden neurons that spike in fewer
      than 1 % or more than 50 % of the steps (mean over the batch).
    - `gradient`, `block`: as in `simulate`.

    `gain`, `smoothing` and the penalties may be traced.

    !!! example

        ```python
        task = Classifier(steps=8, dt=1.0)
        loss, metrics = task.loss(net, (images, labels), key)
        ```
    """

    steps: int = eqx.field(static=True, default=8)
    dt: float = eqx.field(static=True, default=1.0)
    encoding: Encoding = eqx.field(static=True, default="current")
    gain: Number = 1.0
    objective: Loss = eqx.field(static=True, default="membrane_mean")
    smoothing: Number = 0.0
    silence: Number = 0.0
    saturation: Number = 0.0
    gradient: AbstractGradient = eqx.field(default_factory=Backprop)
    block: int | str = eqx.field(static=True, default="auto")

    def run(
        self,
        network: Network,
        inputs: Float[Array, "batch ..."],
        key: Key[Array, ""],
        *,
        mask: Float[Array, "batch time"] | Bool[Array, "batch time"] | None = None,
        inference: bool = False,
    ) -> tuple[Float[Array, "batch classes"], Array, dict[str, Float[Array, "batch ..."]]]:
        """Runs a batch.

        **Returns:** the scores, the readout's series `(batch, time, classes)`, and the spike
        counts of every other population.
        """
        readout, scores = _SCORES[self.objective]
        hidden = [name for name in network.populations if name != "readout"]
        record: dict[str, Any] = {"readout": f"readout.{readout}"}
        record |= {name: Count(f"{name}.spikes") for name in hidden}

        def one(shared: tuple[Classifier, Network], values: Array, key: Key[Array, ""]) -> Any:
            task, network = shared
            run = simulate(
                network,
                {"input": task.encode(values, network.nodes["input"].shape)},
                dt=task.dt,
                steps=task.steps,
                key=key,
                record=record,
                gradient=task.gradient,
                block=task.block,
                inference=inference,
            )
            return run["readout"], {name: run[name] for name in hidden}

        keys = jax.random.split(key, inputs.shape[0])
        series, counts = map_samples(one, (self, network), inputs, keys)
        scored = jax.vmap(scores, in_axes=(0, None if mask is None else 0))(series, mask)
        return scored, series, counts

    def loss(
        self,
        network: Network,
        batch: tuple[Array, ...],
        key: Key[Array, ""],
    ) -> tuple[Float[Array, ""], dict[str, Any]]:
        """The training loss of a batch `(inputs, labels)` or `(inputs, labels, mask)`.

        The mask, `(batch, time)`, says which steps the readout counts. The penalties and `rates`
        count every step that was run.

        **Returns:** the mean loss, and metrics: `loss`, `accuracy`, and `rates`, the spikes per
        step of each hidden neuron, by population.
        """
        scores, loss, rates = self._judge(network, batch, key)
        return loss, {"loss": loss, "accuracy": accuracy(scores, batch[1]), "rates": rates}

    def fitness(
        self,
        network: Network,
        batch: tuple[Array, ...],
        key: Key[Array, ""],
        measure: Measure = "loss",
    ) -> tuple[Float[Array, ""], dict[str, Any]]:
        """The fitness of a network on a batch, for `evolve`: higher is better.

        **Arguments:** as in `loss`, and

        - `measure`: `"loss"` (its negative), `"accuracy"`, or `"recall"`: the mean over the
          classes of the fraction of each that is recognised. Silence is a wrong answer to both.

        **Returns:** the fitness, and metrics: `loss`, `accuracy`.
        """
        scores, loss, _ = self._judge(network, batch, key)
        right = {"accuracy": accuracy, "recall": recall}
        value = -loss if measure == "loss" else right[measure](scores, batch[1])
        return value, {"loss": loss, "accuracy": accuracy(scores, batch[1])}

    def layer_inputs(
        self, network: Network, batch: tuple[Array, ...], key: Key[Array, ""]
    ) -> dict[str, Float[Array, "batch pre"]]:
        """What the weights of each dense projection are multiplied with, mean over the steps.

        For the `span` of `LowRankES`: the noise of a weight matters along these directions.

        **Returns:** by the path of the weight.
        """
        inputs = batch[0]
        counts = self.run(network, inputs, key, inference=True)[2] | {"input": inputs}
        found = {}
        for name, edge in network.edges.items():
            inner = edge.edge if isinstance(edge, Dropout) else edge
            if isinstance(inner, Projection) and isinstance(inner.connectivity, Dense):
                path = "edges." + name + (".edge" if edge is not inner else "") + ".weight"
                found[path] = counts[inner.source].reshape(inputs.shape[0], -1)
        return found

    def encode(self, values: Array, shape: tuple[int, ...]) -> Any:
        """One example as an input of `simulate`."""
        if values.shape == (self.steps, *shape):
            return values
        if values.size != math.prod(shape):
            raise ValueError(
                f"Classifier: an example has shape {values.shape}, but the network's input takes "
                f"{shape}, or a series of shape {(self.steps, *shape)}."
            )
        values = values.reshape(shape)
        if self.encoding == "current":
            return Constant(values * self.gain)
        if self.encoding == "rate":
            return Poisson(values * self.gain)
        slowest = max(self.steps - 1, 1) * self.dt
        return latency_encode(
            values, steps=self.steps, dt=self.dt, tau=slowest, threshold=0.0, is_linear=True
        )

    def _judge(
        self, network: Network, batch: tuple[Array, ...], key: Key[Array, ""]
    ) -> tuple[Float[Array, "batch classes"], Float[Array, ""], dict[str, Array]]:
        """The scores, the mean loss with its penalties, and the spikes per step by population."""
        inputs, labels = batch[:2]
        mask = batch[2] if len(batch) > 2 else None
        scores, series, counts = self.run(network, inputs, key, mask=mask)
        losses = self._losses(scores, series, labels, mask)
        steps = jnp.asarray(self.steps, series.dtype)
        rates = {name: batch_mean(count) / steps for name, count in counts.items()}
        loss = jnp.mean(losses)
        if _is_on(self.silence):
            loss += self.silence * sum(silence_penalty(r) for r in rates.values())
        if _is_on(self.saturation):
            loss += self.saturation * sum(saturation_penalty(r) for r in rates.values())
        return scores, loss, rates

    def _losses(
        self, scores: Array, series: Array, labels: Int[Array, "batch"], mask: Array | None
    ) -> Float[Array, "batch"]:
        if self.objective == "rate_mse":
            axes = (0, 0, None if mask is None else 0)
            return jax.vmap(rate_mse, in_axes=axes)(series, labels, mask)
        smoothing: Any = self.smoothing
        return jax.vmap(cross_entropy, in_axes=(0, 0, None))(scores, labels, smoothing)


def batch_mean(x: Float[Array, "batch ..."]) -> Float[Array, "..."]:
    """The mean over axis 0, as a product (fast on CPU)."""
    return sum_over_time(x) / x.shape[0]


def _is_on(number: Any) -> bool:
    """Whether a number may be other than 0: an array may, whatever it is when the program runs."""
    return isinstance(number, jax.Array) or bool(number)
