import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from jaxneuro.core import param


class Leak(eqx.Module):
    tau: Array = param(10, unit="ms", lower=0.0, upper=100.0)
    weight: Array | None = param(None)


class Needed(eqx.Module):
    rate: Array = param()


@pytest.mark.parametrize(
    "value", [3, 3.0, True, [1, 2], [[1.0], [2.0]], np.arange(3), np.float64(2.0), np.ones(2)]
)
def test_numbers_become_float_arrays(value):
    tau = Leak(tau=value).tau
    assert isinstance(tau, jax.Array)
    assert tau.dtype == jnp.float32
    assert tau.shape == np.shape(value)
    np.testing.assert_array_equal(tau, value)


def test_precision_follows_the_configuration_and_given_floats_keep_theirs():
    assert Leak(tau=jnp.ones(2, jnp.bfloat16)).tau.dtype == jnp.bfloat16
    with jax.enable_x64(True):
        assert Leak().tau.dtype == jnp.float64
        assert Leak(tau=3).tau.dtype == jnp.float64
        assert Leak(tau=np.float32(3)).tau.dtype == jnp.float32


@pytest.mark.parametrize("value", [3.0, 3, jnp.full(2, 3.0), jnp.ones(2, int)])
def test_no_parameter_is_weakly_typed(value):
    # A weakly typed one would be compiled for anew after its first update.
    assert not Leak(tau=value).tau.weak_type
    assert not Leak().tau.weak_type


def test_none_stays_and_defaults_count():
    leak = Leak()
    assert leak.weight is None
    assert leak.tau == 10.0
    with pytest.raises(TypeError, match="rate"):
        Needed()
    assert Needed(2).rate == 2.0


def test_range_and_unit_are_kept():
    metadata = Leak.__dataclass_fields__["tau"].metadata
    assert (metadata["unit"], metadata["lower"], metadata["upper"]) == ("ms", 0.0, 100.0)


def test_a_traced_value_passes():
    np.testing.assert_allclose(jax.grad(lambda t: Leak(tau=t).tau ** 2)(3.0), 6.0)


def test_importing_the_package_starts_no_backend():
    code = """
import sys
import jaxneuro.simulation, jaxneuro.training
from jax._src import xla_bridge
sys.exit(bool(xla_bridge._backends))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
