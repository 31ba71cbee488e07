"""What a configuration of `jaxneuro simulate` can say of a network."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from ._config import Count, NotNegative, Positive, Section
from ._network_catalogue_config import CatalogueConfig, Probability
from ._quantity import Number, Quantities, Quantity, Setting

Figure = Literal[
    "raster",
    "activity",
    "graph",
    "traces",
    "conductances",
    "rate_map",
    "population_vector",
    "synapses",
    "animation",
]
FIGURES: tuple[Figure, ...] = tuple(name for name in get_args(Figure) if name != "animation")

# What a rule needs, and what else it may have.
RULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "all_to_all": ((), ("self_connections",)),
    "one_to_one": ((), ()),
    "fixed_probability": (("probability",), ("self_connections",)),
    "fixed_indegree": (("degree",), ("self_connections", "multapses")),
    "fixed_outdegree": (("degree",), ("self_connections", "multapses")),
    "distance_dependent": (("width",), ("kernel", "peak", "self_connections")),
    "small_world": (("neighbours",), ("rewiring",)),
    "ring": ((), ("share", "sigma")),
    "tuned_current": ((), ("kappa",)),
    "tuned_poisson": ((), ("kappa",)),
}
OF_RULES = {name for wanted, optional in RULES.values() for name in (*wanted, *optional)}

# The same of the kinds of input.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": (("value",), ()),
    "step": (("value", "start", "stop"), ()),
    "sine": (("value", "frequency"), ("offset",)),
    "poisson": (("rate",), ()),
    "cues": (("cues",), ()),
    "pulses": (("interval",), ("fraction",)),
}
OF_KINDS = {name for wanted, optional in KINDS.values() for name in (*wanted, *optional)}


class PopulationConfig(Section):
    """Neurons of one type."""

    size: Count = 1
    """How many."""
    model: str = ""
    """Its name in jaxneuro.catalogue.MODELS, or PyramidalRing and the like."""
    parameters: dict[str, Setting] = Field(default_factory=dict)
    """In the model's units: one number, a list with one for each neuron, or a distribution."""
    initial: dict[str, Quantities] = Field(default_factory=dict)
    """Start values of single variables, the same way."""
    refractory: Quantities | None = None
    """For how long v is held after a spike, ms."""
    integrator: Literal["exponential_euler", "euler", "heun", "rk4"] | None = None
    """Method for the neuron's differential equation; by default exponential_euler for most."""
    start: Literal["original", "rest"] = "original"
    """Start at the model's own values, or at its stable state without input."""
    layout: Literal["none", "ring", "grid", "circle", "disc"] = "none"
    """Where the neurons are; on a ring they have preferred directions."""


class PartConfig(Section):
    """A receptor's kinetics, where it has a choice."""

    kind: str = ""
    """Their name in jaxneuro.edges, such as Bounded; by default the receptor's own."""
    parameters: dict[str, Setting] = Field(default_factory=dict)
    """As a population's."""


class ReceptorConfig(Section):
    """What turns events into a current; a projection's own, if its target is a population."""

    kind: str = ""
    """Its name in jaxneuro.edges, such as AMPA; a projection's is by default Direct."""
    parameters: dict[str, Setting] = Field(default_factory=dict)
    """As a population's."""
    kinetics: PartConfig = Field(default_factory=PartConfig)
    initial: dict[str, Quantities] = Field(default_factory=dict)
    """Start values of its variables, such as g."""


class ShortTermConfig(Section):
    """Depression and facilitation by the source's recent spikes."""

    U: Probability | None = None
    """Part of the resources that a spike releases after a long rest; by default there is none."""
    tau_rec: Positive = 800.0
    """Time constant of recovery from depression, ms."""
    tau_facil: Positive | None = None
    """Time constant of facilitation, ms; by default none."""


class ProjectionConfig(Section):
    """Synapses from one population or input to another."""

    source: str = ""
    """Name of a population or input."""
    target: str = ""
    """Name of a population, or of a shared receptor such as exc/ampa."""
    rule: Literal[
        "all_to_all",
        "one_to_one",
        "fixed_probability",
        "fixed_indegree",
        "fixed_outdegree",
        "distance_dependent",
        "small_world",
        "ring",
        "tuned_current",
        "tuned_poisson",
    ] = "all_to_all"
    """Which neurons are joined; the last two are from an input with amplitude and direction."""
    probability: Probability | None = None
    """Of each pair (fixed_probability)."""
    degree: Count | None = None
    """Synapses onto each target (fixed_indegree) or of each source (fixed_outdegree)."""
    kernel: Literal["gaussian", "exponential", "von_mises"] = "gaussian"
    """How the probability falls with distance (distance_dependent)."""
    width: Positive | None = None
    """Standard deviation, length, or concentration (von_mises) of the kernel."""
    peak: Probability = 1.0
    """Probability at distance 0 (distance_dependent)."""
    neighbours: Count | None = None
    """To which each neuron is joined, an even number (small_world)."""
    rewiring: Probability = 0.1
    """Part of the edges that are rewired (small_world)."""
    share: Probability = 0.7
    """Of the bump in the weights; the rest is the same for all (ring)."""
    sigma: Positive = 0.05
    """Width of the bump; its concentration is 2 pi / sigma (ring)."""
    kappa: NotNegative = 0.0
    """Sharpness of tuning (tuned_current, tuned_poisson)."""
    self_connections: bool = True
    """Whether a neuron may be joined to itself."""
    multapses: bool = False
    """Whether a pair may be joined more than once (fixed_indegree, fixed_outdegree)."""
    weight: Quantity = 1.0
    """In the receptor's unit; where the rule makes the weights (ring), a factor of theirs."""
    sign: Literal[1, -1] = 1
    """-1 turns all weights around."""
    delay: Quantity | None = None
    """ms; by default one step. A distribution draws one for each synapse."""
    receptor: ReceptorConfig = Field(default_factory=ReceptorConfig)
    short_term: ShortTermConfig = Field(default_factory=ShortTermConfig)

    @model_validator(mode="after")
    def _fits_its_rule(self) -> "ProjectionConfig":
        _check_fields(self, "rule", self.rule, RULES, OF_RULES)
        if isinstance(self.delay, float) and self.delay < 0:
            raise ValueError(f"delay is {self.delay:g} ms; it must not be negative.")
        return self


class NoiseConfig(Section):
    """Random input to each neuron on its own."""

    kind: str = ""
    """Its name in jaxneuro.edges, such as PoissonNoise or GaussianNoise."""
    target: str = ""
    """As a projection's."""
    parameters: dict[str, Setting] = Field(default_factory=dict)
    """As a population's."""


class CueConfig(Section):
    """One presentation of a stimulus."""

    start: NotNegative = 0.0
    """When it begins, ms."""
    stop: Positive = 1.0
    """When it ends, ms."""
    value: Number = 1.0
    """Its amplitude; a rate in Hz for tuned_poisson."""
    direction: Number | None = None
    """rad; the input then sends amplitude and direction."""
    label: str = ""
    """What figures call it."""

    @model_validator(mode="after")
    def _ends_later(self) -> "CueConfig":
        if self.stop <= self.start:
            raise ValueError(f"stop is {self.stop:g} ms, but start is {self.start:g} ms.")
        return self


class InputConfig(Section):
    """Signals from outside."""

    kind: Literal["constant", "step", "sine", "poisson", "cues", "pulses"] = "constant"
    """Their course; pulses are 1 in a random part of the channels at regular times."""
    target: str = ""
    """A population that they drive as a current; by default only projections read them."""
    size: Count | None = None
    """How many channels there are without a target; by default 1."""
    value: Quantities | None = None
    """Height (constant, step) or amplitude (sine): for all channels, or each."""
    start: NotNegative | None = None
    """When a step begins, ms."""
    stop: Positive | None = None
    """When a step ends, ms."""
    frequency: Positive | None = None
    """Hz (sine)."""
    offset: Number = 0.0
    """Is added to a sine."""
    rate: Quantities | None = None
    """Spikes per second of each channel, Hz (poisson)."""
    cues: list[CueConfig] = Field(default_factory=list)
    """Presentations (cues)."""
    interval: Positive | None = None
    """From one pulse to the next, ms (pulses)."""
    fraction: Probability = 0.01
    """Of the channels, at each pulse (pulses)."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "InputConfig":
        _check_fields(self, "kind", self.kind, KINDS, OF_KINDS)
        if self.target and self.size is not None:
            raise ValueError("size: an input with a target has the target's size, so leave it out.")
        if self.start is not None and self.stop is not None and self.stop <= self.start:
            raise ValueError(f"stop is {self.stop:g} ms, but start is {self.start:g} ms.")
        if len({cue.direction is None for cue in self.cues}) > 1:
            raise ValueError("cues: give each cue a direction, or none.")
        return self


class NetworkSimulationConfig(Section):
    """Populations, and what joins and drives them."""

    dt: Positive = 0.1
    """Length of a step, ms."""
    duration: Positive = 1000.0
    """How long is simulated, ms."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Draws connections, weights, start values and noise."""
    record: list[str] = Field(default_factory=list)
    """Paths that traces.npz holds, such as exc.v or exc/ampa.g."""
    record_neurons: Count = 10
    """How many neurons of each recorded population are kept, evenly chosen."""
    record_every: NotNegative = 0.0
    """Time between two values in traces.npz, ms; 0 keeps every step."""
    measure_from: NotNegative = 0.0
    """Rates and other statistics are of the spikes after this time, ms."""
    spike_times: Literal["grid", "interpolated"] = "grid"
    """When spikes happen: at the end of their step, or where they crossed the threshold in it."""
    units: dict[str, str] = Field(default_factory=dict)
    """Of the recorded variables, for the figures, such as {v = "mV", g = "nS", I = "pA"}."""
    figures: list[Figure] = Field(default_factory=lambda: list(FIGURES))
    """Which figures are drawn, as far as there is something to draw."""
    catalogue: CatalogueConfig = Field(default_factory=CatalogueConfig)
    populations: dict[str, PopulationConfig] = Field(default_factory=dict)
    receptors: dict[str, ReceptorConfig] = Field(default_factory=dict)
    projections: dict[str, ProjectionConfig] = Field(default_factory=dict)
    noise: dict[str, NoiseConfig] = Field(default_factory=dict)
    inputs: dict[str, InputConfig] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_whole(self) -> "NetworkSimulationConfig":
        if len(set(self.record)) < len(self.record) or "t" in self.record:
            raise ValueError("record: each path once, and no 't', which is the time.")
        if self.measure_from >= self.duration:
            raise ValueError(
                f"measure_from is {self.measure_from:g} ms, but the run lasts {self.duration:g} ms."
            )
        if self.record_every > self.duration:
            raise ValueError(f"record_every is {self.record_every:g} ms, longer than the run.")
        return self


class NetworkArguments(NetworkSimulationConfig):
    """Simulate a network: spikes, traces, rates and figures."""

    run_dir: str = ""
    """Folder of the results; by default a new one under runs/, named after the file."""


def _check_fields(
    section: Section,
    choice: str,
    value: str,
    table: dict[str, tuple[tuple[str, ...], tuple[str, ...]]],
    all_names: set[str],
) -> None:
    """Refuses what the chosen rule or kind lacks, and what it does not know."""
    wanted, optional = table[value]
    for name in wanted:
        if getattr(section, name) in (None, []):
            raise ValueError(f"{choice} is {value}, which needs {name}.")
    # By value: a run's own config.toml says everything, so also what is left as it is.
    for name in sorted(all_names.difference(wanted, optional)):
        default = type(section).model_fields[name].get_default(call_default_factory=True)
        if getattr(section, name) != default:
            raise ValueError(f"{choice} is {value}, which has no {name}.")
