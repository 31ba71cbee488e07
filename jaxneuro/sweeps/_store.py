import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro.core import describe_changes

from ._grid import Grid
from ._plan import Plan
from ._program import MARK, Output

STATUS = "status"
MISSING, DONE, FAILED = 0, 1, 2
SIGNATURE = "sweep"


class Store:
    """The results of a sweep: a Zarr store that xarray opens, or the same in memory.

    Every result is an array over the grid's dimensions and its own, cut into chunks that are the
    plan's blocks. Zarr replaces a chunk's file as a whole. `status` is written last, so a block
    whose status is there has all its results.

    **Attributes:**

    - `plan`: of the sweep.
    """

    def __init__(self, place: Path | None, group: Any, plan: Plan):
        self.place, self.group, self.plan = place, group, plan
        self._arrays = dict(group.arrays())

    @classmethod
    def open(
        cls,
        place: Path | None,
        grid: Grid,
        plan: Plan,
        outputs: Mapping[str, Output],
        labels: "Labels",
        signature: Mapping[str, Any],
    ) -> "Store":
        """Makes the store, or goes on with the one in `place`.

        **Raises:** `ValueError` for one made by another sweep (with the differences), or
        something else in its place.
        """
        import zarr
        from zarr.storage import MemoryStore

        wanted = _whole(signature, grid, outputs)
        if place is None:
            memory = MemoryStore()
            _create(memory, grid, plan, outputs, labels, wanted)
            return cls(None, zarr.open_group(memory, mode="a"), plan)
        if not place.exists():
            # Under another name first: what has the name is whole.
            partial = place.with_name(f".{place.name}.partial")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)
            _create(partial, grid, plan, outputs, labels, wanted)
            partial.replace(place)
        for orphan in place.rglob("*.partial"):  # of a process that was killed while it wrote
            orphan.unlink(missing_ok=True)
        group = _existing(place)
        _compare(place, group.attrs[SIGNATURE], wanted)
        return cls(place, group, plan)

    @staticmethod
    def plan_of(place: Path | None) -> dict[str, Any] | None:
        """Block and tile of the plan of the store in `place`, None where there is none."""
        if place is None or not place.exists():
            return None
        return _existing(place).attrs[SIGNATURE]["plan"]

    def survey(self) -> tuple[list[int], int]:
        """The blocks without a status, and how many lanes of the others failed."""
        missing, failed = [], 0
        for block in range(self.plan.blocks):  # one after another: a grid may be huge
            status = self._arrays[STATUS][self.plan.region(block)]
            if status.all():
                failed += int(np.sum(status == FAILED))
            else:
                missing.append(block)
        return missing, failed

    def write(self, block: int, results: Mapping[str, np.ndarray]) -> None:
        """The results of a block, `(lanes, ...)` each, and then its status."""
        region = self.plan.region(block)
        shape = tuple(one.stop - one.start for one in region)
        for name, x in results.items():
            if name != MARK:
                self._arrays[name][region] = x.reshape(*shape, *x.shape[1:])
        status = np.where(results[MARK], FAILED, DONE).astype(np.uint8)
        self._arrays[STATUS][region] = status.reshape(shape)

    def dataset(self) -> Any:
        """The results as an `xarray.Dataset`: in memory, or read from the disk when needed."""
        return _opened(self.group.store if self.place is None else self.place, self.place is None)


class Labels:
    """Names of the axes, units and coordinates of the results.

    **Arguments:**

    - `dims`: by result, the names of its own dimensions.
    - `units`: by result.
    - `coords`: by dimension of a result, its values.
    """

    def __init__(
        self,
        dims: Mapping[str, Sequence[str]] | None,
        units: Mapping[str, str] | None,
        coords: Mapping[str, Any] | None,
        outputs: Mapping[str, Output],
        grid: Grid,
    ):
        dims, units, coords = dims or {}, units or {}, coords or {}
        taken = {*grid.axes, *grid.dims, STATUS}
        if STATUS in grid.axes:
            raise ValueError(f"run: an axis cannot be called {STATUS!r}, as a result is.")
        for what, given in (("dims", dims), ("units", units)):
            strangers = sorted(set(given) - set(outputs))
            if strangers:
                raise ValueError(f"run: {what} for {strangers}; results are {sorted(outputs)}.")
        self.units = dict(units)
        self.coords = {name: np.asarray(values) for name, values in coords.items()}
        self.dims, lengths = {}, {}
        for name, output in outputs.items():
            own = tuple(dims.get(name, (f"{name}_{i}" for i in range(len(output.shape)))))
            if len(own) != len(output.shape):
                raise ValueError(
                    f"run: result {name!r} has shape {output.shape}, but dims names {own}."
                )
            if name in taken or taken.intersection(own):
                raise ValueError(f"run: result {name!r} or a dim of it has the name of an axis.")
            if len({*own}) < len(own) or {*own} & {*outputs} or any("/" in dim for dim in own):
                raise ValueError(
                    f"run: dims of {name!r} are {own}; they must differ from each other and from "
                    "the results, without slashes."
                )
            for dim, length in zip(own, output.shape, strict=True):
                if lengths.setdefault(dim, length) != length:
                    raise ValueError(f"run: dim {dim!r} has length {length} and {lengths[dim]}.")
            self.dims[name] = own
        for dim, values in self.coords.items():
            if values.shape != (lengths.get(dim),):
                raise ValueError(
                    f"run: coords of {dim!r} have shape {values.shape}, but results have "
                    f"{'no such dim' if dim not in lengths else f'length {lengths[dim]}'}."
                )


def load(place: str | Path) -> Any:
    """The results in a store, as an `xarray.Dataset` that reads what is used.

    **Raises:** `ValueError` for a folder that holds no sweep.

    !!! example

        ```python
        results = load("runs/sweep_fi/results.zarr")
        results.rate.sel(tau=10.0, method="nearest").plot()
        ```
    """
    _existing(Path(place))
    return _opened(Path(place), False)


def failed_points(results: Any, most: int = 20) -> list[dict[str, Any]]:
    """The first points of a sweep whose lane failed, by axis.

    **Arguments:**

    - `results`: the dataset that `run` or `load` returned.
    """
    status = results[STATUS]
    found = np.argwhere(np.asarray(status) == FAILED)[:most]
    axes = [name for name in results.coords if set(results[name].dims) <= set(status.dims)]
    told = []
    for place in found:
        at = dict(zip(status.dims, place.tolist(), strict=True))
        here = {n: results[n].isel({d: at[d] for d in results[n].dims}) for n in axes}
        told.append({str(name): value.item() for name, value in here.items()})
    return told


def _opened(source: Any, is_memory: bool) -> Any:
    import xarray

    # Units such as "seconds" are labels: values stay numbers.
    opened = xarray.open_zarr(
        source, consolidated=False, chunks=None, decode_times=False, decode_timedelta=False
    )
    opened = opened[[*opened.attrs[SIGNATURE]["results"], STATUS]]  # in the function's order
    return opened.load() if is_memory else opened


def _existing(place: Path) -> Any:
    import zarr
    from zarr.errors import ContainsArrayError

    if not place.is_dir():
        raise ValueError(f"{place} is no Zarr store: {'a file' if place.exists() else 'nothing'}.")
    try:
        group = zarr.open_group(place, mode="r+")
    except (FileNotFoundError, ContainsArrayError):
        raise ValueError(f"{place} is no Zarr store with a sweep. Choose another place.") from None
    if SIGNATURE not in group.attrs:
        raise ValueError(f"{place} holds no sweep of this library. Choose another place.")
    return group


def _create(
    target: Any,
    grid: Grid,
    plan: Plan,
    outputs: Mapping[str, Output],
    labels: Labels,
    signature: dict[str, Any],
) -> None:
    import xarray
    import zarr

    coords: dict[str, Any] = {}
    for name, axis in grid.axes.items():
        unit = {"units": axis.unit} if axis.unit else {}
        coords[name] = (axis.dim, _stored(axis.values), unit)
    coords |= {dim: (dim, _stored(values)) for dim, values in labels.coords.items()}
    attrs = {SIGNATURE: signature | {"plan": {"block": list(plan.block), "tile": plan.tile}}}
    made = xarray.Dataset(coords=coords, attrs=attrs)
    made.to_zarr(target, mode="w", zarr_format=3, consolidated=False)
    group = zarr.open_group(target, mode="a")
    dims = tuple(grid.dims)
    for name, output in outputs.items():
        if name == MARK:
            continue
        array = group.create_array(
            name,
            shape=(*plan.shape, *output.shape),
            chunks=(*plan.block, *(max(1, n) for n in output.shape)),
            dtype=output.dtype,
            fill_value=math.nan if output.dtype.kind == "f" else 0,
            dimension_names=(*dims, *labels.dims[name]),
        )
        if name in labels.units:
            array.attrs["units"] = labels.units[name]
    status = group.create_array(
        STATUS,
        shape=plan.shape,
        chunks=plan.block,
        dtype=np.uint8,
        fill_value=MISSING,
        dimension_names=dims,
    )
    status.attrs.update(flag_values=[MISSING, DONE, FAILED], flag_meanings="missing done failed")


def _stored(values: np.ndarray) -> np.ndarray:
    """Texts as Zarr has them."""
    return values.astype(np.dtypes.StringDType()) if values.dtype.kind == "U" else values


def _whole(
    signature: Mapping[str, Any], grid: Grid, outputs: Mapping[str, Output]
) -> dict[str, Any]:
    told = {name: f"{o.dtype} {list(o.shape)}" for name, o in outputs.items() if name != MARK}
    whole = {**signature, "axes": grid.describe(), "results": told}
    return json.loads(json.dumps(whole, default=str))


def _compare(place: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    changes = describe_changes({k: v for k, v in found.items() if k != "plan"}, wanted)
    if changes:
        raise ValueError(
            f"{place} holds another sweep ({changes}). Go on with the settings it was made with, "
            "or choose another place."
        )
