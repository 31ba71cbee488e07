import types

import fit_examples as small
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from objective_examples import recording_of, run

from jaxneuro.fitting import (
    SpikeCount,
    SpikeTiming,
    Voltage,
    _search,
    default_objective,
    fit,
    make_target,
)
from jaxneuro.fitting._diagnose import who_ran_away
from jaxneuro.fitting._fit import _choose_devices
from jaxneuro.fitting._objective import split_terms
from jaxneuro.neurons import AdEx
from jaxneuro.training import Checkpoints, Diverged

KEY = jax.random.key(1)
OPTIONS = {"key": KEY, "starts": 2, "evolution": small.STRATEGY, "generations": 16, "steps": 10}


def fitted(aim=None, **options):
    aim = small.target() if aim is None else aim
    return fit(small.wrong(), aim, small.FREE, small.OBJECTIVE, **(OPTIONS | options))


@pytest.fixture(scope="module")
def hybrid():
    told = []
    return fitted(on_progress=told.append), told


def assert_same(a, b):
    assert a.values == b.values
    assert a.loss == b.loss
    np.testing.assert_array_equal(a.evolution, b.evolution)
    np.testing.assert_array_equal(a.gradient, b.gradient)
    for name, column in a.trials.items():
        np.testing.assert_array_equal(column, b.trials[name])


def test_the_cell_is_found(hybrid):
    found, _ = hybrid
    begun = found.problem.loss(found.problem.chosen.split(found.problem.cell), True)
    assert found.loss < 0.05 * begun
    assert found.values["C"] == pytest.approx(120.0, rel=0.05)
    assert found.values["g_L"] == pytest.approx(8.0, rel=0.05)


def test_what_it_returns_agrees_with_itself(hybrid):
    found, _ = hybrid
    assert found.values == {"C": float(found.model.C), "g_L": float(found.model.g_L)}
    assert found.model.E_L == small.wrong().E_L
    again = found.problem.values(found.parameters)
    assert {name: float(x) for name, x in again.items()} == found.values
    assert {name: tuple(b) for name, b in found.bounds.items()} == small.FREE
    assert float(found.problem.loss(found.parameters, True)) == pytest.approx(found.loss, rel=1e-3)
    trials = found.trials
    numbers = {"start.C", "start.g_L", "C", "g_L", "evolution_loss", "loss"}
    assert set(trials) == numbers | {"is_chosen"}
    assert trials["is_chosen"].tolist() == [True, False]
    assert found.loss == trials["loss"][0] <= trials["loss"][1]
    assert found.values["C"] == trials["C"][0]
    row = np.flatnonzero(np.isclose(trials["start.C"], 170.0))
    assert trials["start.g_L"][row] == pytest.approx(10.0)
    # The series are in the order of the starts, of which the model's own is the first.
    assert found.evolution.shape == (16, 2)
    assert found.gradient.shape == (11, 2)
    assert found.evolution[-1, 0] == trials["evolution_loss"][row]
    assert found.gradient[-1, 0] == trials["loss"][row]


def test_it_tells_how_far_it_is(hybrid):
    found, told = hybrid
    *evolution, last = told
    assert {one.stage for one in evolution} == {"evolution"}
    assert [one.total for one in told] == [16] * len(evolution) + [10]
    assert (evolution[-1].done, last.done, last.stage) == (16, 10, "gradient")
    assert np.all(np.diff([one.seconds for one in told]) > 0)
    for one in evolution:
        np.testing.assert_array_equal(one.losses, found.evolution[one.done - 1])
    np.testing.assert_array_equal(last.losses, found.gradient[-1])


def test_the_key_decides_and_a_recording_is_as_good_as_its_target(hybrid):
    assert_same(fitted(small.recording(), dt=small.DT), hybrid[0])
    other = fitted(key=jax.random.key(2))
    assert other.trials["start.C"].max() != hybrid[0].trials["start.C"].max()


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("after", [1, 9, 16])
def test_an_interrupted_search_goes_on_as_if_nothing_had_been(after, hybrid, tmp_path, monkeypatch):
    # A clock that makes each generation a call of its own.
    clock = types.SimpleNamespace(perf_counter=iter(range(0, 1000, 5)).__next__)
    monkeypatch.setattr(_search, "time", clock)

    def stop(progress):
        if progress.done == after:
            raise Interrupted

    with pytest.raises(Interrupted):
        fitted(checkpoints=Checkpoints(tmp_path, seconds=0.0), on_progress=stop)
    told = []
    resumed = fitted(checkpoints=tmp_path, on_progress=told.append)
    assert_same(resumed, hybrid[0])
    assert [one.done for one in told] == [*range(after + 1, 17), 10]


def test_a_checkpoint_of_another_fit_is_refused(tmp_path):
    options = {"strategy": "evolution", "generations": 2, "checkpoints": tmp_path}
    fitted(**options)
    with pytest.raises(ValueError, match="was made with another key, recording, model or bounds"):
        fitted(**(options | {"key": jax.random.key(2)}))
    with pytest.raises(ValueError, match="was made with another key, recording, model or bounds"):
        fitted(small.target(C=130.0), **options)
    free = small.FREE | {"C": (50.0, 500.0, "log")}
    with pytest.raises(ValueError, match="was made with another key, recording, model or bounds"):
        fit(small.wrong(), small.target(), free, small.OBJECTIVE, **(OPTIONS | options))
    with pytest.raises(ValueError, match="belongs to another model or optimiser"):
        fitted(**(options | {"generations": 3}))


def test_evolution_alone(hybrid):
    found = fitted(strategy="evolution")
    np.testing.assert_array_equal(found.evolution, hybrid[0].evolution)
    assert found.gradient.shape == (1, 2)
    np.testing.assert_allclose(found.gradient[0], hybrid[0].gradient[0], rtol=1e-3)
    assert_same(found, fitted(steps=0))


def test_gradient_alone():
    found = fitted(strategy="gradient")
    assert found.evolution.shape == (0, 2)
    assert np.isinf(found.trials["evolution_loss"]).all()
    assert found.gradient.shape == (11, 2)
    assert found.loss < found.gradient[0].min()


def test_another_optimizer():
    found = fitted(strategy="gradient", optimizer=optax.adam(0.02), steps=3)
    assert found.gradient.shape == (4, 2)
    assert found.loss == found.gradient.min()


def test_the_search_ends_when_all_have_stalled():
    found = fitted(strategy="evolution", generations=40, patience=3)
    assert len(found.evolution) < 40
    stalled = found.evolution[-1] == found.evolution[-4]
    assert stalled.all()


def test_the_default_objective():
    terms, weights = split_terms(default_objective())
    names = [type(term).__name__ for term in terms]
    assert names == ["SpikeTiming", "SpikeCount", "Latency", "Voltage"]
    assert all(weight > 0 for weight in weights)


def test_as_many_devices_are_used_as_divide_the_starts():
    assert _choose_devices("abc", 8) == ["a", "b"]
    assert _choose_devices("abc", 6) == ["a", "b", "c"]
    assert _choose_devices("ab", 7) == ["a"]
    assert _choose_devices(None, 5) == jax.local_devices()[:1]


def test_when_nothing_is_finite_the_parameter_that_ran_away_is_named():
    # A time constant in s in the place of ms: Euler's method explodes.
    model, free = small.truth(tau_w=0.07), {"C": (50.0, 400.0), "tau_w": (0.03, 0.09, "log")}
    message = r"parameter 'tau_w' ran away: the model's own tau_w = 0.07 gives none, and 0.7 would"
    with pytest.raises(Diverged, match=message) as caught:
        fit(model, small.target(), free, small.OBJECTIVE, **OPTIONS)
    assert "its bounds (0.03, 0.09)" in str(caught.value)


def test_what_is_said_when_no_single_parameter_is_to_blame():
    lost = small.truth(E_L=jnp.nan)
    message = "no start has a finite loss.*nor does a change of any single parameter"
    with pytest.raises(Diverged, match=message):
        fit(lost, small.target(), small.FREE, small.OBJECTIVE, strategy="gradient", **OPTIONS)
    assert "nothing around them does" in who_ran_away(small.problem(), False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "annealing"}, "strategy is 'annealing'; it must be one of .'hybrid', 'evol"),
        ({"starts": 0}, "starts is 0, generations 16, patience 60 and steps 10; all must be at"),
        ({"steps": -1}, "steps -1; all must be at least 1"),
        ({"patience": 0}, "patience 0"),
        ({"trim": 0.3, "strategy": "least_squares"}, "'least_squares' counts every window"),
    ],
)
def test_misuses_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fitted(**options)


@pytest.mark.slow
def test_an_adex_comes_back_from_spikes_and_voltage():
    """The f-I curve of the fit, at amplitudes half of which it has not seen, is the cell's."""
    window, total, dt = (50.0, 350.0), 400.0, 0.1
    values = {"C": 210.0, "g_L": 14.0, "v_t": -52.5, "tau_w": 90.0, "b": 45.0, "v_reset": -62.0}
    cell = AdEx(v_peak=-20.0, **values)
    current = small.steps((-50.0, 100.0, 200.0, 300.0, 400.0, 490.0), dt, window, total)
    aim = make_target(recording_of(cell, current, (window,), dt), dt=dt)
    free = {
        "C": (50.0, 400.0, "log"),
        "g_L": (3.0, 40.0, "log"),
        "v_t": (-60.0, -40.0),
        "tau_w": (20.0, 400.0, "log"),
        "b": (5.0, 120.0),
        "v_reset": (-70.0, -50.0),
    }
    found = fit(
        AdEx(C=150.0, g_L=10.0, v_t=-50.0, tau_w=150.0, b=60.0, v_reset=-60.0, v_peak=-20.0),
        aim,
        free,
        1.0 * Voltage(sd=1.0) + 3.0 * SpikeTiming() + 0.3 * SpikeCount(),
        key=jax.random.key(0),
        starts=4,
        generations=120,
        steps=30,
    )
    amplitudes = np.arange(0.0, 550.0, 50.0)
    probe = jnp.asarray(small.steps(amplitudes, dt, window, total)[:-1], float)
    counts = [
        np.isfinite(np.asarray(run(one, probe, ("neuron.spike_times",))["neuron.spike_times"]))
        for one in (cell, found.model)
    ]
    own, fitted_ = (count.sum(axis=0) for count in counts)
    assert own.sum() > 30
    assert np.abs(own - fitted_).sum() <= 0.05 * own.sum()
