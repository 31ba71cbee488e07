"""What a configuration of `jaxneuro simulate` can say."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, ValidationError, WrapValidator, model_validator

from ._config import NotNegative, Positive, Section

Number = Annotated[float, Field(allow_inf_nan=False)]


def _says(wanted: str) -> WrapValidator:
    """One message for what fits none of several types, not one for each."""

    def check(value: Any, handler: Any) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"it must be {wanted}") from None

    return WrapValidator(check)


Numbers = Annotated[Number | list[Number], _says("a finite number or a list of them")]
Parameter = Annotated[
    Number | int | bool | str | list[Number], _says("a finite number, a list of them, or a text")
]

# The fields of [stimulus] that a kind has beside those that all have; these need a value above 0.
POSITIVE = {
    "sine": ("frequency",),
    "poisson": ("rate", "tau"),
    "frozen_noise": ("sd", "tau"),
    "csv": ("path",),
}
OTHERS = {"sine": ("offset",)}


class NeuronConfig(Section):
    """The cell type."""

    model: str = ""
    """Its name in jaxneuro.catalogue.MODELS."""
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    """In the model's units: one number, or a list with one for each amplitude."""
    refractory: NotNegative = 0.0
    """Refractory period after each spike, ms; 0 leaves it out."""
    initial: dict[str, Numbers] = Field(default_factory=dict)
    """Start values of single variables, the same way."""


class Stimulus(Section):
    """What drives each neuron, in the model's unit; 0 before start and from stop on."""

    kind: Literal["step", "ramp", "sine", "poisson", "frozen_noise", "csv"] = "step"
    """Its course: constant, rising from 0, a sine, random events, noise, or from a file."""
    start: NotNegative = 0.0
    """When it begins, ms."""
    stop: Positive | None = None
    """When it ends, ms; by default at the end of the run."""
    amplitudes: list[Number] = Field(default_factory=list)
    """One neuron each: height (step), last value (ramp), amplitude (sine), jump (poisson), mean."""
    frequency: NotNegative = 0.0
    """Hz (sine)."""
    offset: Number = 0.0
    """Is added to a sine."""
    rate: NotNegative = 0.0
    """Events per second, of each neuron its own (poisson)."""
    tau: NotNegative = 0.0
    """ms: decay of the current after an event (poisson), or the noise's correlation time."""
    sd: NotNegative = 0.0
    """Standard deviation of the frozen noise; every neuron gets the same noise."""
    path: Annotated[Path | None, Strict(False)] = None
    """File with a column time_ms and one for each neuron (csv), interpolated linearly."""
    unit: str = ""
    """Of the amplitudes, for the figures."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Stimulus":
        wanted = POSITIVE.get(self.kind, ())
        for name in ("frequency", "offset", "rate", "tau", "sd", "path"):
            if name in wanted and not getattr(self, name):
                what = "a path" if name == "path" else f"a {name} above 0"
                raise ValueError(f"kind is {self.kind}, which needs {what}.")
            if name not in (*wanted, *OTHERS.get(self.kind, ())) and getattr(self, name):
                raise ValueError(f"kind is {self.kind}, which has no {name}.")
        if self.kind == "csv" and self.amplitudes:
            raise ValueError("kind is csv: the file has the neurons, so leave out amplitudes.")
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(f"stop is {self.stop:g} ms, but start is {self.start:g} ms.")
        return self


class SimulationConfig(Section):
    """One population under a stimulus, one neuron for each amplitude."""

    dt: Positive = 0.1
    """Length of a step, ms."""
    duration: Positive = 1000.0
    """How long is simulated, ms."""
    integrator: Literal["exponential_euler", "euler", "heun", "rk4"] = "exponential_euler"
    """Method for the neuron's differential equation."""
    record: list[str] = Field(default_factory=lambda: ["v"], min_length=1)
    """Variables that traces.npz holds."""
    record_every: NotNegative = 0.0
    """Time between two values in traces.npz, ms; 0 keeps every step."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Draws the stimulus and the neuron's own noise."""
    init: Literal["original", "rest"] = "original"
    """Start at the model's own values, or at its stable state without stimulus."""
    neuron: NeuronConfig = Field(default_factory=NeuronConfig)
    stimulus: Stimulus = Field(default_factory=Stimulus)

    @model_validator(mode="after")
    def _ends_with_the_run(self) -> "SimulationConfig":
        start, stop = self.stimulus.start, self.stimulus.stop or self.duration
        if start >= self.duration or stop > self.duration * (1 + 1e-9):
            raise ValueError(
                f"the stimulus is from {start:g} to {stop:g} ms, but the run lasts "
                f"{self.duration:g} ms. Give [stimulus] a start and stop within it."
            )
        if len(set(self.record)) < len(self.record) or "t" in self.record:
            raise ValueError("record: each name once, and no 't', which is the time.")
        return self

    @property
    def stop(self) -> float:
        """When the stimulus ends, ms."""
        return float(self.stimulus.stop or self.duration)


class SimulateArguments(SimulationConfig):
    """Simulate one population under a stimulus: traces, spikes and rates."""

    run_dir: str = ""
    """Folder of the results; by default a new one under runs/, named after the file."""
