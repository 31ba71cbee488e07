import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Layer, sequential, simulate
from jaxneuro.edges import Dense
from jaxneuro.neurons import LI, LIF
from jaxneuro.training import (
    Classifier,
    cross_entropy,
    membrane_mean,
    rate_mse,
    recall,
    trainable,
)

SPIKING = ("spike_count", "first_spike", "rate_mse")
KEY = jax.random.key(3)


def network(readout=None):
    layers = Layer(Dense(9), LIF(tau=5.0)), Layer(Dense(3), readout or LI(tau=10.0))
    return sequential(4, *layers, key=jax.random.key(0))


def value_and_gradient(task, net, batch):
    chosen = trainable(net)

    @jax.jit
    def run(parameters):
        loss = lambda p: task.loss(chosen.merge(net, p), batch, KEY)  # noqa: E731
        return jax.value_and_grad(loss, has_aux=True)(parameters)

    return run(chosen.split(net))


def test_loss_and_metrics_are_those_of_a_simulation():
    net, task = network(), Classifier(steps=6, dt=0.5, gain=4.0, smoothing=0.1)
    inputs = jax.random.uniform(KEY, (2, 4))
    labels = jnp.array([2, 0])
    loss, metrics = task.loss(net, (inputs, labels), KEY)
    losses, counts = [], []
    for x, label in zip(inputs, labels, strict=True):
        series = jnp.tile(4.0 * x, (6, 1))
        record = ("readout.v", "hidden1.spikes")
        run = simulate(net, {"input": series}, dt=0.5, key=KEY, record=record)
        losses.append(cross_entropy(membrane_mean(run["readout.v"]), label, 0.1))
        counts.append(run["hidden1.spikes"].sum(0))
    assert float(loss) == pytest.approx(float(np.mean(losses)), rel=1e-5)
    assert metrics["loss"] == loss
    assert set(metrics["rates"]) == {"hidden1"}
    assert np.sum(counts) > 0
    np.testing.assert_allclose(metrics["rates"]["hidden1"], np.mean(counts, 0) / 6, rtol=1e-6)


@pytest.mark.parametrize("objective", ["membrane_mean", "membrane_max", *SPIKING])
def test_variable_lengths_by_a_mask(objective):
    net = network(LIF(tau=5.0) if objective in SPIKING else None)
    series = 4.0 * jax.random.uniform(KEY, (2, 3, 4))
    padded = jnp.concatenate([series, jnp.full((2, 4, 4), 9.0)], axis=1)
    mask = jnp.tile(jnp.arange(7) < 3, (2, 1))
    labels = jnp.array([2, 0])
    short, long = (Classifier(steps=n, objective=objective) for n in (3, 7))
    (loss, _), gradient = value_and_gradient(short, net, (series, labels))
    (loss_padded, _), gradient_padded = value_and_gradient(long, net, (padded, labels, mask))
    assert float(loss_padded) == pytest.approx(float(loss), rel=1e-5)
    assert any(jnp.any(x != 0) for x in gradient.values())
    for path, expected in gradient.items():
        np.testing.assert_allclose(gradient_padded[path], expected, rtol=1e-4, atol=1e-6)


def test_penalties_are_added():
    net, inputs, labels = network(), jnp.zeros((2, 4)), jnp.array([0, 1])
    plain, _ = Classifier(steps=4).loss(net, (inputs, labels), KEY)
    silent, _ = Classifier(steps=4, silence=10.0).loss(net, (inputs, labels), KEY)
    assert float(silent - plain) == pytest.approx(10.0 * 1e-4, rel=1e-2)  # a small difference
    loud = 1000.0 * jnp.ones((2, 4))
    plain, metrics = Classifier(steps=4).loss(net, (loud, labels), KEY)
    saturated, _ = Classifier(steps=4, saturation=1e4).loss(net, (loud, labels), KEY)
    excess = np.maximum(np.asarray(metrics["rates"]["hidden1"]) - 0.5, 0.0)
    assert excess.max() == 0.5
    assert float(saturated - plain) == pytest.approx(1e4 * (excess**2).mean(), rel=1e-3)


def test_latency_encoding_spikes_early_for_high_values_and_never_for_zero():
    spikes = Classifier(steps=5, encoding="latency").encode(jnp.array([1.0, 0.5, 0.01, 0.0]), (4,))
    expected = np.zeros((5, 4))
    expected[[0, 2, 4], [0, 1, 2]] = 1.0
    np.testing.assert_array_equal(spikes, expected)


def test_rate_encoding_draws_the_asked_rate():
    net = network()
    task = Classifier(steps=400, encoding="rate", gain=200.0)
    source = task.encode(jnp.array([1.0, 0.5, 0.0, 0.0]), (4,))
    run = simulate(net, {"input": source}, dt=1.0, steps=400, key=KEY, record=("input.spikes",))
    means = np.asarray(run["input.spikes"].mean(0))
    # Binomial with 400 draws: four standard deviations.
    np.testing.assert_allclose(means, [0.2, 0.1, 0.0, 0.0], atol=4 * 0.02)
    assert means[2] == means[3] == 0.0


def test_spiking_readout_gives_the_mean_squared_rate_error():
    net = network(LIF(tau=5.0))
    task = Classifier(steps=6, gain=5.0, objective="rate_mse")
    inputs, labels = jax.random.uniform(KEY, (2, 4)), jnp.array([1, 2])
    _, series, _ = task.run(net, inputs, KEY)
    assert series.shape == (2, 6, 3)
    expected = np.mean([rate_mse(s, label) for s, label in zip(series, labels, strict=True)])
    assert float(task.loss(net, (inputs, labels), KEY)[0]) == pytest.approx(expected, rel=1e-6)


def test_an_example_that_does_not_fit_names_both_shapes():
    task = Classifier(steps=5)
    with pytest.raises(ValueError, match=r"shape \(3, 4\), but the network's input takes \(4,\)"):
        task.loss(network(), (jnp.zeros((1, 3, 4)), jnp.array([0])), KEY)


def small():
    layers = Layer(Dense(5), LIF(tau=5.0)), Layer(Dense(3), LI(tau=10.0), dropout=0.5)
    return sequential((2, 3), *layers, key=jax.random.key(0))


@pytest.mark.parametrize("measure", ["loss", "accuracy", "recall"])
def test_fitness_is_higher_for_the_better(measure):
    task = Classifier(steps=4, gain=3.0, silence=0.1)
    net, key = small(), jax.random.key(1)
    batch = jax.random.uniform(jax.random.key(2), (9, 2, 3)), jnp.arange(9) % 3
    value, metrics = task.fitness(net, batch, key, measure)
    loss, expected = task.loss(net, batch, key)
    assert set(metrics) == {"loss", "accuracy"}
    assert metrics["loss"] == loss
    assert metrics["accuracy"] == expected["accuracy"]
    scores = task.run(net, batch[0], key)[0]
    known = {"loss": -loss, "accuracy": expected["accuracy"], "recall": recall(scores, batch[1])}
    assert value == known[measure]


def test_layer_inputs_are_what_the_weights_see():
    task = Classifier(steps=4, gain=3.0)
    net = small()
    values = jax.random.uniform(jax.random.key(2), (7, 2, 3))
    found = task.layer_inputs(net, (values, jnp.zeros(7, int)), jax.random.key(0))
    assert set(found) == {"edges.input_to_hidden1.weight", "edges.hidden1_to_readout.edge.weight"}
    np.testing.assert_array_equal(found["edges.input_to_hidden1.weight"], values.reshape(7, 6))
    counts = found["edges.hidden1_to_readout.edge.weight"]
    assert counts.shape == (7, 5)
    assert jnp.sum(counts) > 0
    np.testing.assert_array_equal(counts, jnp.round(counts))
