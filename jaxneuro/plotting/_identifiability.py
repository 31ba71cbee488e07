from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, VERMILION
from ._scales import show_decades

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MOST_WRITTEN = 16  # parameters, beyond which numbers do not fit their cells
SMALL = 0.1  # part of a combination, below which it is not written
CELL = 0.48  # inches


def identifiability(
    names: Sequence[str],
    eigenvalues: Shaped[Array | np.ndarray, " n"],
    eigenvectors: Shaped[Array | np.ndarray, "n n"],
    *,
    floor: float | None = None,
    label: str = "Eigenvalue",
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw which combinations of parameters the data determine, from best to least.

    Above are the eigenvalues of the Hessian of a loss or of a Fisher matrix, below the parameters'
    parts in the combination of each. A combination with a small eigenvalue may change much and the
    fit hardly; one that is not positive is drawn at the bottom.

    **Arguments:**

    - `names`: of the parameters.
    - `eigenvalues`, `eigenvectors`: as `numpy.linalg.eigh` returns them, a vector each column, of a
      matrix over parameters in comparable units, such as parts of their ranges. In any order.
    - `floor`: eigenvalue below which a combination counts as not determined, which is then marked.
    - `label`: what the eigenvalues are.
    - `title`: heading of the figure.

    **Returns:** a figure of two panels and a colour bar.

    **Raises:** `ValueError` for shapes that do not belong together, what is not finite, and a floor
    that is not positive.

    >>> import numpy as np
    >>> figure = identifiability(["tau", "w"], *np.linalg.eigh(np.diag([1e-3, 10.0])))
    >>> figure.axes[0].lines[0].get_ydata()
    array([1.e+01, 1.e-03])
    """
    from matplotlib.figure import Figure

    if floor is not None and not floor > 0:
        raise ValueError(
            f"identifiability: floor is {floor:g}. Pass a positive eigenvalue, or none."
        )
    values, vectors = _read(names, eigenvalues, eigenvectors)
    count = len(names)
    longest = max(map(len, names))
    size = (2.6 + 0.07 * longest + max(3.0, CELL * count), 3.4 + max(1.2, 0.36 * count))
    figure = Figure(figsize=size, layout="constrained")
    heights = [1.8, max(1.2, 0.36 * count)]
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    is_weak = _draw_spectrum(above, values, floor)
    above.set(ylabel=fill(label, 20), xlim=(-0.5, count - 0.5))
    picture = _draw_vectors(below, names, vectors)
    bar = figure.colorbar(picture, ax=below, label="Part of the parameter", pad=0.015)
    bar.set_ticks([-1.0, 0.0, 1.0])
    below.set_xticks(range(count), [str(k + 1) for k in range(count)])
    below.set_xlabel("Combination of parameters, from best to least determined")
    for text, weak in zip(below.get_xticklabels(), is_weak, strict=True):
        text.set(color=VERMILION if weak else "black", fontsize=9)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _read(
    names: Sequence[str], eigenvalues: Array | np.ndarray, eigenvectors: Array | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """From the highest eigenvalue to the lowest; the largest part of each vector is positive."""
    values = np.asarray(eigenvalues, np.float64)
    vectors = np.asarray(eigenvectors, np.float64)
    count = len(names)
    if not count or values.shape != (count,) or vectors.shape != (count, count):
        raise ValueError(
            f"identifiability: eigenvalues have shape {values.shape} and eigenvectors "
            f"{vectors.shape}, but there are {count} names. Pass shapes ({count},) and "
            f"({count}, {count}), for at least one parameter."
        )
    if not (np.isfinite(values).all() and np.isfinite(vectors).all()):
        raise ValueError(
            "identifiability: eigenvalues or eigenvectors are not finite. Pass those of a matrix "
            "whose numbers are finite, without the parameters that have none."
        )
    order = np.argsort(-values, kind="stable")
    values, vectors = values[order], vectors[:, order]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(count)]
    return values, vectors * np.where(largest < 0, -1.0, 1.0)


def _draw_spectrum(
    axes: "matplotlib.axes.Axes", values: np.ndarray, floor: float | None
) -> np.ndarray:
    """Draw the eigenvalues; returns which combinations are not determined."""
    scale = np.append(values[values > 0], floor or [])
    low, high = (scale.min(), scale.max()) if scale.size else (1.0, 1.0)
    room = max((high / low) ** 0.1, 2.0)
    bottom, top = low / room**2, high * room
    is_below = (values > 0) & (values < (floor or 0.0))
    kinds = [
        ("", "o", BLUE, (values > 0) & ~is_below),
        ("below the floor", "o", VERMILION, is_below),
        ("not positive", "v", VERMILION, values <= 0),
    ]
    for name, marker, colour, which in kinds:
        if which.any():
            at, heights = np.flatnonzero(which), np.where(values > 0, values, low / room)[which]
            label = f"{name} ({which.sum()})" if name else None
            axes.plot(at, heights, marker, color=colour, markersize=7, label=label)
            axes.vlines(at, bottom, heights, colors=colour, linewidth=1.0, alpha=0.5)
    if floor is not None:
        axes.axhline(floor, color="black", linewidth=0.8, linestyle="--")
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    show_decades(axes.yaxis, bottom, top)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)
    return is_below | (values <= 0)


def _draw_vectors(axes: "matplotlib.axes.Axes", names: Sequence[str], vectors: np.ndarray):
    picture = axes.imshow(
        vectors, aspect="auto", cmap="RdBu_r", vmin=-1.0, vmax=1.0, interpolation="none"
    )
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.tick_params(length=0)
    if len(names) <= MOST_WRITTEN:
        for (row, column), part in np.ndenumerate(vectors):
            if abs(part) >= SMALL:
                colour = "white" if abs(part) > 0.65 else "black"
                axes.text(
                    column, row, f"{part:.2f}", ha="center", va="center", fontsize=8, color=colour
                )
    return picture
