"""Training on several devices: the same numbers as on one, up to the order of sums."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import environment, free_port

from jaxneuro import Layer, sequential
from jaxneuro.edges import Dense
from jaxneuro.evolution import LowRankES
from jaxneuro.neurons import LI, LIF
from jaxneuro.training import Checkpoints, Classifier, evolve, train, trainable
from jaxneuro.training._placement import Placement, choose_placement, map_samples

BATCH, SAMPLES, EPOCHS, SEED = 16, 70, 2, 5
TASK = Classifier(steps=4, encoding="rate", gain=700.0, silence=0.1)
OPTIMIZER = optax.adam(0.01)


def spiking():
    net = sequential(
        6,
        Layer(Dense(12), LIF(tau=5.0), recurrent=True),
        Layer(Dense(7), LIF(tau=5.0), dropout=0.3),
        Layer(Dense(3), LI(tau=10.0)),
        key=jax.random.key(0),
    )
    return TASK.loss, net, samples(np.float32)


def smooth(dtype):
    """A loss without spikes, which knows nothing of devices."""

    def loss(model, batch, key):
        hidden = jnp.tanh(batch[0] @ model["a.weight"])
        kept = jax.random.bernoulli(key, 0.7, hidden.shape)
        scores = jnp.where(kept, hidden, 0.0) @ model["b.weight"]
        value = optax.softmax_cross_entropy_with_integer_labels(scores, batch[1]).mean()
        return value, {"loss": value}

    first, second = jax.random.split(jax.random.key(SEED))
    a, b = (6, 12), (12, 3)
    model = {
        "a.weight": jax.random.normal(first, a, dtype),
        "b.weight": jax.random.normal(second, b, dtype),
    }
    return loss, model, samples(dtype)


def samples(dtype):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, SAMPLES).astype(np.int32)
    inputs = rng.random((SAMPLES, 6)) * 0.5
    inputs[np.arange(SAMPLES), labels] += 0.5
    return inputs.astype(dtype), labels


def shaken(batch, key):
    noise = jax.random.normal(key, batch[0].shape, batch[0].dtype)
    return jnp.clip(batch[0] + 0.1 * noise, 0.0, 1.0), batch[1]


def fit(case, devices=None, **options):
    given = {
        "optimizer": OPTIMIZER,
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "key": jax.random.key(SEED),
    }
    return train(*case, prepare=shaken, devices=devices, **given, **options)


def climb(devices=None):
    start = {"x": jnp.zeros(3)}
    return evolve(
        lambda model, batch, key: -jnp.sum((model["x"] - 3.0) ** 2),
        start,
        LowRankES(16, sigma=0.1, optimizer=optax.adam(0.1)),
        generations=3,
        key=jax.random.key(SEED),
        chosen=trainable(start, "x"),
        devices=devices,
    ).parameters


def save(folder, name, parameters):
    np.savez(Path(folder) / f"{name}.npz", **{k: np.asarray(x) for k, x in parameters.items()})


def on_eight_devices(folder):
    """Runs in a process of its own."""
    jax.config.update("jax_num_cpu_devices", 8)
    devices = jax.devices()
    assert len(devices) == 8
    compile_, programs = Placement.compile, []

    def keep(*given, **options):
        programs.append(compile_(*given, **options))
        return programs[-1]

    Placement.compile = keep
    save(folder, "spiking", fit(spiking(), devices).parameters)

    def count_devices(model):
        return {"accuracy": len(model["a.weight"].devices())}

    with jax.enable_x64(True):
        result = fit(smooth(np.float64), devices, evaluate=count_devices)
    assert result.best == 1.0
    save(folder, "double", result.parameters)
    (Path(folder) / "program.txt").write_text(programs[0].as_text())


def in_two_processes(folder, port, number):
    """Runs in two processes of their own, each with four devices."""
    jax.config.update("jax_num_cpu_devices", 4)
    jax.distributed.initialize(f"127.0.0.1:{port}", 2, int(number))
    devices = jax.devices()
    assert len(devices) == 8
    checkpoints = Path(folder) / "checkpoints"
    scores, reports = [], []

    def evaluate(model):
        scores.append(float(model["a.weight"].sum()))
        return {"accuracy": scores[-1]}

    def run():
        kept = Checkpoints(checkpoints, seconds=0.0)
        options = {"checkpoints": kept, "on_epoch": reports.append}
        return fit(smooth(np.float32), devices, evaluate=evaluate, **options).parameters

    whole = run()
    if number == "0":
        assert sorted(p.name for p in checkpoints.iterdir()) == ["1", "2"]
        shutil.rmtree(checkpoints / "2")
    resumed = run()
    assert [report.epoch for report in reports] == [1, 2, 2]
    assert scores[1] == scores[2]
    assert float(reports[1].metrics["loss"]) == float(reports[2].metrics["loss"])
    save(folder, f"whole-{number}", whole)
    save(folder, f"resumed-{number}", resumed)
    save(folder, f"evolved-{number}", climb())


def start(function, *arguments):
    code = f"import sys, test_data_parallel as t; t.{function}(*sys.argv[1:])"
    here = Path(__file__).parent
    variables = environment()
    path = ":".join([str(here), str(here.parent), variables["PYTHONPATH"]])
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables | {"PYTHONPATH": path},
    )


def finish(*processes):
    for process in processes:
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err


def distance(path, wanted):
    """The largest difference, relative to numbers above 1."""
    with np.load(path) as found:
        assert set(found) == set(wanted)
        pairs = [(found[name], np.asarray(x)) for name, x in wanted.items()]
    return max(float((abs(x - y) / (1.0 + abs(y))).max()) for x, y in pairs)


@pytest.fixture(scope="module")
def alone():
    """What one device gives for the loss without spikes."""
    return fit(smooth(np.float32)).parameters


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eight")
    finish(start("on_eight_devices", folder))
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    port = free_port()
    finish(*[start("in_two_processes", folder, port, number) for number in (0, 1)])
    return folder


def test_eight_devices_give_the_same_as_one(eight):
    # Poisson input, dropout, recurrence, augmentation and a penalty on the mean over the batch.
    assert distance(eight / "spiking.npz", fit(spiking()).parameters) < 2e-6


def test_eight_devices_give_the_same_as_one_in_double_precision(eight, x64):
    wanted = fit(smooth(np.float64)).parameters
    assert wanted["a.weight"].dtype == np.float64
    assert distance(eight / "double.npz", wanted) < 1e-12


def test_each_device_computes_its_part_of_the_batch(eight):
    program = (eight / "program.txt").read_text()
    # Weights are summed over all devices together; nothing is gathered or computed everywhere.
    assert len(re.findall(r" all-reduce\(", program)) <= 2
    assert not re.findall(r" (?:all-gather|all-to-all|collective-permute)\(", program)
    rows = BATCH // 8
    assert f"f32[{rows},12]" in program  # the first layer's membrane
    assert not re.findall(rf"\w+\[(?:\d+,)?{BATCH}(?:,\d+)*,(?:12|7|3)\]", program)


@pytest.mark.parametrize("name", ["whole", "resumed"])
def test_two_processes_give_the_same_as_one_device(two, alone, name):
    assert distance(two / f"{name}-0.npz", alone) < 1e-6
    both = [(two / f"{name}-{number}.npz").read_bytes() for number in (0, 1)]
    assert both[0] == both[1]


def test_a_run_of_two_processes_is_resumed_to_the_same_bits(two):
    assert (two / "whole-0.npz").read_bytes() == (two / "resumed-0.npz").read_bytes()


def test_two_processes_evolve_the_same_as_one(two):
    assert distance(two / "evolved-0.npz", climb(jax.devices()[:1])) < 1e-6
    assert (two / "evolved-0.npz").read_bytes() == (two / "evolved-1.npz").read_bytes()


def test_a_mesh_of_one_device_gives_the_same_bits(alone):
    found = fit(smooth(np.float32), jax.devices()[:1]).parameters
    for name, x in alone.items():
        np.testing.assert_array_equal(found[name], x)


def test_samples_are_mapped_without_a_mesh_and_with_one():
    def total(weight, x):
        return map_samples(lambda w, one: jnp.tanh(one @ w), weight, x).sum()

    weight, x = jnp.ones((3, 2)), jax.random.normal(jax.random.key(SEED), (4, 3))
    wanted = jax.grad(lambda w: jnp.tanh(x @ w).sum())(weight)
    place = choose_placement(4, jax.devices()[:1])
    found = jax.grad(total)(weight, x)
    divided = place.compile(jax.grad(total), *place.everywhere((weight, x)), donated=())
    for gradient in (found, divided(*place.everywhere((weight, x)))):
        np.testing.assert_allclose(gradient, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("size", "count", "wanted"),
    [
        (
            16,
            3,
            "a batch of 16 cannot be split over 3 devices evenly. Choose a batch_size of 15 or",
        ),
        (2, 4, "Choose a batch_size of 4, or another number of devices"),
        (2, 0, "devices is empty"),
    ],
)
def test_batches_that_the_devices_cannot_share(size, count, wanted):
    with pytest.raises(ValueError, match=wanted):
        choose_placement(size, jax.devices()[:1] * count)
