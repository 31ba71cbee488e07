from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._palette import BLUE, GREEN, GREY, PINK, VERMILION

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

Metrics = Sequence[Mapping[str, Any]]
PERCENT = 100.0
LONG = 1000  # generations


def evolution_curves(metrics: Metrics) -> "matplotlib.figure.Figure":
    """Draw fitness, loss, accuracy and diversity of an evolution.

    Over generations; or, where epochs of training by gradient follow, over wall time, with the
    hand-over marked.

    **Arguments:**

    - `metrics`: one dict for each generation, with `generation`, `best_fitness`, `mean_fitness`,
      `fitness_spread`, `diversity`, `train_loss`, `train_accuracy` (fraction, mean over the
      members) and where known `failed`, `validation_loss`, `validation_accuracy` and
      `wall_seconds`; then, if any, one for each epoch, as for `learning_curves`.

    **Returns:** a figure of four panels.

    **Raises:** `ValueError` when there are no generations.

    >>> row = {"generation": 1, "best_fitness": -0.5, "mean_fitness": -0.7, "fitness_spread": 0.1,
    ...        "diversity": 0.05, "train_loss": 0.7, "train_accuracy": 0.8}
    >>> [axes.get_title() for axes in evolution_curves([row]).axes]
    ['Fitness', 'Loss', 'Accuracy', 'Diversity']
    """
    from matplotlib.figure import Figure

    generations = [row for row in metrics if row.get("generation") is not None]
    epochs = [row for row in metrics if row.get("epoch") is not None]
    if not generations:
        raise ValueError(
            "evolution_curves: there are no generations. Pass the metrics of at least one."
        )
    axis = "wall_seconds" if epochs else "generation"
    figure = Figure(figsize=(9.2, 7.0), layout="constrained")
    fitness, loss, accuracy, diversity = figure.subplots(2, 2).flat
    _draw_fitness(fitness, generations, axis)
    _draw_parts(loss, generations, epochs, axis, "loss", 1.0)
    _draw_parts(accuracy, generations, epochs, axis, "accuracy", PERCENT)
    _draw_diversity(diversity, generations, axis)
    for axes in figure.axes:
        if epochs:
            at = generations[-1]["wall_seconds"]
            axes.axvline(at, color="black", linewidth=1.0, linestyle=":")
        _dress(axes, axis, is_long=len(generations) > LONG and not epochs)
    return figure


def _series(metrics: Metrics, axis: str, key: str, factor: float = 1.0) -> tuple[list, list]:
    known = [(row[axis], factor * row[key]) for row in metrics if row.get(key) is not None]
    return [x for x, _ in known], [y for _, y in known]


def _draw_fitness(axes: "matplotlib.axes.Axes", metrics: Metrics, axis: str) -> None:
    x, mean = _series(metrics, axis, "mean_fitness")
    _, spread = _series(metrics, axis, "fitness_spread")
    low = [m - s for m, s in zip(mean, spread, strict=True)]
    high = [m + s for m, s in zip(mean, spread, strict=True)]
    axes.fill_between(x, low, high, color=BLUE, alpha=0.25, linewidth=0, label="± spread")
    axes.plot(x, mean, color=BLUE, label="mean", **_style(x))
    axes.plot(*_series(metrics, axis, "best_fitness"), color=GREEN, label="best", **_style(x))
    failed = sum(row.get("failed") or 0 for row in metrics)
    title = f"Fitness ({failed} members failed)" if failed else "Fitness"
    axes.set(title=title, ylabel="Fitness of the members")
    axes.legend(frameon=False)


def _draw_parts(
    axes: "matplotlib.axes.Axes",
    generations: Metrics,
    epochs: Metrics,
    axis: str,
    what: str,
    factor: float,
) -> None:
    x, values = _series(generations, axis, f"train_{what}", factor)
    axes.plot(x, values, color=BLUE, label="members, training", **_style(x))
    x, values = _series(epochs, axis, f"train_{what}", factor)
    if x:
        axes.plot(x, values, color=PINK, label="gradient, training", **_style(x))
    x, values = _series([*generations, *epochs], axis, f"validation_{what}", factor)
    title = what.capitalize()
    if x:
        axes.plot(x, values, "--", color=VERMILION, label="validation", **_style(x))
        if what == "accuracy":
            title += f" (best validation {max(values):.2f} %)"
    unit = " (%)" if factor == PERCENT else ""
    axes.set(title=title, ylabel=what.capitalize() + unit)
    axes.legend(frameon=False)


def _draw_diversity(axes: "matplotlib.axes.Axes", metrics: Metrics, axis: str) -> None:
    x, values = _series(metrics, axis, "diversity")
    axes.plot(x, values, color=GREY, **_style(x))
    axes.set(title="Diversity", ylabel="RMS distance from the mean")
    axes.set_ylim(0.0, 1.1 * max(values) or 1.0)


def _style(x: list) -> dict[str, Any]:
    # A curve of few points is hard to see, and one of a single point impossible, without markers.
    return {
        "linewidth": 1.4 if len(x) <= 300 else 0.8,
        "marker": "o" if len(x) <= 30 else None,
        "markersize": 3.5,
    }


def _dress(axes: "matplotlib.axes.Axes", axis: str, is_long: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    if is_long:  # most of the change comes early
        axes.set_xscale("log")
        axes.set_xlabel("Generation")
    elif axis == "generation":
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.set_xlabel("Generation")
    else:
        axes.set_xlabel("Wall time (s); dotted: gradient takes over")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
