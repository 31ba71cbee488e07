import inspect
import json
import sys
import types
import zipfile

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array
from plasticity_examples import EXAMPLES as RULES

from jaxneuro import edges as edges_module
from jaxneuro import integrators as integrators_module
from jaxneuro import neurons as neurons_module
from jaxneuro import plasticity as plasticity_module
from jaxneuro import surrogates as surrogates_module
from jaxneuro.catalogue import MODELS
from jaxneuro.core import Drive, param
from jaxneuro.edges import (
    AveragePool,
    Chain,
    Conv,
    Delta,
    Dense,
    Dropout,
    ExponentialCurrent,
    MaxPool,
    OneToOne,
    Projection,
    Sparse,
)
from jaxneuro.inputs import Constant, Function, Poisson
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun
from jaxneuro.network import Network, initialise, load, save
from jaxneuro.neurons import (
    IF,
    LI,
    LIF,
    AbstractODENeuron,
    AdaptiveLIF,
    AdaptiveThreshold,
    CurrentLIF,
    Input,
    Population,
    Refractory,
)
from jaxneuro.plasticity import PairSTDP, Plastic, RewardSTDP, SoftBounds
from jaxneuro.simulation import simulate
from jaxneuro.surrogates import (
    Arctan,
    Box,
    MultiGaussian,
    Sigmoid,
    StraightThrough,
    SuperSpike,
    Triangular,
)

# Of a member of a population, while it is scored; of a run, and of a step.
PARTS = (edges_module.LowRank, plasticity_module.PlasticState, plasticity_module.Term)


class VU(eqx.Module):
    v: Array
    u: Array


class MyNeuron(AbstractODENeuron):
    """A user's own neuron with a state of its own."""

    a: Array = param(0.1)

    def init(self, shape, key):
        return VU(jnp.zeros(shape), jax.random.uniform(key, shape))

    def derivative(self, state, drive):
        return VU(drive.at(state.v) - self.a * state.u, self.a * (state.v - state.u))

    def margin(self, old, new):
        return new.v - 1.0

    def reset(self, state, spikes):
        return VU(state.v * (1.0 - spikes), state.u + spikes)


def whole_network():
    """One network with at least one of everything that a network can hold."""
    chain = Chain((AveragePool((2, 2)), Conv(2, (3, 3), padding="SAME")))
    nodes = {
        "image": Input((8, 8, 1)),
        "map": Population(LIF(tau=5.0), (4, 4, 2), surrogate=Arctan(), integrator=Euler()),
        "pooled": Population(
            Refractory(CurrentLIF(resistance=20.0), period=3.0),
            (2, 2, 2),
            surrogate=Sigmoid(),
            reset_gradient="surrogate",
        ),
        "sparse": Population(
            AdaptiveLIF(tau=jnp.linspace(5.0, 9.0, 3)), 3, surrogate=Box(), integrator=RK4()
        ),
        "own": Population(MyNeuron(), 3, surrogate=Triangular(), integrator=Heun()),
        "copy": Population(IF(), 3, surrogate=MultiGaussian()),
        "alone": Population(
            AdaptiveThreshold(LIF(reset_by="value", input_scale="unit"), increase=0.1), 2
        ),
        "readout": Population(LI(), 2, surrogate=StraightThrough(), integrator=ExponentialEuler()),
    }
    sparse = Sparse([0, 5, 7, 7], [0, 1, 2, 2], 3)
    edges = {
        "image_to_map": Dropout(
            Projection("image", "map", connectivity=chain, delay=0.0, bias=jnp.ones((1, 1, 2)))
        ),
        "map_to_pooled": Projection("map", "pooled", connectivity=MaxPool((2, 2)), delay=2.0),
        "pooled_to_sparse": Projection(
            "pooled", "sparse", jnp.full(4, 20.0), sparse, ExponentialCurrent(tau=3.0)
        ),
        "sparse_to_own": Projection("sparse", "own", jnp.full((3, 3), 0.7), receptor=Delta()),
        "own_to_copy": Projection("own", "copy", jnp.asarray(1.5), OneToOne(shared=True)),
        "copy_to_readout": Projection("copy", "readout", connectivity=Dense(2), bias=0.1),
    }
    return initialise(Network(nodes, edges), jax.random.key(7))


def run(network, state=None):
    return simulate(
        network,
        {"image": Poisson(400.0), "own": Constant(0.2)},
        dt=1.0,
        steps=12,
        key=jax.random.key(1),
        state=state,
        record=("readout.v", "own.spikes", "sparse.spikes"),
        block=4,
    )


def same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@pytest.fixture(scope="module")
def network():
    return whole_network()


def structure_of(path):
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("structure.json"))


def rewrite(path, update):
    """Puts another description into a saved file."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    structure = json.loads(members["structure.json"])
    members["structure.json"] = json.dumps(update(structure) or structure)
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)


def every_model():
    """One of every neuron, with the edges of the fragments, and the edges that read a state."""
    graded = {
        "current": edges_module.GradedCurrent("a", "b", [[0.2]], sign=-1),
        "conductance": edges_module.GradedConductance("a", "b", [[0.2]], e_rev=-3.0),
        "gap": edges_module.GapJunction("a", "a", [[0.0, 0.1], [0.1, 0.0]]),
    }
    sparse = edges_module.Sparse([0, 1, 0], [1, 0, 0], 2)  # not sorted: with an order of visits
    synapses = {
        "nmda": edges_module.NMDA(),
        "gabab": edges_module.GABAB(),
        "bounded": edges_module.CurrentReceptor(edges_module.Bounded()),
        "alpha": edges_module.CurrentReceptor(edges_module.Alpha()),
        "dual": edges_module.CurrentReceptor(edges_module.DualExponential()),
        "ampa": edges_module.AMPA(),
        "direct": edges_module.DirectConductance(),
        "non_negative": edges_module.NonNegative(edges_module.ExponentialConductance()),
        "plastic": edges_module.ShortTermPlasticity(
            edges_module.Projection(
                "a",
                "b",
                [0.1, 0.2, 0.3],
                edges_module.Dale(sparse, [1, -1]),
                delays=[1.0, 2.0, 3.0],
                spike_times="interpolated",
            )
        ),
    }
    noise = {
        "poisson": edges_module.PoissonNoise("a", rate=10.0),
        "gaussian": edges_module.GaussianNoise("a"),
        "events": edges_module.GaussianEvents("a"),
        "coloured": edges_module.OrnsteinUhlenbeck("a"),
        "tuned": edges_module.TunedCurrent("a", "b", 3),
        "tuned_events": edges_module.TunedPoisson("a", "b", 3),
    }
    learning = {
        name: Plastic(edges_module.Projection("a", "b", [[0.1]]), rule, third="a")
        for name, rule in RULES.items()
    }
    starts = {
        "uniform": neurons_module.UniformStart(-1.0, 1.0),
        "normal": neurons_module.NormalStart(0.0, 0.1),
        "lognormal": neurons_module.LognormalStart(0.5, 0.1),
        "sparse": neurons_module.SparseStart(neurons_module.ConstantStart(2.0), density=0.1),
    }
    cells = {name: make() for name, make in MODELS.items()}
    return cells | graded | synapses | noise | starts | {"learning": learning}


def test_every_model_survives(tmp_path):
    models = every_model()
    save(models, tmp_path / "models")
    same(load(tmp_path / "models"), models)


def test_everything_is_in_the_test_network(network, tmp_path):
    save([network, every_model()], tmp_path / "net")
    text = json.dumps(structure_of(tmp_path / "net"))
    for package in (
        neurons_module,
        edges_module,
        integrators_module,
        plasticity_module,
        surrogates_module,
    ):
        for name, cls in vars(package).items():
            if not (isinstance(cls, type) and issubclass(cls, eqx.Module)):
                continue
            if cls in PARTS:
                continue
            if not inspect.isabstract(cls) and not name.startswith("Abstract"):
                assert f'"{package.__name__}:{name}"' in text, f"add {name} to whole_network()"


def test_network_and_state_survive_and_run_on_alike(network, tmp_path):
    first = run(network)
    whole = run(network, first.state)
    assert first["own.spikes"].sum() > 0  # an idle network would hide a difference
    assert whole["sparse.spikes"].sum() > 0
    save(network, tmp_path / "net")
    save(first.state, tmp_path / "state")
    loaded, state = load(tmp_path / "net"), load(tmp_path / "state")
    same(network, loaded)
    same(first.state, state)
    assert str(network) == str(loaded)
    same(run(loaded).records, first.records)
    continued = run(loaded, state)
    same(continued.records, whole.records)
    same(continued.state, whole.state)


def test_a_network_that_learns_survives_and_learns_on_alike(tmp_path):
    sparse = Sparse([0, 1, 0, 2], [1, 0, 0, 1], 2)  # not sorted
    rule = RewardSTDP(PairSTDP(0.5, 0.4, bounds=SoftBounds(0.0, 9.0)), tau_e=20.0)
    edge = Plastic(Projection("in", "out", jnp.full(4, 5.0), sparse), rule, third="reward")
    nodes = {"in": Input(3), "reward": Input(1), "out": Population(LIF(reset_by="value"), 2)}
    network = Network(nodes, {"learns": edge})

    def learn(network, state=None):
        inputs = {"in": Poisson(200.0), "reward": Constant(0.3)}
        key = jax.random.key(1)
        return simulate(network, inputs, dt=1.0, steps=30, key=key, state=state).state

    first = learn(network)
    save(network, tmp_path / "net")
    save(first, tmp_path / "state")
    loaded, state = load(tmp_path / "net"), load(tmp_path / "state")
    same(network, loaded)
    same(first, state)
    second = learn(network, first)
    same(learn(loaded, state), second)
    weight = second.edges["learns"].weight
    assert jnp.all(weight != first.edges["learns"].weight)


def test_containers_numbers_and_arrays_keep_their_kind(tmp_path):
    tree = {
        "none": None,
        "flags": [True, False],
        "numbers": (1, -(2**70), 0.1, float("inf"), float("-inf"), 1e-300),
        "text": "ü\n\"'",
        3: {},
        "bfloat": jnp.asarray([1.5, -2.0], jnp.bfloat16),
        "float8": jnp.asarray([1.5, -2.0], jnp.float8_e4m3fn),
        "integers": jnp.arange(3, dtype=jnp.int8),
        "mask": jnp.asarray([True, False]),
        "empty": jnp.zeros((0, 3)),
        "not a number": jnp.asarray([jnp.nan, -0.0]),
        "host": np.arange(6, dtype=">f8").reshape(2, 3).T,
        "scalar": np.float64(0.1),
        "words": np.array(["a", "bc"]),
        "keys": jax.random.split(jax.random.key(3, impl="rbg"), 2),
        "file": jnp.ones(2),
        "a.b": jnp.zeros(1),
        "a": {"b": jnp.ones(1)},
    }
    save(tree, tmp_path / "tree")
    back = load(tmp_path / "tree")
    assert list(back) == list(tree)
    for name in ("none", "flags", "numbers", "text", 3):
        assert back[name] == tree[name]
        assert type(back[name]) is type(tree[name])
    assert [type(x) for x in back["flags"]] == [bool, bool]
    arrays = [name for name in tree if isinstance(tree[name], jax.Array) and name != "keys"]
    for name in (*arrays, "host", "words"):
        assert back[name].dtype == tree[name].dtype
        assert isinstance(back[name], jax.Array) == isinstance(tree[name], jax.Array)
        assert np.asarray(back[name]).tobytes() == np.asarray(tree[name]).tobytes()
    assert type(back["scalar"]) is np.float64
    assert back["scalar"] == tree["scalar"]
    assert back["a"]["b"] == 1.0
    assert jax.random.key_impl(back["keys"]) == jax.random.key_impl(tree["keys"])
    draw = jax.random.normal
    np.testing.assert_array_equal(draw(back["keys"][1]), draw(tree["keys"][1]))
    save(float("nan"), tmp_path / "nan")
    assert np.isnan(load(tmp_path / "nan"))


def test_the_file_is_plain_numpy_and_equal_trees_give_equal_files(network, tmp_path):
    save(network, tmp_path / "one")
    save(load(tmp_path / "one"), tmp_path / "two.other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two.other").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two.other"]
    with np.load(tmp_path / "one", allow_pickle=False) as file:
        weight = network.edges["sparse_to_own"].weight
        np.testing.assert_array_equal(file["edges.sparse_to_own.weight"], weight)


def test_classes_are_named_by_the_package_that_exports_them(network, tmp_path):
    save(network, tmp_path / "net")
    text = json.dumps(structure_of(tmp_path / "net"))
    assert '"jaxneuro.network:Network"' in text
    assert '"jaxneuro.neurons:LIF"' in text
    assert f'"{__name__}:MyNeuron"' in text
    assert "._" not in text.replace("jaxneuro.network._stages", "")


def test_double_precision(tmp_path):
    with jax.enable_x64(True):
        save({"tau": jnp.asarray(0.1, jnp.float64)}, tmp_path / "double")
        assert load(tmp_path / "double")["tau"] == 0.1
    with pytest.raises(ValueError, match=r"'tau' .* is float64, which JAX would cut to float32"):
        load(tmp_path / "double")


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"drive": Function(lambda t: t)}, r"'drive\.function' is <function"),
        ({"kind": (1, np.float32)}, r"'kind\.1' is <class 'numpy\.float32'>"),
        ([types.SimpleNamespace()], r"'0' is namespace\(\) of type SimpleNamespace"),
        ({(1, 2): 0}, r"the key \(1, 2\)"),
        ([np.array([None])], "of type ndarray"),
        ([jax.tree_util.Partial(jnp.sin)], "of type Partial"),
    ],
)
def test_what_cannot_be_saved_is_named(tree, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save(tree, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_local_class_and_traced_leaf_are_refused(tmp_path):
    class Local(eqx.Module):
        x: int = 0

    with pytest.raises(TypeError, match=r"Local.*Define it at the top of a module"):
        save(Local(), tmp_path / "x")
    with pytest.raises(TypeError, match="'x' is traced"):
        jax.jit(lambda x: save({"x": x}, tmp_path / "x"))(1.0)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    save({"a": jnp.ones(3)}, path)
    before = path.read_bytes()

    def broken(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(np.lib.format, "write_array", broken)
    with pytest.raises(OSError, match="disk full"):
        save({"a": jnp.zeros(3)}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing"):
        load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="no folder"):
        save(1, tmp_path / "nowhere" / "x")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    np.savez(tmp_path / "arrays.npz", a=np.ones(2))
    with zipfile.ZipFile(tmp_path / "json", "w") as file:
        file.writestr("structure.json", "[1")
    for name in ("text", "arrays.npz", "json"):
        with pytest.raises(ValueError, match="not written by `save`"):
            load(tmp_path / name)


def test_newer_version_is_refused(tmp_path):
    save(1, tmp_path / "x")
    rewrite(tmp_path / "x", lambda structure: structure | {"version": 2})
    with pytest.raises(ValueError, match=r"has version 2 .* reads version 1\. Update jaxneuro"):
        load(tmp_path / "x")


def test_damage_is_noticed(tmp_path):
    path = tmp_path / "x"
    save({"a": jnp.arange(1000.0)}, path)
    data = path.read_bytes()
    position = data.index(np.float32(500.0).tobytes() + np.float32(501.0).tobytes())
    flipped = bytearray(data)
    flipped[position] ^= 1
    for damaged in (data[: len(data) // 2], bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is damaged"):
            load(path)
    path.write_bytes(data)
    rewrite(path, lambda s: s["tree"]["dict"][0][1].update(name="b"))
    with pytest.raises(ValueError, match="lacks the array 'a'"):
        load(path)


def fields_of(structure):
    return structure["tree"]["fields"]


def test_class_that_is_gone(tmp_path, monkeypatch):
    module = types.ModuleType("cells_of_a_colleague")
    exec("import equinox as eqx\nclass Cell(eqx.Module):\n    n: int = 1", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    save(module.Cell(), tmp_path / "x")
    assert load(tmp_path / "x") == module.Cell()
    del module.Cell
    with pytest.raises(ImportError, match=r"is a Cell, but 'cells_of_a_colleague' has no such"):
        load(tmp_path / "x")
    monkeypatch.delitem(sys.modules, module.__name__)
    with pytest.raises(ImportError, match=r"module 'cells_of_a_colleague', which cannot be"):
        load(tmp_path / "x")


def test_field_that_the_class_has_lost(tmp_path):
    save(LIF(), tmp_path / "x")
    rewrite(tmp_path / "x", lambda s: fields_of(s).update(leak=1))
    with pytest.raises(ValueError, match=r"has the field 'leak', which LIF has no longer"):
        load(tmp_path / "x")


def test_field_that_the_class_has_gained(tmp_path):
    neuron = LIF(tau=3.0, resistance=2.0)
    save(neuron, tmp_path / "x")
    rewrite(tmp_path / "x", lambda s: fields_of(s).pop("resistance") and s)
    loaded = load(tmp_path / "x")
    assert loaded.tau == 3.0
    assert isinstance(loaded.resistance, jax.Array)  # the default went through the converter
    assert loaded.resistance == 1.0
    save(Population(neuron, 3), tmp_path / "y")
    rewrite(tmp_path / "y", lambda s: fields_of(s).pop("surrogate") and s)
    same(load(tmp_path / "y").surrogate, SuperSpike())
    save(Refractory(neuron), tmp_path / "z")
    rewrite(tmp_path / "z", lambda s: fields_of(s).pop("neuron") and s)
    with pytest.raises(ValueError, match=r"lacks the field 'neuron', which Refractory has gained"):
        load(tmp_path / "z")


@pytest.mark.parametrize("name", ["os:system", "subprocess:Popen", "builtins:dict"])
def test_only_modules_are_made(name, tmp_path):
    save(LIF(), tmp_path / "x")
    rewrite(tmp_path / "x", lambda s: s["tree"].update({"class": name, "fields": {}}))
    with pytest.raises(ValueError, match="is no equinox Module: refused"):
        load(tmp_path / "x")


def test_abstract_class_is_refused(tmp_path):
    save(LIF(), tmp_path / "x")
    rewrite(
        tmp_path / "x", lambda s: s["tree"].update({"class": "jaxneuro.neurons:AbstractNeuron"})
    )
    with pytest.raises(ValueError, match="is an abstract class now"):
        load(tmp_path / "x")


def test_drive_with_parts_left_out(tmp_path):
    save(Drive(jump=jnp.ones(2)), tmp_path / "x")
    same(load(tmp_path / "x"), Drive(jump=jnp.ones(2)))
