"""What a configuration of `jaxneuro sweep` can say."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator

from ._config import Count, Section
from ._simulation_config import Number
from ._sweep_criticality_config import CriticalityConfig

Method = Literal["product", "zip", "random", "sobol", "latin_hypercube"]


class AxisConfig(Section):
    """One quantity that is varied: its values, or a range of them."""

    path: str = ""
    """What it sets: a field of the configuration or a parameter; by default the axis's name."""
    values: list[Number | int | bool | str] = Field(default_factory=list)
    """One by one."""
    low: Number | None = None
    """First value of a range."""
    high: Number | None = None
    """Last value of a range."""
    count: Count | None = None
    """How many there are in a range (product, zip); of a seed, which needs no low and high."""
    scale: Literal["linear", "log"] = "linear"
    """Whether the range is even in the value or in its logarithm."""
    factor: bool = False
    """Whether a parameter is multiplied by the values instead of replaced."""
    unit: str = ""
    """Of the values, for the store and the figures."""

    @model_validator(mode="after")
    def _is_whole(self) -> "AxisConfig":
        if self.values and (self.low is not None or self.high is not None or self.count):
            raise ValueError("give values, or low, high and count, not both.")
        if (self.low is None) != (self.high is None):
            raise ValueError("a range needs low and high.")
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError(f"low is {self.low:g}, but high is {self.high:g}.")
            if self.scale == "log" and self.low <= 0:
                raise ValueError(f"low is {self.low:g}; on a log scale it must be above 0.")
        return self


class SweepConfig(Section):
    """One configuration, run at many points."""

    config: Annotated[Path | None, Strict(False)] = None
    """The file that is run at every point (of simulate or train), seen from this file's folder."""
    base: dict[str, Any] = Field(default_factory=dict)
    """The same as tables, or what is changed in that file."""
    axes: dict[str, AxisConfig] = Field(default_factory=dict)
    """What is varied, by name."""
    method: Method = "product"
    """Every combination, the first of each with the first of the others, or a way of sampling."""
    samples: Annotated[int, Field(ge=0)] = 0
    """How many points are sampled (random, sobol, latin_hypercube)."""
    table: Annotated[Path | None, Strict(False)] = None
    """A CSV file with a column for each axis and a line for each point, instead of their values."""
    measure: list[str] = Field(default_factory=list)
    """What is kept of a simulation: rate, cv, first_spike, spikes, silent, mean:PATH, max:PATH; and
    of a network regime, branching_ratio, size_exponent, duration_exponent, deviation, avalanches.
    """
    criticality: CriticalityConfig = Field(default_factory=CriticalityConfig)
    """How a network's regime and what belongs to it are measured."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Draws what is sampled, and the noise of each lane unless an axis is the seed."""
    tile: Annotated[int, Field(ge=0)] = 0
    """Lanes under one vmap; 0 chooses."""
    chunk: Annotated[int, Field(ge=0)] = 0
    """Lanes per compiled call, at most; 0 chooses."""

    @model_validator(mode="after")
    def _is_whole(self) -> "SweepConfig":
        is_sampled = self.method not in ("product", "zip")
        if is_sampled and not self.samples and self.table is None:
            raise ValueError(f"method is {self.method}, which needs samples.")
        if self.samples and not is_sampled:
            raise ValueError(f"method is {self.method}, which has no samples.")
        if len(set(self.measure)) < len(self.measure):
            raise ValueError("measure: each one once.")
        return self
