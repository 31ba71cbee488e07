"""What a configuration file and the command line can say: one schema is both."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A part of a configuration: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_assignment=True)


class Data(Section):
    """Which data set, and what is held out of its training part."""

    name: Literal["digits", "mnist", "fashion_mnist"] = "digits"
    """Digits come with scikit-learn; the others are read from files."""
    path: Annotated[Path | None, Strict(False)] = None
    """Folder with the four IDX files (not for digits)."""
    validation: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Fraction of the training part that is held out to compare settings on; 0 trains on all."""

    @model_validator(mode="after")
    def _has_path(self) -> "Data":
        if self.name != "digits" and self.path is None:
            raise ValueError(
                f"{self.name} is read from files: give their folder, as path in the file or with "
                "--data.path DIR. It holds train-images-idx3-ubyte.gz and its three sisters."
            )
        return self


class Augmentation(Section):
    """Random affine map of each training image; each number is the largest amount."""

    shift: NotNegative = 0.0
    """Pixels."""
    rotation: NotNegative = 0.0
    """Degrees."""
    scale: Fraction = 0.0
    """Fraction by which it grows or shrinks."""
    shear: NotNegative = 0.0
    """Fraction."""


class LayerConfig(Section):
    """One hidden layer."""

    kind: Literal["dense", "conv"] = "dense"
    """Fully connected, or a two-dimensional convolution."""
    size: Count = 256
    """Neurons (dense) or channels (conv)."""
    kernel: Count = 5
    """Side of the convolution's kernel, pixels."""
    stride: Count = 1
    """Step of the convolution, pixels."""
    padding: Literal["VALID", "SAME"] = "VALID"
    """Of the convolution: none, or as much as keeps the size."""
    pool: Literal["none", "max", "average"] = "none"
    """Pooling of its spikes over windows of 2 x 2 before the next layer."""
    dropout: Fraction = 0.0
    """Rate at which the neurons that this layer hears are silenced in training."""
    recurrent: bool = False
    """Whether the layer also hears itself, one step later."""


class Neuron(Section):
    """The hidden neurons."""

    model: Literal["LIF", "CurrentLIF", "AdaptiveLIF", "IF"] = "LIF"
    """Cell type."""
    tau: Positive = 5.0
    """Membrane time constant, ms."""
    tau_syn: Positive = 2.0
    """Synaptic time constant, ms (CurrentLIF)."""
    threshold: Positive = 1.0
    """Membrane voltage above which it spikes."""
    reset_by: Literal["value", "subtraction", "none"] = "subtraction"
    """What a spike does to the membrane: to 0, lower by the threshold, or nothing."""
    reset_gradient: Literal["detached", "surrogate"] = "detached"
    """Whether the gradient flows through the reset."""
    refractory: NotNegative = 0.0
    """Refractory period, ms."""
    surrogate: Literal["SuperSpike", "Sigmoid", "Arctan", "Triangular", "Box", "MultiGaussian"] = (
        "Arctan"
    )
    """Derivative that stands in for that of the spike."""
    input_scale: Literal["physical", "unit"] = "physical"
    """Whether the input counts times 1 - exp(-dt / tau) (physical), or as it is (unit)."""


class NetworkConfig(Section):
    """The layers, from the input to the readout."""

    layers: list[LayerConfig] = Field(
        default_factory=lambda: [LayerConfig(), LayerConfig(dropout=0.2)], min_length=1
    )
    neuron: Neuron = Field(default_factory=Neuron)
    readout_tau: Positive = 10.0
    """Time constant of the leaky readout, ms."""
    readout_dropout: Fraction = 0.2
    """Rate at which the neurons that the readout hears are silenced in training."""
    gain: Positive = 2.0
    """First weights are normal with standard deviation gain / sqrt(fan in)."""
    train_tau: bool = False
    """Whether the hidden neurons' time constants are trained too, one per layer."""

    @model_validator(mode="after")
    def _has_tau(self) -> "NetworkConfig":
        if self.train_tau and self.neuron.model == "IF":
            raise ValueError("train_tau is true, but IF neurons have no tau. Take LIF neurons.")
        return self


class Presentation(Section):
    """How one image is shown to the network and its answer is read."""

    steps: Count = 8
    """Time steps of one presentation."""
    dt: Positive = 1.0
    """Length of a step, ms."""
    encoding: Literal["current", "rate", "latency"] = "current"
    """Constant currents, Poisson spikes, or one spike each, early for bright pixels."""
    gain: Positive = 1.0
    """Current of a white pixel, or its rate in Hz."""
    loss: Literal[
        "membrane_mean", "membrane_sum", "membrane_max", "spike_count", "first_spike", "rate_mse"
    ] = "membrane_mean"
    """What is read from the last layer and compared with the label."""
    label_smoothing: Fraction = 0.0
    """Part of each label that is spread over all classes."""
    silence_penalty: NotNegative = 0.0
    """Weight of the penalty on neurons that spike in fewer than 1 % of the steps."""
    saturation_penalty: NotNegative = 0.0
    """Weight of the penalty on neurons that spike in more than 50 % of the steps."""
    block: Annotated[int, Field(ge=0)] = 0
    """Steps per block of time; 0 chooses."""


class Optimizer(Section):
    """The optimiser, from optax."""

    name: Literal["adamw", "adam", "sgd", "lion"] = "adamw"
    """Method."""
    learning_rate: Positive = 2e-3
    """Its highest value."""
    weight_decay: NotNegative = 1e-3
    """Of adamw and lion."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """How the rate falls after the warm-up: to 0 along a cosine, or not."""
    warmup: Fraction = 0.0
    """Fraction of all steps in which the rate rises from 0."""
    clip: NotNegative = 0.0
    """Largest norm of the gradient; 0 does not clip."""


class Training(Section):
    """How long, and in which portions."""

    epochs: Count = 20
    """Passes over the training images."""
    batch_size: Count = 128
    """Images per optimiser step."""
    checkpoint_seconds: NotNegative = 5.0
    """Least time between two checkpoints."""


class Evolution(Section):
    """Training without gradients, by `jaxneuro evolve`."""

    strategy: str = "LowRankES"
    """LowRankES, GeneticAlgorithm, or a strategy of evosax such as SNES or CMA_ES."""
    population: Count = 512
    """Members; even where they come in mirrored pairs."""
    generations: Count = 1000
    """How many."""
    fitness: Literal["loss", "accuracy", "recall"] = "loss"
    """What is maximised: minus the loss, the accuracy, or the mean recall of the classes."""
    batch_size: Count = 16
    """Images per minibatch; each generation sees the next ones of a shuffled pass."""
    slices: Count = 1
    """Minibatches per generation, shared out evenly among the members."""
    sigma: Positive = 0.05
    """First standard deviation of the members (a GeneticAlgorithm has its own as an option)."""
    learning_rate: NotNegative = 0.0
    """Of AdamW, which moves the mean; 0 is the strategy's own way (a hundredth for LowRankES)."""
    weight_decay: NotNegative = 0.0
    """Of AdamW."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """How AdamW's rate falls: to 0 along a cosine, or not."""
    shaping: Literal["default", "rank", "standardize", "normalize", "none"] = "default"
    """What the strategy sees of the fitness; the last two are for evosax."""
    span: bool = False
    """Whether noise is drawn within the span of each layer's inputs on its slice (LowRankES)."""
    options: dict[str, float | int | str] = Field(default_factory=dict)
    """Further settings of the strategy, by their names there."""
    chunk: Annotated[int, Field(ge=0)] = 0
    """Members at the same time on one device; 0 chooses."""
    validate_every: Count = 1
    """Generations from one validation to the next."""
    then_train: bool = False
    """Whether training by gradient follows, as [optimizer] and [training] say."""


class Config(Section):
    """A training run."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Draws the split, the weights, the order, the augmentation and the noise."""
    data: Data = Field(default_factory=Data)
    augmentation: Augmentation = Field(default_factory=Augmentation)
    network: NetworkConfig = Field(default_factory=NetworkConfig)
    presentation: Presentation = Field(default_factory=Presentation)
    optimizer: Optimizer = Field(default_factory=Optimizer)
    training: Training = Field(default_factory=Training)
    evolution: Evolution = Field(default_factory=Evolution)


def known_keys(model: Any, location: tuple[Any, ...]) -> list[str]:
    """The keys that the section at `location` has."""
    parts = iter(location)
    for part in parts:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        model = None if field is None else section_in(field.annotation)
        if model is None:
            return []
        if field is not None and has_names(field.annotation):
            next(parts, None)
    return list(model.model_fields)


def section_in(annotation: Any) -> type[Section] | None:
    """The section that a field holds, or holds a list or table of; None for a plain value."""
    choices = (annotation, *getattr(annotation, "__args__", ()))
    return next((c for c in choices if isinstance(c, type) and issubclass(c, Section)), None)


def has_names(annotation: Any) -> bool:
    """Whether a field holds a table of sections, each under a name of the user's choice."""
    return get_origin(annotation) is dict and section_in(annotation) is not None
