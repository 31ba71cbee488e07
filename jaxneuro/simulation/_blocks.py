"""How many steps a block of time has."""

import math
from collections.abc import Mapping, Sequence

from jax.core import Tracer

from jaxneuro.network import Network, NetworkState

from ._gradient import AbstractGradient

LONGEST_BLOCK = 128
BLOCK_NUMBERS = 2**19


def longest_block(network: Network) -> int:
    """The most steps that `block="auto"` takes.

    Blocks spare the products of edges their repetition. Without edges they only spread the cost of
    the reducers, and a series of spikes that leaves the cache costs more than that.
    """
    if network.edges:
        return LONGEST_BLOCK
    neurons = sum(population.size for population in network.populations.values())
    return min(LONGEST_BLOCK, max(1, BLOCK_NUMBERS // max(1, neurons)))


def called_at(intervals: Mapping[str, int], state: NetworkState | None) -> dict[str, int]:
    """The lengths that blocks must divide so that one ends wherever a function is called.

    **Arguments:**

    - `intervals`: of the functions of the state that are recorded, by name.
    - `state`: where the run starts, from which intervals count; blocks count from step 0.
    """
    start = 0 if state is None or isinstance(state.step, Tracer) else int(state.step)
    return {name: math.gcd(interval, start) for name, interval in intervals.items()}


def choose_block(
    block: int | str,
    steps: int,
    gradient: AbstractGradient,
    forced: Sequence[str],
    longest: int = LONGEST_BLOCK,
    called: Mapping[str, int] | None = None,
) -> int:
    """Steps per block: what was asked, or the longest up to `longest` that everything allows.

    **Arguments:**

    - `forced`: names of what must see the network after each step.
    - `called`: as from `called_at`.

    **Raises:** `ValueError` for a block that a stage, a record or the gradient does not allow.
    """
    segment, called = gradient.segment_steps(), called or {}
    if block == "auto":
        if forced:
            return 1
        common = math.gcd(segment or 0, *called.values())
        return _divisor(common, longest) if common else min(steps, longest)
    if not isinstance(block, int) or block < 1:
        raise ValueError(f"simulate: block is {block!r}; it must be 'auto' or a number >= 1.")
    if block > 1 and forced:
        raise ValueError(
            f"simulate: block={block}, but {', '.join(map(repr, forced))} must see the whole "
            "network after each step. Pass block=1 or 'auto'."
        )
    if segment is not None and segment % block:
        raise ValueError(
            f"simulate: block={block} does not divide the gradient's segments of {segment} steps."
        )
    for name, length in called.items():
        if length % block:
            raise ValueError(
                f"simulate: block={block}, but {name!r} sees the whole network at steps that are "
                f"multiples of {length} apart. Pass a block that divides {length}, or 'auto'."
            )
    return block


def _divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is at most `most`."""
    return next(d for d in range(min(number, most), 0, -1) if number % d == 0)
