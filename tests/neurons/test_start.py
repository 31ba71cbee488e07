"""Values drawn for states and weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import topology
from jaxneuro.edges import Dense, Projection
from jaxneuro.network import Kaiming, Network, initialise
from jaxneuro.neurons import (
    LI,
    ConstantStart,
    Input,
    LognormalStart,
    NormalStart,
    Population,
    SparseStart,
    UniformStart,
)

KEY = jax.random.key(0)
N = 20_000
# Mean and standard deviation of each.
STARTS = {
    "constant": (ConstantStart(-2.0), -2.0, 0.0),
    "uniform": (UniformStart(1.0, 3.0), 2.0, 2.0 / np.sqrt(12.0)),
    "normal": (NormalStart(1.0, 0.5), 1.0, 0.5),
    "lognormal": (LognormalStart(0.5, 0.4), 0.5, 0.4),
    "lognormal, negative": (LognormalStart(-2.0, 1.0), -2.0, 1.0),
    "sparse": (
        SparseStart(UniformStart(0.0, 2.0), density=0.25, scale=3.0),
        0.75,
        # E x^2 = density scale^2 (4 / 3)
        np.sqrt(0.25 * 9.0 * 4.0 / 3.0 - 0.75**2),
    ),
}


@pytest.mark.parametrize("name", STARTS)
def test_values_have_the_mean_and_the_spread_that_are_asked(name):
    start, mean, sd = STARTS[name]
    values = start(KEY, (N,))
    assert values.shape == (N,)
    np.testing.assert_allclose(values.mean(), mean, rtol=1e-6, atol=5 * sd / np.sqrt(N))
    np.testing.assert_allclose(values.std(), sd, rtol=0.06, atol=1e-6)
    np.testing.assert_array_equal(values, start(KEY, (N,)))
    if sd:
        assert not np.array_equal(values, start(jax.random.key(1), (N,)))


def test_the_lognormal_of_topology_is_the_same():
    drawn = topology.lognormal(KEY, 100, 0.5, 0.4)
    np.testing.assert_array_equal(drawn, LognormalStart(0.5, 0.4)(KEY, (100,)))


def test_each_row_may_have_its_density():
    start = SparseStart(ConstantStart(1.0), density=[0.0, 0.5, 1.0])
    rows = start(KEY, (3, 1000)).mean(1)
    assert rows[0] == 0.0
    assert abs(rows[1] - 0.5) < 0.1
    assert rows[2] == 1.0


def test_states_start_sparse():
    cells = Population(LI(), 1000, initial={"v": SparseStart(UniformStart(), density=0.1)})
    v = np.asarray(cells.init(KEY).v)
    assert 60 < np.count_nonzero(v) < 140
    assert ((v >= 0) & (v <= 1)).all()


def _network():
    return Network(
        {"input": Input(40), "a": Population(LI(), 30), "b": Population(LI(), 30)},
        {
            "to_a": Projection("input", "a", connectivity=Dense(30)),
            "to_b": Projection("input", "b", connectivity=Dense(30)),
            "given": Projection("a", "b", jnp.full((30, 30), 7.0)),
        },
        tags={"to_b": "glutamate"},
    )


def test_weights_are_drawn_by_a_start():
    net = initialise(_network(), KEY, LognormalStart(0.5, 0.1))
    np.testing.assert_allclose(net.edges["to_a"].weight.mean(), 0.5, atol=0.02)
    assert (net.edges["given"].weight == 7.0).all()


def test_weights_are_drawn_by_tag():
    sparse = SparseStart(ConstantStart(0.25), density=0.1)
    net = initialise(_network(), KEY, {"Projection": Kaiming(), "glutamate": sparse})
    assert set(np.unique(net.edges["to_b"].weight)) == {0.0, 0.25}
    alone = initialise(_network(), KEY, Kaiming())
    np.testing.assert_array_equal(net.edges["to_a"].weight, alone.edges["to_a"].weight)
    net = initialise(_network(), KEY, {"given": ConstantStart(2.0)}, redraw=True)
    assert net.edges["to_a"].weight is None
    assert (net.edges["given"].weight == 2.0).all()
    with pytest.raises(KeyError, match=r"nothing has the tag 'glutamat'. Did you mean glutamate"):
        initialise(_network(), KEY, {"glutamat": Kaiming()})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LognormalStart(0.0, 1.0), r"LognormalStart: mean is 0\.0 and sd is 1\.0"),
        (lambda: LognormalStart(1.0, -1.0), r"sd is -1\.0; .* the sd not negative"),
        (lambda: SparseStart(UniformStart(), density=1.5), r"SparseStart: density is 1\.5"),
        (
            lambda: SparseStart(UniformStart(), density=[0.1, 0.2])(KEY, (3, 4)),
            r"density of shape \(2, 1\) does not fit values of shape \(3, 4\)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
