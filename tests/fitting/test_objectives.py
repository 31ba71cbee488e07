"""What holds for every objective; those of `tests/objective_examples.py`."""

import functools
import inspect
import re
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import EXAMPLES, NAMES, example, loss, recording_of, run

from jaxneuro import fitting
from jaxneuro.fitting import (
    AbstractLeastSquares,
    Latency,
    SpikeCount,
    SpikeTiming,
    Voltage,
    WeightedSum,
    make_target,
)
from jaxneuro.neurons import AdaptiveThresholdAdEx, Refractory

every_objective = pytest.mark.parametrize("name", NAMES)
WINDOWS = ((20.0, 110.0), (140.0, 190.0))
STEPS = 2000
FREE = ("C", "g_L", "v_t", "b", "tau_s", "delta_theta", "a_v", "a_2", "b_2", "period")
VALUES = (150.0, 11.0, -50.0, 30.0, 40.0, 2.0, 0.05, 1.0, 20.0, 2.13)


def cell(values=VALUES):
    own = dict(zip(FREE, values, strict=True))
    period = own.pop("period")
    neuron = AdaptiveThresholdAdEx(**own, v_reset=-60.0, tau_w=80.0, a=2.0)
    return Refractory(neuron, period=period, whole_steps=False)


def injected(amplitudes):
    """Two windows of current for each sweep."""
    current = np.zeros((STEPS + 1, len(amplitudes)))
    for start, stop in WINDOWS:
        current[round(start / 0.1) : round(stop / 0.1)] = amplitudes
    return current


@functools.cache
def made(amplitudes=(-100.0, 400.0, 600.0)):
    """A target that the cell itself has made."""
    recording = recording_of(cell(), injected(amplitudes), WINDOWS)
    target = make_target(recording, dt=0.1, duration=0.1 * STEPS)
    # With room for as many spikes as any has, so that they share compiled programs.
    times = jnp.pad(target.spike_times, ((0, 40), (0, 0)), constant_values=jnp.inf)[:40]
    return eqx.tree_at(lambda t: t.spike_times, target, times)


def losses(values, target, **options):
    """The loss of each sweep by every objective, of one simulation."""
    wanted = {name: example(name).record("neuron", target) for name in NAMES}
    record = {f"{n}/{key}": what for n, part in wanted.items() for key, what in part.items()}
    recorded = run(cell(values), target.current, record, **options)
    each = {
        name: example(name).loss({key: recorded[f"{name}/{key}"] for key in part}, target)
        for name, part in wanted.items()
    }
    assert {x.shape for x in each.values()} == {(len(target.windows), target.sweeps)}
    return {name: jnp.mean(x, axis=0) for name, x in each.items()}


jitted = eqx.filter_jit(losses)


def compiled(*arguments, **options):
    return jax.tree.map(np.asarray, jitted(*arguments, **options))


@eqx.filter_jit
def jacobian(values, target):
    return jax.jacrev(lambda v: {n: x.sum() for n, x in losses(v, target).items()})(values)


@functools.cache
def matched():
    """What the cell itself costs, and one with another capacitance and leak."""
    with jax.enable_x64(True):
        at = jnp.asarray(VALUES)
        return compiled(at, made()), compiled(at.at[:2].multiply(jnp.asarray([1.3, 0.9])), made())


def test_every_objective_has_an_example():
    assert set(NAMES) <= set(EXAMPLES)


@every_objective
def test_a_perfect_match_costs_nothing_and_another_cell_something(name):
    own, other = (part[name] for part in matched())
    counts = np.asarray(made().spikes).sum(0)
    assert counts[0] == 0
    assert (counts[1:] > 3).all()
    np.testing.assert_allclose(own, 0.0, atol=1e-9)
    assert (other > -1e-9).all()
    assert (other[1:] > 1e-3).all()


@every_objective
def test_the_example_in_the_docstring_runs(name):
    text = inspect.getdoc(getattr(fitting, name))
    (code,) = re.findall(r"```python\n(.*?)```", textwrap.dedent(text), re.S)
    names = dict(vars(fitting))
    exec(textwrap.dedent(code), names)
    assert isinstance(names["objective"], WeightedSum)


@functools.cache
def slopes():
    """Gradients of every objective, and central differences, summed over the sweeps."""
    with jax.enable_x64(True):
        factors = [1.1, 0.95, 1.01, 1.2, 0.9, 1.3, 1.2, 0.8, 1.1, 0.9]
        at = jnp.asarray(VALUES) * jnp.asarray(factors)
        step = 1e-6 * jnp.abs(at)
        summed = lambda v: {n: x.sum() for n, x in compiled(v, made()).items()}  # noqa: E731
        ends = [
            [summed(at.at[index].add(sign * step[index])) for index in range(at.size)]
            for sign in (1.0, -1.0)
        ]
        upper, lower = (
            {name: np.asarray([x[name] for x in end]) for name in NAMES} for end in ends
        )
        numeric = {name: (upper[name] - lower[name]) / (2 * step) for name in NAMES}
        return jacobian(at, made()), numeric


@every_objective
def test_gradients_are_those_of_finite_differences(name):
    exact, numeric = (np.asarray(part[name]) * VALUES for part in slopes())
    scale = np.abs(numeric).max()
    assert scale > 1e-3
    np.testing.assert_allclose(exact, numeric, rtol=1e-3, atol=1e-5 * scale)


@functools.cache
def by_block(block):
    with jax.enable_x64(True):
        at = jnp.asarray(VALUES).at[0].multiply(1.1)
        return compiled(at, made(), block=block)


@every_objective
@pytest.mark.parametrize("block", [7, 64])
def test_every_block_gives_the_same(name, block):
    assert (by_block(1)[name] > 0).any()
    np.testing.assert_allclose(by_block(block)[name], by_block(1)[name], rtol=1e-9, atol=1e-12)


@functools.cache
def lanes():
    """Candidates of a search in float32: three side by side, with the second and without."""
    with jax.enable_x64(True):
        target = made()
    target = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), target)
    search = {"block": 1, "spike_times": "grid", "reset_gradient": "detached"}
    one = lambda factor: losses((150.0 * factor, *VALUES[1:]), target, **search)  # noqa: E731
    together = jax.jit(jax.vmap(one))
    factors = jnp.asarray([1.0, 1.05, 1.1])
    alone = [jax.tree.map(lambda x: x[0], together(jnp.full(3, x))) for x in factors]
    return together(factors), together(factors.at[1].set(jnp.nan)), alone


@every_objective
def test_a_candidate_that_is_not_a_number_disturbs_no_other(name):
    healthy, ill, _ = (part[name] if isinstance(part, dict) else part for part in lanes())
    assert healthy.dtype == jnp.float32
    assert np.isfinite(healthy).all()
    np.testing.assert_array_equal(healthy[::2], ill[::2])
    assert not np.array_equal(healthy[1], ill[1])


@every_objective
def test_candidates_side_by_side_are_those_alone(name):
    healthy, _, alone = lanes()
    np.testing.assert_array_equal(healthy[name], np.stack([one[name] for one in alone]))


@functools.cache
def silent():
    """Losses and gradients with no spike in the model, the recording, and either of both."""
    with jax.enable_x64(True):
        loud, quiet = made((500.0, 600.0, 700.0)), made((-50.0, 30.0, 0.0))
        cases = {
            "model": eqx.tree_at(lambda t: t.current, loud, quiet.current),
            "recording": eqx.tree_at(lambda t: t.current, quiet, loud.current),
            "both": quiet,
        }
        at = jnp.asarray(VALUES) * 1.01
        return {case: (compiled(at, x), jacobian(at, x)) for case, x in cases.items()}


@every_objective
@pytest.mark.parametrize("side", ["model", "recording", "both"])
def test_silence_has_a_finite_loss_and_gradient(name, side):
    found, slope = (np.asarray(part[name]) for part in silent()[side])
    assert np.isfinite(found).all()
    assert np.isfinite(slope).all()
    if side != "both":
        assert (found > 1e-2).all()
    elif name in ("Latency", "SoftGamma", "SpikeCount", "SpikeTiming", "VanRossum"):
        np.testing.assert_array_equal(found, 0.0)


@pytest.mark.parametrize(
    "name", [n for n in NAMES if isinstance(EXAMPLES[n], AbstractLeastSquares)]
)
def test_squares_of_residuals_add_up_to_the_loss(name, x64):
    target, objective, other = made(), example(name), cell((170.0, *VALUES[1:]))
    assert isinstance(objective, AbstractLeastSquares)
    recorded = run(other, target.current, objective.residual_record("neuron", target))
    squares = jnp.sum(objective.residuals(recorded, target) ** 2, axis=0)
    np.testing.assert_allclose(squares, loss(objective, other, target), rtol=1e-9)


@every_objective
def test_a_population_that_is_not_one_neuron_a_sweep_is_refused(name, x64):
    if name in ("SoftGamma", "FeatureDistance"):
        pytest.skip("records by reducers of `simulate`")
    target = made()
    narrow = eqx.tree_at(lambda t: t.current, target, target.current[:, :2])
    record = example(name).record("neuron", target)
    with pytest.raises(ValueError, match=r"population has shape \(2,\), but the target 3 sweeps"):
        run(cell(), narrow.current, record)


@every_objective
def test_a_run_of_another_length_is_refused(name, x64):
    if name in ("SoftGamma", "FeatureDistance"):
        pytest.skip("records by reducers of `simulate`")
    record = example(name).record("neuron", made())
    with pytest.raises(ValueError, match=r"the run has 50 steps, but the target 2000"):
        run(cell(), made().current[:50], record)


def test_sums_and_weights_are_flat():
    a, b, c = SpikeTiming(), Voltage(), SpikeCount()
    total = a + 2 * b + 0.5 * c
    assert total.terms == (a, b, c)
    assert total.weights == (1.0, 2, 0.5)
    doubled = 2.0 * (a + 3 * b)
    assert doubled.terms == (a, b)
    assert doubled.weights == (2.0, 6.0)
    assert (a + (b + c)).terms == (a, b, c)
    assert hash(total) == hash(a + 2 * b + 0.5 * c)


def test_a_sum_is_the_weighted_sum_of_its_terms(x64):
    a, b, c, other = SpikeTiming(), Voltage(), Latency(), cell((170.0, *VALUES[1:]))
    parts = [loss(objective, other, made()) for objective in (a, b, c)]
    wanted = 3 * parts[0] + 6 * parts[1] + 1.5 * parts[2]
    for total in (3 * (a + 2.0 * b + 0.5 * c), WeightedSum((a + 2.0 * b, c), (3, 1.5))):
        np.testing.assert_allclose(loss(total, other, made()), wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WeightedSum((), ()), "0 terms and 0 weights"),
        (lambda: WeightedSum((Voltage(),), (1.0, 2.0)), "1 terms and 2 weights"),
        (lambda: -1.0 * Voltage(), r"weights are \(-1.0,\); all must be above 0"),
    ],
)
def test_wrong_sums_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
