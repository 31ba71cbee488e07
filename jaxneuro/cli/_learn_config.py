"""What a configuration of `jaxneuro learn` can say."""

from typing import Annotated

from pydantic import Field, model_validator

from ._config import Count, Data, NotNegative, Positive, Section


class LearnNetwork(Section):
    """Neurons that compete for what they see."""

    neurons: Count = 400
    """Excitatory ones; each has its own inhibitory neuron."""
    threshold_step: NotNegative = 0.05
    """Rise of a neuron's threshold at each of its spikes, mV."""
    excitation: Positive = 10.4
    """Weight of a neuron to its inhibitory one, in leak conductances."""
    inhibition: Positive = 17.0
    """Weight of an inhibitory neuron to all others, in leak conductances."""
    first_weight: Positive = 0.3
    """The largest of the first weights, which are drawn evenly from 0.01 of it on."""


class LearnRule(Section):
    """How the weights of the input change."""

    a_plus: NotNegative = 0.01
    """At a neuron's spike, times the traces of input and neuron."""
    a_minus: NotNegative = 0.0001
    """At an input's spike, times the trace of the neuron."""
    tau_pre: Positive = 20.0
    """Trace of the input, ms."""
    tau_post: Positive = 20.0
    """Trace of the neuron for decreases, ms."""
    tau_slow: Positive = 40.0
    """Trace of the neuron for increases, ms."""
    largest_weight: Positive = 1.0
    """Upper bound, in leak conductances."""
    mean_weight: Positive = 0.1
    """To which the mean weight of each neuron is scaled before each image; it must be smaller."""

    @model_validator(mode="after")
    def _is_reachable(self) -> "LearnRule":
        if self.mean_weight >= self.largest_weight:
            raise ValueError(
                f"mean_weight is {self.mean_weight:g} and largest_weight "
                f"{self.largest_weight:g}; the mean must be smaller."
            )
        return self


class LearnPresentation(Section):
    """How one image is shown."""

    duration: Positive = 350.0
    """How long, ms; then everything but weights and thresholds starts afresh."""
    dt: Positive = 0.5
    """Length of a step, ms."""
    rate: Positive = 63.75
    """Poisson spikes of a white pixel, Hz."""
    least_spikes: Annotated[int, Field(ge=0)] = 5
    """An image with fewer spikes of all neurons is shown again, with a higher rate."""
    raise_by: Positive = 31.875
    """How much higher each time, Hz."""
    most_attempts: Count = 8
    """How often an image is shown at most."""

    @model_validator(mode="after")
    def _is_in_steps(self) -> "LearnPresentation":
        if round(self.duration / self.dt) < 1:
            raise ValueError(f"duration is {self.duration:g} ms, shorter than a step.")
        return self


class Learning(Section):
    """How much is shown, and how the answer is read."""

    examples: Count = 20000
    """Images, over as many passes through the training part as it takes."""
    batch: Count = 1
    """Images at a time, which share the weights and change them by the mean of their changes."""
    report_every: Count = 2000
    """Images from one line and checkpoint to the next."""
    assign: Count = 10000
    """Training images at which it is found out, at the end, what each neuron stands for."""


class LearnConfig(Section):
    """Learning without labels."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Draws the split, the weights, the order and the spikes."""
    data: Data = Field(default_factory=Data)
    network: LearnNetwork = Field(default_factory=LearnNetwork)
    rule: LearnRule = Field(default_factory=LearnRule)
    presentation: LearnPresentation = Field(default_factory=LearnPresentation)
    learning: Learning = Field(default_factory=Learning)

    @model_validator(mode="after")
    def _has_whole_batches(self) -> "LearnConfig":
        learning, shown = self.learning, self.presentation
        if learning.report_every % learning.batch or learning.examples % learning.report_every:
            raise ValueError(
                f"learning.examples ({learning.examples}) must be a multiple of report_every "
                f"({learning.report_every}), and that of batch ({learning.batch})."
            )
        if learning.batch > 1 and shown.most_attempts > 1:
            raise ValueError(
                f"learning.batch is {learning.batch}, but presentation.most_attempts "
                f"{shown.most_attempts}: images of a batch are shown once. Set most_attempts = 1."
            )
        return self


class LearnArguments(LearnConfig):
    """Learn digits without labels, by spike-timing-dependent plasticity."""

    run_dir: str = ""
    """Folder of the run; by default a new one under runs/, named after the file."""
    resume: bool = False
    """Go on from the last checkpoint in --run-dir."""
