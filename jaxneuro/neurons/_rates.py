"""Functions of which the rates of voltage-gated channels are made."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def exprel_inverse(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """x / (exp(x) - 1), which is 1 at x = 0, with finite gradients everywhere.

    The form of most opening rates: alpha(v) = a (v_0 - v) / (exp((v_0 - v) / k) - 1) is
    a k `exprel_inverse((v_0 - v) / k)`.
    """
    # As in ExponentialEuler: near 0 a Taylor series, since the derivative of the quotient is a
    # difference of two numbers of size 1 / x. Guarded on both branches against unused NaNs.
    is_near = jnp.abs(x) < float(jnp.finfo(x.dtype).eps) ** 0.25
    near = jnp.where(is_near, x, 0.0)
    # Beyond 80 the result is below 1e-33 in any case, and float32 would overflow.
    far = jnp.clip(jnp.where(is_near, 1.0, x), None, 80.0)
    return jnp.where(is_near, 1.0 - near / 2.0 * (1.0 - near / 6.0), far / jnp.expm1(far))


def bounded(v: Float[Array, "..."]) -> Float[Array, "..."]:
    """v within 300 mV of 0: no membrane is beyond that, where the exponentials of rates overflow.

    An absurd current then saturates the gates, instead of making everything NaN. (In float32 the
    rates alone would stand 1000 mV, but their gradient has them to the fourth power.)
    """
    return jnp.clip(v, -300.0, 300.0)
