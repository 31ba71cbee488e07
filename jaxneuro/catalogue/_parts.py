"""The parts that the models of system D are composed of: synapses and noise, as edges."""

from jaxtyping import Array, Float

from jaxneuro.edges import (
    AbstractEdge,
    BaselineNoise,
    ExponentialConductance,
    Oscillation,
    PoissonEvents,
    SharedReceptor,
)

Number = float | list[float] | Float[Array, "..."]
SYNAPSE_NAMES = {"g_ampa": "ampa.g", "g_gaba": "gaba.g"}
BASELINE_NAMES = {"I_base": "base.I_base", "offset_base": "base.offset_base"}
OSCILLATION_NAMES = {"osc": "osc.osc"}


def synapses(
    tau_ampa: Number, tau_gaba: Number, E_ampa: Number, E_gaba: Number
) -> dict[str, AbstractEdge]:
    """AMPA that only depolarises and GABA that only hyperpolarises.

    Projections reach them as `"exc/ampa"` and `"exc/gaba"`.
    """
    ampa = ExponentialConductance(tau_ampa, E_ampa, rectify="depolarising")
    gaba = ExponentialConductance(tau_gaba, E_gaba, rectify="hyperpolarising")
    return {"ampa": SharedReceptor("", ampa), "gaba": SharedReceptor("", gaba)}


def noisy_ampa(increase_noise: Number, rates_noise: Number) -> dict[str, AbstractEdge]:
    """Random jumps of the AMPA conductance by `increase_noise` at `rates_noise` Hz."""
    return {"noise": PoissonEvents("/ampa", rate=rates_noise, weight=increase_noise)}


def noisy_base(
    base_mean: Number, base_noise: Number, rate_base_noise: Number, target: str = ""
) -> dict[str, AbstractEdge]:
    """A baseline current whose random part is drawn anew at `rate_base_noise` Hz."""
    return {"base": BaselineNoise(target, base_mean, base_noise, rate_base_noise)}


def oscillation(freq: Number, amp: Number) -> dict[str, AbstractEdge]:
    """A sinusoidal current of `freq` Hz."""
    return {"osc": Oscillation("", amplitude=amp, frequency=freq)}
