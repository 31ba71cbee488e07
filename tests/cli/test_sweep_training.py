import tomllib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.cli._build import build_optimizer
from jaxneuro.cli._config import Config
from jaxneuro.cli._session import Session
from jaxneuro.cli._sweep_training import DIMS, DYNAMIC, UNITS, put_values, training_lane
from jaxneuro.cli._train import Descent, TrainArguments
from jaxneuro.training import evaluate

TABLE = tomllib.loads("""
seed = 3

[network]
layers = [{size = 12, dropout = 0.1}]

[network.neuron]
model = "CurrentLIF"

[augmentation]
shift = 0.5

[presentation]
steps = 6
gain = 12.0

[training]
epochs = 2
batch_size = 256
""")
CONFIG = Config.model_validate(TABLE)
SEED = 5
OTHER = {  # than in the configuration
    "seed": 3,
    "augmentation.shift": 1.0,
    "augmentation.rotation": 10.0,
    "augmentation.scale": 0.1,
    "augmentation.shear": 0.1,
    "network.neuron.tau": 8.0,
    "network.neuron.tau_syn": 4.0,
    "network.neuron.threshold": 0.8,
    "network.neuron.refractory": 1.0,
    "network.readout_tau": 5.0,
    "network.gain": 3.0,
    "presentation.gain": 9.0,
    "presentation.label_smoothing": 0.2,
    "presentation.silence_penalty": 10.0,
    "presentation.saturation_penalty": 10.0,
    "optimizer.learning_rate": 1e-2,
    "optimizer.weight_decay": 1.0,
    "optimizer.clip": 0.01,
}


def value(config, name):
    for part in name.split("."):
        config = getattr(config, part)
    return config


def lanes_of(*changes):
    """Points that have the configuration's values, seed 5, and these changes."""
    base = {name: value(CONFIG, name) for name in DYNAMIC} | {"seed": SEED}
    rows = [base | change for change in changes]
    return {name: jnp.asarray([row[name] for row in rows]) for name in DYNAMIC}


@pytest.fixture(scope="module")
def program():
    """A compiled map of lanes in which all fields vary."""
    lane = training_lane(CONFIG, DYNAMIC, seeds=[SEED, CONFIG.seed])
    return jax.jit(lambda points: jax.lax.map(lambda p: lane(p, jax.random.key(0)), points))


@pytest.fixture(scope="module")
def lanes(program):
    """The plain lane, one for each changed field, one that diverges and one of a strange seed."""
    changes = [{}, *({name: x} for name, x in OTHER.items())]
    changes += [{"optimizer.learning_rate": 1e38}, {"seed": 4}]
    return jax.tree.map(np.asarray, program(lanes_of(*changes)))


def test_a_lane_is_a_run_of_the_command_with_its_seed(lanes, tmp_path):
    options = TrainArguments.model_validate({**TABLE, "seed": SEED, "run_dir": str(tmp_path / "r")})
    session = Session(options, "r", 0.0)
    session.open()
    result = Descent(session, session.folder.checkpoints).run(session.network)
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        found = [row[name] for row in session.rows]
        np.testing.assert_allclose(lanes[name][0], found, rtol=1e-5, err_msg=name)
    assert lanes["best_validation_accuracy"][0] == pytest.approx(result.best, rel=1e-6)
    for name, of_layer in (("spikes", "rate"), ("silent", "silent")):
        found = [row["layers"]["hidden1"][of_layer] for row in session.rows]
        np.testing.assert_allclose(lanes[name][0], found, rtol=1e-5, err_msg=name)
    for name in ("train", "test"):
        part, scale = getattr(session.data, name), session.data.scale
        graded = evaluate(session.task, result.model, part.inputs, part.labels, scale=scale)
        np.testing.assert_allclose(lanes[f"{name}_accuracy"][0], graded.accuracy, rtol=1e-6)


def test_every_dynamic_field_has_its_effect(lanes):
    assert OTHER.keys() == set(DYNAMIC)
    for lane, name in enumerate(OTHER, 1):
        assert not lanes["failed"][lane], name
        assert (lanes["train_loss"][lane] != lanes["train_loss"][0]).any(), name


def test_lanes_that_diverge_or_have_no_split_are_marked(lanes):
    assert lanes["failed"].tolist() == [False] * (1 + len(OTHER)) + [True, True]
    assert not np.isfinite(lanes["train_loss"][-2]).all()


def test_other_values_do_not_recompile(program, lanes):
    again = program(lanes_of(*({"network.neuron.tau": 5.0 + i} for i in range(len(OTHER) + 3))))
    assert program._cache_size() == 1
    np.testing.assert_array_equal(again["train_loss"][0], lanes["train_loss"][0])


def test_results_have_dims_and_units(lanes):
    assert set(lanes) >= set(DIMS) | set(UNITS)
    for name, x in lanes.items():
        assert x.shape[1:] == (CONFIG.training.epochs,) * len(DIMS.get(name, ())), name


def test_values_are_put_in_their_place():
    put = put_values(CONFIG, {"seed": 7, "network.neuron.tau": 6.0, "network.gain": 3.0})
    assert (put.seed, put.network.neuron.tau, put.network.gain) == (7, 6.0, 3.0)
    assert put.network.neuron.tau_syn == CONFIG.network.neuron.tau_syn
    assert (CONFIG.seed, CONFIG.network.neuron.tau, CONFIG.network.gain) == (3, 5.0, 2.0)


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_a_traced_rate_warms_up_as_a_number_does(schedule):
    changed = CONFIG.optimizer.model_copy(update={"schedule": schedule, "warmup": 0.4})
    config = CONFIG.model_copy(update={"optimizer": changed})

    def walk(config):
        optimizer, x = build_optimizer(config, 5), {"x": jnp.asarray(1.0)}
        state, path = optimizer.init(x), []
        with jax.numpy_dtype_promotion("standard"):
            for _ in range(5):
                step: Any
                step, state = optimizer.update(x, state, x)
                path.append(step["x"])
        return jnp.stack(path)

    rate = jnp.asarray(config.optimizer.learning_rate)
    traced = jax.jit(lambda x: walk(put_values(config, {"optimizer.learning_rate": x})))(rate)
    np.testing.assert_allclose(traced, walk(config), rtol=1e-5, atol=1e-9)
    is_level = float(traced[-1]) == pytest.approx(float(traced[2]), rel=1e-3)
    assert (traced[0], is_level) == (0.0, schedule == "constant")


def test_without_a_validation_part_nothing_is_said_of_it():
    data = CONFIG.data.model_copy(update={"validation": 0.0})
    lane = training_lane(CONFIG.model_copy(update={"data": data}), [])
    found = jax.eval_shape(lane, {}, jax.random.key(0))
    assert set(found) == {
        "failed",
        "silent",
        "spikes",
        "test_accuracy",
        "train_accuracy",
        "train_loss",
    }


def test_mistakes():
    with pytest.raises(ValueError, match=r"training\.epoch cannot vary .*There are seed"):
        training_lane(CONFIG, ["training.epoch"])
    with pytest.raises(ValueError, match="`seeds` must list"):
        training_lane(CONFIG, ["seed"])
    training = CONFIG.training.model_copy(update={"batch_size": 5000})
    with pytest.raises(ValueError, match="only 1294 training images"):
        training_lane(CONFIG.model_copy(update={"training": training}), [])
