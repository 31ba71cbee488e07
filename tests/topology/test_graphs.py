"""Layered and small-world networks, and graphs of other libraries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

from jaxneuro import topology

KEY = jax.random.key(3)


def matrix_of(sparse, n, weight=None):
    matrix = np.zeros((n, int(np.prod(sparse.shape))))
    matrix[sparse.pre, sparse.post] = 1.0 if weight is None else weight
    return matrix


@pytest.fixture(scope="module")
def net():
    chances = topology.LayerProbabilities(feedback_2=0.02)
    return topology.layered(
        KEY, (150, 120, 100, 80, 60), chances, inhibitory_fraction=(0.2, 0.45, 0.45, 0.45, 0.0)
    )


def test_layers_and_types(net):
    sizes = (150, 120, 100, 80, 60)
    np.testing.assert_array_equal(net.layer, np.repeat(np.arange(5), sizes))
    inhibitory = [int(net.is_inhibitory[net.layer == index].sum()) for index in range(5)]
    assert inhibitory == [30, 54, 45, 36, 0]
    wanted = np.where(net.is_inhibitory[net.connectivity.pre], -1.0, 1.0)
    np.testing.assert_array_equal(net.sign, wanted)
    assert not net.is_mutual.any()
    assert net.connectivity.shape == (510,)
    assert net.connectivity.output_shape((510,)) == (510,)


def test_layers_are_joined_with_their_probabilities(net):
    exc = {0: 0.08, 1: 0.45, 2: 0.15, 3: 0.01, 4: 0.01, -1: 0.06, -2: 0.02, -3: 0.005, -4: 0.005}
    inh = {0: 0.15, 1: 0.09, -1: 0.09}
    joined = matrix_of(net.connectivity, 510)
    assert not joined.diagonal().any()
    layer, is_inhibitory = np.asarray(net.layer), np.asarray(net.is_inhibitory)
    for table, kind in ((exc, False), (inh, True)):
        for a in range(5):
            for b in range(5):
                block = joined[(layer == a) & (is_inhibitory == kind)][:, layer == b]
                p = table.get(b - a, 0.0)
                pairs = block.size - (len(block) if a == b else 0)
                assert abs(block.sum() - p * pairs) <= 5.0 * np.sqrt(p * (1 - p) * pairs)


def test_the_defaults_are_the_field_s():
    assert tuple(topology.LayerProbabilities()) == (0.08, 0.15, 0.45, 0.15, 0.06, 0, 0.01, 0.005)


def test_outputs_inhibit_each_other():
    net = topology.layered(KEY, (30, 20, 6), mutual_inhibition=True)
    joined = matrix_of(net.connectivity, 56)
    last = joined[50:, 50:]
    np.testing.assert_array_equal(last, 1.0 - np.eye(6))
    assert net.is_mutual.sum() == 30
    within = (net.connectivity.pre >= 50) & (net.connectivity.post >= 50)
    np.testing.assert_array_equal(net.is_mutual, within)
    assert (net.sign[net.is_mutual] == -1).all()
    others = np.where(net.is_inhibitory[net.connectivity.pre], -1.0, 1.0)
    np.testing.assert_array_equal(net.sign[~within], others[~within])


def test_small_world_without_rewiring_is_the_lattice():
    sparse = topology.small_world(KEY, 12, 4, 0.0)
    wanted = sorted((i, (i + way) % 12) for i in range(12) for way in (-2, -1, 1, 2))
    assert list(zip(sparse.pre.tolist(), sparse.post.tolist(), strict=True)) == wanted
    assert topology.small_world(KEY, 12, 0, 0.5).pre.size == 0


@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
def test_small_world_rewires_its_share(p):
    n, k = 400, 12
    joined = matrix_of(topology.small_world(KEY, n, k, p), n)
    assert joined.sum() == n * k
    np.testing.assert_array_equal(joined, joined.T)
    assert not joined.diagonal().any()
    assert joined.sum(axis=1).min() >= k / 2  # each keeps the edges that it starts
    lattice = matrix_of(topology.small_world(KEY, n, k, 0.0), n)
    moved = (n * k - (joined * lattice).sum()) / 2
    edges = n * k / 2
    # A rewired edge may land where another one was taken away.
    low = edges * p * (1 - k / n)
    assert low - 5 * np.sqrt(edges * p) < moved < edges * p + 5 * np.sqrt(edges * p * (1 - p)) + 1

    # Watts & Strogatz: clustering falls as (1 - p)^3, from 3 (k - 2) / 4 (k - 1) on.
    paths = joined @ joined
    clustering = (paths * joined).sum() / (paths.sum() - np.trace(paths))
    wanted = 3 * (k - 2) / (4 * (k - 1)) * (1 - p) ** 3
    assert abs(clustering - wanted) < 0.05


def test_small_world_has_room_to_rewire_or_does_not():
    full = topology.small_world(KEY, 7, 6, 1.0)
    np.testing.assert_array_equal(matrix_of(full, 7), 1.0 - np.eye(7))
    dense = matrix_of(topology.small_world(KEY, (3, 3), 6, 1.0), 9)
    assert dense.sum() == 54


def test_scipy_matrices_are_read_and_give_the_same_product():
    rng = np.random.default_rng(0)
    matrix = scipy.sparse.random_array((20, 30), density=0.2, rng=rng)
    signals = rng.normal(size=(4, 20))
    for given in (matrix, matrix.tocsr(), matrix.tocsc(), matrix.tolil()):
        sparse, weight = topology.from_scipy(given)
        np.testing.assert_allclose(matrix_of(sparse, 20, weight), matrix.toarray(), rtol=1e-6)
        codes = np.asarray(sparse.pre) * 30 + np.asarray(sparse.post)
        assert (np.diff(codes) > 0).all()
        events = sparse.propagate(weight, jnp.asarray(signals, float))
        np.testing.assert_allclose(events, signals @ matrix.toarray(), rtol=1e-5, atol=1e-5)


def test_scipy_entries_of_one_pair_are_added_and_zeros_kept():
    matrix = scipy.sparse.coo_array(([1.0, 2.0, 0.0], ([1, 1, 0], [2, 2, 0])), shape=(2, 3))
    sparse, weight = topology.from_scipy(matrix)
    assert (sparse.pre.tolist(), sparse.post.tolist()) == ([0, 1], [0, 2])
    np.testing.assert_array_equal(weight, [0.0, 3.0])
    assert matrix.nnz == 3  # left as it was
    whole = scipy.sparse.csr_matrix(np.asarray([[0, 1], [1, 0]]))
    assert topology.from_scipy(whole)[1].dtype == jnp.float32


def test_networkx_graphs():
    networkx = pytest.importorskip("networkx")
    graph = networkx.gnp_random_graph(30, 0.2, seed=1, directed=True)
    for index, edge in enumerate(graph.edges):
        graph.edges[edge]["strength"] = index - 3.5
    sparse, weight = topology.from_networkx(graph, weight="strength")
    wanted = networkx.to_numpy_array(graph, weight="strength")
    np.testing.assert_array_equal(matrix_of(sparse, 30, weight), wanted)
    _, ones = topology.from_networkx(graph)
    np.testing.assert_array_equal(ones, np.ones(graph.number_of_edges()))

    words = networkx.Graph()
    words.add_edge("b", "a", weight=0.5)
    words.add_edge("a", "a", weight=2.0)
    sparse, weight = topology.from_networkx(words)
    # In the order of the nodes: b is 0, a is 1.
    found = list(zip(sparse.pre.tolist(), sparse.post.tolist(), weight.tolist(), strict=True))
    assert found == [(0, 1, 0.5), (1, 0, 0.5), (1, 1, 2.0)]
    with pytest.raises(ValueError, match="from_networkx: the graph has no nodes"):
        topology.from_networkx(networkx.Graph())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: topology.small_world(KEY, 10, 3, 0.1), r"small_world: k is 3; .* even number"),
        (lambda: topology.small_world(KEY, 10, 10, 0.1), r"small_world: k is 10; .* 10 neurons"),
        (lambda: topology.small_world(KEY, 10, 2, -0.1), r"small_world: p is -0\.1"),
        (lambda: topology.layered(KEY, ()), r"layered: there are no layers"),
        (lambda: topology.layered(KEY, (3, 0)), r"layered: a size is 0"),
        (
            lambda: topology.layered(KEY, (3, 2), topology.LayerProbabilities(feedback_1=1.2)),
            r"layered: feedback_1 is 1\.2; a probability",
        ),
        (
            lambda: topology.layered(KEY, (3, 2), inhibitory_fraction=(0.1, 0.2, 0.3)),
            r"inhibitory_fraction has 3 numbers, but there are 2 layers",
        ),
        (
            lambda: topology.layered(KEY, (3, 2), inhibitory_fraction=-1.0),
            r"layered: inhibitory_fraction is -1; a probability",
        ),
        (
            lambda: topology.from_scipy(np.eye(3)),
            r"from_scipy: ndarray of shape \(3, 3\) came; pass a sparse matrix",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
