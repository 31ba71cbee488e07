"""What a sweep runs at every point, whichever kind of configuration that is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxtyping import Array, Key

Function = Callable[[Mapping[str, Any], Key[Array, ""]], dict[str, Array]]
SEED = "seed"


class Target(NamedTuple):
    """What an axis sets.

    **Attributes:**

    - `axis`: its name in the grid.
    - `path`: a field of the configuration, or the exact path of a parameter.
    - `is_static`: whether each value is built and compiled anew.
    - `is_factor`: whether a parameter is multiplied.
    - `is_joining`: whether it says how the neurons of a network are joined.
    """

    axis: str
    path: str
    is_static: bool = False
    is_factor: bool = False
    is_joining: bool = False


class Lane(NamedTuple):
    """A function for `sweeps.run`, and how its results are labelled.

    **Attributes:**

    - `function`: `(point, key) -> results`.
    - `dims`, `units`, `coords`: as `sweeps.run` takes them.
    - `simulated_seconds`: of one lane; 0 where nobody asks for it.
    """

    function: Function
    dims: Mapping[str, Sequence[str]]
    units: Mapping[str, str]
    coords: Mapping[str, Sequence[Any]]
    simulated_seconds: float
