import zlib

import equinox as eqx
import jax
from jaxtyping import Array, Int, Key

INIT_STEP = 2**32 - 1


class Context(eqx.Module):
    """Where and when a component runs: the absolute step, dt, and a random key by name.

    The stream of a component depends on the base key, the absolute step and the component's
    name alone, so that another block length, a restart or one more component leave it as it is.

    **Arguments:**

    - `step`: absolute index of the step, from t = step dt to (step + 1) dt.
    - `dt`: length of a step, ms.
    - `base_key`: the key given to `simulate`.
    """

    step: Int[Array, ""]
    base_key: Key[Array, ""]
    dt: float = eqx.field(static=True)

    def key(self, name: str) -> Key[Array, ""]:
        """The key of the component `name` in this step."""
        return component_key(self.base_key, self.step, name)


def component_key(key: Key[Array, ""], step: Int[Array, ""] | int, name: str) -> Key[Array, ""]:
    """Folds the step, then the CRC32 of the component's name into `key`."""
    return jax.random.fold_in(jax.random.fold_in(key, step), zlib.crc32(name.encode()))


def init_key(key: Key[Array, ""], name: str) -> Key[Array, ""]:
    """The key with which the component `name` draws its initial state."""
    return component_key(key, INIT_STEP, name)
