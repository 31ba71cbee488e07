import itertools
import math
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from ._base import AbstractStrategy, Fitness, Parameters
from ._measures import spread


class GeneticState(eqx.Module):
    """The chromosomes of the next generation, the best so far, and the signs of fixed weights.

    A chromosome is all genes in a row; `shapes` are those of the leaves it is made of, by path.
    """

    chromosomes: Float[Array, "population genes"]
    best: Float[Array, "genes"]
    signs: Float[Array, "genes"]
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = eqx.field(static=True)


class GeneticAlgorithm(AbstractStrategy):
    """Tournament selection, uniform crossover, Gaussian mutation of single genes, elitism.

    With `signs="fixed"` a gene is the magnitude of a weight, whose sign stays that of the first
    network (so an inhibitory cell stays inhibitory, and a weight of 0 stays absent). Genes are
    the numbers of `Trainable.split`: weights without bounds as they are.

    **Arguments:**

    - `population`: members.
    - `lower`, `upper`: range of a gene, to which it is clipped.
    - `signs`: `"fixed"` or `"free"`.
    - `initial_sigma`: standard deviation of the first members' genes around the network's,
      a quarter of the range by default.
    - `tournament`: contestants per parent, drawn with replacement.
    - `crossover`: probability that two parents mix.
    - `swap`: probability that a gene changes places when they do.
    - `mutation`, `mutation_sigma`: probability that a gene changes, and by how much.
    - `elites`: best members that stay as they are.

    **Raises:** `ValueError` for numbers out of range.

    Reference: Goldberg & Deb (1991), Foundations of Genetic Algorithms 1:69 (tournaments);
    Syswerda (1989), Proc. 3rd ICGA, 2 (uniform crossover).

    !!! example

        ```python
        strategy = GeneticAlgorithm(100, lower=0.002, upper=0.35)
        ```
    """

    population: int = 100
    lower: float = 0.002
    upper: float = 0.35
    signs: Literal["fixed", "free"] = "fixed"
    initial_sigma: float | None = None
    tournament: int = 5
    crossover: float = 0.7
    swap: float = 0.5
    mutation: float = 0.01
    mutation_sigma: float = 0.005
    elites: int = 2

    def __check_init__(self):
        if not self.lower < self.upper:
            raise ValueError(
                f"GeneticAlgorithm: lower is {self.lower} and upper {self.upper}; lower must be "
                "below upper."
            )
        if self.signs == "fixed" and self.lower < 0:
            raise ValueError(
                f"GeneticAlgorithm: lower is {self.lower}, but with fixed signs a gene is a "
                "magnitude. Choose 0 or more, or signs='free'."
            )
        for name in ("crossover", "swap", "mutation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"GeneticAlgorithm: {name} is {getattr(self, name)}; it is a probability."
                )
        if not 0 <= self.elites < self.population or self.tournament < 1:
            raise ValueError(
                f"GeneticAlgorithm: {self.elites} elites and tournaments of {self.tournament} in "
                f"a population of {self.population}; there must be fewer elites than members and "
                "at least one contestant."
            )

    @property
    def siblings(self) -> int:
        return 1

    def init(self, parameters: Parameters, key: Key[Array, ""]) -> GeneticState:
        is_fixed = self.signs == "fixed"
        flat = jnp.concatenate([x.reshape(-1) for x in parameters.values()])
        signs = jnp.sign(flat) if is_fixed else jnp.ones_like(flat)
        around = jnp.abs(flat) if is_fixed else flat
        sigma = self.initial_sigma
        sigma = (self.upper - self.lower) / 4 if sigma is None else sigma
        noise = jax.random.normal(key, (self.population, flat.size), flat.dtype)
        chromosomes = jnp.clip(around[None] + sigma * noise, self.lower, self.upper)
        shapes = tuple((path, x.shape) for path, x in parameters.items())
        return GeneticState(chromosomes, around, signs, shapes)

    def ask(
        self, state: GeneticState, key: Key[Array, ""], batches: Any = None
    ) -> tuple[Float[Array, "population genes"], GeneticState]:
        return state.chromosomes, state

    def express(
        self, state: GeneticState, candidate: Float[Array, "genes"], sibling: Int[Array, ""]
    ) -> Parameters:
        weights = state.signs * candidate
        sizes = [math.prod(shape) for _, shape in state.shapes]
        parts = jnp.split(weights, list(itertools.accumulate(sizes))[:-1])
        return {p: x.reshape(shape) for (p, shape), x in zip(state.shapes, parts, strict=True)}

    def tell(
        self,
        state: GeneticState,
        candidates: Float[Array, "population genes"],
        fitness: Fitness,
        key: Key[Array, ""],
    ) -> GeneticState:
        select_key, mix_key, cross_key, mutate_key = jax.random.split(key, 4)
        ranking = jnp.argsort(fitness[:, 0], descending=True)
        couples = -(-(self.population - self.elites) // 2)
        parents = select(select_key, fitness[:, 0], self.tournament, (2, couples))
        mixes = jax.random.bernoulli(mix_key, self.crossover, (couples,))
        pair = cross(cross_key, candidates[parents[0]], candidates[parents[1]], mixes, self.swap)
        children = jnp.concatenate(pair)[: self.population - self.elites]
        children = mutate(mutate_key, children, self.mutation, self.mutation_sigma)
        children = jnp.clip(children, self.lower, self.upper)
        chromosomes = jnp.concatenate([candidates[ranking[: self.elites]], children])
        return GeneticState(chromosomes, candidates[ranking[0]], state.signs, state.shapes)

    def centre(self, state: GeneticState) -> Parameters:
        return self.express(state, state.best, jnp.asarray(0))

    def diversity(
        self, state: GeneticState, candidates: Float[Array, "population genes"]
    ) -> Float[Array, ""]:
        return spread({"genes": candidates * state.signs[None]})


def select(
    key: Key[Array, ""], fitness: Float[Array, "population"], size: int, shape: tuple[int, ...]
) -> Int[Array, "..."]:
    """Winners of tournaments of `size` random members each, as indices of the given shape."""
    drawn = jax.random.randint(key, (*shape, size), 0, fitness.shape[0])
    winner = jnp.argmax(fitness[drawn], axis=-1, keepdims=True)
    return jnp.take_along_axis(drawn, winner, axis=-1)[..., 0]


def cross(
    key: Key[Array, ""],
    first: Float[Array, "couples genes"],
    second: Float[Array, "couples genes"],
    mixes: Bool[Array, "couples"],
    swap: float,
) -> tuple[Float[Array, "couples genes"], Float[Array, "couples genes"]]:
    """Uniform crossover: in couples that mix, each gene changes places with probability `swap`."""
    changes = jax.random.bernoulli(key, swap, first.shape)
    changes &= mixes[:, None]
    return jnp.where(changes, second, first), jnp.where(changes, first, second)


def mutate(
    key: Key[Array, ""], genes: Float[Array, "..."], probability: float, sigma: float
) -> Float[Array, "..."]:
    """Adds normal noise to each gene with some probability."""
    which_key, noise_key = jax.random.split(key)
    changes = jax.random.bernoulli(which_key, probability, genes.shape)
    noise = sigma * jax.random.normal(noise_key, genes.shape, genes.dtype)
    return jnp.where(changes, genes + noise, genes)
