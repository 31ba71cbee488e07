import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec as P

from jaxneuro.training import train, train_in_one_call, trainable

SAMPLES, BATCH, EPOCHS = 22, 4, 3  # 5 batches; 2 samples are left out of each epoch
DATA = {"x": np.arange(SAMPLES, dtype=np.float32)}
RATES = jnp.asarray([0.01, 0.05, jnp.inf])
KEY = jax.random.key(2)


def line(model, batch, key):
    """Fits y = 2 x / 20 - 1 with noise drawn from the key."""
    x = batch["x"] / 20.0
    noise = 0.01 * jax.random.normal(key, x.shape)
    loss = jnp.mean((model["weight"] * x + model["bias"] + noise - 2.0 * x + 1.0) ** 2)
    return loss, {"loss": loss, "seen": batch["x"].sum()}


def shaken(batch, key):
    return {"x": batch["x"] + 0.1 * jax.random.normal(key, batch["x"].shape)}


def scores(model):
    return {"accuracy": model["weight"] - model["bias"]}


def options(rate=0.05, key=KEY):
    model = {"weight": jnp.asarray(0.0), "bias": jnp.asarray(0.0), "other": jnp.asarray(3)}
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, 20))
    return (line, model, DATA), {
        "optimizer": optimizer,
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "key": key,
        "prepare": shaken,
    }


def run(rate, key):
    given, named = options(rate, key)
    result = train_in_one_call(*given, **named, evaluate=scores)
    return result.parameters, result.metrics, result.scores


@pytest.fixture(scope="module")
def stepwise():
    """The run of `train` with the second rate."""
    epochs = []
    given, named = options()
    result = train(*given, **named, evaluate=scores, on_epoch=epochs.append)
    metrics = jax.tree.map(lambda *x: np.stack(x), *[epoch.metrics for epoch in epochs])
    return result.parameters, metrics, {"accuracy": [e.scores["accuracy"] for e in epochs]}


def test_one_call_is_train(stepwise):
    for found, wanted in zip(jax.jit(run)(0.05, KEY), stepwise, strict=True):
        assert found.keys() == wanted.keys()
        for name, x in wanted.items():
            np.testing.assert_allclose(found[name], x, rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_model_keeps_its_other_leaves():
    given, named = options()
    result = train_in_one_call(*given, **named, chosen=trainable(given[1], "weight"))
    assert set(result.parameters) == {"weight"}
    assert result.model["weight"] == result.parameters["weight"] != 0
    assert (result.model["bias"], result.model["other"], result.scores) == (0, 3, {})
    assert result.metrics["loss"].shape == (EPOCHS,)


def by_map(rates, keys):
    return jax.lax.map(lambda lane: run(*lane), (rates, keys))


def by_shard(rates, keys):
    mesh = jax.make_mesh((1,), ("lanes",), axis_types=(jax.sharding.AxisType.Auto,))
    lanes = P("lanes")
    # Not `check_vma`: a run's first metrics are the same on all devices.
    part = jax.shard_map(
        by_map, mesh=mesh, in_specs=(lanes, lanes), out_specs=lanes, check_vma=False
    )
    return part(rates, keys)


@pytest.mark.parametrize("lanes", [jax.vmap(run), by_map, by_shard])
def test_many_runs_are_one_program_and_one_that_diverges_leaves_the_others_alone(lanes, stepwise):
    keys = jnp.stack([jax.random.key(7), KEY, KEY])
    parameters, metrics, _ = jax.jit(lanes)(RATES, keys)
    for name, x in stepwise[0].items():
        np.testing.assert_allclose(parameters[name][1], x, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(metrics["loss"][1], stepwise[1]["loss"], rtol=1e-4)
    assert np.isfinite(metrics["loss"][:2]).all()
    assert not np.isfinite(metrics["loss"][2]).any()
    # It goes on to the end: every epoch sees as much data as in the others.
    np.testing.assert_allclose(metrics["seen"][2], metrics["seen"][1], rtol=1e-6)


def test_data_shorter_than_a_batch_and_nothing_to_train_are_refused():
    given, named = options()
    with pytest.raises(ValueError, match="22 samples do not fill one batch of 23"):
        train_in_one_call(*given, **{**named, "batch_size": 23})
    with pytest.raises(ValueError, match="no leaf to train"):
        train_in_one_call(line, {"other": jnp.asarray(3)}, DATA, **named)
