import csv
import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

Method = Literal["product", "zip", "random", "sobol", "latin_hypercube"]
SAMPLE = "sample"  # the dimension of grids that are no product
MOST_LANES = 2**32 - 1  # a lane's key is made from its index in 32 bits


class Range(NamedTuple):
    """What a sampled axis may be: between two numbers, evenly on a linear or a logarithmic scale.

    **Attributes:**

    - `low`, `high`: both included in the limit; above 0 on a logarithmic scale.
    - `scale`: `"linear"` or `"log"`.
    """

    low: float
    high: float
    scale: str = "linear"

    def at(self, part: np.ndarray) -> np.ndarray:
        """The values at these parts of the way from low to high."""
        if self.scale == "log":
            return np.exp(math.log(self.low) + part * math.log(self.high / self.low))
        return self.low + part * (self.high - self.low)


class Axis(NamedTuple):
    """One swept quantity.

    **Attributes:**

    - `values`: along its dimension.
    - `dim`: name of that dimension, which several axes share unless the grid is a product.
    - `unit`: of the values.
    """

    values: np.ndarray
    dim: str
    unit: str


@dataclass(frozen=True)
class Grid:
    """The points of a sweep: made by `grid` or `read_table`; the product of two is `a * b`.

    **Attributes:**

    - `axes`: by name, what is varied.
    """

    axes: dict[str, Axis]

    @property
    def dims(self) -> dict[str, int]:
        """Length of each dimension, in the order of the results' axes."""
        return {axis.dim: len(axis.values) for axis in self.axes.values()}

    @property
    def lanes(self) -> int:
        """How many points there are."""
        return math.prod(self.dims.values())

    def points(self, lanes: np.ndarray) -> dict[str, np.ndarray]:
        """The values of every axis at these lanes, which count in C order over the dimensions."""
        dims = self.dims
        place = dict(zip(dims, np.unravel_index(lanes, tuple(dims.values())), strict=True))
        return {name: axis.values[place[axis.dim]] for name, axis in self.axes.items()}

    def describe(self) -> dict[str, Any]:
        """What tells this grid from another, for messages and to compare a store with."""
        told = {}
        for name, axis in self.axes.items():
            first, last = (axis.values[i].item() for i in (0, -1))
            digest = hashlib.sha256(repr(axis.values.tolist()).encode()).hexdigest()[:12]
            told[name] = f"{len(axis.values)} values, {first!r} to {last!r} ({axis.dim}; {digest})"
        return told

    def __mul__(self, other: "Grid") -> "Grid":
        both = self.axes.keys() & other.axes.keys()
        if both:
            raise ValueError(f"Grid: both factors have an axis {sorted(both)[0]!r}.")
        shared = self.dims.keys() & other.dims.keys()
        taken = self.axes.keys() | other.axes.keys() | self.dims.keys() | other.dims.keys()
        new = {
            dim: next(name for i in itertools.count(2) if (name := f"{dim}_{i}") not in taken)
            for dim in shared
        }
        renamed = {n: x._replace(dim=new.get(x.dim, x.dim)) for n, x in other.axes.items()}
        return _checked(Grid(self.axes | renamed))


def grid(
    axes: Mapping[str, Any],
    method: Method = "product",
    *,
    samples: int | None = None,
    seed: int = 0,
    units: Mapping[str, str] | None = None,
) -> Grid:
    """The points of a sweep.

    **Arguments:**

    - `axes`: by name. For `"product"` (every combination; each axis becomes a dimension of the
      results) and `"zip"` (the first of each, the second of each, ...): the values, numbers or
      texts. For the others a `Range`, or (low, high).
    - `method`: besides those, `"random"` (independent), `"sobol"` or `"latin_hypercube"`, both
      from `scipy.stats.qmc`, scrambled.
    - `samples`: how many points are sampled; for Sobol a power of 2.
    - `seed`: of what is sampled.
    - `units`: of some axes, for labels.

    **Raises:** `ValueError` for no axes, no values, axes of different lengths in a zip, a range
    that is none, or a name with a slash or a blank.

    !!! example

        ```python
        points = grid({"tau": [5.0, 10.0, 20.0], "current": np.linspace(0.0, 3.0, 50)},
                      units={"tau": "ms"})
        points.lanes  # 150
        wide = grid({"tau": Range(1.0, 100.0, "log")}, "sobol", samples=64)
        (wide * grid({"seed": range(10)})).lanes  # 640
        ```
    """
    if method not in get_args(Method):
        raise ValueError(
            f"grid: there is no method {method!r}. Take {', '.join(get_args(Method))}."
        )
    if not axes:
        raise ValueError("grid: there are no axes.")
    units = units or {}
    strangers = sorted(set(units) - set(axes))
    if strangers:
        raise ValueError(f"grid: units for {strangers}, which are not among the axes.")
    is_sampled = method not in ("product", "zip")
    if is_sampled != (samples is not None):
        raise ValueError(f"grid: method {method!r} {'needs' if is_sampled else 'has no'} samples.")
    if samples is not None:
        values = _sampled(axes, method, samples, seed)
    else:
        values = {name: _values(name, given) for name, given in axes.items()}
    lengths = {name: len(one) for name, one in values.items()}
    if method == "zip" and len(set(lengths.values())) > 1:
        raise ValueError(f"grid: a zip needs axes of one length, but they have {lengths}.")
    return _checked(
        Grid(
            {
                name: Axis(one, name if method == "product" else SAMPLE, units.get(name, ""))
                for name, one in values.items()
            }
        )
    )


def read_table(path: str | Path, units: Mapping[str, str] | None = None) -> Grid:
    """The points of a sweep from a CSV file: a line of names, then one point in each line.

    **Raises:** `ValueError` for a file without points, or lines of different lengths.
    """
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 2:
        raise ValueError(f"{path}: it needs a line of names, then one point in each line.")
    names = [name.strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise ValueError(f"{path}: row {number} has {len(row)} values, the first {len(names)}.")
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: a name occurs twice in {', '.join(names)}.")
    columns = {name: _read([row[i].strip() for row in rows[1:]]) for i, name in enumerate(names)}
    return grid(columns, "zip", units=units)


def _read(texts: list[str]) -> list[Any]:
    """Whole numbers, numbers, or texts: the first that all of them are."""
    for kind in (int, float):
        try:
            return [kind(text) for text in texts]
        except ValueError:
            continue
    return list(texts)


def _values(name: str, given: Any) -> np.ndarray:
    listed = isinstance(given, Sequence) and not isinstance(given, str)
    values = np.asarray(list(given) if listed else given)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(
            f"grid: axis {name!r} has shape {values.shape}; it must be a list with a value or more."
        )
    if values.dtype.kind not in "biufU":
        raise ValueError(f"grid: axis {name!r} must hold numbers or texts, not {values.dtype}.")
    if listed and len({isinstance(one, str) for one in given}) > 1:
        raise ValueError(f"grid: axis {name!r} mixes numbers and texts.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"grid: axis {name!r} holds a number that is not finite.")
    if values.dtype.kind in "iu":
        if not -(2**31) <= int(values.min()) <= int(values.max()) < 2**31:
            raise ValueError(f"grid: axis {name!r} holds a whole number that needs over 32 bits.")
        values = values.astype(np.int32)
    return values


def _sampled(
    axes: Mapping[str, Any], method: Method, samples: int, seed: int
) -> dict[str, np.ndarray]:
    from scipy.stats import qmc

    if samples < 1:
        raise ValueError(f"grid: samples is {samples}; it must be at least 1.")
    ranges = {name: _range(name, given) for name, given in axes.items()}
    random = np.random.default_rng(seed)
    if method == "sobol":
        power = samples.bit_length() - 1
        if samples != 2**power:
            raise ValueError(
                f"grid: Sobol points are balanced in powers of 2 only, and samples is {samples}. "
                f"Take {2**power} or {2 ** (power + 1)}."
            )
        unit = qmc.Sobol(len(ranges), rng=random).random_base2(power)
    elif method == "latin_hypercube":
        unit = qmc.LatinHypercube(len(ranges), rng=random).random(samples)
    else:
        unit = random.random((samples, len(ranges)))
    return {name: one.at(unit[:, i]) for i, (name, one) in enumerate(ranges.items())}


def _range(name: str, given: Any) -> Range:
    wanted = f"grid: axis {name!r} is sampled, so it must be a Range or (low, high), not {given!r}."
    if isinstance(given, np.ndarray) or not isinstance(given, Sequence) or not 2 <= len(given) <= 3:
        raise ValueError(wanted)
    if isinstance(given, str) or any(isinstance(end, str) for end in given[:2]):
        raise ValueError(wanted)
    low, high, scale = Range(*given)
    if scale not in ("linear", "log"):
        raise ValueError(f"grid: axis {name!r} has scale {scale!r}; it must be 'linear' or 'log'.")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"grid: axis {name!r} goes from {low} to {high}; low must be below high.")
    if scale == "log" and low <= 0:
        raise ValueError(f"grid: axis {name!r} starts at {low}; on a log scale it must be above 0.")
    return Range(float(low), float(high), scale)


def _checked(made: Grid) -> Grid:
    for name, axis in made.axes.items():
        if not isinstance(name, str) or not name or "/" in name or len(name.split()) != 1:
            raise ValueError(
                f"grid: an axis cannot be called {name!r}: slashes and blanks divide names in the "
                "store. Choose a label, and put the value where it belongs in your function."
            )
        if name in made.dims and axis.dim != name:
            raise ValueError(f"grid: the axis {name!r} has the name of another dimension.")
    if made.lanes > MOST_LANES:
        raise ValueError(f"grid: {made.lanes:,} points are more than {MOST_LANES:,}.")
    return made
