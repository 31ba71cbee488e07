import numpy as np

from jaxneuro.training import health_warnings, layer_health


def rates(dead, saturated, usual):
    return np.array([0.0] * dead + [0.95] * saturated + [0.25] * usual)


def test_layer_health_closed_form():
    health = layer_health({"hidden1": rates(1, 1, 2), "hidden2": np.zeros((2, 3))}, steps=8)
    assert health["hidden1"] == ((0.95 + 0.5) / 4 * 8, 0.25, 0.25)
    assert health["hidden2"] == (0.0, 1.0, 0.0)


def test_dead_and_saturated_layers_are_named_and_healthy_ones_are_not():
    layers = {
        "quiet": rates(97, 0, 3),
        "fine": rates(90, 5, 5),
        "loud": rates(0, 97, 3),
    }
    dead, saturated = health_warnings(layer_health(layers, steps=10))
    assert dead.startswith("dead layer: 97% of 'quiet' never spiked")
    assert saturated.startswith("saturated layer: 97% of 'loud' spiked")


def test_a_rate_of_exactly_nine_tenths_is_not_saturated():
    assert layer_health({"a": np.array([0.9, 0.91])}, steps=10)["a"].saturated == 0.5
