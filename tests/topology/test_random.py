"""Builders that draw pairs at random: numbers, degrees, order, and what they refuse."""

import time
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import topology
from jaxneuro.topology import _distance, _random

KEY = jax.random.key(5)
POSITIONS = topology.grid((6, 7))
BUILDERS = {
    "fixed_probability": lambda key: topology.fixed_probability(
        key, (6, 7), 42, 0.2, self_connections=False
    ),
    "fixed_probability, likely": lambda key: topology.fixed_probability(key, 42, 31, 0.8),
    "fixed_indegree": lambda key: topology.fixed_indegree(key, (6, 7), 31, 8),
    "fixed_indegree, most": lambda key: topology.fixed_indegree(
        key, 42, 42, 30, self_connections=False
    ),
    "fixed_outdegree": lambda key: topology.fixed_outdegree(key, 42, 42, 8, self_connections=False),
    "fixed_outdegree, most": lambda key: topology.fixed_outdegree(key, 42, (5, 5), 20),
    "distance_dependent": lambda key: topology.distance_dependent(
        key, POSITIONS, POSITIONS, topology.Gaussian(2.0)
    ),
    "layered": lambda key: topology.layered(key, (20, 12, 10), mutual_inhibition=True).connectivity,
    "small_world": lambda key: topology.small_world(key, (6, 7), 8, 0.3),
}


def codes(sparse):
    """One number for each pair of source and target."""
    return np.asarray(sparse.pre, np.int64) * int(np.prod(sparse.shape)) + np.asarray(sparse.post)


def degrees(sparse, pre):
    out = np.bincount(sparse.pre, minlength=pre)
    return out, np.bincount(sparse.post, minlength=int(np.prod(sparse.shape)))


def assert_binomial(counts, trials, probability):
    """Numbers of successes: their mean, and how far they spread."""
    mean, variance = trials * probability, trials * probability * (1.0 - probability)
    counts = np.asarray(counts, float)
    n = counts.size
    assert abs(counts.sum() - n * mean) < 5.0 * np.sqrt(n * variance)
    # The sum of squares is nearly chi-squared with n degrees of freedom, of variance 2n.
    assert abs(((counts - mean) ** 2).sum() / variance - n) < 5.0 * np.sqrt(2.0 * n)


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_sorted_without_repeats_and_a_function_of_the_key(name):
    sparse = BUILDERS[name](KEY)
    assert (np.diff(codes(sparse)) > 0).all()
    assert sparse.pre.dtype == sparse.post.dtype == jnp.int32
    again, other = BUILDERS[name](KEY), BUILDERS[name](jax.random.key(6))
    np.testing.assert_array_equal(codes(again), codes(sparse))
    assert not np.array_equal(codes(other), codes(sparse))
    with jax.enable_x64(True):
        np.testing.assert_array_equal(codes(BUILDERS[name](KEY)), codes(sparse))
    sparse.output_shape((42,))  # checks the sources


@pytest.mark.parametrize("probability", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("self_connections", [True, False])
def test_pairs_are_independent_and_alike(probability, self_connections):
    n = 300
    sparse = topology.fixed_probability(KEY, n, n, probability, self_connections=self_connections)
    for counts in degrees(sparse, n):
        assert_binomial(counts, n - (not self_connections), probability)
    joined = np.zeros((n, n), bool)
    joined[sparse.pre, sparse.post] = True
    if self_connections:
        assert_binomial(joined.diagonal().sum(), n, probability)
    else:
        assert not joined.diagonal().any()
    # Neighbours in the order of drawing are independent too.
    both = joined[:, :-1] & joined[:, 1:]
    assert abs(both.mean() - probability**2) < 5.0 * probability / n


def test_unequal_sizes_and_certainty():
    sparse = topology.fixed_probability(KEY, (10, 20), (25, 20), 0.1)
    assert sparse.shape == (25, 20)
    out, into = degrees(sparse, 200)
    assert_binomial(out, 500, 0.1)
    assert_binomial(into, 200, 0.1)
    assert topology.fixed_probability(KEY, 20, 30, 0.0).pre.size == 0
    every = topology.fixed_probability(KEY, 20, 20, 1.0, self_connections=False)
    np.testing.assert_array_equal(
        codes(every), codes(topology.all_to_all(20, 20, self_connections=False))
    )
    assert topology.fixed_probability(KEY, 1, 1, 1.0, self_connections=False).pre.size == 0
    assert topology.fixed_probability(KEY, 20, 30, 1e-300).pre.size == 0


@pytest.mark.parametrize("k", [5, 60, 199])
def test_degrees_are_exact_and_the_others_binomial(k):
    sparse = topology.fixed_outdegree(KEY, 300, 200, k)
    out, into = degrees(sparse, 300)
    assert set(out) == {k}
    assert_binomial(into, 300, k / 200) if k < 199 else None
    sparse = topology.fixed_indegree(KEY, 200, 300, k)
    out, into = degrees(sparse, 200)
    assert set(into) == {k}
    assert_binomial(out, 300, k / 200) if k < 199 else None
    own = topology.fixed_indegree(KEY, 200, 200, k, self_connections=False)
    assert not (own.pre == own.post).any()
    assert set(degrees(own, 200)[1]) == {k}


@pytest.mark.parametrize(("choices", "count"), [(9, 2), (5, 3)])
def test_every_set_is_as_likely(choices, count):
    rng = np.random.default_rng(0)
    drawn = _random.distinct(rng, 20_000, choices, count)
    sets, found = np.unique(drawn, axis=0, return_counts=True)
    expected = {(9, 2): 36, (5, 3): 10}[choices, count]
    assert len(sets) == expected
    assert_binomial(found, 20_000, 1.0 / expected)


def test_multapses():
    sparse = topology.fixed_indegree(KEY, 10, 300, 25, multapses=True)
    out, into = degrees(sparse, 10)
    assert set(into) == {25}
    assert_binomial(out, 300 * 25, 0.1)
    assert (np.diff(codes(sparse)) >= 0).all()
    assert len(set(codes(sparse))) < sparse.pre.size
    own = topology.fixed_outdegree(KEY, 10, 10, 30, multapses=True, self_connections=False)
    assert (np.diff(codes(own)) >= 0).all()
    assert set(degrees(own, 10)[0]) == {30}
    assert not (own.pre == own.post).any()


def test_a_million_synapses_take_the_memory_of_synapses():
    n = 20_000  # a matrix of booleans would be 400 MB
    build = {
        "fixed_probability": lambda: topology.fixed_probability(KEY, n, n, 0.0025),
        "fixed_indegree": lambda: topology.fixed_indegree(KEY, n, n, 50),
        "fixed_outdegree": lambda: topology.fixed_outdegree(KEY, n, n, 50),
    }
    for name, make in build.items():
        tracemalloc.start()
        sparse = make()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert abs(sparse.pre.size - 1e6) < 5e3
        assert peak < 100e6, name


@pytest.mark.slow  # 400 MB
def test_ten_million_synapses_among_ten_billion_pairs():
    start = time.process_time()
    tracemalloc.start()
    sparse = topology.fixed_probability(KEY, 100_000, 100_000, 1e-3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(sparse.pre.size - 1e7) < 5.0 * np.sqrt(1e7)
    assert (np.diff(codes(sparse)) > 0).all()
    assert peak < 1e9
    assert time.process_time() - start < 30.0


@pytest.mark.parametrize(
    ("kernel", "at"),
    [
        (topology.Gaussian(3.0, 0.9), lambda d: 0.9 * np.exp(-(d**2) / 18.0)),
        (topology.Exponential(4.0), lambda d: np.exp(-d / 4.0)),
        (lambda d: jnp.where(d < 5.0, 0.5, 0.0), lambda d: 0.5 * (d < 5.0)),
    ],
)
def test_pairs_are_joined_by_distance(kernel, at):
    one = np.random.default_rng(0).uniform(0.0, 20.0, (200, 2))
    two = np.random.default_rng(1).uniform(0.0, 20.0, (300, 2))
    sparse = topology.distance_dependent(KEY, one, jnp.asarray(two), kernel)
    joined = np.zeros((200, 300), bool)
    joined[sparse.pre, sparse.post] = True
    distance = np.linalg.norm(one[:, None] - two[None], axis=-1)
    for low in range(0, 24, 2):
        here = (distance >= low) & (distance < low + 2)
        p = at(distance[here])
        spread = np.sqrt((p * (1.0 - p)).sum())
        assert abs(joined[here].sum() - p.sum()) <= 5.0 * spread + 1.0


def test_distance_goes_round_and_self_is_left_out():
    angles = topology.ring(100)
    near = lambda d: d < 0.075  # noqa: E731 (one step of the ring is 0.063)
    sparse = topology.distance_dependent(KEY, angles, angles, near, periodic=2.0 * np.pi)
    around = sorted((i, j % 100) for i in range(100) for j in (i - 1, i + 1))
    assert list(zip(sparse.pre.tolist(), sparse.post.tolist(), strict=True)) == around
    both = topology.distance_dependent(
        KEY, angles, angles, near, periodic=2.0 * np.pi, self_connections=True
    )
    assert both.pre.size == 300
    # Two populations, not one: none is left out.
    other = topology.distance_dependent(KEY, angles, angles + 0.01, near, periodic=2.0 * np.pi)
    assert other.pre.size == 300
    opened = topology.distance_dependent(KEY, angles, angles, near)
    assert opened.pre.size == 198


def test_chunks_change_nothing(monkeypatch):
    make = BUILDERS["distance_dependent"]
    wanted = codes(make(KEY))
    monkeypatch.setattr(_distance, "CHUNK", 100)
    np.testing.assert_array_equal(codes(make(KEY)), wanted)
    # The others draw chunk by chunk: other numbers, the same statistics.
    monkeypatch.setattr(_random, "CHUNK", 100)
    sparse = topology.fixed_probability(KEY, 200, 100, 0.1)
    assert (np.diff(codes(sparse)) > 0).all()
    assert_binomial(degrees(sparse, 200)[0], 100, 0.1)
    few, many = (topology.fixed_outdegree(KEY, 300, 50, k) for k in (5, 25))
    assert_binomial(degrees(few, 300)[1], 300, 0.1)
    assert_binomial(degrees(many, 300)[1], 300, 0.5)


def test_keys():
    # Old-style keys are keys too, and each builder draws from a stream of its own.
    old = topology.fixed_probability(jax.random.PRNGKey(5), 42, 42, 0.2)
    np.testing.assert_array_equal(codes(old), codes(topology.fixed_probability(KEY, 42, 42, 0.2)))
    one = topology.fixed_outdegree(KEY, 42, 42, 5)
    two = topology.fixed_indegree(KEY, 42, 42, 5)
    assert not np.array_equal(np.asarray(one.post).reshape(42, 5), np.sort(two.pre).reshape(42, 5))
    with pytest.raises(ValueError, match="fixed_probability: the key is traced"):
        jax.jit(lambda key: topology.fixed_probability(key, 3, 3, 0.5))(KEY)
    for wrong in (3, jax.random.split(KEY), jnp.zeros(2)):
        with pytest.raises(ValueError, match=r"small_world: pass one key, such as"):
            topology.small_world(wrong, 10, 2, 0.5)


P, D = topology.fixed_probability, topology.distance_dependent
IN, OUT = topology.fixed_indegree, topology.fixed_outdegree


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: P(KEY, 3, 3, 1.5), r"fixed_probability: probability is 1\.5; .* in \[0, 1\]"),
        (lambda: P(KEY, 3, 3, float("nan")), r"probability is nan"),
        (
            lambda: P(KEY, 3, 4, 0.5, self_connections=False),
            r"fixed_probability: self_connections=False, but the source has 3 neurons and the "
            r"target 4: only a population that projects to itself",
        ),
        (lambda: P(KEY, 0, 3, 0.5), r"shape is 0; it takes whole numbers >= 1"),
        (
            lambda: IN(KEY, 3, 9, 4),
            r"fixed_indegree: k is 4, but there are only 3 source neurons to draw from\. Pass a "
            r"smaller k, or multapses=True",
        ),
        (
            lambda: OUT(KEY, 9, 9, 9, self_connections=False),
            r"fixed_outdegree: k is 9, but there are only 8 other target neurons",
        ),
        (
            lambda: OUT(KEY, 1, 1, 1, multapses=True, self_connections=False),
            r"only 0 other target neurons to draw from\. Pass a smaller k\.$",
        ),
        (lambda: IN(KEY, 3, 9, 1.5), r"fixed_indegree: k is 1\.5; it must be a whole number"),
        (lambda: IN(KEY, 3, 9, -1), r"fixed_indegree: k is -1; .* >= 0"),
        (
            lambda: D(KEY, POSITIONS, POSITIONS, topology.Gaussian(1.0, 1.5)),
            r"distance_dependent: the kernel gives 1\.5 at distance 0; a probability",
        ),
        (
            lambda: D(KEY, POSITIONS, POSITIONS, lambda d: d.sum()),
            r"the kernel makes shape \(\) of distances of shape \(42, 42\)",
        ),
        (
            lambda: D(KEY, POSITIONS, POSITIONS[:, 0], topology.Gaussian(1.0)),
            r"pre_positions have 2 dimensions and post_positions 1\. Pass positions in one space",
        ),
        (
            lambda: D(KEY, POSITIONS[None], POSITIONS, topology.Gaussian(1.0)),
            r"pre_positions have shape \(1, 42, 2\); pass finite numbers of shape \(n, dim",
        ),
        (
            lambda: D(KEY, POSITIONS, POSITIONS, topology.Gaussian(1.0), periodic=(5.0, 5.0, 5.0)),
            r"periodic is \(5\.0, 5\.0, 5\.0\); .* each of the 2 dimensions",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
