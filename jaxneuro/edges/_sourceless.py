from abc import abstractmethod
from typing import Any, ClassVar

import jax
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, check_bounds

from ._base import AbstractEdge


class AbstractSourcelessEdge(AbstractEdge):
    """An edge without a source: it makes its drive itself, or from what other edges hand it."""

    source: ClassVar[None] = None
    delay: ClassVar[None] = None
    releases_evenly: ClassVar[bool] = True

    def __check_init__(self):
        check_bounds(self)

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        raise RuntimeError(f"{type(self).__name__} has no source and fits every target.")

    def release(
        self, state: Any, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[Any, Float[Array, "time ..."]]:
        return state, signals

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        return signals

    @abstractmethod
    def step(
        self, state: Any, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[Any, Drive]:
        """The drive of one step on a target at voltage v; events are None unless handed on."""


def step_key(key: Key[Array, ""], context: Context) -> Key[Array, ""]:
    """The key of one step of an edge whose own key is `key`."""
    return jax.random.fold_in(key, context.step)
