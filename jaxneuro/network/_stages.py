from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import equinox as eqx
from jaxtyping import Array, Key

from jaxneuro.core import Context

if TYPE_CHECKING:
    from typing import ClassVar as AbstractVar  # what type checkers understand of it

    from ._network import Network
    from ._state import NetworkState
else:
    from equinox import AbstractVar


class AbstractStage(eqx.Module):
    """A part of a step: a pure function from network state to network state.

    A network's stages run in their order in every step; `Advance()` among them marks where the
    populations advance. Any other stage makes `simulate` go step by step.

    **Attributes:**

    - `tag`: its name, under which its own state is kept in `state.stages`.
    """

    tag: AbstractVar[str]

    @abstractmethod
    def init(self, network: "Network", key: Key[Array, ""]) -> Any:
        """The stage's own state, None if it has none."""

    @abstractmethod
    def step(self, network: "Network", state: "NetworkState", context: Context) -> "NetworkState":
        """The network's state after this stage."""


class Advance(AbstractStage):
    """Edges deliver, populations integrate, spike and reset: what every step is made of."""

    tag: str = eqx.field(static=True, default="advance")

    def init(self, network: "Network", key: Key[Array, ""]) -> None:
        return None

    def step(self, network: "Network", state: "NetworkState", context: Context) -> "NetworkState":
        raise RuntimeError("Advance only marks a place in Network.stages; `simulate` runs it.")
