from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr
from jaxtyping import Array, Key

from ._program import Lane

# Measured: benchmarks/sweeps.py and benchmarks/sweep_trainings.py.
CACHED_NUMBERS = 2**17  # of all lanes of a tile in the widest array, which stay in a core's cache
MOST_LANES_CPU = 1024
PARALLEL_NUMBERS = 2**24  # keep an accelerator busy
MOST_LANES_ACCELERATOR = 2**16


def choose_tile(
    lane: Lane,
    point: Mapping[str, Any],
    fixed: Mapping[str, Any],
    key: Key[Array, ""],
    lanes: int,
    is_cpu: bool,
) -> int:
    """How many lanes should run under one `vmap`: a power of 2, by the widest array of one lane.

    A tile whose arrays stay in the cache is the fastest on a CPU: lanes of one neuron come by the
    thousand, while a training, whose products fill the machine by themselves, runs alone.
    """
    jaxpr = jax.make_jaxpr(lambda p, k: lane({**p, **fixed}, k))(dict(point), key)
    widest = max(_sizes(jaxpr.jaxpr), default=1)
    numbers = CACHED_NUMBERS if is_cpu else PARALLEL_NUMBERS
    most = MOST_LANES_CPU if is_cpu else MOST_LANES_ACCELERATOR
    room = max(1, min(most, numbers // max(1, widest)))
    return min(2 ** (room.bit_length() - 1), 2 ** (lanes - 1).bit_length())


def _sizes(jaxpr: Any) -> Iterator[int]:
    """The number of elements of every array that a program makes, also inside its loops.

    What a loop collects of all its steps is not counted with the steps.
    """
    for equation in jaxpr.eqns:
        inner = [sub for value in equation.params.values() for sub in _jaxprs(value)]
        for sub in inner:
            yield from _sizes(sub)
        if not inner:
            yield from (int(np.prod(v.aval.shape)) for v in equation.outvars)


def _jaxprs(value: Any) -> Iterator[Any]:
    if isinstance(value, ClosedJaxpr):
        yield value.jaxpr
    elif isinstance(value, Jaxpr):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _jaxprs(one)
