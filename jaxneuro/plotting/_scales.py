from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from jaxtyping import Array

if TYPE_CHECKING:
    import matplotlib.axis

Scale = Literal["linear", "log", "text"]
Values = Array | np.ndarray | Sequence[float] | Sequence[str]

FEW = 8  # values, which all fit under an axis
NARROW = 0.07  # part of an axis, within which two numbers run into each other
LONG_TEXT = 50  # characters, in which the longest name times their number has to fit


def read_values(values: Values, what: str, given: Scale | None = None) -> np.ndarray:
    """Numbers as float64, anything else as text; refuses what is no list."""
    array = np.asarray(values)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"{what} has shape {array.shape}. Pass a list of numbers or of names, at least one."
        )
    if given == "text" or array.dtype.kind in "USOb":
        return np.array([str(value) for value in array.tolist()])
    return array.astype(np.float64)


def find_scale(values: np.ndarray, given: Scale | None, what: str) -> Scale:
    """The scale on which values lie more evenly, unless one is given."""
    if given is not None and given not in get_args(Scale):
        raise ValueError(f"{what}: there is no scale {given!r}. Pass 'linear', 'log' or 'text'.")
    if values.dtype.kind == "U":
        if given not in (None, "text"):
            raise ValueError(f"{what} is text, which has no {given} scale. Pass numbers or 'text'.")
        return "text"
    known = np.unique(values[np.isfinite(values)])
    if given == "log" and known.size and known[0] <= 0:
        raise ValueError(
            f"{what} has the value {known[0]:g}, which a logarithmic scale cannot show. Pass "
            "positive values, or a linear scale."
        )
    if given is not None:
        return given
    if known.size < 3 or known[0] <= 0 or known[-1] < 4 * known[0]:
        return "linear"
    return "log" if _unevenness(np.log(known)) < 0.5 * _unevenness(known) else "linear"


def _unevenness(values: np.ndarray) -> float:
    # Of all values and not of neighbours, whose distances vary as much on either scale where the
    # values are drawn by chance.
    even = np.linspace(values[0], values[-1], values.size)
    return float(np.sqrt(np.mean((values - even) ** 2)) / (values[-1] - values[0])) + 1e-3


def find_edges(values: np.ndarray, scale: Scale) -> np.ndarray:
    """Edges of cells around increasing values: halfway between them on their scale."""
    if scale == "text":
        return np.arange(values.size + 1) - 0.5
    places = np.log(values) if scale == "log" else values
    if places.size == 1:
        half = 0.5 if scale == "log" or not places[0] else 0.25 * abs(places[0])
        edges = np.array([places[0] - half, places[0] + half])
    else:
        inner = (places[1:] + places[:-1]) / 2
        outer = 2 * places[[0, -1]] - inner[[0, -1]]
        edges = np.concatenate([outer[:1], inner, outer[1:]])
    return np.exp(edges) if scale == "log" else edges


def show_scale(axis: "matplotlib.axis.Axis", values: np.ndarray, scale: Scale) -> None:
    """Set the scale of an axis, with the values as its ticks where all of them fit.

    Text stands at 0, 1, 2 and so on.
    """
    from matplotlib.axis import XAxis
    from matplotlib.ticker import FixedLocator, NullLocator

    if scale == "text":
        _show_names(axis, values)
        return
    is_log = scale == "log"
    if is_log:
        (axis.axes.set_xscale if isinstance(axis, XAxis) else axis.axes.set_yscale)("log")
    places = np.log(values) if is_log else values
    span = float(np.ptp(places))
    gap = float(np.diff(places).min()) / span if span else 1.0
    if values.size <= FEW and gap > NARROW:
        axis.set_major_locator(FixedLocator(values.tolist()))
        axis.set_ticklabels(name_numbers(values))
        axis.set_minor_locator(NullLocator())
    elif is_log:
        show_decades(axis, float(values[0]), float(values[-1]))


def _show_names(axis: "matplotlib.axis.Axis", names: np.ndarray) -> None:
    from matplotlib.axis import XAxis

    is_across = isinstance(axis, XAxis)
    most = 24 if is_across else 30
    shown = np.arange(0, names.size, -(-names.size // most))
    axis.set_ticks(shown.tolist(), labels=names[shown].tolist())
    if is_across and max(map(len, names)) * shown.size > LONG_TEXT:
        axis.set_tick_params(rotation=40)
        for text in axis.get_ticklabels():
            text.set(horizontalalignment="right", rotation_mode="anchor")


def show_decades(axis: "matplotlib.axis.Axis", low: float, high: float) -> None:
    """Plain numbers along a logarithmic axis, as many as fit."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    decades = float(np.log10(high / low))
    if decades < 1:
        axis.set_major_locator(MaxNLocator(5))
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: name_number(value)))


def name_number(value: float, digits: int = 4) -> str:
    """A number in few characters, as a power of ten where it is far from 1."""
    if not value or 1e-3 <= abs(value) < 1e5:
        return f"{value:.{max(digits, len(str(int(abs(value)))))}g}"
    factor, power = f"{value:.{digits - 1}e}".split("e")
    factor = factor.rstrip("0").rstrip(".") if "." in factor else factor
    sign = {"1": "", "-1": "-"}.get(factor, f"{factor}·")
    return f"{sign}$10^{{{int(power)}}}$"


def name_numbers(values: np.ndarray) -> list[str]:
    """Numbers in few characters, but enough to tell them apart."""
    for digits in (3, 4, 5, 6, 8):
        names = [name_number(value, digits) for value in values.tolist()]
        if len(set(names)) == len(set(values.tolist())):
            break
    return names
