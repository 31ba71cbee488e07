from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Float

from ._palette import EXCITATORY, GREEN, INHIBITORY

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MOST_POINTS = 5000  # of one colour in a panel over distance


def synapse_distributions(
    weights: Float[Array | np.ndarray, "..."],
    delays: Float[Array | np.ndarray, "..."] | None = None,
    *,
    distances: Float[Array | np.ndarray, "..."] | None = None,
    unit: str = "",
    bins: int = 40,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw how the weights and the delays of synapses are distributed, and how over distance.

    **Arguments:**

    - `weights`: of any shape; positive and negative ones have a colour each. Synapses of weight 0
      are counted but not drawn; nor are the few that would stretch the axis.
    - `delays`: of the same shape, ms.
    - `distances`: of the same shape, in the unit of the positions; adds a panel below each of the
      others, with at most 5,000 synapses of a sign.
    - `unit`: of the weights, such as "nS".
    - `bins`: of the histograms.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for no synapses, other than finite numbers, and unequal shapes.

    >>> import numpy as np
    >>> figure = synapse_distributions(np.array([0.1, 0.2, -0.5]), np.array([1.0, 1.5, 2.0]))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['Weight', 'Delay (ms)']
    """
    from matplotlib.figure import Figure

    values = {"weights": _flat("weights", weights)}
    for name, given in (("delays", delays), ("distances", distances)):
        if given is not None:
            values[name] = _flat(name, given, np.shape(weights))
    w = values["weights"]
    columns, rows = 1 + (delays is not None), 1 + (distances is not None)
    figure = Figure(figsize=(4.6 * columns, 3.3 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    weight = f"Weight ({unit})" if unit else "Weight"
    _draw_weights(panels[0, 0], w, bins, weight)
    if delays is not None:
        _draw_delays(panels[0, 1], values["delays"], bins)
    if distances is not None:
        signs = {EXCITATORY: w > 0, INHIBITORY: w < 0}
        _draw_over_distance(panels[1, 0], values["distances"], w, signs, weight)
    if distances is not None and delays is not None:
        every = {GREEN: np.ones(w.shape, bool)}
        _draw_over_distance(
            panels[1, 1], values["distances"], values["delays"], every, "Delay (ms)"
        )
    for axes in panels.flat:
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    return figure


def _flat(
    name: str, values: Array | np.ndarray, wanted: tuple[int, ...] | None = None
) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if wanted is not None and array.shape != wanted:
        raise ValueError(
            f"synapse_distributions: {name} have shape {array.shape}, but the weights {wanted}."
        )
    if not array.size or not np.isfinite(array).all():
        raise ValueError(
            f"synapse_distributions: {name} have shape {array.shape} and "
            f"{np.count_nonzero(~np.isfinite(array))} that are not finite. Pass finite numbers, at "
            "least one."
        )
    return array.ravel()


def _draw_weights(axes: "matplotlib.axes.Axes", w: np.ndarray, bins: int, label: str) -> None:
    # One bin width for both signs, with an edge at 0.
    low, high = _range(w)
    width = max(high - low, 1e-12) / bins
    edges = width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)
    for name, colour, part in (
        ("positive", EXCITATORY, w[w > 0]),
        ("negative", INHIBITORY, w[w < 0]),
    ):
        if part.size:
            text = f"{name}: n = {part.size:,}, mean {part.mean():.3g}"
            axes.hist(part, edges, color=colour, alpha=0.85, label=text)
    axes.axvline(0.0, color="0.3", linewidth=0.8)
    zeros = np.count_nonzero(w == 0)
    beyond = np.count_nonzero((w < edges[0]) | (w > edges[-1]))
    title = f"{w.size:,} synapses" + (f", {zeros:,} of weight 0" if zeros else "")
    title += f", {beyond:,} beyond the axis" if beyond else ""
    axes.set(xlabel=label, ylabel="Synapses")
    axes.locator_params(axis="x", nbins=5)
    axes.set_title(title, loc="left", fontsize=10)
    if zeros < w.size:
        _legend_above(axes)


def _range(w: np.ndarray) -> tuple[float, float]:
    """From the lowest to the highest weight and 0; of each sign the last 0.2 % may be far off."""
    ends = [0.0, 0.0]
    for index, part in enumerate((-w[w < 0], w[w > 0])):
        if part.size:
            usual = np.quantile(part, 0.998)
            ends[index] = part.max() if part.max() < 1.5 * usual else usual
    return -ends[0], ends[1]


def _draw_delays(axes: "matplotlib.axes.Axes", delays: np.ndarray, bins: int) -> None:
    text = f"mean {delays.mean():.3g} ms, {delays.min():.3g} to {delays.max():.3g} ms"
    axes.hist(delays, bins, color=GREEN, alpha=0.85, label=text)
    axes.set_xlim(left=0.0)
    axes.set(xlabel="Delay (ms)", ylabel="Synapses")
    axes.set_title("Delays", loc="left", fontsize=10)
    _legend_above(axes)


def _legend_above(axes: "matplotlib.axes.Axes") -> None:
    """Room for it above the bars, so that it hides none."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (1.0 + 0.14 * len(axes.get_legend_handles_labels()[1])))
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _draw_over_distance(
    axes: "matplotlib.axes.Axes",
    distances: np.ndarray,
    values: np.ndarray,
    groups: dict[str, np.ndarray],
    label: str,
) -> None:
    rng = np.random.default_rng(0)
    for colour, here in groups.items():
        index = rng.permutation(np.flatnonzero(here))[:MOST_POINTS]
        alpha = float(np.clip(300.0 / max(1, len(index)), 0.15, 0.7))
        axes.scatter(
            distances[index],
            values[index],
            s=4.0,
            color=colour,
            alpha=alpha,
            linewidths=0.0,
            rasterized=True,
        )
    axes.set_xlim(left=0.0)
    axes.set(xlabel="Distance", ylabel=label)
