import dataclasses
import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from jaxneuro.core import init_key, suggest

from ._base import AbstractStrategy, Fitness, Parameters
from ._measures import spread

EvosaxShaping = Literal["default", "rank", "standardize", "normalize", "none"]

# Its first half of a population and the second are mirror images.
MIRRORED = ("ARS", "Open_ES", "PGPE")
EVEN = (*MIRRORED, "ASEBO", "CR_FM_NES", "GuidedES")
# They need functions of the user's, a number of generations, or unrolled fitness.
LEFT_OUT = (
    "DiffusionEvolution",
    "NoiseReuseES",
    "PersistentES",
    "RandomSearch",
    "SV_CMA_ES",
    "SV_Open_ES",
)
SMALLEST = {"DifferentialEvolution": 4, "ESMC": 4}
_SHAPINGS = {
    "rank": "centered_rank_fitness_shaping_fn",
    "standardize": "standardize_fitness_shaping_fn",
    "normalize": "normalize_fitness_shaping_fn",
    "none": "identity_fitness_shaping_fn",
}


class EvosaxState(NamedTuple):
    """evosax's own state, whether it knows the fitness of a population already, and one set of
    parameters, for their paths and shapes.
    """

    inner: Any
    has_begun: Bool[Array, ""]
    like: Parameters


class Evosax(AbstractStrategy):
    """A strategy of the library evosax, by its name there.

    **Arguments:**

    - `name`: such as `"SNES"`, `"CMA_ES"` or `"DifferentialEvolution"`: see `evosax_names`.
    - `population`: members; even for those that mirror.
    - `sigma`: first standard deviation of the members around the network's parameters.
    - `optimizer`: for those that climb an estimated gradient; their own by default.
    - `shaping`: of fitness; that of the strategy by default.
    - `options`: further numbers of the strategy by their names in evosax.

    **Raises:** `ValueError` for an unknown name or option, an option that the strategy does not
    have, and a population it cannot work with; `ModuleNotFoundError` without evosax.

    Reference: Lange (2022), evosax: JAX-based evolution strategies, arXiv:2212.04180.

    !!! example

        ```python
        strategy = Evosax("SNES", 64, sigma=0.05)
        ```
    """

    name: str
    population: int
    sigma: float = 0.05
    optimizer: optax.GradientTransformation | None = None
    shaping: EvosaxShaping = "default"
    options: Mapping[str, Any] = eqx.field(default_factory=dict)

    def __check_init__(self):
        names = evosax_names()
        if self.name not in names:
            raise ValueError(
                f"Evosax: no strategy {self.name!r}. {suggest(self.name, names)} "
                f"There are {', '.join(names)}."
            )
        if self.name in EVEN and self.population % 2:
            raise ValueError(
                f"Evosax: the population is {self.population}, but {self.name} draws mirrored "
                "pairs. Choose an even number."
            )
        least = SMALLEST.get(self.name, 2)
        if self.population < least or not self.sigma > 0:
            raise ValueError(
                f"Evosax: the population is {self.population} and sigma {self.sigma}; {self.name} "
                f"needs at least {least} members and a sigma above 0."
            )
        if self.shaping != "default" and self.shaping not in _SHAPINGS:
            raise ValueError(
                f"Evosax: no fitness shaping {self.shaping!r}. "
                f"There are default, {', '.join(_SHAPINGS)}."
            )
        if self.optimizer is not None and not uses_optimizer(self.name):
            raise ValueError(f"Evosax: {self.name} uses no optimiser. Leave the optimizer out.")

    @property
    def siblings(self) -> int:
        return 2 if self.name in MIRRORED else 1

    def init(self, parameters: Parameters, key: Key[Array, ""]) -> EvosaxState:
        algorithm, params = self._algorithm(parameters)
        with _lenient():
            if not _keeps_members(algorithm):
                inner = algorithm.init(key, parameters, params)
                return EvosaxState(inner, jnp.asarray(True), parameters)
            first = {}
            for path, x in parameters.items():
                shape = self.population, *x.shape
                noise = jax.random.normal(init_key(key, path), shape, x.dtype)
                first[path] = x[None] + self.sigma * noise
            unknown = jnp.full(self.population, jnp.inf)
            inner = algorithm.init(key, first, unknown, params)
            return EvosaxState(inner, jnp.asarray(False), parameters)

    def ask(
        self, state: EvosaxState, key: Key[Array, ""], batches: Any = None
    ) -> tuple[Parameters, EvosaxState]:
        algorithm, params = self._algorithm(state.like)
        with _lenient():
            members, inner = algorithm.ask(key, state.inner, params)
            if _keeps_members(algorithm):  # the first population itself is scored first
                first = algorithm.get_population(state.inner), state.inner
                members, inner = _where(state.has_begun, (members, inner), first)
        candidates = {path: _paired(x, self.siblings) for path, x in members.items()}
        return candidates, EvosaxState(inner, state.has_begun, state.like)

    def express(
        self, state: EvosaxState, candidate: Parameters, sibling: Int[Array, ""]
    ) -> Parameters:
        return {path: x[sibling] for path, x in candidate.items()}

    def tell(
        self, state: EvosaxState, candidates: Parameters, fitness: Fitness, key: Key[Array, ""]
    ) -> EvosaxState:
        algorithm, params = self._algorithm(state.like)
        members = {path: _flat(x) for path, x in candidates.items()}
        costs = -fitness.T.reshape(-1)
        with _lenient():
            inner = algorithm.tell(key, members, costs, state.inner, params)[0]
            if _keeps_members(algorithm):
                first = algorithm.init(key, members, costs, params)
                inner = _where(state.has_begun, inner, first)
        return EvosaxState(inner, jnp.asarray(True), state.like)

    def centre(self, state: EvosaxState) -> Parameters:
        algorithm, _ = self._algorithm(state.like)
        keeps = _keeps_members(algorithm)
        return (algorithm.get_best_solution if keeps else algorithm.get_mean)(state.inner)

    def diversity(self, state: EvosaxState, candidates: Parameters) -> Float[Array, ""]:
        return spread({path: _flat(x) for path, x in candidates.items()})

    def _algorithm(self, like: Parameters) -> tuple[Any, Any]:
        """evosax's object for these shapes, and its numbers, as concrete arrays."""
        from evosax.core import fitness_shaping

        known = _arguments(self.name)
        given: dict[str, Any] = {}
        if self.optimizer is not None:
            given["optimizer"] = self.optimizer
        if "std_schedule" in known:
            given["std_schedule"] = optax.constant_schedule(self.sigma)
        if self.shaping != "default":
            given["fitness_shaping_fn"] = getattr(fitness_shaping, _SHAPINGS[self.shaping])
        with jax.ensure_compile_time_eval(), _lenient():
            zeros = {path: jnp.zeros(x.shape, x.dtype) for path, x in like.items()}
            algorithm = _algorithms()[self.name](self.population, zeros, **given)
            params = algorithm.default_params
            numbers = {f.name for f in dataclasses.fields(params)}
            if "std_init" in numbers:
                params = params.replace(std_init=self.sigma)
            texts = [name for name, value in self.options.items() if isinstance(value, str)]
            if texts:
                raise ValueError(f"Evosax: the option {texts[0]!r} must be a number.")
            unknown = sorted(set(self.options) - numbers)
            if unknown:
                raise ValueError(
                    f"Evosax: {self.name} has no option {unknown[0]!r}. "
                    f"{suggest(unknown[0], sorted(numbers - {'std_init'}))}"
                )
            return algorithm, params.replace(**self.options)


def evosax_names() -> tuple[str, ...]:
    """The strategies of evosax that work on any fitness.

    **Raises:** `ModuleNotFoundError` without evosax.
    """
    return tuple(sorted(set(_algorithms()) - set(LEFT_OUT)))


def uses_optimizer(name: str) -> bool:
    """Whether a strategy of evosax climbs an estimated gradient with an optimiser."""
    return "optimizer" in _arguments(name)


def _algorithms() -> dict[str, Any]:
    """evosax's classes by name. It is imported only here: it brings flax."""
    try:
        from evosax.algorithms import algorithms
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"Evosax needs the package {error.name}, which is not installed. "
            "Install it with: pip install 'jaxneuro[app]'",
            name=error.name,
        ) from None
    return algorithms


def _arguments(name: str) -> set[str]:
    """The arguments that evosax's class of that name takes."""
    return set(inspect.signature(_algorithms()[name].__init__).parameters)


def _keeps_members(algorithm: Any) -> bool:
    """Whether it moves members, not a distribution."""
    from evosax.algorithms.population_based.base import PopulationBasedAlgorithm

    return isinstance(algorithm, PopulationBasedAlgorithm)


def _paired(members: Float[Array, "population ..."], siblings: int) -> Float[Array, "..."]:
    """`(candidates, siblings, ...)`; the siblings of evosax are half a population apart."""
    return jnp.moveaxis(members.reshape(siblings, -1, *members.shape[1:]), 0, 1)


def _flat(candidates: Float[Array, "candidates siblings ..."]) -> Float[Array, "population ..."]:
    return jnp.moveaxis(candidates, 1, 0).reshape(-1, *candidates.shape[2:])


def _where(condition: Bool[Array, ""], yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


@contextmanager
def _lenient() -> Iterator[None]:
    """evosax mixes dtypes and ranks, and calls what optax no longer wants to be called."""
    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
