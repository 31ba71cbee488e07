from typing import Annotated

from pydantic import Field

from jaxneuro.analysis.criticality import Criticality, Regime, classify_regime

from ._config import Count, NotNegative, Positive, Section
from ._network_catalogue_config import Probability


class CriticalityConfig(Section):
    """How the measures of criticality are taken, and where regimes end."""

    bin: Positive | None = None
    """Of avalanches, ms; by default the mean interval between the spikes of all neurons."""
    branching_bin: Positive | None = None
    """Of the branching ratio, ms: from a spike to what it causes; by default that of avalanches."""
    threshold: Annotated[int, Field(ge=0)] = 0
    """Spikes in a bin, above which it belongs to an avalanche."""
    bootstraps: Count = 200
    """Samples for the interval of the branching ratio."""
    system: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Part of the neurons: avalanches of as many spikes are those of the whole system."""
    least_spikes: Count = 50
    """With fewer it is silent."""
    most_share: Probability = 0.5
    """Of the time in one avalanche, or of the spikes in those of the system: supercritical."""
    least_size_exponent: Positive = 1.2
    """Critical from here on."""
    most_size_exponent: Positive = 1.8
    """Critical up to here."""
    most_deviation: NotNegative = 0.3
    """From the crackling relation: critical up to here."""
    least_branching: NotNegative = 0.9
    """Critical from here on."""

    def regime(self, measures: Criticality) -> Regime:
        """That of `classify_regime` with these limits."""
        return classify_regime(
            measures,
            least_spikes=self.least_spikes,
            most_share=self.most_share,
            size_exponents=(self.least_size_exponent, self.most_size_exponent),
            most_deviation=self.most_deviation,
            least_branching=self.least_branching,
        )
