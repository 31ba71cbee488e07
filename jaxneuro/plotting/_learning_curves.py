from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._palette import BLUE, GREEN, VERMILION, colours

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

Metrics = Sequence[Mapping[str, Any]]


def learning_curves(metrics: Metrics) -> "matplotlib.figure.Figure":
    """Draw loss, accuracy, learning rate and the activity of each layer over the epochs.

    **Arguments:**

    - `metrics`: one dict for each epoch, with `epoch`, `train_loss`, `train_accuracy` (fraction),
      and where known `validation_loss`, `validation_accuracy`, `learning_rate`, and `layers`:
      `{name: {"rate": spikes per neuron and sample, "silent": fraction of the neurons,
      "saturated": fraction}}`. What is missing or None is left out.

    **Returns:** a figure of two to five panels.

    **Raises:** `ValueError` when there are no epochs.

    >>> figure = learning_curves([{"epoch": 1, "train_loss": 0.9, "train_accuracy": 0.7}])
    >>> [axes.get_title() for axes in figure.axes]
    ['Loss', 'Accuracy']
    """
    from matplotlib.figure import Figure

    if not metrics:
        raise ValueError("learning_curves: there are no epochs. Pass the metrics of at least one.")
    names = list(dict.fromkeys(name for row in metrics for name in row.get("layers") or {}))
    panels = [_draw_loss, _draw_accuracy]
    if any(row.get("learning_rate") is not None for row in metrics):
        panels.append(_draw_learning_rate)
    if names:
        panels += [_draw_rates, _draw_extremes]
    columns = 2 if len(panels) in (2, 4) else 3
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.5 * rows), layout="constrained")
    cells = figure.subplots(rows, columns).flat
    for draw, axes in zip(panels, cells, strict=False):
        draw(axes, metrics, names)
        _dress(axes, metrics)
    _draw_layer_legend(figure, list(figure.axes), len(panels), names)
    return figure


def _series(metrics: Metrics, key: str, factor: float = 1.0) -> tuple[list[int], list[float]]:
    known = [(row["epoch"], row[key]) for row in metrics if row.get(key) is not None]
    return [int(epoch) for epoch, _ in known], [factor * float(value) for _, value in known]


def _layer_series(
    metrics: Metrics, name: str, key: str, factor: float = 1.0
) -> tuple[list[int], list[float]]:
    rows = [
        {"epoch": row["epoch"], key: ((row.get("layers") or {}).get(name) or {}).get(key)}
        for row in metrics
    ]
    return _series(rows, key, factor)


def _style(metrics: Metrics) -> dict[str, Any]:
    # A curve of few epochs is hard to see, and one of a single epoch impossible, without markers.
    return {"linewidth": 1.8, "marker": "o" if len(metrics) <= 30 else None, "markersize": 3.5}


def _draw_pair(axes: "matplotlib.axes.Axes", metrics: Metrics, what: str, factor: float) -> None:
    for part, colour, dashes in (("train", BLUE, "-"), ("validation", VERMILION, "--")):
        epochs, values = _series(metrics, f"{part}_{what}", factor)
        if values:
            axes.plot(epochs, values, dashes, color=colour, label=part, **_style(metrics))
    if axes.lines:
        axes.legend(frameon=False)


def _draw_loss(axes: "matplotlib.axes.Axes", metrics: Metrics, names: list[str]) -> None:
    _draw_pair(axes, metrics, "loss", 1.0)
    axes.set(title="Loss", ylabel="Loss")


def _draw_accuracy(axes: "matplotlib.axes.Axes", metrics: Metrics, names: list[str]) -> None:
    _draw_pair(axes, metrics, "accuracy", 100.0)
    epochs, values = _series(metrics, "validation_accuracy", 100.0)
    title = "Accuracy"
    if values:
        best = max(range(len(values)), key=values.__getitem__)
        title = f"Accuracy (best validation {values[best]:.2f} %, epoch {epochs[best]})"
    axes.set(title=title, ylabel="Accuracy (%)")


def _draw_learning_rate(axes: "matplotlib.axes.Axes", metrics: Metrics, names: list[str]) -> None:
    axes.plot(*_series(metrics, "learning_rate"), color=GREEN, **_style(metrics))
    axes.ticklabel_format(axis="y", scilimits=(-2, 3))
    axes.set(title="Learning rate", ylabel="Learning rate")


def _draw_rates(axes: "matplotlib.axes.Axes", metrics: Metrics, names: list[str]) -> None:
    for name, colour in zip(names, colours(len(names)), strict=True):
        epochs, values = _layer_series(metrics, name, "rate")
        axes.plot(epochs, values, color=colour, label=name, **_style(metrics))
    axes.set(title="Activity of each layer", ylabel="Spikes per neuron and sample")


def _draw_extremes(axes: "matplotlib.axes.Axes", metrics: Metrics, names: list[str]) -> None:
    style: dict[str, Any] = {"linewidth": 1.8, "markersize": 4.0}
    for key, dashes, marker in (("silent", "-", "o"), ("saturated", ":", "x")):
        style["marker"] = marker if len(metrics) <= 30 else None
        for name, colour in zip(names, colours(len(names)), strict=True):
            epochs, values = _layer_series(metrics, name, key, 100.0)
            axes.plot(epochs, values, dashes, color=colour, **style)
        axes.plot([], [], dashes, color="black", label=key, **style)
    axes.legend(frameon=False)
    axes.set(title="Silent and saturated neurons", ylabel="Neurons of the layer (%)")


def _dress(axes: "matplotlib.axes.Axes", metrics: Metrics) -> None:
    from matplotlib.ticker import MaxNLocator

    first, last = int(metrics[0]["epoch"]), int(metrics[-1]["epoch"])
    margin = max(0.5, 0.03 * (last - first))
    axes.set_xlim(first - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("Epoch")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_layer_legend(
    figure: "matplotlib.figure.Figure",
    cells: list["matplotlib.axes.Axes"],
    used: int,
    names: list[str],
) -> None:
    """Put the names of the layers into the cell that is left over, if one is."""
    for axes in cells[used:]:
        axes.set_axis_off()
    if names:
        handles, labels = cells[used - 2].get_legend_handles_labels()
        place = cells[used] if len(cells) > used else cells[used - 2]
        where: dict[str, Any] = {"loc": "upper left"} if len(cells) > used else {}
        columns = 1 if len(names) <= 14 else 2
        place.legend(handles, labels, title="Layers", frameon=False, ncols=columns, **where)
