"""A complete training as one lane of a sweep."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Key

from jaxneuro.core import suggest
from jaxneuro.sweeps import Grid, has_failed
from jaxneuro.training import TrainedInOneCall, grade, train_in_one_call

from ._build import (
    build_dataset,
    build_network,
    build_optimizer,
    build_prepare,
    build_task,
    build_trainable,
)
from ._config import Config
from ._sweep_lane import SEED, Lane, Target

DYNAMIC = (
    "seed",
    "augmentation.shift",
    "augmentation.rotation",
    "augmentation.scale",
    "augmentation.shear",
    "network.neuron.tau",
    "network.neuron.tau_syn",
    "network.neuron.threshold",
    "network.neuron.refractory",
    "network.readout_tau",
    "network.gain",
    "presentation.gain",
    "presentation.label_smoothing",
    "presentation.silence_penalty",
    "presentation.saturation_penalty",
    "optimizer.learning_rate",
    "optimizer.weight_decay",
    "optimizer.clip",
)
"""Fields of a configuration that may differ between the lanes of one compiled program."""

DIMS = {
    "train_loss": ("epoch",),
    "validation_loss": ("epoch",),
    "validation_accuracy": ("epoch",),
    "spikes": ("epoch",),
    "silent": ("epoch",),
}
UNITS = {"train_loss": "nat", "validation_loss": "nat", "spikes": "1/neuron/image"}
PARTS = ("train", "validation", "test")


def sweep_training_lane(
    config: Config, targets: Sequence[Target], points: Grid, has_epochs: bool
) -> Lane:
    """The function that trains at a point; its curves over epochs only where all have as many."""
    seeds = [np.unique(points.axes[t.axis].values).tolist() for t in targets if t.path == SEED]
    train = training_lane(config, [t.path for t in targets], seeds[0] if seeds else ())

    def function(point: Mapping[str, Any], key: Key[Array, ""]) -> dict[str, Array]:
        found = train({t.path: point[t.axis] for t in targets}, key)
        return {name: x for name, x in found.items() if has_epochs or name not in DIMS}

    is_validated = config.data.validation > 0
    there = {name for name in DIMS if has_epochs and (is_validated or "validation" not in name)}
    return Lane(
        function,
        {name: dims for name, dims in DIMS.items() if name in there},
        {name: unit for name, unit in UNITS.items() if name in there},
        {"epoch": np.arange(1, config.training.epochs + 1).tolist()} if there else {},
        0.0,
    )


def training_lane(
    config: Config, dynamic: Sequence[str], seeds: Sequence[int] = ()
) -> Callable[[Mapping[str, Any], Key[Array, ""]], dict[str, Array]]:
    """The function `(point, key) -> results` that trains with a point's values in `config`.

    A lane is what `jaxneuro train` does with the same configuration and seed, up to rounding: the
    seed draws the split of the data, the weights, the order, the augmentation and the noise. The
    key is not used.

    **Arguments:**

    - `config`: checked, as are the values of the points.
    - `dynamic`: the fields to be read from the points, of `DYNAMIC`.
    - `seeds`: if `"seed"` is among those, all seeds that points may have: each has its own split
      of the data, which is made here. A lane with another seed fails.

    **Returns:** the lane. Its results are `test_accuracy` and `train_accuracy`, of the trained
    network; after each epoch `train_loss`, `spikes` (per hidden neuron and image) and `silent`
    (fraction of hidden neurons without a spike), all three as training saw them; with a validation
    part `validation_loss` and `validation_accuracy` after each epoch, and
    `best_validation_accuracy`; and `failed`: whether a loss or a parameter is not finite.

    **Raises:** `ValueError` for a field that is not in `DYNAMIC`, a seed without `seeds`, or
    batches larger than the training part.
    """
    _check(dynamic, seeds)
    drawn = sorted({int(s) for s in seeds}) if "seed" in dynamic else [config.seed]
    splits = _Splits(config, drawn)
    data = splits.first
    samples, batch_size = len(data.train), config.training.batch_size
    if samples < batch_size:
        raise ValueError(
            f"training.batch_size is {batch_size}, but {data.name} has only {samples} training "
            "images."
        )
    steps = samples // batch_size * config.training.epochs
    shape, classes = data.train.inputs.shape[1:], len(data.class_names)

    def lane(point: Mapping[str, Any], key: Key[Array, ""]) -> dict[str, Array]:
        options = put_values(config, {name: point[name] for name in dynamic})
        (train, validation, test), is_known = splits.of(options.seed)
        network, task = build_network(options, shape, classes), build_task(options)

        def graded(network: Any, part: tuple[Array, Array]) -> dict[str, Array]:
            return grade(task, network, *part, scale=data.scale)

        result = train_in_one_call(
            task.loss,
            network,
            train,
            optimizer=build_optimizer(options, steps),
            epochs=config.training.epochs,
            batch_size=batch_size,
            key=jax.random.fold_in(jax.random.key(options.seed), 1),
            chosen=build_trainable(options, network),
            prepare=build_prepare(options, data.scale),
            evaluate=(lambda net: graded(net, validation)) if len(data.validation) else None,
        )
        found = {
            "test_accuracy": graded(result.model, test)["accuracy"],
            "train_accuracy": graded(result.model, train)["accuracy"],
            **_training(result, config.presentation.steps),
        }
        failed = has_failed((found, result.parameters)) | ~is_known
        return found | {"failed": failed}

    return lane


def _training(result: TrainedInOneCall, steps: int) -> dict[str, Array]:
    """What happened in each epoch."""
    rates = [x.reshape(x.shape[0], -1) for x in result.metrics["rates"].values()]
    rate = jnp.concatenate(rates, axis=1)
    found = {}
    if result.scores:
        found["best_validation_accuracy"] = result.scores["accuracy"].max()
        found |= {f"validation_{name}": x for name, x in result.scores.items()}
    found["train_loss"] = result.metrics["loss"]
    return found | {"spikes": rate.mean(1) * steps, "silent": (rate == 0).mean(1)}


def _check(dynamic: Sequence[str], seeds: Sequence[int]) -> None:
    strangers = [name for name in dynamic if name not in DYNAMIC]
    if strangers:
        raise ValueError(
            f"{strangers[0]} cannot vary within a compiled program. "
            f"{suggest(strangers[0], DYNAMIC)} There are {', '.join(DYNAMIC)}."
        )
    if "seed" in dynamic and not len(seeds):
        raise ValueError("training_lane: the seed varies, so `seeds` must list all of its values.")


def put_values(config: Config, values: Mapping[str, Any]) -> Config:
    """The configuration with arrays, traced or not, in the place of numbers; nothing is checked."""
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, _, rest = name.partition(".")
        if rest:
            inner.setdefault(section, {})[rest] = value
        else:
            # Strongly typed, as a neuron's parameters are.
            own[name] = jnp.asarray(value, jnp.int32 if name == "seed" else float)
    own |= {section: put_values(getattr(config, section), some) for section, some in inner.items()}
    return config.model_copy(update=own)


class _Splits:
    """The parts of a data set as every seed splits it; each image is kept once."""

    def __init__(self, config: Config, seeds: Sequence[int]):
        self.first = build_dataset(config.data, seeds[0])
        self.seeds = np.asarray(seeds, np.int32)
        places: dict[tuple[bytes, int], int] = {}
        rows: dict[str, list[list[int]]] = {part: [] for part in PARTS}
        for seed in seeds:
            data = build_dataset(config.data, seed)
            for part in PARTS:
                split = getattr(data, part)
                pairs = zip(split.inputs, split.labels.tolist(), strict=True)
                keys = ((image.tobytes(), label) for image, label in pairs)
                rows[part].append([places.setdefault(pair, len(places)) for pair in keys])
        shape = self.first.train.inputs.shape[1:]
        flat = np.frombuffer(b"".join(image for image, _ in places), np.uint8)
        # On the host: a lane may be made while something else is traced.
        self.images = flat.reshape(-1, *shape)
        self.labels = np.asarray([label for _, label in places], np.int32)
        self.rows = {part: np.asarray(some, np.int32) for part, some in rows.items()}

    def of(self, seed: Any) -> tuple[list[tuple[Array, Array]], Bool[Array, ""]]:
        """Inputs and labels of each part as this seed splits it, and whether it is a known one."""
        is_own = jnp.asarray(self.seeds) == seed
        place = jnp.argmax(is_own)
        images, labels = jnp.asarray(self.images), jnp.asarray(self.labels)
        rows = [jnp.asarray(self.rows[part])[place] for part in PARTS]
        return [(images[some], labels[some]) for some in rows], is_own.any()
