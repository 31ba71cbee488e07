import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._encoders import _check_unit_interval


def even_encode(
    values: Float[Array, "*shape"],
    *,
    steps: int,
    dt: float,
    max_rate: float,
    duration: float | None = None,
) -> Float[Array, "time *shape"]:
    """Evenly spaced spikes, as many as the value says: the same in every run.

    n = round(values · max_rate · duration / 1000) spikes at (i + 1/2) duration / n, i = 0 … n - 1,
    each in the step that starts nearest. A value in the middle of two numbers of spikes is rounded
    to the even one.

    **Arguments:**

    - `values`: intensities in [0, 1]. Values that are traced are not checked but clipped.
    - `steps`, `dt`, `max_rate`: as in `rate_encode`.
    - `duration`: during which they come, ms; by default all steps.

    **Returns:** spikes, 0 or 1, in the dtype of `values`.

    **Raises:** `ValueError` for a value outside [0, 1], a duration beyond the last step, and a rate
    that would put two spikes into one step.

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxneuro.inputs import even_encode

        pixels = jnp.array([0.0, 0.1, 1.0])
        spikes = even_encode(pixels, steps=90, dt=1.0, max_rate=200.0, duration=50.0)
        counts = spikes.sum(0)  # [0, 1 (in step 25), 10 (in steps 2, 8, 12, ...)]
        ```
    """
    duration = steps * dt if duration is None else duration
    if not 0 < duration <= steps * dt * (1 + 1e-9):
        raise ValueError(
            f"even_encode: duration is {duration:g} ms, but {steps} steps of {dt:g} ms take "
            f"{steps * dt:g} ms. Take a shorter duration, or more steps."
        )
    most = round(max_rate * duration / 1000.0)
    if most * dt > duration * (1 + 1e-9):
        raise ValueError(
            f"even_encode: {max_rate:g} Hz are {most} spikes in {duration:g} ms, but a step of "
            f"{dt:g} ms holds one. Take a lower rate or a shorter dt."
        )
    _check_unit_interval("even_encode", values)
    count = jnp.round(jnp.clip(values, 0.0, 1.0) * (max_rate * duration / 1000.0))
    table = np.zeros((steps, most + 1))
    for n in range(1, most + 1):
        times = (np.arange(n) + 0.5) * duration / n
        table[np.minimum(np.round(times / dt).astype(int), steps - 1), n] = 1.0
    return jnp.asarray(table, values.dtype)[:, count.astype(jnp.int32)]
