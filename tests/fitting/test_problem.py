import dataclasses

import equinox as eqx
import fit_examples as small
import jax
import jax.numpy as jnp
import numpy as np
import objective_examples
import pytest

from jaxneuro import Population
from jaxneuro.fitting import SoftGamma, SpikeCount, SpikeTiming, Voltage, make_problem
from jaxneuro.fitting._problem import timed
from jaxneuro.integrators import Euler, ExponentialEuler
from jaxneuro.neurons import LIF, Refractory


@eqx.filter_jit
def losses(problem, parameters, is_exact):
    return problem.losses(parameters, is_exact)


@pytest.mark.parametrize("is_exact", [True, False])
def test_the_loss_is_the_objective_on_a_plain_simulation(is_exact):
    problem = small.problem(small.wrong())
    found = losses(problem, problem.chosen.split(problem.cell), is_exact)
    options = {} if is_exact else {"reset_gradient": "detached", "spike_times": "grid"}
    wanted = objective_examples.loss(small.OBJECTIVE, small.wrong(), problem.target, **options)
    np.testing.assert_allclose(found, wanted[None], rtol=1e-4)
    assert found.min() > 0.1
    mean = problem.loss(problem.chosen.split(problem.cell), is_exact)
    np.testing.assert_allclose(mean, np.mean(wanted), rtol=1e-4)


def test_the_truth_costs_nothing():
    problem = small.problem()
    assert np.isfinite(np.asarray(problem.target.spike_times)).sum() >= 3
    exact = losses(problem, problem.chosen.split(problem.cell), True)
    np.testing.assert_allclose(exact, 0.0, atol=1e-6)


def test_spikes_on_the_grid_are_as_good_as_dt_allows():
    # Against the exact ones, for the cell that was recorded: the less the smaller the step.
    off = []
    for dt in (0.2, 0.05):
        problem = small.problem(aim=small.target(dt))
        own = problem.chosen.split(problem.cell)
        found = losses(problem, own, False)
        np.testing.assert_allclose(found[0, :2], 0.0, atol=1e-6)  # no spikes, no difference
        off.append(float(found[0, 2]))
    assert 1e-4 < off[0] < 0.5
    assert off[1] < off[0] / 2


def test_a_candidate_that_is_no_number_is_infinitely_bad_and_disturbs_no_other():
    problem = small.problem()
    own = problem.chosen.split(problem.cell)
    lost = {**own, "neuron.C": jnp.asarray(jnp.nan)}
    fine = small.free_numbers(problem, C=150.0)
    for is_exact in (True, False):
        many = eqx.filter_jit(jax.vmap(lambda p, e=is_exact: problem.loss(p, e)))
        together = many(small.side_by_side(fine, lost, fine))
        without = many(small.side_by_side(fine, own, fine))
        assert together[1] == jnp.inf
        np.testing.assert_array_equal(together[::2], without[::2])
        assert np.isfinite(together[::2]).all()


def test_a_cell_that_exploded_is_not_taken_for_a_silent_one():
    silent = small.problem(objective=SpikeCount() + SpikeTiming())
    lost = {**silent.chosen.split(silent.cell), "neuron.g_L": jnp.asarray(jnp.nan)}
    assert np.isnan(losses(silent, lost, False)).all()
    assert silent.loss(lost, False) == jnp.inf


def test_a_refractory_period_is_in_whole_steps_or_exact():
    twice = Refractory(Refractory(LIF(), 1.0), 2.0, whole_steps=False)
    for is_exact in (True, False):
        outer = timed(twice, is_exact)
        assert outer.whole_steps is outer.neuron.whole_steps is not is_exact
        assert (float(outer.period), float(outer.neuron.period)) == (2.0, 1.0)
    free = {"period": (0.5, 8.0), "C": (50.0, 400.0)}
    problem = small.problem(Refractory(small.truth(), 3.0), free)
    assert problem.names == {"neuron.period": "period", "neuron.neuron.C": "C"}
    own = problem.chosen.split(problem.cell)
    exact, grid = losses(problem, own, True), losses(problem, own, False)
    assert np.isfinite(exact).all()
    # A whole number of steps is held for in both.
    np.testing.assert_allclose(exact[0, :2], grid[0, :2], atol=1e-6)
    assert exact[0, 2] > 1.0
    slope = jax.jit(jax.grad(lambda p: problem.loss(p, True)))(own)
    assert all(np.isfinite(x) and x != 0 for x in slope.values())


def test_each_sweep_has_its_own_baseline():
    rest = jnp.asarray([-72.0, -69.5, -71.0])
    aim = dataclasses.replace(small.target(), baseline=rest)
    model = Refractory(small.truth(), 1.0)
    free = {"E_L": (-6.0, 6.0), "C": (50.0, 400.0)}
    problem = small.problem(model, free, aim=aim, baseline="E_L")
    assert problem.names == {"offset": "E_L", "neuron.neuron.C": "C"}
    own = problem.chosen.split(problem.cell)
    assert problem.values(own)["E_L"] == pytest.approx(0.0, abs=1e-6)
    moved = small.free_numbers(problem, E_L=1.5)
    cell = problem.chosen.merge(problem.cell, moved)
    population = problem.population(cell, aim, True)
    np.testing.assert_allclose(population.neuron.neuron.E_L, rest + 1.5, rtol=1e-6)
    np.testing.assert_array_equal(population.init(jax.random.key(0)).v, rest)
    # Reported is one neuron, at the median.
    np.testing.assert_allclose(problem.finished(moved).neuron.E_L, -71.0 + 1.5, rtol=1e-6)
    # And simulated is what belongs to each.
    v = problem.run(moved, {"v": "neuron.v"}, True)["v"]
    np.testing.assert_allclose(v[0], rest, atol=0.05)
    np.testing.assert_allclose(v[99], rest + 1.5 * (1 - np.exp(-20.0 * 8 / 120)), atol=0.1)


def test_a_baseline_need_not_be_free():
    problem = small.problem(free={"C": (50.0, 400.0)}, baseline="E_L")
    assert list(problem.names) == ["neuron.C"]
    rest = np.median(np.asarray(problem.target.baseline))
    own = problem.chosen.split(problem.cell)
    np.testing.assert_allclose(problem.finished(own).E_L, rest, rtol=1e-6)


def test_the_worst_windows_can_be_left_out():
    problem = small.problem(small.wrong(), trim=0.3)  # one of three
    own = problem.chosen.split(problem.cell)
    each = np.sort(np.asarray(losses(problem, own, True))[0])
    assert each[2] > each[1] > each[0]
    assert float(problem.loss(own, True)) == pytest.approx(each[:2].mean(), rel=1e-4)
    # Of two windows of two sweeps one in four.
    found = jnp.asarray([[3.0, 1.0], [2.0, 9.0]])
    aim = dataclasses.replace(small.target(), windows=((20.0, 60.0), (60.0, 100.0)))
    two = small.problem(small.wrong(), trim=0.25, aim=aim)
    assert two.options.trimmed == 2  # of six
    assert two.counts(found).tolist() == [[False, True], [True, False]]
    assert float(problem.total(jnp.asarray([[3.0, 1.0, 2.0]]))) == 1.5
    # One that is no number is not left out, it is a candidate that failed.
    assert problem.total(jnp.asarray([[1.0, jnp.nan, 2.0]])) == jnp.inf
    slope = jax.grad(problem.total)(jnp.asarray([[3.0, 1.0, 2.0]]))
    np.testing.assert_allclose(slope, [[0.0, 0.5, 0.5]])
    assert small.problem(trim=0.1).options.trimmed == 0
    for trim in (-0.1, 1.0, 0.9):
        with pytest.raises(ValueError, match=f"trim is {trim}, which leaves none of 3 windows"):
            small.problem(trim=trim)


def test_a_population_brings_its_integrator():
    population = Population(small.truth(), 7, integrator=ExponentialEuler())
    assert small.problem(population).options.integrator == ExponentialEuler()
    assert small.problem(population, integrator=Euler()).options.integrator == Euler()
    assert small.problem().options.integrator == Euler()


@pytest.mark.parametrize(
    ("free", "message"),
    [
        ({}, r"no free parameter. Pass free=\{path: \(lower, upper\)\}"),
        ({"v_treshold": (-60.0, -40.0)}, r"No path 'neuron.v_treshold'. Did you mean neuron.v_"),
        ({"C": (50.0, None)}, r"bounds of 'C' are \(50.0, None\).*both must be given"),
        ({"C": None}, r"bounds of 'C' are \(None, None\).*both must be given"),
        ({"C": (400.0, 50.0)}, "bounds of 'C' are .* lower must be below upper"),
        ({"E_L": (-80.0, -60.0, "log")}, "'E_L'.*log scale, which needs both ends above 0"),
        ({"C": (50.0, 400.0, "cubic")}, "'C' have the scale 'cubic'; there are 'linear' and 'log'"),
        ({"C": (130.0, 400.0)}, r"'neuron.C' starts outside its bounds \(130.0, 400.0\)"),
    ],
)
def test_wrong_free_parameters_are_refused(free, message):
    with pytest.raises(ValueError, match=message):
        small.problem(free=free)


def test_other_misuses_are_refused():
    with pytest.raises(ValueError, match=r"'C' has shape \(3,\); a free parameter is one number"):
        small.problem(small.truth(C=jnp.asarray([100.0, 110.0, 120.0])))
    twice = {"C": (50.0, 400.0), "neuron.C": (60.0, 300.0)}
    with pytest.raises(ValueError, match=r"'C' and 'neuron\.C' are the same parameter"):
        small.problem(Refractory(small.truth(), 1.0), twice)
    with pytest.raises(ValueError, match=r"No path 'neuron\.E_leak'"):
        small.problem(baseline="E_leak")
    aim = dataclasses.replace(small.target(), baseline=jnp.asarray([-70.0, jnp.nan, -70.0]))
    with pytest.raises(ValueError, match=r"baseline='E_L' needs a voltage.*sweeps \[1\] have none"):
        small.problem(aim=aim, baseline="E_L")
    with pytest.raises(ValueError, match="SoftGamma: the window"):
        make_problem(small.truth(), small.target(), small.FREE, SoftGamma(window=50.0) + Voltage())


def test_a_population_with_start_values_is_refused():
    for options in ({"start": "rest"}, {"initial": {"v": -60.0}}):
        with pytest.raises(ValueError, match=r"start or initial values of its own.*baseline="):
            small.problem(Population(small.truth(), 1, **options))
