from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import colours

if TYPE_CHECKING:
    import matplotlib.figure

Values = Shaped[Array | np.ndarray, "..."] | float
WIDE = 30.0  # ratio of time constants, beyond which their axis is logarithmic


def gating_curves(
    v: Shaped[Array | np.ndarray, " v"],
    gates: Mapping[str, tuple[Values, Values]],
    unit: str = "mV",
    *,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the steady state and the time constant of each gate over the voltage.

    **Arguments:**

    - `v`: voltages.
    - `gates`: steady state (0 to 1) and time constant (ms) by the name of the gate, each of the
      shape of `v` or one number: what `HodgkinHuxley().gates(v)` returns.
    - `unit`: of the voltage; empty for dimensionless models.
    - `title`: heading of the figure.

    **Returns:** a figure of two panels; the time constants are on a logarithmic axis where they
    differ much.

    **Raises:** `ValueError` for shapes that do not belong together, or no gates.

    >>> import numpy as np
    >>> v = np.linspace(-80.0, 0.0, 5)
    >>> figure = gating_curves(v, {"m": (1 / (1 + np.exp(-(v + 40) / 5)), 0.5)})
    >>> [axes.get_title() for axes in figure.axes]
    ['Steady state', 'Time constant']
    """
    from matplotlib.figure import Figure

    v = np.asarray(v, np.float64)
    if not gates or not len(v):
        raise ValueError("gating_curves: there is nothing to draw. Pass a gate and a voltage.")
    known = {name: [_over(name, x, v) for x in pair] for name, pair in gates.items()}
    figure = Figure(figsize=(9.2, 3.8), layout="constrained")
    figure.suptitle(title)
    steady, time = figure.subplots(1, 2)
    for (name, (level, tau)), colour in zip(known.items(), colours(len(known)), strict=True):
        steady.plot(v, level, color=colour, linewidth=1.8, label=name)
        time.plot(v, tau, color=colour, linewidth=1.8, label=name)
    steady.set(title="Steady state", ylabel="Open fraction", ylim=(-0.03, 1.03))
    time.set(title="Time constant", ylabel="Time constant (ms)")
    taus = np.stack([tau for _, tau in known.values()])
    if taus.min() > 0 and taus.max() > WIDE * taus.min():
        time.set_yscale("log")
    else:
        time.set_ylim(bottom=min(0.0, float(taus.min())))
    for axes in (steady, time):
        axes.set_xlabel(f"v ({unit})" if unit else "v")
        axes.margins(x=0)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    time.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=9)
    return figure


def _over(name: str, values: Values, v: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.shape not in ((), v.shape):
        raise ValueError(
            f"gating_curves: gate '{name}' has values of shape {values.shape}, but v has "
            f"{len(v)}. Pass one value for each voltage, or one number."
        )
    return np.broadcast_to(values, v.shape)
