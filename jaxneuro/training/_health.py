from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

SATURATED = 0.9
DEAD = 0.95


class LayerHealth(NamedTuple):
    """How a layer fires.

    **Attributes:**

    - `rate`: mean spikes per neuron and sample.
    - `silent`: fraction of neurons that never spiked.
    - `saturated`: fraction of neurons that spiked in more than 90 % of all steps.
    """

    rate: float
    silent: float
    saturated: float


def layer_health(rates: Mapping[str, np.ndarray], steps: int) -> dict[str, LayerHealth]:
    """The health of each layer, from the mean spikes per step of its neurons and the number
    of steps of a sample."""
    return {
        name: LayerHealth(
            float(rate.mean() * steps), float((rate == 0).mean()), float((rate > SATURATED).mean())
        )
        for name, rate in rates.items()
    }


def health_warnings(layers: Mapping[str, LayerHealth]) -> list[str]:
    """A sentence for each layer that cannot learn: nearly all silent, or nearly all saturated."""
    warnings = []
    for name, layer in layers.items():
        if layer.silent > DEAD:
            warnings.append(
                f"dead layer: {layer.silent:.0%} of {name!r} never spiked in this epoch. Raise the "
                "gain of its input weights (or use fluctuation_driven), or lower its threshold."
            )
        if layer.saturated > DEAD:
            warnings.append(
                f"saturated layer: {layer.saturated:.0%} of {name!r} spiked in nearly every step. "
                "Lower the gain of its input weights, or raise its threshold."
            )
    return warnings
