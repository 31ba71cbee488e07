import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import param
from jaxneuro.edges import Dropout, Projection
from jaxneuro.inputs import Constant
from jaxneuro.network import AbstractBehaviour, Network, load, save, select, tags_of
from jaxneuro.neurons import LI, LIF, Input, Population, Refractory
from jaxneuro.simulation import Mean, simulate
from jaxneuro.training import trainable


class Leak(AbstractBehaviour):
    factor: jax.Array = param(0.5)

    def init(self, cells, key):
        return {"average": jnp.zeros(cells.shape)}

    def step(self, cells):
        return cells.set(average=cells["v"])


def _wire(source, target, shape):
    return Projection(source, target, jnp.ones(shape))


@pytest.fixture
def network():
    return Network(
        {
            "input": Input(2),
            "exc": Population(Refractory(LIF(tau=20.0), period=2.0), 3),
            "inh": Population(LIF(tau=10.0), 2),
            "out": Population(LI(tau=30.0), 1),
        },
        {
            "drive": _wire("input", "exc", (2, 3)),
            "ei": Dropout(_wire("exc", "inh", (3, 2)), 0.5),
            "ie": _wire("inh", "exc", (2, 3)),
            "read": _wire("exc", "out", (3, 1)),
        },
        behaviours={"exc": {1: Leak()}, "inh": {1: Leak(0.25)}},
        tags={
            "exc": "spiking, cortex",
            "inh": ("spiking",),
            "ei": "GLUTAMATE",
            "read": "GLUTAMATE, plastic",
            "exc/Leak": "homeostasis",
        },
    )


def _names(network, query):
    return list(select(network, query))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("spiking", ["exc", "inh"]),
        ("cortex", ["exc"]),
        ("GLUTAMATE", ["ei", "read"]),
        ("plastic", ["read"]),
        ("homeostasis", ["exc/Leak"]),
        ("Leak", ["exc/Leak", "inh/Leak"]),
        ("exc", ["exc"]),
        ("inh/Leak", ["inh/Leak"]),
        ("Population", ["exc", "inh", "out"]),
        ("Input", ["input"]),
        ("LIF", ["exc", "inh"]),
        ("Refractory", ["exc"]),
        ("Projection", ["drive", "ei", "ie", "read"]),
        ("Dropout", ["ei"]),
        ("exc_to_inh", ["ei"]),
        ("input_to_exc", ["drive"]),
        ("Advance", ["advance"]),
    ],
)
def test_names_tags_classes_and_ends_find_objects_in_order(network, query, names):
    assert _names(network, query) == names
    assert [id(x) for x in network[query]] == [id(x) for x in select(network, query).values()]


def test_what_is_found_is_the_object(network):
    assert network["GLUTAMATE"] == [network.edges["ei"], network.edges["read"]]
    assert float(network["inh/Leak"][0].behaviour.factor) == 0.25
    assert tags_of(network, "read") == ("read", "GLUTAMATE", "plastic", "Projection", "exc_to_out")


def test_a_path_finds_a_parameter_and_a_tag_in_it_several(network):
    assert float(network["inh.tau"]) == 10.0
    assert float(network["exc.tau"]) == 20.0
    np.testing.assert_array_equal(network["ie.weight"], jnp.ones((2, 3)))
    assert [w.shape for w in network["GLUTAMATE.weight"]] == [(3, 2), (3, 1)]
    assert [float(tau) for tau in network["spiking.tau"]] == [20.0, 10.0]


def test_nothing_is_kept_from_an_earlier_look(network):
    assert float(network["inh.tau"]) == 10.0
    changed = eqx.tree_at(lambda n: n.nodes["inh"].neuron.tau, network, jnp.asarray(7.0))
    assert float(changed["inh.tau"]) == 7.0
    assert float(changed["LIF"][1].neuron.tau) == 7.0
    assert float(network["inh.tau"]) == 10.0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("glutamate", "nothing has the tag 'glutamate'. Did you mean GLUTAMATE?"),
        ("spking", "nothing has the tag 'spking'. Did you mean spiking"),
        ("exc.tua", "No path 'exc.tua'. Did you mean"),
        ("exc.v", r"What changes in a run is in its records: simulate\(..., record='exc.v'\)"),
        ("GLUTAMAT.weight", "No path 'GLUTAMAT.weight'"),
        (0, "0 is no tag or path"),
    ],
)
def test_what_matches_nothing_is_answered(network, query, message):
    with pytest.raises(KeyError, match=message):
        network[query]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"ecx": "a"}, "tags for 'ecx', which is not there. Did you mean exc"),
        ({"exc": "a.b"}, "'exc' has the tag 'a.b'; a tag is a word"),
        ({"exc": "a,,b"}, "'exc' has the tag ''; a tag is a word"),
    ],
)
def test_wrong_tags_are_refused_when_built(tags, message):
    with pytest.raises(ValueError, match=message):
        Network({"exc": Population(LIF(), 1)}, tags=tags)


def test_tags_are_saved(network, tmp_path):
    save(network, tmp_path / "net.npz")
    loaded = load(tmp_path / "net.npz")
    assert loaded.tags == network.tags
    assert _names(loaded, "GLUTAMATE") == ["ei", "read"]


def test_records_and_training_take_tags(network):
    inputs = {"input": Constant(jnp.ones(2))}

    def run(record):
        return simulate(network, inputs, dt=1.0, steps=5, key=jax.random.key(0), record=record)

    done = run(("spiking.v", "exc/Leak.average", "inh.average"))
    assert set(done.records) == {"exc.v", "inh.v", "exc/Leak.average", "inh.average"}
    assert set(run("homeostasis.average").records) == {"exc/Leak.average"}
    assert set(run({"one": "cortex.v", "mean": Mean("exc.v")}).records) == {"one", "mean"}
    with pytest.raises(ValueError, match=r"record 'v' is 'spiking.v', which is exc.v, inh.v"):
        run({"v": "spiking.v"})
    with pytest.raises(ValueError, match=r"No path 'spikng.v'"):
        run("spikng.v")
    chosen = trainable(network, ["GLUTAMATE.weight", "spiking.tau"])
    assert list(chosen.bounds) == [
        "nodes.exc.neuron.neuron.tau",
        "nodes.inh.neuron.tau",
        "edges.ei.edge.weight",
        "edges.read.weight",
    ]
