import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from jaxneuro.core import check_bounds, check_name, fits, param, plural, whole_steps


@pytest.mark.parametrize(
    ("duration", "dt", "steps"),
    [
        (0.0, 0.1, 0),
        (0.3, 0.1, 3),  # 0.3 / 0.1 is 2.9999999999999996
        (5.0, 0.1, 50),
        (1.0, 1 / 3, 3),
        (1e6, 0.1, 10_000_000),
        (1.5, np.float32(0.1), 15),
        (10_000.0, float(np.float32(0.1)), 100_000),
        (2, 1, 2),
    ],
)
def test_whole_steps(duration, dt, steps):
    count = whole_steps(duration, dt, "x")
    assert count == steps
    assert type(count) is int


@pytest.mark.parametrize(
    ("duration", "dt", "message"),
    [
        (0.25, 0.1, r"delay is 0\.25 ms.* dt = 0\.1 ms.* are 0\.2 ms and 0\.3 ms"),
        (0.05, 0.1, r"are 0 ms and 0\.1 ms"),
        (1.0000021, 1.0, "not a multiple"),
        (1_000_000.05, 0.1, "not a multiple"),  # half a step, among ten million
        (-1.0, 0.1, r"delay is -1\.0 ms; it must be a finite number >= 0"),
        (float("nan"), 0.1, "delay is nan ms"),
        (float("inf"), 0.1, "delay is inf ms"),
        (1.0, 0.0, r"dt is 0\.0 ms; it must be a positive finite"),
        (1.0, -0.1, "dt is -0.1 ms"),
        (1.0, float("nan"), "dt is nan ms"),
    ],
)
def test_what_is_no_whole_number_of_steps(duration, dt, message):
    with pytest.raises(ValueError, match=message):
        whole_steps(duration, dt, "delay")


@pytest.mark.parametrize("name", ["exc", "_x1", "column_1/exc", "A"])
def test_names(name):
    check_name(name, "Network")


@pytest.mark.parametrize("name", ["", "1x", "a.b", "a b", "a/", "/a", "a//b", "exc*", "a\n", "é"])
def test_names_that_no_path_can_address(name):
    with pytest.raises(ValueError, match=r"Network .*letters, digits and underscores"):
        check_name(name, "Network")


def test_plural():
    assert plural(1, "edge") == "1 edge"
    assert plural(0, "edge") == "0 edges"
    assert plural(12_345, "neuron") == "12,345 neurons"


def test_fits():
    target = (4, 5, 3)
    assert all(fits(shape, target) for shape in [(), (4, 5, 3), (1, 1, 3), (1, 1, 1), (4, 1, 3)])
    assert not any(fits(shape, target) for shape in [(3,), (5, 3), (2, 5, 3), (1, 4, 5, 3), (0,)])


class Bounded(eqx.Module):
    tau: Array = param(1.0, lower=0.0)
    share: Array | None = param(None, lower=0.0, upper=1.0)
    count: int = 3

    def __check_init__(self):
        check_bounds(self)


def test_bounds():
    Bounded()
    Bounded(tau=[1.0, 2.0], share=0.5)
    for value in (0.0, -1.0, [1.0, 0.0], float("nan")):
        with pytest.raises(ValueError, match=r"Bounded: tau is .*; it must be above 0\."):
            Bounded(tau=value)
    with pytest.raises(ValueError, match=r"Bounded: share is 1\.0; it must be below 1\."):
        Bounded(share=1.0)


def test_bounds_of_traced_values_are_not_checked():
    assert jax.jit(lambda tau: Bounded(tau=tau).tau)(jnp.asarray(-1.0)) == -1.0
