import math

from jaxtyping import Array, Float

from ._kernels import VonMises
from ._positions import ring
from ._random import check_count, check_probability


def ring_weights(
    pre: int, post: int, *, p: float = 0.7, sigma: float = 0.05
) -> Float[Array, "pre post"]:
    """Weights between two rings of preferred directions, strongest for the same direction.

    w[i, j] is proportional to (1 - p) + p exp((2 pi / sigma) (cos(angle_i - angle_j) - 1)), and the
    weights onto each target neuron sum to 1, whatever the two sizes. (The original divides by the
    sums along the wrong axis where they differ.)

    **Arguments:**

    - `pre`, `post`: number of neurons of the source and of the target ring.
    - `p`: share of the bump; the rest is the same for all, in [0, 1].
    - `sigma`: width of the bump; its concentration is 2 pi / sigma.

    **Returns:** a weight for `edges.Dense`.

    **Raises:** `ValueError` for `p` outside [0, 1] and a sigma that is not above 0.

    Reference: Compte, Brunel, Goldman-Rakic & Wang (2000), Cereb. Cortex 10:910; the profile is
    that of Calvin & Redish (2021), ModelDB 267046.

    !!! example

        ```python
        Projection("pyr", "pyr", weight=topology.ring_weights(256, 256))
        ```
    """
    pre, post = check_count(pre, "ring_weights: pre", 1), check_count(post, "ring_weights: post", 1)
    p = check_probability(p, "ring_weights: p")
    if not sigma > 0:
        raise ValueError(f"ring_weights: sigma is {sigma}; it must be above 0.")
    bump = VonMises(2.0 * math.pi / sigma)  # pyright: ignore[reportArgumentType]
    difference = ring(pre)[:, None] - ring(post)[None]
    profile = (1.0 - p) + p * bump(difference)
    return profile / profile.sum(axis=0, keepdims=True)
