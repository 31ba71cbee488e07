import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Context
from jaxneuro.edges import Conv, Delta, Dense, MaxPool, OneToOne, Projection
from jaxneuro.network import Network, sequential
from jaxneuro.network._sequential import Layer
from jaxneuro.neurons import IF, LIF, Input, Population
from jaxneuro.simulation import simulate

CONTEXT = Context(jnp.asarray(0, jnp.int32), jax.random.key(0), 1.0)


def test_dense_unless_told_otherwise():
    edge = Projection("a", "b", [[1, 2, 3], [4, 5, 6]])
    assert edge.connectivity == Dense(3)
    assert edge.weight.dtype == jnp.float32
    np.testing.assert_array_equal(edge.propagate(jnp.ones((1, 2))), [[5.0, 7.0, 9.0]])
    for weight in (None, [1.0, 2.0], 3.0):
        with pytest.raises(ValueError, match=r"'a' -> 'b': .*\(pre, post\) matrix"):
            Projection("a", "b", weight)


@pytest.mark.parametrize(
    ("edge", "source", "message"),
    [
        (
            Projection("a", "b", jnp.ones((2, 3))),
            (4,),
            r"\(2, 3\), .*\(4,\) .*Dense wants \(4, 3\)",
        ),
        (Projection("a", "b", 2.0, OneToOne()), (4,), r"shape \(\), .*OneToOne wants \(4,\)"),
        (Projection("a", "b", 2.0, MaxPool(2)), (4,), r"MaxPool wants none"),
        (
            Projection("a", "b", connectivity=Conv(8, (3, 3)), bias=jnp.ones(8)),
            (6, 6),
            r"bias has shape \(8,\), .*\(4, 4, 8\)\. Pass one number, or shape \(1, 1, 8\)",
        ),
        (
            Projection("a", "b", jnp.ones((4, 3)), bias=jnp.ones(4)),
            (4,),
            r"bias has shape \(4,\), .* shape \(3,\)",
        ),
    ],
)
def test_shapes_that_do_not_fit(edge, source, message):
    with pytest.raises(ValueError, match=message):
        edge.output_shape(source)


@pytest.mark.parametrize("bias", [0.5, jnp.full((1, 1, 8), 0.5), jnp.full((4, 4, 8), 0.5)])
@pytest.mark.parametrize("receptor", [None, Delta()])
def test_bias_is_a_current_into_every_target(bias, receptor):
    options = {} if receptor is None else {"receptor": receptor}
    edge = Projection("a", "b", connectivity=Conv(8, (3, 3)), bias=bias, **options)
    assert edge.output_shape((6, 6)) == (4, 4, 8)
    state = edge.init((6, 6), (4, 4, 8), jax.random.key(0), False)
    v = jnp.zeros((4, 4, 8))
    _, drive = edge.step(state, jnp.ones((4, 4, 8)), v, CONTEXT)
    wanted = 1.5 if receptor is None else 0.5
    np.testing.assert_array_equal(drive.at(v) + v, np.full((4, 4, 8), wanted))


def test_a_convolution_in_a_sequential_network_has_one_bias_per_channel():
    net = sequential(
        (8, 8),
        Layer(Conv(4, (3, 3)), LIF()),
        Layer(Dense(3), LIF()),
        Layer(Dense(2), LIF(), bias=False),
        key=jax.random.key(0),
    )
    assert net.edges["input_to_hidden1"].bias.shape == (1, 1, 4)
    assert net.edges["hidden1_to_hidden2"].bias.shape == (3,)
    assert net.edges["hidden2_to_readout"].bias is None
    run = simulate(
        net, {"input": jnp.ones((2, 8, 8))}, dt=1.0, key=jax.random.key(0), record=["hidden1.v"]
    )
    assert run["hidden1.v"].shape == (2, 6, 6, 4)


def test_a_weight_that_was_never_drawn_is_named():
    edge = Projection("a", "b", connectivity=Dense(2))
    with pytest.raises(ValueError, match=r"'a' -> 'b' has no weight yet\. Call `initialise"):
        edge.propagate(jnp.ones((1, 3)))
    np.testing.assert_array_equal(
        Projection("a", "b", connectivity=MaxPool(2)).propagate(jnp.ones((1, 4))), [[1.0, 1.0]]
    )


@pytest.mark.parametrize(("delay", "lag"), [(0.0, 0), (None, 1), (0.5, 1), (1.5, 3)])
@pytest.mark.parametrize("block", [1, 4])
def test_an_event_arrives_after_the_delay(delay, lag, block):
    net = Network(
        {"a": Input(1), "b": Population(IF(input_scale="unit", threshold=9.0), 1)},
        {"e": Projection("a", "b", jnp.full((1, 1), 2.0), delay=delay)},
    )
    series = jnp.zeros((8, 1)).at[2].set(1.0)
    run = simulate(net, {"a": series}, dt=0.5, key=jax.random.key(0), record=["b.v"], block=block)
    np.testing.assert_array_equal(run["b.v"][:, 0], 2.0 * (np.arange(8) >= 2 + lag))


def test_a_delay_that_is_no_multiple_of_dt():
    net = Network(
        {"a": Input(1), "b": Population(IF(), 1)},
        {"late": Projection("a", "b", jnp.ones((1, 1)), delay=0.7)},
    )
    with pytest.raises(ValueError, match=r"Edge 'late': its delay is 0\.7 ms.*0\.5 ms and 1 ms"):
        net.prepare(0.5)
