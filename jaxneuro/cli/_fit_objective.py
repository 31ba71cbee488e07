"""What `jaxneuro fit` minimises: the terms a configuration can name, and the sum of them."""

from pydantic import Field

from jaxneuro import fitting
from jaxneuro.core import suggest

from ._config import NotNegative, Positive, Section


class VoltageTerm(Section):
    """Mean squared error of the voltage, without spikes."""

    weight: NotNegative = 1.0
    """What it counts; 0 leaves it out."""
    sd: Positive = 4.5
    """What counts as an error of one, mV."""


class SpikeTimingTerm(Section):
    """How far the k-th spikes of a window are apart, and how long missing ones were missed."""

    weight: NotNegative = 3.0
    """What it counts; 0 leaves it out."""


class SpikeCountTerm(Section):
    """Squared difference of the spike counts in each window."""

    weight: NotNegative = 1.0
    """What it counts; 0 leaves it out."""
    sd: Positive = 1.0
    """What counts as an error of one, spikes."""


class LatencyTerm(Section):
    """Difference of the first spikes' latencies in each window."""

    weight: NotNegative = 0.5
    """What it counts; 0 leaves it out."""
    sd: Positive = 5.0
    """What counts as an error of one, ms."""
    most: Positive = 10.0
    """What a window costs at most: errors well above it are all alike."""


class VanRossumTerm(Section):
    """Squared van Rossum distance of the spike trains."""

    weight: NotNegative = 0.0
    """What it counts; 0 leaves it out."""
    tau: Positive = 10.0
    """Time constant, ms."""


class SoftGammaTerm(Section):
    """Coincidence factor, for input that fluctuates (not for steps)."""

    weight: NotNegative = 0.0
    """What it counts; 0 leaves it out."""
    window: Positive = 4.0
    """How far apart spikes may be, ms."""
    softness: Positive = 1.0
    """Width of the window's edge, ms."""


class FeaturesTerm(Section):
    """Squared differences of features."""

    weight: NotNegative = 0.0
    """What it counts; 0 leaves it out."""
    names: list[str] = Field(default_factory=list)
    """Keys of jaxneuro.fitting.FEATURES, such as latency, sag_ratio or ahp_voltage."""
    sd: dict[str, Positive] = Field(default_factory=dict)
    """What counts as an error of one, by name, instead of that in FEATURES."""


class Objective(Section):
    """The sum that is minimised."""

    voltage: VoltageTerm = Field(default_factory=VoltageTerm)
    spike_timing: SpikeTimingTerm = Field(default_factory=SpikeTimingTerm)
    spike_count: SpikeCountTerm = Field(default_factory=SpikeCountTerm)
    latency: LatencyTerm = Field(default_factory=LatencyTerm)
    van_rossum: VanRossumTerm = Field(default_factory=VanRossumTerm)
    soft_gamma: SoftGammaTerm = Field(default_factory=SoftGammaTerm)
    features: FeaturesTerm = Field(default_factory=FeaturesTerm)


BUILDERS = {
    "voltage": lambda term: fitting.Voltage(sd=term.sd),
    "spike_timing": lambda term: fitting.SpikeTiming(),
    "spike_count": lambda term: fitting.SpikeCount(sd=term.sd),
    "latency": lambda term: fitting.Latency(sd=term.sd, most=term.most),
    "van_rossum": lambda term: fitting.VanRossum(tau=term.tau),
    "soft_gamma": lambda term: fitting.SoftGamma(window=term.window, softness=term.softness),
    "features": lambda term: _features(term),
}


def build_objective(config: Objective, strategy: str) -> fitting.AbstractObjective:
    """The weighted sum of the terms that count.

    **Raises:** `ValueError` when none does, for features that there are not, and for a term that
    the strategy cannot deal with.
    """
    given = {name: getattr(config, name) for name in BUILDERS}
    counted = {name: term for name, term in given.items() if term.weight > 0}
    if not counted:
        raise ValueError("objective: every term has the weight 0. Give one of them a weight.")
    terms = {name: BUILDERS[name](term) for name, term in counted.items()}
    for name, term in terms.items():
        is_of_squares = isinstance(term, fitting.AbstractLeastSquares)
        if strategy == "least_squares" and not is_of_squares:
            raise ValueError(
                f"search.strategy is least_squares, but objective.{name} is no sum of squares. "
                "Give it the weight 0, or take the strategy hybrid."
            )
    weights = tuple(float(term.weight) for term in counted.values())
    return fitting.WeightedSum(tuple(terms.values()), weights)


def _features(term: FeaturesTerm) -> fitting.AbstractObjective:
    known = [name for name, one in fitting.FEATURES.items() if not one.needs_spike_shape]
    where = "objective.features"
    if not term.names:
        raise ValueError(f"{where}.names: there is none. They are {', '.join(known)}.")
    for name in term.names:
        if name not in fitting.FEATURES:
            raise ValueError(f"{where}.names: no feature {name!r}. {suggest(name, known)}")
    for name in term.sd:
        if name not in term.names:
            raise ValueError(f"{where}.sd.{name}: it is not among the names.")
    return fitting.FeatureDistance(term.names, term.sd)
