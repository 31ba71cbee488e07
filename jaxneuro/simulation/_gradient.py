from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax


class AbstractGradient(eqx.Module):
    """How the gradient of a run is taken: what is kept, and how far back it reaches."""

    @abstractmethod
    def segment_steps(self) -> int | None:
        """Steps after which the run is cut into segments, None if it is not."""

    @abstractmethod
    def wrap(self, segment: Callable[[Any, Any], tuple[Any, Any]]) -> Callable:
        """The function that runs one segment, `(carry, inputs) -> (carry, records)`.

        The carry is the network's state and the summaries of the reducers.
        """


class Backprop(AbstractGradient):
    """Backpropagation through time over the whole run; everything it needs is kept."""

    def segment_steps(self) -> None:
        return None

    def wrap(self, segment: Callable[[Any, Any], tuple[Any, Any]]) -> Callable:
        return segment


class Checkpointed(AbstractGradient):
    """The same gradient in less memory: segments are run again on the way back.

    **Arguments:**

    - `every`: steps per segment; about the root of the number of steps needs least memory.

    Reference: Chen et al. (2016), arXiv:1604.06174.
    """

    every: int = eqx.field(static=True, default=32)

    def __check_init__(self):
        _check_steps(self.every, "Checkpointed: every")

    def segment_steps(self) -> int:
        return self.every

    def wrap(self, segment: Callable[[Any, Any], tuple[Any, Any]]) -> Callable:
        return jax.checkpoint(segment, prevent_cse=False)


class Truncated(AbstractGradient):
    """Truncated backpropagation through time: no gradient passes from a segment to the one before.

    **Arguments:**

    - `steps`: steps per segment.

    Reference: Williams & Peng (1990), Neural Computation 2:490.
    """

    steps: int = eqx.field(static=True, default=32)

    def __check_init__(self):
        _check_steps(self.steps, "Truncated: steps")

    def segment_steps(self) -> int:
        return self.steps

    def wrap(self, segment: Callable[[Any, Any], tuple[Any, Any]]) -> Callable:
        def cut(carry: Any, inputs: Any) -> tuple[Any, Any]:
            # Not the summaries: they hold what earlier segments gave to the loss, as series do.
            state, summaries = carry
            arrays, rest = eqx.partition(state, eqx.is_inexact_array)
            return segment((eqx.combine(jax.lax.stop_gradient(arrays), rest), summaries), inputs)

        return cut


def _check_steps(steps: int, what: str) -> None:
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"{what} is {steps!r}; it must be a whole number >= 1.")
