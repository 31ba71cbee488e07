import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Context
from jaxneuro.edges import GapJunction, GradedConductance, GradedCurrent, OneToOne
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, Euler
from jaxneuro.network import Network
from jaxneuro.neurons import ConductanceElement, Input, Neuromorphic, Population, burster
from jaxneuro.simulation import simulate

CONTEXT = Context(jnp.asarray(0, jnp.int32), jax.random.key(0), 0.5)
KEY = jax.random.key(0)
SLOW = burster().filter_path(50.0)


def drive_of(edge, signal, v):
    """What an edge makes of a source's state."""
    state = edge.init(signal.shape, v.shape, KEY, False)
    _, released = edge.release(state, signal[None], CONTEXT)
    return edge.step(state, edge.propagate(released)[0], v, CONTEXT)[1]


def opening(v, k, v_off):
    return 1 / (1 + np.exp(-k * (v - v_off)))


def passive(shape=1, **options):
    return Population(Neuromorphic([ConductanceElement(1.0)], **options), shape, integrator=RK4())


@pytest.mark.parametrize("sign", [1, -1])
def test_current_follows_the_source(sign, x64):
    weight = np.array([[0.5, 0.0], [0.2, 0.3], [0.0, 1.0]])
    v_off = np.array([0.1, 0.2, 0.3])
    edge = GradedCurrent("a", "b", weight, sign=sign, k=3.0, v_off=v_off)
    signal = np.array([0.4, -0.2, 1.0])
    drive = drive_of(edge, jnp.asarray(signal), jnp.zeros(2))
    np.testing.assert_allclose(drive.current, sign * opening(signal, 3.0, v_off) @ weight)
    assert drive.conductance is None


def test_conductance_draws_towards_its_reversal_potential(x64):
    # With the original's sign a positive weight pushes V away from e_rev: V = -5 here.
    edge = GradedConductance("a", "b", [[0.5]], e_rev=5.0, v_off=-10.0)
    net = Network({"a": passive(), "b": passive()}, {"edge": edge})
    run = simulate(net, dt=0.5, steps=100, key=KEY, record="b.v")
    # 0 = -V + g (5 - V) with the gate open
    np.testing.assert_allclose(run["b.v"][-1], [0.5 * 5.0 / 1.5], rtol=1e-6)
    assert abs(run["b.v"][-1, 0] - 1.7) < 0.05


def test_conductance_is_affine_in_the_voltage(x64):
    weight = jnp.asarray([[0.5, 0.2]])
    edge = GradedConductance("a", "b", weight, e_rev=jnp.asarray([-3.0, 1.0]), k=1.5, v_off=0.2)
    v = jnp.asarray([0.3, -0.7])
    g = opening(0.6, 1.5, 0.2) * weight[0]
    np.testing.assert_allclose(
        drive_of(edge, jnp.asarray([0.6]), v).at(v), g * (edge.e_rev - v), rtol=1e-12
    )


def test_a_resistor_joins_two_neurons(x64):
    weight = jnp.asarray([[0.0, 0.3, 0.0], [0.3, 0.0, 0.1], [0.0, 0.1, 0.0]])
    edge = GapJunction("a", "a", weight)
    v = jnp.asarray([1.0, -0.5, 0.2])
    wanted = [sum(weight[i, j] * (v[i] - v[j]) for i in range(3)) for j in range(3)]
    np.testing.assert_allclose(drive_of(edge, v, v).at(v), wanted, atol=1e-15)
    # What a neuron would conduct to itself is nothing.
    diagonal = GapJunction("a", "a", weight + 2.0 * jnp.eye(3))
    np.testing.assert_allclose(drive_of(diagonal, v, v).at(v), wanted, atol=1e-15)
    pair = Population(Neuromorphic([ConductanceElement(1.0)]), (1, 3), integrator=Euler())
    run = simulate(
        Network({"a": pair}, {"gap": edge}),
        {"a": jnp.broadcast_to(jnp.asarray([[1.0, 0.0, -1.0]]), (200, 1, 3))},
        dt=0.5,
        steps=200,
        key=KEY,
        record="a.v",
    )
    laplacian = np.diag(weight.sum(0)) - np.asarray(weight)
    steady = np.linalg.solve(np.eye(3) + laplacian, [1.0, 0.0, -1.0])
    np.testing.assert_allclose(run["a.v"][-1, 0], steady, atol=1e-10)


def test_training_keeps_resistors_symmetric():
    weight = jnp.asarray([[0.0, 0.3], [0.3, 0.0]])

    def loss(weight):
        v = jnp.asarray([1.0, -0.5])
        drive = drive_of(GapJunction("a", "a", weight), v, v)
        return jnp.sum(jnp.asarray([1.0, 3.0]) * drive.at(v))

    slope = jax.jit(jax.grad(loss))(weight)
    np.testing.assert_array_equal(slope, slope.T)
    assert float(jnp.abs(slope[0, 1])) > 0.1
    np.testing.assert_array_equal(jnp.diagonal(slope), [0.0, 0.0])


def test_resistors_that_are_refused():
    with pytest.raises(ValueError, match="not symmetric"):
        GapJunction("a", "a", [[0.0, 1.0], [0.5, 0.0]])
    with pytest.raises(ValueError, match="not symmetric"):
        GapJunction("a", "a", jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=r"must be a \(pre, post\) matrix"):
        GapJunction("a", "a", [1.0])
    with pytest.raises(ValueError, match=r"\(2, 2\), but a source of shape \(3,\) wants 3 rows"):
        GapJunction("a", "a", jnp.zeros((2, 2))).output_shape((3,))
    assert GapJunction("a", "b", jnp.ones((2, 3))).output_shape((2,)) == (3,)


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        (GradedCurrent("a", "b", jnp.ones((3, 2))), r"\(3, 2\).*Dense wants \(4, 2\)"),
        (GradedConductance("a", "b", jnp.ones((4, 2)), k=jnp.ones(3)), r"k has shape \(3,\)"),
        (GradedCurrent("a", "b", jnp.ones((4, 2)), v_off=jnp.ones(2)), r"v_off has shape \(2,\)"),
        (GradedConductance("a", "b", jnp.ones((4, 2)), e_rev=jnp.ones(4)), r"e_rev .*shape \(2,\)"),
    ],
)
def test_shapes_that_do_not_fit(edge, message):
    with pytest.raises(ValueError, match=message):
        edge.output_shape((4,))


def test_other_mistakes():
    with pytest.raises(ValueError, match="sign is 2; 1 excites"):
        GradedCurrent("a", "b", [[1.0]], sign=2)
    with pytest.raises(ValueError, match=r"'a' -> 'b': .*matrix, but has shape \(\)"):
        GradedCurrent("a", "b", 1.0)
    nodes = {"a": Input(1), "b": passive()}
    with pytest.raises(ValueError, match="is an Input, which has no state"):
        Network(nodes, {"edge": GradedCurrent("a", "b", [[1.0]])})


def test_a_filter_that_the_source_lacks_is_named():
    with pytest.raises(ValueError, match=r"no filter has tau = 20 ms; there are \[50.0, 2500.0\]"):
        GradedCurrent("a", "b", [[1.0]], reads=burster().filter_path(20.0))
    edge = GradedCurrent("a", "b", [[1.0]], reads="filters.7")
    net = Network({"a": passive(), "b": passive()}, {"edge": edge})
    with pytest.raises(ValueError, match=r"filters\.7"):
        simulate(net, dt=0.5, steps=2, key=KEY)


def test_it_reads_the_leaf_as_the_step_finds_it(x64):
    neuron = burster()
    edge = GradedCurrent("a", "b", [[0.7]], k=1.0, reads=neuron.filter_path(50.0))
    nodes = {
        "a": Population(neuron, 1, integrator=Euler()),
        "b": Population(Neuromorphic([], v_start=0.0), 1, integrator=Euler()),
    }
    record = ("a.filters.0", "b.v")
    run = simulate(Network(nodes, {"edge": edge}), dt=0.5, steps=20, key=KEY, record=record)
    before = np.concatenate([[[-1.8]], run["a.filters.0"][:-1]])
    moved = 0.5 * 0.7 * np.cumsum(opening(before, 1.0, 0.0), 0)
    np.testing.assert_allclose(run["b.v"], moved, rtol=1e-12)


def test_one_to_one_and_a_loop_within_a_population(x64):
    edge = GradedCurrent("a", "a", jnp.asarray([0.1, 0.2]), connectivity=OneToOne(), sign=-1)
    net = Network({"a": passive(2)}, {"self": edge})
    options = {"dt": 0.5, "steps": 40, "key": KEY, "record": "a.v"}
    whole = simulate(net, {"a": Constant(1.0)}, **options)["a.v"]
    single = simulate(net, {"a": Constant(1.0)}, block=1, **options)["a.v"]
    np.testing.assert_array_equal(whole, single)
    # 0 = 1 - V - w S(V)
    v = np.asarray(whole[-1])
    np.testing.assert_allclose(1.0 - v - np.array([0.1, 0.2]) * opening(v, 2.0, 0.0), 0, atol=1e-8)


def network(free):
    a, b = burster(), burster(a_slow_negative=-1.2)
    edges = {
        "ab": GradedCurrent("a", "b", free["ab"], k=free["k"], v_off=free["v_off"], reads=SLOW),
        "ba": GradedConductance("b", "a", free["ba"], e_rev=free["e_rev"], v_off=-1.0),
        "gap": GapJunction("a", "a", free["gap"]),
    }
    nodes = {"a": Population(a, 2, integrator=RK4()), "b": Population(b, 1, integrator=RK4())}
    return Network(nodes, edges)


def test_gradients_match_finite_differences(x64):
    free = {
        "ab": jnp.asarray([[0.3], [0.1]]),
        "ba": jnp.asarray([[0.2, 0.4]]),
        "gap": jnp.asarray([[0.0, 0.05], [0.05, 0.0]]),
        "k": jnp.asarray(1.5),
        "v_off": jnp.asarray(-0.8),
        "e_rev": jnp.asarray(-3.0),
    }

    @eqx.filter_jit
    @jax.value_and_grad
    def loss(free):
        inputs = {"a": jnp.broadcast_to(jnp.asarray([0.5, -1.0]), (60, 2))}
        record = ("a.v", "b.v")
        run = simulate(network(free), inputs, dt=0.5, steps=60, key=KEY, record=record)
        return jnp.mean(run["a.v"] ** 2) + jnp.sum(run["b.v"][-1])

    gradient = loss(free)[1]
    for name, value in free.items():
        way = jnp.ones_like(value) if name != "gap" else 1.0 - jnp.eye(2)
        moved = [{**free, name: value + size * way} for size in (1e-5, -1e-5)]
        numeric = (loss(moved[0])[0] - loss(moved[1])[0]) / 2e-5
        assert float(jnp.abs(numeric)) > 1e-6
        np.testing.assert_allclose(jnp.sum(gradient[name] * way), numeric, rtol=1e-3)
