import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

ERRORS = {kind.__name__: kind for kind in (ValueError, MemoryError, OSError)}
SHORTEST = 256  # bytes; messages of one length share a compiled program


def from_first(decide: Callable[[], Any]) -> Any:
    """What `decide` returned on process 0, on every process; only there it is called.

    It goes over as JSON. Every process must make this call; it also waits for process 0.

    **Raises:** the `ValueError`, `MemoryError` or `OSError` that `decide` ended with, on every
    process.
    """
    if jax.process_count() == 1:
        return decide()
    error: Exception | None = None
    told: dict[str, Any] = {}
    if jax.process_index() == 0:
        try:
            told = {"value": decide()}
        except tuple(ERRORS.values()) as caught:
            kind = next(name for name, kind in ERRORS.items() if isinstance(caught, kind))
            error, told = caught, {"error": kind, "text": str(caught)}
    message = np.frombuffer(json.dumps(told).encode(), np.uint8)
    length = int(multihost_utils.broadcast_one_to_all(np.int32(len(message))))
    padded = np.full(max(SHORTEST, 1 << (length - 1).bit_length()), ord(" "), np.uint8)
    if jax.process_index() == 0:
        padded[:length] = message
    told = json.loads(np.asarray(multihost_utils.broadcast_one_to_all(padded)).tobytes())
    if error is not None:
        raise error
    if "error" in told:
        raise ERRORS[told["error"]](told["text"])
    return told["value"]


def arrays_from_first(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Those of process 0, bit by bit; on the others their shapes and types must be the same."""
    if jax.process_count() == 1:
        return arrays
    # As bytes: what JAX sends is a sum, which makes 0.0 of -0.0, and has no 64 bits by default.
    sent = [np.frombuffer(np.ascontiguousarray(x).tobytes(), np.uint8) for x in arrays]
    came = multihost_utils.broadcast_one_to_all(sent)
    pairs = zip(came, arrays, strict=True)
    return [np.frombuffer(x.tobytes(), like.dtype).reshape(like.shape) for x, like in pairs]
