from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Integer

from ._palette import EXCITATORY, GREY, INHIBITORY

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MOST_SYNAPSES = 2000  # that are drawn unless asked for more
TYPES = (("excitatory", False, EXCITATORY, "o"), ("inhibitory", True, INHIBITORY, "s"))
CURVE = np.linspace(0.0, 1.0, 13)[:, None, None]  # points along a synapse


class _Synapses(NamedTuple):
    """Those that are drawn, of how many."""

    pre: np.ndarray
    post: np.ndarray
    total: int


def network_graph(
    pre: Integer[Array | np.ndarray, " synapses"],
    post: Integer[Array | np.ndarray, " synapses"],
    *,
    positions: Float[Array | np.ndarray, "n 2"] | None = None,
    layer: Integer[Array | np.ndarray, " n"] | None = None,
    is_inhibitory: Bool[Array | np.ndarray, " n"] | None = None,
    share: float | None = None,
    names: Sequence[str] = (),
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw neurons and their synapses, coloured by type.

    A synapse has the colour of its source and bends to the left on its way to its target. Those
    from a neuron to itself are not seen.

    **Arguments:**

    - `pre`, `post`: source and target neuron of each synapse.
    - `positions`: x and y of each neuron; or
    - `layer`: index of each neuron's layer: layers are then drawn as columns, side by side.
    - `is_inhibitory`: of each neuron; by default no types are shown.
    - `share`: of the synapses to draw, in (0, 1], drawn at random (always the same ones); by
      default as many as can be told apart.
    - `names`: of the layers.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for arrays that do not fit each other.

    >>> import numpy as np
    >>> figure = network_graph(np.array([0, 0]), np.array([1, 2]), layer=np.array([0, 1, 1]))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['layer 0\\nn = 1', 'layer 1\\nn = 2']
    """
    from matplotlib.figure import Figure

    places = _places(positions, layer)
    is_layered = positions is None
    synapses = _chosen(np.asarray(pre), np.asarray(post), len(places), share)
    types = _types(is_inhibitory, len(places))
    size = (9.0, 5.6) if is_layered else (6.6, 6.6)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    _draw_synapses(axes, places, synapses, types, is_layered)
    most = np.bincount(np.asarray(layer)).max() ** 1.5 if is_layered else len(places)
    _draw_neurons(axes, places, types, float(np.clip(6000.0 / most, 3.0, 60.0)))
    if is_layered:
        _name_layers(axes, places, np.asarray(layer), names)
    else:
        axes.set_aspect("equal")
    axes.margins(0.06)
    axes.set_axis_off()
    drawn = f"{len(synapses.pre):,} of {synapses.total:,} synapses drawn"
    axes.set_title(drawn, loc="left", fontsize=9, color="0.35")
    if types is not None:
        _name_types(figure, types)
    figure.suptitle(title)
    return figure


def _places(positions: Array | np.ndarray | None, layer: Array | np.ndarray | None) -> np.ndarray:
    if (positions is None) == (layer is None):
        raise ValueError("network_graph: pass either the positions of the neurons or their layers.")
    if positions is not None:
        places = np.asarray(positions, np.float64)
        if places.ndim != 2 or places.shape[1] != 2 or not len(places):
            raise ValueError(
                f"network_graph: positions have shape {places.shape}; pass x and y, (n, 2)."
            )
        return places
    index = np.asarray(layer)
    if index.ndim != 1 or index.dtype.kind not in "iu" or not index.size or index.min() < 0:
        raise ValueError(
            f"network_graph: layer has shape {index.shape} and dtype {index.dtype}; pass the index "
            "of each neuron's layer, (n,), from 0 on."
        )
    return _columns(index)


def _columns(layer: np.ndarray) -> np.ndarray:
    """Layers from left to right, the largest one from 0 to 1, smaller ones shorter."""
    sizes = np.bincount(layer)
    places = np.empty((len(layer), 2))
    for index, size in enumerate(sizes):
        half = 0.0 if size == 1 else 0.5 * np.sqrt(size / sizes.max())
        places[layer == index, 0] = index
        places[layer == index, 1] = 0.5 + np.linspace(half, -half, size)
    return places


def _chosen(pre: np.ndarray, post: np.ndarray, n: int, share: float | None) -> _Synapses:
    if pre.ndim != 1 or pre.shape != post.shape:
        raise ValueError(
            f"network_graph: pre has shape {pre.shape} and post {post.shape}; synapse i joins "
            "pre[i] to post[i], so pass lists of one length."
        )
    count = len(pre)
    if count and max(pre.max(), post.max()) >= n:
        raise ValueError(
            f"network_graph: a synapse joins neuron {max(pre.max(), post.max())}, but there are "
            f"{n} neurons."
        )
    if share is not None and not 0.0 < share <= 1.0:
        raise ValueError(f"network_graph: share is {share}; it must be in (0, 1].")
    wanted = min(count, MOST_SYNAPSES) if share is None else round(share * count)
    # In random order too, so that no source lies on top of all others.
    chosen = np.random.default_rng(0).permutation(count)[:wanted]
    return _Synapses(pre[chosen], post[chosen], count)


def _types(is_inhibitory: Array | np.ndarray | None, n: int) -> np.ndarray | None:
    if is_inhibitory is None:
        return None
    types = np.asarray(is_inhibitory)
    if types.shape != (n,) or types.dtype != bool:
        raise ValueError(
            f"network_graph: is_inhibitory has shape {types.shape} and dtype {types.dtype}; pass "
            f"a boolean for each of the {n} neurons."
        )
    return types


def _draw_synapses(
    axes: "matplotlib.axes.Axes",
    places: np.ndarray,
    synapses: _Synapses,
    types: np.ndarray | None,
    is_layered: bool,
) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    start, end = places[synapses.pre], places[synapses.post]
    # Seen on the page, both axes are about equally long.
    span = np.maximum(np.ptp(places, axis=0), 1e-9)
    way = (end - start) / span
    # Within a column more, or all would coincide.
    bend = np.where(is_layered & (start[:, 0] == end[:, 0]), 0.3, 0.1)[:, None]
    middle = 0.5 * (start + end) + bend * span * np.stack([-way[:, 1], way[:, 0]], axis=1)
    curves = (1 - CURVE) ** 2 * start + 2 * CURVE * (1 - CURVE) * middle + CURVE**2 * end
    alpha = float(np.clip(80.0 / max(1, len(start)) ** 0.75, 0.02, 0.7))
    names = [GREY] * len(start)
    if types is not None:
        names = np.where(types[synapses.pre], INHIBITORY, EXCITATORY)
    lines = LineCollection(
        list(curves.transpose(1, 0, 2)),
        colors=[to_rgba(name, alpha) for name in names],
        linewidths=0.7,
        zorder=1,
    )
    lines.set_rasterized(len(start) > MOST_SYNAPSES)
    axes.add_collection(lines)


def _draw_neurons(
    axes: "matplotlib.axes.Axes", places: np.ndarray, types: np.ndarray | None, area: float
) -> None:
    style = {"s": area, "edgecolors": "white", "linewidths": 0.4 if area > 15 else 0.0, "zorder": 2}
    if types is None:
        axes.scatter(*places.T, color="0.2", **style)
        return
    for _, kind, colour, marker in TYPES:
        axes.scatter(*places[types == kind].T, color=colour, marker=marker, **style)


def _name_types(figure: "matplotlib.figure.Figure", types: np.ndarray) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, label=f"{name} (n = {(types == kind).sum():,})")
        for name, kind, colour, marker in TYPES
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)


def _name_layers(
    axes: "matplotlib.axes.Axes", places: np.ndarray, layer: np.ndarray, names: Sequence[str]
) -> None:
    sizes = np.bincount(layer)
    names = list(names) or [f"layer {index}" for index in range(len(sizes))]
    if len(names) != len(sizes):
        raise ValueError(f"network_graph: there are {len(names)} names for {len(sizes)} layers.")
    for index, (name, size) in enumerate(zip(names, sizes, strict=True)):
        text = f"{name}\nn = {size:,}"
        axes.text(index, places[:, 1].min() - 0.05, text, ha="center", va="top", fontsize=9)
