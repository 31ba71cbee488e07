from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import colours

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

FEW_STEPS = 40
MOST_ROWS = 64


def raster(
    layers: Mapping[str, Shaped[Array | np.ndarray, "time ..."]],
    dt: float,
    image: Shaped[Array | np.ndarray, "height width"] | None = None,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the spikes of one example through all layers, one below the other.

    A spike of step i is drawn at (i + 1) dt. A layer with other values than 0 and 1 (a static
    input, say) is drawn as a heat map.

    **Arguments:**

    - `layers`: spikes of each layer, first to last, `(time, n)`; further axes are flattened.
    - `dt`: step, ms.
    - `image`: what was shown, drawn at the left.
    - `title`: heading of the figure.

    **Returns:** a figure with one panel a layer.

    **Raises:** `ValueError` when there are no layers, or one has no steps or no neurons.

    >>> import numpy as np
    >>> figure = raster({"input": np.eye(20), "readout": np.zeros((20, 3))}, dt=1.0)
    >>> len(figure.axes)
    2
    """
    from matplotlib.figure import Figure

    flat = {name: _flat(name, spikes) for name, spikes in layers.items()}
    if not flat:
        raise ValueError("raster: there are no layers. Pass the spikes of at least one.")
    # Cube roots keep a readout of ten readable beside an input of 784.
    heights = np.cbrt([np.clip(spikes.shape[1], 10, 1000) for spikes in flat.values()])
    heights = heights / heights.min()
    size = (10.0 if image is not None else 8.0, max(3.0, 0.8 + 0.8 * heights.sum()))
    figure = Figure(figsize=size, layout="constrained")
    columns = 2 if image is not None else 1
    grid = figure.add_gridspec(
        len(flat), columns, height_ratios=heights, width_ratios=[1, 4][-columns:]
    )
    _draw_layers(figure, grid[:, -1].subgridspec(len(flat), 1, height_ratios=heights), flat, dt)
    if image is not None:
        _draw_image(figure.add_subplot(grid[:, 0]), np.asarray(image))
    figure.suptitle(title)
    return figure


def _flat(name: str, spikes: Array | np.ndarray) -> np.ndarray:
    spikes = np.asarray(spikes)
    if spikes.size == 0 or spikes.ndim < 2:
        raise ValueError(
            f"raster: layer '{name}' has shape {spikes.shape}. Pass spikes of shape (time, n) "
            "with at least one step and one neuron."
        )
    return spikes.reshape(len(spikes), -1).astype(np.float64)


def _draw_layers(figure, grid, flat: dict[str, np.ndarray], dt: float) -> None:
    first = None
    for row, ((name, spikes), colour) in enumerate(
        zip(flat.items(), colours(len(flat)), strict=True)
    ):
        axes = figure.add_subplot(grid[row], sharex=first)
        first = first or axes
        if np.isin(spikes, (0, 1)).all():
            _draw_spikes(axes, spikes, dt, colour)
            spikes_of_each = f"{spikes.sum(axis=0).mean():.3g} spikes per neuron"
        else:
            _draw_heat(figure, axes, spikes, dt)
            spikes_of_each = "graded values"
        _dress(axes, name, spikes, dt, spikes_of_each, is_last=row == len(flat) - 1)


def _draw_spikes(axes: "matplotlib.axes.Axes", spikes: np.ndarray, dt: float, colour: str) -> None:
    steps, neurons = np.nonzero(spikes)
    if len(steps) == 0:
        axes.text(
            0.5, 0.5, "no spikes", transform=axes.transAxes, ha="center", va="center", alpha=0.6
        )
    if len(spikes) <= FEW_STEPS:
        _fill_steps(axes, spikes, dt, colour)
        return
    # A lone spike among a thousand neurons has to be seen: at least 1.2 % of the panel's height.
    half = max(0.5, 0.006 * spikes.shape[1])
    width = float(np.clip(250 / len(spikes), 0.8, 3.0))
    axes.vlines(
        (steps + 1) * dt, neurons - half, neurons + half, colors=colour, linewidth=width
    ).set_rasterized(len(steps) > 2000)


def _fill_steps(axes: "matplotlib.axes.Axes", spikes: np.ndarray, dt: float, colour: str) -> None:
    """A filled cell for each spike: with few steps, lines would hide which neurons fired.

    Where neurons outnumber the panel's pixels, a cell is a few neighbours, shaded by how many
    of them fired.
    """
    from matplotlib.colors import LinearSegmentedColormap

    extent = (0.0, len(spikes) * dt, -0.5, spikes.shape[1] - 0.5)
    starts = np.arange(0, spikes.shape[1], -(-spikes.shape[1] // MOST_ROWS))
    sizes = np.diff(starts, append=spikes.shape[1])
    cells = np.ma.masked_equal((np.add.reduceat(spikes, starts, axis=1) / sizes).T, 0)
    axes.imshow(
        cells,
        aspect="auto",
        origin="lower",
        extent=extent,
        cmap=LinearSegmentedColormap.from_list("fired", ["white", colour]),
        vmin=0.0,
        vmax=1.0,
        interpolation="none",
    )
    axes.set_xticks(np.arange(len(spikes) + 1) * dt, minor=True)
    axes.grid(axis="x", which="minor", alpha=0.4)


def _draw_heat(
    figure: "matplotlib.figure.Figure", axes: "matplotlib.axes.Axes", values: np.ndarray, dt: float
) -> None:
    extent = (0.0, len(values) * dt, -0.5, values.shape[1] - 0.5)
    picture = axes.imshow(
        values.T, aspect="auto", origin="lower", extent=extent, cmap="cividis", interpolation="none"
    )
    figure.colorbar(picture, ax=axes, label="value", pad=0.01)


def _dress(
    axes: "matplotlib.axes.Axes",
    name: str,
    spikes: np.ndarray,
    dt: float,
    summary: str,
    *,
    is_last: bool,
) -> None:
    from matplotlib.ticker import MaxNLocator

    steps, n = spikes.shape
    axes.set_xlim(0, (steps + 0.5) * dt)
    axes.set_ylim(-0.5 - 0.02 * n, n - 0.5 + 0.02 * n)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.set_ylabel("Neuron")
    axes.set_title(f"{name} (n = {n}): {summary}", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelbottom=is_last)
    if is_last:
        axes.set_xlabel("Time (ms)")


def _draw_image(axes: "matplotlib.axes.Axes", image: np.ndarray) -> None:
    axes.imshow(image, cmap="gray", interpolation="none")
    axes.set_anchor("N")
    axes.set_title("Input", fontsize=10)
    axes.set(xticks=[], yticks=[])
