import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.inputs import Constant, Poisson
from jaxneuro.neurons import LIF, Population
from jaxneuro.simulation import Intervals, simulate


def _by_hand(times, start, stop):
    """Count, first, mean and variation of one neuron's spikes, in double precision."""
    times = times[np.isfinite(times)].astype(np.float64)
    times = times[(times >= start) & (times <= stop)]
    gaps = np.diff(times)
    return (
        len(times),
        times[0] if len(times) else np.nan,
        gaps.mean() if len(gaps) else np.nan,
        gaps.std() / gaps.mean() if len(gaps) > 1 else np.nan,
    )


@pytest.mark.parametrize("block", [1, 16])
@pytest.mark.parametrize(("start", "stop"), [(0.0, np.inf), (30.0, 150.0)])
def test_intervals_are_those_of_the_spike_times(block, start, stop):
    rates = jnp.asarray([0.0, 5.0, 20.0, 100.0, 400.0, 900.0])
    run = simulate(
        Population(LIF(tau=5.0, threshold=0.15), 6),
        {"neuron": Poisson(rates)},
        dt=1.0,
        steps=230,
        key=jax.random.key(3),
        record={"found": Intervals("neuron", start, stop), "times": "neuron.spike_times"},
        block=block,
    )
    found, times = run["found"], np.asarray(run["times"])
    wanted = np.array([_by_hand(times[:, i], start, stop) for i in range(6)])
    assert wanted[:, 0].tolist() == found.count.tolist()
    assert 0 in found.count
    assert found.count.max() > 50
    np.testing.assert_allclose(found.first, wanted[:, 1], rtol=1e-6)
    np.testing.assert_allclose(found.mean, wanted[:, 2], rtol=1e-5)
    np.testing.assert_allclose(found.cv, wanted[:, 3], rtol=2e-5)


def test_regular_spikes_late_in_a_run_vary_little():
    """The plain difference of squares would lose all digits in float32."""
    run = simulate(
        Population(LIF(tau=10.0, threshold=1.0, reset_by="value"), 1),
        {"neuron": Constant(jnp.asarray([3.0]))},
        dt=0.1,
        steps=20_000,
        key=jax.random.key(0),
        record={"found": Intervals("neuron", 1000.0)},
        spike_times="interpolated",
    )
    assert run["found"].count[0] > 200
    assert run["found"].mean[0] == pytest.approx(10.0 * np.log(3.0 / 2.0), rel=0.02)
    assert run["found"].cv[0] < 1e-3
