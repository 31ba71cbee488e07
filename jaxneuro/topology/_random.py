import zlib

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Key

from jaxneuro.core import plural

CHUNK = 1 << 20  # pairs that are looked at at once: bounds the memory


def generator(key: Key[Array, ""], name: str) -> np.random.Generator:
    """NumPy's generator for the builder `name`: connectivity is made once, on the host.

    The name is part of the seed, so that one key may serve several builders.
    """
    if isinstance(key, Tracer):
        raise ValueError(
            f"{name}: the key is traced, but connectivity is built on the host, as its number of "
            "synapses is random. Build it outside `jit`, `vmap` and `grad`."
        )
    if not _is_key(key) or jax.random.key_data(key).ndim != 1:
        raise ValueError(f"{name}: pass one key, such as jax.random.key(0); {key!r} came.")
    words = [int(word) for word in np.asarray(jax.random.key_data(key))]
    return np.random.default_rng([*words, zlib.crc32(name.encode())])


def _is_key(key: object) -> bool:
    """Whether it is a key of JAX, typed or of the older kind."""
    if not isinstance(key, jax.Array):
        return False
    return jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or key.dtype == np.uint32


def successes(rng: np.random.Generator, trials: int, probability: float) -> np.ndarray:
    """Which of many independent trials succeed, ascending.

    The gaps from one success to the next are geometric: only the successes cost time and memory.
    """
    if probability == 0.0 or trials == 0:
        return np.empty(0, np.int64)
    found, last = [], -1
    while last < trials:
        left = (trials - last) * probability
        draws = min(CHUNK, int(left + 5.0 * left**0.5) + 10)
        # Cut, so that a sum of gaps cannot overflow.
        gaps = np.minimum(rng.geometric(probability, draws), trials + 1)
        at = last + np.cumsum(gaps)
        found.append(at[at < trials])
        last = int(at[-1])
    return np.concatenate(found)


def distinct(rng: np.random.Generator, rows: int, choices: int, count: int) -> np.ndarray:
    """In each row `count` different numbers below `choices`, ascending, every set alike."""
    if rows == 0 or count == 0:
        return np.empty((rows, count), np.int64)
    is_large = 4 * count > choices
    some = max(1, CHUNK // (choices if is_large else count))
    draw = _with_the_lowest_keys if is_large else _until_none_is_twice
    sizes = [min(some, rows - start) for start in range(0, rows, some)]
    return np.concatenate([draw(rng, size, choices, count) for size in sizes])


def _with_the_lowest_keys(
    rng: np.random.Generator, rows: int, choices: int, count: int
) -> np.ndarray:
    order = np.argpartition(rng.random((rows, choices)), count - 1, axis=1)
    return np.sort(order[:, :count], axis=1)


def _until_none_is_twice(
    rng: np.random.Generator, rows: int, choices: int, count: int
) -> np.ndarray:
    # Numbers that came before are drawn anew. None is preferred, so every set is alike.
    drawn, left = rng.integers(0, choices, (rows, count)), np.arange(rows)
    while left.size:
        some = np.sort(drawn[left], axis=1)
        is_again = np.zeros(some.shape, bool)
        is_again[:, 1:] = some[:, 1:] == some[:, :-1]
        some[is_again] = rng.integers(0, choices, is_again.sum())
        drawn[left] = some
        left = left[is_again.any(axis=1)]
    return drawn


def check_probability(value: float, what: str) -> float:
    """Refuses what is no probability, with the number that came."""
    number = float(value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{what} is {number:g}; a probability lies in [0, 1].")
    return number


def check_count(value: int, what: str, least: int = 0) -> int:
    """Refuses what is no whole number."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{what} is {value!r}; it must be a whole number >= {least}.")
    return int(value)


def check_one_population(pre: int, post: int, name: str) -> None:
    """Refuses to leave out self connections where there can be none."""
    if pre != post:
        raise ValueError(
            f"{name}: self_connections=False, but the source has {plural(pre, 'neuron')} and the "
            f"target {post:,}: only a population that projects to itself has self connections. "
            "Leave the option out."
        )
