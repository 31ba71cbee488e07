import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxneuro import Layer, sequential
from jaxneuro.edges import Dense
from jaxneuro.neurons import LI, LIF
from jaxneuro.training import Checkpoints, Classifier, Diverged, Trainable, train, trainable

SAMPLES, BATCH = 22, 4  # 5 batches; 2 samples are left out of each epoch
STEPS = SAMPLES // BATCH
DATA = {"x": np.arange(SAMPLES, dtype=np.float32), "row": np.arange(SAMPLES)}


def line(model, batch, key):
    """Fits y = 2 x / 20 - 1 with noise drawn from the key."""
    x = batch["x"] / 20.0
    noise = 0.01 * jax.random.normal(key, x.shape)
    loss = jnp.mean((model["weight"] * x + model["bias"] + noise - 2.0 * x + 1.0) ** 2)
    seen = jnp.zeros(SAMPLES).at[batch["row"]].add(1.0)
    return loss, {"loss": loss, "accuracy": -loss, "seen": seen}


def model():
    return {"weight": jnp.asarray(0.0), "bias": jnp.asarray(0.0), "other": jnp.asarray(3)}


def fit(loss=line, start=None, data=DATA, **options):
    options = {
        "optimizer": optax.adam(0.05),
        "epochs": 4,
        "batch_size": BATCH,
        "key": jax.random.key(0),
    } | options
    return train(loss, model() if start is None else start, data, **options)


def bits(parameters):
    return {path: np.asarray(x).tobytes() for path, x in parameters.items()}


def test_the_loss_falls_and_the_optimum_is_found():
    epochs = []
    result = fit(epochs=60, on_epoch=epochs.append)
    assert epochs[-1].metrics["loss"] < 1e-3 < 0.1 < epochs[0].metrics["loss"]
    assert result.model["weight"] == pytest.approx(2.0, abs=0.1)
    assert result.model["bias"] == pytest.approx(-1.0, abs=0.1)
    assert result.model["other"] == 3
    assert result.steps == 60 * STEPS
    assert result.best is None
    assert result.compile_seconds > 0


def test_one_step_is_one_step_of_the_optimiser():
    def loss(model, batch, key):
        return (model["weight"] - batch.sum()) ** 2, {}

    result = fit(
        loss,
        {"weight": jnp.asarray(1.0)},
        jnp.ones(3),
        batch_size=3,
        epochs=1,
        optimizer=optax.sgd(0.1),
    )
    assert result.model["weight"] == pytest.approx(1.0 - 0.1 * 2 * (1.0 - 3.0), rel=1e-6)


def test_each_epoch_has_every_sample_at_most_once_in_another_order():
    def loss(model, batch, key):
        place = jnp.zeros(SAMPLES).at[batch["row"]].set(jnp.arange(1.0, BATCH + 1.0))
        return model["weight"] ** 2, {"seen": (place > 0).astype(float), "place": place}

    epochs = []
    fit(loss, on_epoch=epochs.append)
    seen = np.stack([STEPS * epoch.metrics["seen"] for epoch in epochs])
    np.testing.assert_allclose(seen.sum(1), STEPS * BATCH)  # the incomplete batch is left out
    assert set(np.unique(seen.round(5))) == {0.0, 1.0}
    assert len({tuple(row) for row in seen}) > 1  # not always the same samples are left out
    assert len({tuple(epoch.metrics["place"]) for epoch in epochs}) == len(epochs)


def test_the_same_key_gives_the_same_bits_and_another_key_others():
    first, second, other = fit(), fit(), fit(key=jax.random.key(1))
    assert bits(first.parameters) == bits(second.parameters)
    assert bits(first.parameters) != bits(other.parameters)


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    stop = 2

    class Killed(Exception):
        pass

    def kill(epoch):
        seen.append(epoch.epoch)
        if epoch.epoch == stop + 1:  # after this epoch, before its checkpoint
            raise Killed

    whole, seen = fit(evaluate=lambda m: {"accuracy": m["weight"]}), []
    checkpoints = Checkpoints(tmp_path, seconds=0.0)
    with pytest.raises(Killed):
        fit(checkpoints=checkpoints, on_epoch=kill, evaluate=lambda m: {"accuracy": m["weight"]})
    checkpoints.close()
    assert Checkpoints(tmp_path).epoch() == stop

    resumed = []
    result = fit(
        checkpoints=Checkpoints(tmp_path),
        on_epoch=resumed.append,
        evaluate=lambda m: {"accuracy": m["weight"]},
    )
    assert [epoch.epoch for epoch in resumed] == list(range(stop + 1, 5))
    assert [epoch.step for epoch in resumed] == [STEPS * e for e in range(stop + 1, 5)]
    assert bits(result.parameters) == bits(whole.parameters)
    assert result.best == whole.best


def test_a_finished_run_is_resumed_without_a_step(tmp_path):
    whole = fit(checkpoints=Checkpoints(tmp_path))
    epochs = []
    again = fit(checkpoints=Checkpoints(tmp_path), on_epoch=epochs.append)
    assert epochs == []
    assert bits(again.parameters) == bits(whole.parameters)
    # Asked for fewer epochs than are done, it says how many steps those were.
    assert fit(checkpoints=Checkpoints(tmp_path), epochs=2).steps == 4 * STEPS


def test_what_on_progress_and_on_epoch_get():
    progress, epochs = [], []
    fit(
        on_progress=progress.append,
        on_epoch=epochs.append,
        epochs=2,
        evaluate=lambda m: {"accuracy": 0.5, "other": jnp.asarray(0.25)},
    )
    assert [(e.epoch, e.step) for e in epochs] == [(1, STEPS), (2, 2 * STEPS)]
    assert epochs[0].scores == {"accuracy": 0.5, "other": 0.25}
    assert all(type(x) is float for x in epochs[0].scores.values())
    assert epochs[0].seconds > 0
    assert set(epochs[0].metrics) == {"loss", "accuracy", "seen"}
    assert epochs[0].metrics["loss"] == -epochs[0].metrics["accuracy"]
    for number in (0, 1):
        inside = [p for p in progress if p.epoch == number]
        assert [p.step for p in inside] == sorted({p.step for p in inside})
        assert inside[-1].step == inside[-1].steps == STEPS
        # A mean over the steps so far: each step sees BATCH samples.
        assert all(p.metrics["seen"].sum() == pytest.approx(BATCH) for p in inside)
    assert progress[-1].metrics["loss"] == epochs[-1].metrics["loss"]


@pytest.mark.parametrize(
    ("scores", "best"),
    [([0.2, 0.8, 0.5], 0.8), ([np.nan, 0.3, np.nan], 0.3), ([np.float32(0.5)] * 3, 0.5)],
)
def test_best_is_the_highest_score_that_is_a_number(tmp_path, scores, best):
    left = iter(scores)
    result = fit(
        epochs=3,
        evaluate=lambda m: {"accuracy": next(left)},
        checkpoints=Checkpoints(tmp_path, seconds=0.0),
    )
    assert result.best == best


def test_the_callers_models_survive_the_donation():
    start, kept = model(), []

    def keep(trained):
        kept.append(trained)
        return {}

    result = fit(start=start, evaluate=keep)
    assert start["weight"] == 0.0
    weights = [float(m["weight"]) for m in kept]
    assert len(set(weights)) == 4
    assert weights[-1] == result.model["weight"]


def test_data_shorter_than_a_batch_or_of_different_lengths():
    with pytest.raises(ValueError, match="22 samples do not fill one batch of 23"):
        fit(batch_size=23)
    with pytest.raises(ValueError, match=r"different lengths, \[3, 4\]"):
        fit(data={"x": np.zeros(3), "row": np.zeros(4)})


def test_nothing_to_train_is_an_error():
    with pytest.raises(ValueError, match="no leaf to train"):
        fit(start={"other": jnp.asarray(3.0)})


def spoilt_at(bad, leaf="weight"):
    """A loss whose gradient for one leaf is NaN in one step, while the loss is still finite."""

    def loss(model, batch, key):
        spoil = jnp.where(model["step"] == bad, jnp.nan, 0.0)
        # A product: once one of the two is NaN, so are the gradients of both.
        value = model["weight"] ** 2 * model["bias"] ** 2
        spoilt = jax.custom_jvp(lambda x: x * 0.0)
        spoilt.defjvp(lambda x, t: (x[0] * 0.0, spoil * t[0]))
        # `step` has gradient -1 and learning rate 1: it counts.
        steps = model["step"] - jax.lax.stop_gradient(model["step"])
        return value + spoilt(model[leaf]) - steps, {"step": model["step"]}

    return loss


def diverge(bad, tmp_path=None, leaf="weight"):
    start = {"bias": jnp.asarray(1.0), "step": jnp.asarray(0.0), "weight": jnp.asarray(1.0)}
    seen, checkpoints = [], None if tmp_path is None else Checkpoints(tmp_path, seconds=0.0)
    with pytest.raises(Diverged) as caught:
        fit(
            spoilt_at(bad, leaf),
            start,
            optimizer=optax.multi_transform(
                {"count": optax.sgd(1.0), "slow": optax.sgd(0.01)},
                {"bias": "slow", "step": "count", "weight": "slow"},
            ),
            chosen=trainable(start, ["*"]),
            checkpoints=checkpoints,
            on_epoch=seen.append,
            on_progress=seen.append,
        )
    return str(caught.value), seen


def test_diverged_names_epoch_step_parameter_and_checkpoint(tmp_path):
    # Step 11 (of 0, 1, ...) spoils the weight; the loss of step 12 is the first that is NaN.
    message, seen = diverge(2 * STEPS + 1, tmp_path)
    assert "the loss is nan in epoch 3, step 3 of 5" in message
    assert "no longer finite is 'weight'" in message
    assert f"the last good checkpoint is {tmp_path / '2'}" in message
    # No further step was done: nothing is reported beyond the step before.
    assert max(p.epoch * STEPS + p.step for p in seen if hasattr(p, "steps")) <= 2 * STEPS + 2
    assert Checkpoints(tmp_path).epoch() == 2


def test_diverged_names_the_other_parameter_and_no_checkpoint():
    message, _ = diverge(0, leaf="bias")
    assert "epoch 1, step 2 of 5" in message
    assert "no longer finite is 'bias'" in message
    assert "no checkpoint was written" in message


def test_a_parameter_spoilt_by_the_last_step_of_an_epoch_is_not_saved(tmp_path):
    message, _ = diverge(2 * STEPS - 1, tmp_path)
    assert "a parameter is not finite after epoch 2, step 5 of 5" in message
    assert "'weight'" in message
    assert Checkpoints(tmp_path).epoch() == 1


def test_a_loss_that_is_infinite_with_finite_parameters():
    def loss(model, batch, key):
        return jnp.exp(model["weight"] + 1000.0), {}

    with pytest.raises(Diverged, match=r"loss is inf in epoch 1, step 1.*still finite"):
        fit(loss, {"weight": jnp.asarray(1.0)})


def test_prepare_runs_before_the_loss_with_a_key_of_its_own():
    def prepare(batch, key):
        return {"x": batch["x"] + 100.0, "noise": jax.random.normal(key, batch["x"].shape)}

    def loss(model, batch, key):
        same = jnp.mean(batch["noise"] - jax.random.normal(key, batch["x"].shape))
        return model["weight"] ** 2, {"low": batch["x"].min(), "same": same}

    epochs = []
    fit(loss, prepare=prepare, epochs=1, on_epoch=epochs.append)
    assert epochs[0].metrics["low"] >= 100.0
    assert epochs[0].metrics["same"] != 0.0


def test_a_model_with_leaves_that_are_no_arrays():
    net = eqx.nn.MLP(1, "scalar", 8, 1, activation=jnp.tanh, key=jax.random.key(0))

    def loss(model, batch, key):
        x = batch["x"][:, None] / 20.0
        error = jnp.mean((jax.vmap(model)(x) - x[:, 0] ** 2) ** 2)
        return error, {"loss": error}

    epochs = []
    result = fit(loss, net, epochs=30, on_epoch=epochs.append)
    assert epochs[-1].metrics["loss"] < 0.1 * epochs[0].metrics["loss"]
    assert isinstance(result.model, eqx.nn.MLP)
    assert result.model.activation is net.activation


def test_a_loss_in_double_precision(x64):
    start = {"weight": jnp.asarray(0.0, jnp.float64), "bias": jnp.asarray(0.0, jnp.float64)}
    result = fit(start=start, data={**DATA, "x": DATA["x"].astype(np.float64)}, epochs=1)
    assert result.parameters["weight"].dtype == jnp.float64


def test_a_network_learns_a_separable_problem():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64).astype(np.int32)
    inputs = (rng.random((64, 6)) * 0.3).astype(np.float32)
    inputs[np.arange(64), labels] += 1.0
    net = sequential(
        6,
        Layer(Dense(12), LIF(tau=5.0)),
        Layer(Dense(2), LI(tau=10.0)),
        key=jax.random.key(0),
    )
    task = Classifier(steps=5, gain=3.0)
    epochs = []
    result = train(
        task.loss,
        net,
        (inputs, labels),
        optimizer=optax.adam(0.01),
        epochs=15,
        batch_size=16,
        key=jax.random.key(0),
        on_epoch=epochs.append,
    )
    assert epochs[-1].metrics["loss"] < 0.7 * epochs[0].metrics["loss"]
    assert epochs[-1].metrics["accuracy"] > 0.95
    assert isinstance(trainable(result.model), Trainable)
    assert epochs[0].metrics["rates"]["hidden1"].shape == (12,)


def test_a_checkpoint_of_another_key_is_refused(tmp_path):
    data = (jnp.ones((8, 2)),)
    options = {"optimizer": optax.sgd(0.1), "epochs": 1, "batch_size": 4}

    def loss(model, batch, key):
        return jnp.mean((batch[0] @ model["weight"]) ** 2), {}

    model = {"weight": jnp.ones((2, 1))}
    train(loss, model, data, key=jax.random.key(0), checkpoints=Checkpoints(tmp_path), **options)
    with pytest.raises(ValueError, match="another key"):
        train(
            loss, model, data, key=jax.random.key(1), checkpoints=Checkpoints(tmp_path), **options
        )
