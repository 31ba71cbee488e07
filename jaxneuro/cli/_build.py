"""From a configuration to the objects of the library."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxneuro import data, surrogates
from jaxneuro.core import suggest
from jaxneuro.data import Dataset, random_affine
from jaxneuro.edges import AbstractConnectivity, AveragePool, Chain, Conv, Dense, MaxPool
from jaxneuro.evolution import (
    AbstractStrategy,
    Evosax,
    GeneticAlgorithm,
    LowRankES,
    evosax_names,
    uses_optimizer,
)
from jaxneuro.network import Kaiming, Layer, Network, sequential
from jaxneuro.neurons import IF, LI, LIF, AbstractNeuron, AdaptiveLIF, CurrentLIF, Refractory
from jaxneuro.training import Classifier, Parameters, Trainable, trainable

from ._config import Config, Data, LayerConfig, Neuron

MNIST_TRAIN = 60_000
LOW_RANK_RATE = 0.01
FIELDS_OF_THE_SECTION = ("population", "sigma", "optimizer", "shaping", "span")
CACHED_NEURONS = 2**17  # whose state stays in the cache of a CPU core


def build_dataset(choice: Data, seed: int) -> Dataset:
    """The data set, split by the seed."""
    if choice.name == "digits":
        return data.digits(seed=seed, validation_fraction=float(choice.validation))
    assert choice.path is not None, "the configuration checks this"
    read = data.mnist if choice.name == "mnist" else data.fashion_mnist
    return read(choice.path, seed=seed, validation=round(choice.validation * MNIST_TRAIN))


def build_network(config: Config, shape: tuple[int, ...], classes: int) -> Network:
    """A network for images of this shape, with weights drawn by the seed."""
    choice = config.network
    layers = []
    pool = None
    for layer in choice.layers:
        connectivity = _connectivity(layer)
        layers.append(
            Layer(
                connectivity if pool is None else Chain((pool, connectivity)),
                build_neuron(choice.neuron),
                dropout=layer.dropout,
                recurrent=layer.recurrent,
            )
        )
        pool = _pool(layer)
    readout = Dense(classes)
    layers.append(
        Layer(
            readout if pool is None else Chain((pool, readout)),
            _readout(config),
            dropout=choice.readout_dropout,
        )
    )
    return sequential(
        shape,
        *layers,
        key=jax.random.key(config.seed),
        initialiser=Kaiming(choice.gain),
        surrogate=getattr(surrogates, choice.neuron.surrogate)(),
        reset_gradient=choice.neuron.reset_gradient,
    )


def build_neuron(choice: Neuron) -> AbstractNeuron:
    """One cell type."""
    options: dict[str, Any] = {
        "threshold": choice.threshold,
        "reset_by": choice.reset_by,
        "input_scale": choice.input_scale,
    }
    if choice.model == "IF":
        neuron: AbstractNeuron = IF(**options)
    elif choice.model == "CurrentLIF":
        neuron = CurrentLIF(tau=choice.tau, tau_syn=choice.tau_syn, **options)  # pyright: ignore
    else:
        kind = {"LIF": LIF, "AdaptiveLIF": AdaptiveLIF}[choice.model]
        neuron = kind(tau=choice.tau, **options)
    if not _is_on(choice.refractory):
        return neuron
    return Refractory(neuron, choice.refractory)  # pyright: ignore[reportArgumentType]


def build_task(config: Config) -> Classifier:
    """How the network is used as a classifier."""
    choice = config.presentation
    return Classifier(
        steps=choice.steps,
        dt=float(choice.dt),
        encoding=choice.encoding,
        gain=_number(choice.gain),
        objective=choice.loss,
        smoothing=_number(choice.label_smoothing),
        silence=_number(choice.silence_penalty),
        saturation=_number(choice.saturation_penalty),
        block=choice.block or "auto",
    )


def build_trainable(config: Config, network: Network) -> Trainable:
    """The weights and biases, and the time constants if asked."""
    paths = ["*.weight", "*.bias"] + (["hidden*.tau"] if config.network.train_tau else [])
    return trainable(network, paths)


def build_optimizer(config: Config, steps: int) -> optax.GradientTransformation:
    """The optimiser for a run of so many steps."""
    choice = config.optimizer
    rate: Any = choice.learning_rate
    warmup = min(round(choice.warmup * steps), steps - 1)
    if choice.schedule == "cosine":
        first = 0.0 if warmup else choice.learning_rate
        # As `optax.warmup_cosine_decay_schedule`, which takes no traced rate.
        rise = optax.linear_schedule(first, choice.learning_rate, warmup)
        fall = optax.cosine_decay_schedule(choice.learning_rate, steps - warmup)
        rate = optax.join_schedules([rise, fall], [warmup])
    elif warmup:  # optax takes 0 steps of warm-up for a rate that stays 0
        rate = optax.linear_schedule(0.0, choice.learning_rate, warmup)
    if choice.name in ("adamw", "lion"):
        optimizer = getattr(optax, choice.name)(rate, weight_decay=choice.weight_decay)
    else:
        optimizer = getattr(optax, choice.name)(rate)
    if not _is_on(choice.clip):
        return optimizer
    limit = choice.clip
    if isinstance(limit, jax.Array):
        limit = jnp.where(limit > 0, limit, jnp.inf)
    return optax.chain(optax.clip_by_global_norm(limit), optimizer)


def build_strategy(
    config: Config, task: Classifier, network: Network, chosen: Trainable
) -> AbstractStrategy:
    """The strategy that draws and moves the population."""

    def span(mean: Parameters, batch: Any) -> dict[str, jax.Array]:
        inputs = task.layer_inputs(chosen.merge(network, mean), batch, jax.random.key(0))
        return {path: x for path, x in inputs.items() if path in mean}

    choice = config.evolution
    options = dict(choice.options)
    if choice.span and choice.strategy != "LowRankES":
        raise ValueError(
            f"evolution.span is true, but {choice.strategy} knows no span. Leave it out."
        )
    if choice.strategy == "LowRankES":
        given: dict[str, Any] = {"sigma": choice.sigma, "optimizer": _ascent(config)}
        given |= {"shaping": choice.shaping} if choice.shaping != "default" else {}
        given |= {"span": span} if choice.span else {}
        return _with_options(LowRankES, choice.population, options, **given)
    if choice.strategy == "GeneticAlgorithm":
        return _with_options(GeneticAlgorithm, choice.population, options)
    try:
        names = "LowRankES", "GeneticAlgorithm", *evosax_names()
    except ModuleNotFoundError as error:
        raise ValueError(f"evolution.strategy is {choice.strategy!r}. {error}") from None
    if choice.strategy not in names:
        raise ValueError(
            f"evolution.strategy: there is no {choice.strategy!r}. "
            f"{suggest(choice.strategy, names)} There are {', '.join(names)}."
        )
    optimizer = _ascent(config) if choice.learning_rate else None
    if optimizer is not None and not uses_optimizer(choice.strategy):
        raise ValueError(
            f"evolution.learning_rate is {choice.learning_rate}, but {choice.strategy} uses no "
            "optimiser. Set it to 0."
        )
    if optimizer is None and choice.weight_decay:
        raise ValueError("evolution.weight_decay is of AdamW: give it a learning_rate too.")
    return Evosax(
        choice.strategy, choice.population, choice.sigma, optimizer, choice.shaping, options
    )


def build_chunk(config: Config, network: Network) -> int | None:
    """How many members run at the same time on one device; None for all."""
    choice = config.evolution
    if choice.chunk or jax.default_backend() != "cpu":
        return choice.chunk or None
    widest = max(math.prod(node.shape) for node in network.populations.values())
    return max(2, CACHED_NEURONS // (choice.batch_size * widest))


def _ascent(config: Config) -> optax.GradientTransformation:
    choice = config.evolution
    rate: Any = choice.learning_rate or LOW_RANK_RATE
    if choice.schedule == "cosine":
        rate = optax.cosine_decay_schedule(rate, choice.generations)
    return optax.adamw(rate, weight_decay=choice.weight_decay)


def _with_options(
    kind: type[AbstractStrategy], population: int, options: dict[str, Any], **given: Any
) -> Any:
    """A strategy with these options: its fields that no setting of the section gives."""
    fields = {f.name: f.default for f in dataclasses.fields(kind)}
    known = [name for name in fields if name not in FIELDS_OF_THE_SECTION]
    for name, value in options.items():
        where = f"evolution.options.{name}"
        if name not in known:
            raise ValueError(f"{where}: {kind.__name__} has no such option. {suggest(name, known)}")
        wanted = {int: int, str: str}.get(type(fields[name]), (int, float))
        if not isinstance(value, wanted):
            what = {int: "a whole number", str: "a text"}.get(type(fields[name]), "a number")
            raise ValueError(f"{where}: it must be {what}, not {value!r}.")
    return kind(population, **options, **given)  # pyright: ignore[reportCallIssue]


def build_prepare(config: Config, scale: float) -> Callable:
    """Scales a batch of images to [0, 1] and augments it, on the device."""
    amounts = dict(config.augmentation)

    def prepare(batch: tuple[jax.Array, ...], key: jax.Array) -> tuple[jax.Array, ...]:
        images = batch[0].astype(float) / scale
        if any(_is_on(x) for x in amounts.values()):
            images = random_affine(key, images, **{n: _number(x) for n, x in amounts.items()})
        return images, *batch[1:]

    return prepare


def _connectivity(layer: LayerConfig) -> AbstractConnectivity:
    if layer.kind == "dense":
        return Dense(layer.size)
    kernel = (layer.kernel, layer.kernel)
    return Conv(layer.size, kernel, stride=layer.stride, padding=layer.padding)


def _pool(layer: LayerConfig) -> AbstractConnectivity | None:
    return {"none": None, "max": MaxPool((2, 2)), "average": AveragePool((2, 2))}[layer.pool]


def _readout(config: Config) -> AbstractNeuron:
    spikes = config.presentation.loss in ("spike_count", "first_spike", "rate_mse")
    if spikes:
        return build_neuron(config.network.neuron)
    scale = config.network.neuron.input_scale
    return LI(tau=config.network.readout_tau, input_scale=scale)  # pyright: ignore


def _number(x: Any) -> Any:
    """A float, or the array as it is: a sweep puts traced numbers into a configuration."""
    return x if isinstance(x, jax.Array) else float(x)


def _is_on(x: Any) -> bool:
    """Whether a number may be other than 0; whether a traced one is, shows when it runs."""
    return isinstance(x, jax.Array) or bool(x)
