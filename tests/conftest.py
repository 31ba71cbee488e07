import gc
import itertools
from pathlib import Path

import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


MAPPINGS = Path("/proc/self/maps")  # on Linux
MANY = 30_000  # a process may have 65,530, and XLA crashes beyond


@pytest.fixture(autouse=True, scope="module")
def few_programs():
    """Drops compiled programs, each of which takes some mappings of memory, once there are many."""
    yield
    if MAPPINGS.exists() and MAPPINGS.read_bytes().count(b"\n") > MANY:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def getkey():
    """A function that returns a fresh key at each call, the same ones in every run."""
    counter = itertools.count()
    return lambda: jax.random.key(next(counter))


@pytest.fixture
def x64():
    """Runs the test in double precision."""
    with jax.enable_x64(True):
        yield
