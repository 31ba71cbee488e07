import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import topology
from jaxneuro.edges import Sparse

KEY = jax.random.key(0)


def test_grid():
    wanted = [[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [0.0, 0.5], [0.5, 0.5], [1.0, 0.5]]
    np.testing.assert_array_equal(topology.grid((2, 3), spacing=0.5), wanted)
    # The side of a square is ceil(sqrt(n)).
    for count, side in ((1, 1), (4, 2), (5, 3), (9, 3), (10, 4)):
        points = topology.grid(count)
        assert points.shape == (count, 2)
        assert points[:, 0].max() == side - 1
        assert points[-1, 1] == (count - 1) // side


def test_circle():
    points = topology.circle(8)
    np.testing.assert_allclose(jnp.hypot(*points.T), 8 / (2 * math.pi), rtol=1e-6)
    np.testing.assert_allclose(
        jnp.arctan2(points[1:4, 1], points[1:4, 0]), np.pi / 4 * np.arange(1, 4), rtol=1e-6
    )
    np.testing.assert_allclose(topology.circle(4, radius=2.0)[1], [0.0, 2.0], atol=1e-6)
    rounded = topology.circle(100, rounded=True)
    np.testing.assert_array_equal(rounded, np.round(topology.circle(100)))


def test_disc_is_uniform():
    count = 4000
    points = topology.disc(KEY, count)
    radius = 1.5 * math.sqrt(count / math.pi)
    distance = np.hypot(*np.asarray(points).T)
    assert distance.max() <= radius
    # Rings of equal area, and sectors of equal angle, hold equally many.
    for share in (distance**2 / radius**2, (np.arctan2(*np.asarray(points).T) / np.pi + 1) / 2):
        found = np.histogram(share, 10, (0.0, 1.0))[0]
        assert ((found - count / 10) ** 2).sum() / (count / 10) < 9 + 5 * math.sqrt(18)
    np.testing.assert_array_equal(points, topology.disc(KEY, count))
    assert np.hypot(*np.asarray(topology.disc(KEY, 50, radius=0.1)).T).max() <= 0.1
    rounded = topology.disc(KEY, count, rounded=True)
    np.testing.assert_array_equal(rounded, np.round(points))


def test_ring_and_columns():
    np.testing.assert_allclose(topology.ring(4), np.pi / 2 * np.arange(4), rtol=1e-6)
    points = topology.columns((3, 1, 2), spacing=5.0)
    wanted = [[0, 1], [0, 0], [0, -1], [5, 0], [10, 0.5], [10, -0.5]]
    np.testing.assert_array_equal(points, np.asarray(wanted, float))
    stretched = topology.columns((3, 1, 2), height=4.0)
    np.testing.assert_array_equal(stretched[:, 1], [2, 0, -2, 0, 2, -2])


@pytest.mark.parametrize(
    ("make", "at"),
    [
        (lambda: topology.Exponential(2.0, 0.5), [0.5, 0.5 * math.exp(-0.5)]),
        (lambda: topology.Gaussian(2.0, 0.5), [0.5, 0.5 * math.exp(-0.125)]),
        (lambda: topology.VonMises(3.0, 0.5), [0.5, 0.5 * math.exp(3.0 * (math.cos(1.0) - 1.0))]),
    ],
)
def test_kernels(make, at, x64):
    kernel = make()
    np.testing.assert_allclose(kernel(jnp.asarray([0.0, 1.0])), at, rtol=1e-12)
    slope = jax.grad(lambda d: kernel(d))(1.0)
    numeric = (kernel(jnp.asarray(1.0 + 1e-6)) - kernel(jnp.asarray(1.0 - 1e-6))) / 2e-6
    np.testing.assert_allclose(slope, numeric, rtol=1e-6)


def test_distances_and_delays(x64):
    sparse = Sparse([0, 1, 2], [1, 0, 1], 2)
    pre, post = np.asarray([[0.0, 0.0], [1.0, 2.0], [9.0, 9.0]]), np.asarray([[1.0, 0], [4, 4]])
    distances = topology.synapse_distances(sparse, pre, post)
    np.testing.assert_allclose(distances, [math.sqrt(32), 2.0, math.sqrt(50)], rtol=1e-12)
    periodic = topology.synapse_distances(sparse, pre, post, periodic=(10.0, 5.0))
    np.testing.assert_allclose(periodic, [math.sqrt(16 + 1), 2.0, 5.0], rtol=1e-12)
    line = topology.synapse_distances(sparse, np.arange(3.0), np.asarray([5.0, 7.0]))
    np.testing.assert_array_equal(line, [7.0, 4.0, 5.0])
    delays = topology.distance_delays(line, base=2.0)
    np.testing.assert_allclose(delays, [2.0, 1.0 + 4 / 7, 1.0 + 5 / 7], rtol=1e-12)
    delays = topology.distance_delays(line, base=2.0, extent=10.0, shortest=1.45)
    np.testing.assert_allclose(delays, [1.7, 1.45, 1.5], rtol=1e-12)
    np.testing.assert_array_equal(topology.distance_delays(jnp.zeros(2), 2.0), [1.0, 1.0])
    assert topology.distance_delays(jnp.zeros(0), 2.0).shape == (0,)


LINE = np.arange(3.0)
SPARSE = Sparse([0, 2], [1, 0], 2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: topology.grid(0), r"grid: size is 0; it must be a whole number >= 1"),
        (lambda: topology.grid((2, 1.5)), r"grid: a side is 1\.5"),
        (lambda: topology.grid(4, spacing=0.0), r"grid: spacing is 0\.0; it must be above 0"),
        (lambda: topology.circle(4, radius=-1.0), r"circle: radius is -1\.0"),
        (lambda: topology.disc(KEY, 4, radius=float("inf")), r"disc: radius is inf"),
        (lambda: topology.ring(2.0), r"ring: size is 2\.0"),
        (lambda: topology.columns(()), r"columns: there are no layers"),
        (lambda: topology.Gaussian(-1.0), r"Gaussian: sd is -1\.0; it must be above 0"),
        (lambda: topology.Exponential(0.0), r"Exponential: length is 0\.0"),
        (lambda: topology.VonMises(0.0), r"VonMises: concentration is 0\.0"),
        (
            lambda: topology.synapse_distances(SPARSE, LINE, LINE),
            r"post_positions are those of 3 neurons, but the target has 2\. Pass one position",
        ),
        (
            lambda: topology.synapse_distances(SPARSE, LINE[:2], LINE[:2]),
            r"pre_positions are those of 2 neurons, but a synapse comes from neuron 2",
        ),
        (lambda: topology.distance_delays(LINE, 0.0), r"distance_delays: base is 0\.0"),
        (lambda: topology.distance_delays(LINE, 1.0, extent=-1.0), r"extent is -1\.0"),
    ],
)
def test_what_makes_no_sense_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
