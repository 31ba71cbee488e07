import math
import zlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from jaxneuro.edges import LowRank

from ._base import AbstractStrategy, Fitness, Parameters
from ._shaping import SHAPINGS, Shaping

CANDIDATES_AT_ONCE = 64  # whose noise is rebuilt at the same time


def _signs(key: Key[Array, ""], shape: tuple[int, ...], dtype: Any) -> Float[Array, "..."]:
    """1 or -1 with equal probability, 32 of them from each random word."""
    count = math.prod(shape)
    words = jax.random.bits(key, (-(-count // 32), 1), jnp.uint32)
    bits = (words >> jnp.arange(32, dtype=jnp.uint32)[None]) & 1
    return (1 - 2 * bits.astype(dtype)).reshape(-1)[:count].reshape(shape)


NOISES = {"normal": jax.random.normal, "sign": _signs}


class LowRankState(NamedTuple):
    """The mean, and the optimiser that moves it."""

    mean: Parameters
    optimizer: Any


class Pair(NamedTuple):
    """Two mirrored members: the key of their noise, and the basis it is drawn in, by path."""

    key: Key[Array, "..."]
    basis: dict[str, Float[Array, "... pre samples"]]


class Factors(NamedTuple):
    """Noise of a matrix, `left @ right.T`, with entries of variance 1."""

    left: Float[Array, "pre rank"]
    right: Float[Array, "post rank"]


class LowRankES(AbstractStrategy):
    """Mirrored evolution strategy whose perturbations of matrices have low rank.

    A member is mean ± sigma E with E = A Bᵀ / sqrt(rank), A and B of variance 1; other leaves
    have full noise. The mean climbs the estimate sum_i f_i E_i / (population sigma) with an optax
    optimiser. The noise is drawn from a key per pair whenever it is needed and never stored, and
    `Dense` projections never form a member's matrix, so memory grows with the neurons and not
    with the weights of the population.

    **Arguments:**

    - `population`: members, an even number.
    - `sigma`: standard deviation of a member's numbers around the mean.
    - `optimizer`: from optax; it sees the negative of the estimate.
    - `rank`: of the perturbation of a matrix.
    - `noise`: A, B and the noise of other leaves are normal, or 1 and -1 by chance (`"sign"`),
      which is drawn faster.
    - `shaping`: of fitness: `"rank"` or `"standardize"`.
    - `span`: a function of the mean and a slice's batch that gives the inputs `(samples, pre)` of
      matrices by path. Their noise is then drawn within the span of these inputs: in other
      directions it cannot change the fitness of this slice, and would only add to the variance
      of the estimate, which falls with the directions from pre to samples. Small batches in
      many slices serve it best. See `Classifier.layer_inputs`.

    **Raises:** `ValueError` for an odd population and numbers out of range.

    Reference: Sarkar et al. (2025), Evolution strategies at the hyperscale, arXiv:2511.16652;
    Salimans et al. (2017), arXiv:1703.03864; Werfel, Xie & Seung (2005), Neural Comput. 17:2699
    (how the variance grows with what is perturbed).

    !!! example

        ```python
        strategy = LowRankES(1024, sigma=0.05, optimizer=optax.adamw(0.01))
        ```
    """

    population: int
    sigma: float = 0.05
    optimizer: optax.GradientTransformation = eqx.field(default_factory=lambda: optax.adam(0.01))
    rank: int = 1
    shaping: Shaping = "rank"
    noise: Literal["normal", "sign"] = "normal"
    span: Callable[[Parameters, Any], dict[str, Float[Array, "samples pre"]]] | None = None

    def __check_init__(self):
        if self.population < 2 or self.population % 2:
            raise ValueError(
                f"LowRankES: the population is {self.population}, but members come in mirrored "
                "pairs. Choose an even number."
            )
        if not self.sigma > 0 or self.rank < 1:
            raise ValueError(
                f"LowRankES: sigma is {self.sigma} and rank {self.rank}; sigma must be above 0 "
                "and rank 1 or more."
            )
        for what, came, known in (
            ("fitness shaping", self.shaping, SHAPINGS),
            ("noise", self.noise, NOISES),
        ):
            if came not in known:
                raise ValueError(
                    f"LowRankES: there is no {what} {came!r}. There are {', '.join(known)}."
                )

    @property
    def siblings(self) -> int:
        return 2

    def init(self, parameters: Parameters, key: Key[Array, ""]) -> LowRankState:
        return LowRankState(parameters, self.optimizer.init(parameters))

    def ask(
        self, state: LowRankState, key: Key[Array, ""], batches: Any = None
    ) -> tuple[Pair, LowRankState]:
        keys = jax.random.split(key, self.population // 2)
        if self.span is None:
            return Pair(keys, {}), state
        if batches is None:
            raise ValueError("LowRankES: span needs the inputs of a batch, but there is no data.")
        inputs = jax.vmap(self.span, in_axes=(None, 0))(state.mean, batches)
        bases = {path: jax.vmap(span_basis)(x) for path, x in inputs.items()}
        return Pair(keys, {path: _spread(x, len(keys)) for path, x in bases.items()}), state

    def express(
        self, state: LowRankState, candidate: Pair, sibling: Int[Array, ""]
    ) -> dict[str, Float[Array, "..."] | LowRank]:
        members: dict[str, Any] = {}
        for path, noise in self._noise(candidate, state.mean).items():
            mean = state.mean[path]
            size = self.sigma * (1 - 2 * sibling).astype(mean.dtype)
            if isinstance(noise, Factors):  # the sign on one side: siblings share the other
                members[path] = LowRank(mean, noise.left, size * noise.right)
            else:
                members[path] = mean + size * noise
        return members

    def tell(
        self,
        state: LowRankState,
        candidates: Pair,
        fitness: Fitness,
        key: Key[Array, ""],
    ) -> LowRankState:
        shaped = SHAPINGS[self.shaping](fitness)
        weights = (shaped[:, 0] - shaped[:, 1]) / (self.population * self.sigma)
        estimate = self._weighted_noise(candidates, weights, state.mean)
        downhill = jax.tree.map(jnp.negative, estimate)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes floats and integers
            updates, optimizer = self.optimizer.update(downhill, state.optimizer, state.mean)
        return LowRankState(optax.apply_updates(state.mean, updates), optimizer)  # pyright: ignore

    def centre(self, state: LowRankState) -> Parameters:
        return state.mean

    def diversity(self, state: LowRankState, candidates: Pair) -> Float[Array, ""]:
        def squares(candidate: Pair) -> Array:
            noise = self._noise(candidate, state.mean)
            return sum((_sum_of_squares(x) for x in noise.values()), jnp.asarray(0.0))

        total = sum(x.size for x in state.mean.values())
        some = jax.tree.map(lambda x: x[:CANDIDATES_AT_ONCE], candidates)
        sums = jax.vmap(squares)(some)  # enough to estimate it
        return self.sigma * jnp.sqrt(jnp.mean(sums) / total)

    def _noise(self, pair: Pair, like: Parameters) -> dict[str, Array | Factors]:
        """The perturbation of one pair, of variance 1: each leaf's from its own key."""
        number = lambda path: zlib.crc32(path.encode())  # noqa: E731
        keys = {path: jax.random.fold_in(pair.key, number(path)) for path in like}
        return {p: self._leaf_noise(keys[p], x, pair.basis.get(p)) for p, x in like.items()}

    def _leaf_noise(
        self, key: Key[Array, ""], like: Array, basis: Float[Array, "pre samples"] | None
    ) -> Array | Factors:
        draw = NOISES[self.noise]
        if like.ndim != 2:
            return draw(key, like.shape, like.dtype)
        directions = like.shape[0] if basis is None else basis.shape[1]
        drawn = draw(key, (directions + like.shape[1], self.rank), like.dtype)
        left, right = drawn[:directions], drawn[directions:]
        left = left if basis is None else basis @ left
        return Factors(left, right / math.sqrt(self.rank))

    def _weighted_noise(
        self, candidates: Pair, weights: Float[Array, "candidates"], like: Any
    ) -> Parameters:
        """Sum of the pairs' noise times their weights, some pairs at a time."""

        def add(total: Parameters, part: tuple[Pair, Array]) -> tuple[Parameters, None]:
            pairs, weights = part
            noise = jax.vmap(lambda pair: self._noise(pair, like))(pairs)
            return {path: total[path] + _combine(x, weights) for path, x in noise.items()}, None

        count = weights.shape[0]
        size = min(count, CANDIDATES_AT_ONCE)
        if count % size:  # fill the last part with pairs that weigh nothing
            rows = jnp.arange(count + -count % size)
            candidates = jax.tree.map(lambda x: x[rows % count], candidates)
            weights = jnp.where(rows < count, weights[rows % count], 0.0)
        split = lambda x: x.reshape(-1, size, *x.shape[1:])  # noqa: E731
        parts = jax.tree.map(split, (candidates, weights))
        return jax.lax.scan(add, jax.tree.map(jnp.zeros_like, like), parts)[0]


def span_basis(inputs: Float[Array, "samples pre"]) -> Float[Array, "pre samples"]:
    """Orthonormal columns that span the inputs (fewer than samples, the others 0, if they are
    linearly dependent).
    """
    gram = inputs @ inputs.T
    size = jnp.trace(gram) / gram.shape[0] + jnp.finfo(gram.dtype).tiny
    lower = jnp.linalg.cholesky(gram / size + 1e-5 * jnp.eye(gram.shape[0], dtype=gram.dtype))
    scaled = inputs / jnp.sqrt(size)
    return jax.scipy.linalg.solve_triangular(lower, scaled, lower=True).T


def _spread(bases: Float[Array, "slices ..."], pairs: int) -> Float[Array, "pairs ..."]:
    """The basis of each pair: neighbours share a slice."""
    return jnp.repeat(bases, pairs // bases.shape[0], axis=0)


def _combine(noise: Array | Factors, weights: Float[Array, "candidates"]) -> Float[Array, "..."]:
    if isinstance(noise, Factors):
        return jnp.einsum("cir,c,cjr->ij", noise.left, weights, noise.right, optimize="optimal")
    return jnp.tensordot(weights, noise, axes=1)


def _sum_of_squares(noise: Array | Factors) -> Float[Array, ""]:
    """Of the entries of one perturbation; |A Bᵀ|² = sum (AᵀA) (BᵀB)."""
    if isinstance(noise, Factors):
        return jnp.sum((noise.left.T @ noise.left) * (noise.right.T @ noise.right))
    return jnp.sum(noise**2)
