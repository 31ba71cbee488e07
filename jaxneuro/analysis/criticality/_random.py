import zlib

import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Key


def generator(key: Key[Array, ""], name: str) -> np.random.Generator:
    """NumPy's generator for the function `name`, which is part of the seed."""
    if isinstance(key, Tracer):
        raise ValueError(
            f"{name}: the key is traced, but this runs on the host. Call it outside `jit`, `vmap` "
            "and `grad`."
        )
    words = [int(word) for word in np.asarray(jax.random.key_data(key)).ravel()]
    return np.random.default_rng([*words, zlib.crc32(name.encode())])
