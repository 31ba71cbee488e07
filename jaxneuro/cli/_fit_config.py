"""What a configuration of `jaxneuro fit` can say."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, Strict, model_validator

from ._config import Count, NotNegative, Positive, Section
from ._fit_objective import Objective
from ._fit_values import Interval, Resistance, Scalar, TestSweeps, TrainSweeps, Windows
from ._simulation_config import Number


class FittedNeuron(Section):
    """The cell type, with the values at which the first start begins."""

    model: str = ""
    """Its name in jaxneuro.catalogue.MODELS."""
    parameters: dict[str, Scalar] = Field(default_factory=dict)
    """In the model's units: where the free ones begin, and what the others are."""
    refractory: NotNegative = 0.0
    """Refractory period, ms, which is free under the name `period`; 0 leaves it out."""


class Reading(Section):
    """How the file of a recording is read, where it does not say it itself."""

    sweeps: list[int] = Field(default_factory=list)
    """Numbers of the sweeps to read; all by default."""
    voltage: str = ""
    """Channel, column or electrode with the voltage, by name or number."""
    current: str = ""
    """Channel, column or electrode with the injected current."""
    voltage_unit: str = ""
    """The true unit of the voltage, whatever the file declares."""
    current_unit: str = ""
    """The true unit of the current."""
    stimulus: Number | None = None
    """The injected current where the file has none: one number, pA."""
    series_resistance: Resistance = "measured"
    """Between electrode and membrane, MΩ, whose voltage is taken off; by default as it shows at
    the steps of the current."""
    windows: Windows = Field(default_factory=list)
    """Start and stop of each stretch of stimulus, ms, instead of those found in the current."""


class SweepChoice(Section):
    """Which part of a recording is fitted, and which is held out to test the fit on."""

    train: TrainSweeps = "even"
    """Every other sweep from the first (even) or second (odd) on, all, or numbers of sweeps."""
    test: TestSweeps = "rest"
    """Those that are not fitted (rest), even, odd, none, or numbers of sweeps."""
    duration: Positive | None = None
    """How much of each sweep is fitted, ms; by default until 150 ms after the stimulus."""
    spike_threshold: Number = -20.0
    """Every upward crossing of it is a spike, mV."""


class SearchConfig(Section):
    """How the parameters are looked for."""

    strategy: Literal["hybrid", "evolution", "gradient", "least_squares"] = "hybrid"
    """Evolution and then gradient, one of them alone, or Levenberg-Marquardt."""
    starts: Count = 8
    """Searches side by side: one from the model's own values, the others from random ones."""
    evolution: str = "CMA_ES"
    """Strategy of evosax."""
    population: Annotated[int, Field(ge=2)] = 24
    """Candidates of each start in each generation."""
    sigma: Positive = 0.6
    """First standard deviation of the candidates, in unbounded numbers."""
    generations: Count = 300
    """At most."""
    patience: Count = 60
    """The evolution ends when no start has become better for so many generations."""
    steps: Annotated[int, Field(ge=0)] = 60
    """Steps of the gradient after the evolution."""
    trim: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the windows of all fitted sweeps, those of the largest losses, that is left out."""
    select: Literal["loss", "consensus"] = "loss"
    """The start with the least loss, or that which agrees best with other good ones."""
    checkpoint_seconds: NotNegative = 5.0
    """Least time between two checkpoints."""


class Synthetic(Section):
    """The cell that is simulated, and then fitted, where there is no recording."""

    truth: dict[str, Number] = Field(default_factory=dict)
    """True values of free parameters; the others are drawn around those of [neuron.parameters]."""
    amplitudes: list[Number] = Field(
        default_factory=lambda: [-100.0, -50.0, *(50.0 * k for k in range(1, 9))],
        min_length=1,
    )
    """Current of each sweep, pA."""
    start: Positive = 50.0
    """When it begins, ms."""
    stop: Positive = 350.0
    """When it ends, ms."""
    duration: Positive = 500.0
    """Of each sweep, ms."""
    noise: NotNegative = 0.0
    """Standard deviation of white noise on the voltage, mV."""

    @model_validator(mode="after")
    def _is_in_order(self) -> "Synthetic":
        if not self.start < self.stop <= self.duration:
            raise ValueError(
                f"the current is from {self.start:g} to {self.stop:g} ms, but must begin before "
                f"it ends, within the {self.duration:g} ms of a sweep."
            )
        return self


class FitConfig(Section):
    """A fit of a neuron model to recorded sweeps."""

    recording: Annotated[Path | None, Strict(False)] = None
    """File of a recording, or folder of recordings; without one a synthetic cell is fitted."""
    dt: Positive = 0.1
    """Length of a step, ms."""
    integrator: Literal["exponential_euler", "euler", "heun", "rk4"] = "euler"
    """Method for the neuron's differential equation."""
    baseline: str = ""
    """Parameter that takes the voltage of each sweep before the stimulus, such as E_L; if it is
    free, its bounds are of the difference from there."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Draws the starts and candidates, and the synthetic cell."""
    neuron: FittedNeuron = Field(default_factory=FittedNeuron)
    free: dict[str, Interval] = Field(default_factory=dict)
    """Bounds of the parameters that are fitted: [lower, upper], or [lower, upper, "log"]."""
    objective: Objective = Field(default_factory=Objective)
    search: SearchConfig = Field(default_factory=SearchConfig)
    reading: Reading = Field(default_factory=Reading)
    sweeps: SweepChoice = Field(default_factory=SweepChoice)
    synthetic: Synthetic = Field(default_factory=Synthetic)


class FitArguments(FitConfig):
    """Fit a neuron model to recorded sweeps: parameters, held-out errors and a report."""

    run_dir: str = ""
    """Folder of the results; by default a new one under runs/, named after the file."""
    resume: bool = False
    """Go on with what is in --run-dir."""
    devices: Annotated[int, Field(ge=0)] = 0
    """Devices over which the starts are spread; 0 takes all, and each core of a CPU is one."""
