import numpy as np
import pytest
from plasticity_examples import alone, at

from jaxneuro.plasticity import TripletSTDP, Unbounded

# Frequencies (Hz) of Sjöström et al. (2001), of 60 pairs each.
FREQUENCIES = np.array([0.1, 10.0, 20.0, 40.0, 50.0])


def rule(is_nearest=False):
    numbers = 0.006, 0.05, 0.007, 0.03, 15.0, 60.0, 30.0, 90.0
    return TripletSTDP(*numbers, Unbounded(), is_nearest)


def change(rule, pre, post, dt=1.0):
    """By spikes in these steps."""
    steps = max(*pre, *post) + 2
    found = alone(rule, [[0.5]], at(steps, *pre), at(steps, *post), dt=dt)
    return float(found[0, 0]) - 0.5


def summed(rule, pre, post):
    """The same from the spike times (ms), by the sums over pairs and triplets."""
    a2_plus, a3_plus, a2_minus, a3_minus = (
        float(x) for x in (rule.a2_plus, rule.a3_plus, rule.a2_minus, rule.a3_minus)
    )
    pre, post = np.asarray(pre, float), np.asarray(post, float)

    def trace(spikes, t, tau):
        spikes = spikes[-1:] if rule.is_nearest else spikes
        return np.exp(-(t - spikes) / float(tau)).sum()

    total = 0.0
    for t in post:
        slow = trace(post[post < t], t, rule.tau_y)
        total += trace(pre[pre <= t], t, rule.tau_plus) * (a2_plus + a3_plus * slow)
    for t in pre:
        slow = trace(pre[pre < t], t, rule.tau_x)
        total -= trace(post[post < t], t, rule.tau_minus) * (a2_minus + a3_minus * slow)
    return total


@pytest.mark.parametrize("is_nearest", [False, True])
@pytest.mark.parametrize("pre", [(10,), (10, 14, 30), (3, 12, 13, 33)])
def test_few_spikes_give_the_sums_over_pairs_and_triplets(is_nearest, pre, x64):
    post = (12, 33, 35)
    wanted = summed(rule(is_nearest), pre, post)
    assert change(rule(is_nearest), pre, post) == pytest.approx(wanted, abs=1e-12)


def test_a_triplet_of_either_kind_by_hand(x64):
    found = change(rule(), (10,), (5, 15))  # post, pre, post
    wanted = np.exp(-5 / 15.0) * (0.006 + 0.05 * np.exp(-10 / 90.0)) - 0.007 * np.exp(-5 / 30.0)
    assert found == pytest.approx(wanted, abs=1e-12)
    found = change(rule(), (5, 15), (10,))  # pre, post, pre
    wanted = 0.006 * np.exp(-5 / 15.0) - np.exp(-5 / 30.0) * (0.007 + 0.03 * np.exp(-10 / 60.0))
    assert found == pytest.approx(wanted, abs=1e-12)


def paired(rule, lag):
    """The change of 60 pairs with this lag (ms) at each frequency, and the sums that it is."""
    found, wanted = [], []
    for frequency in FREQUENCIES:
        pre = 10.0 + np.arange(60) * 1000.0 / frequency
        post = pre + lag
        # All times are multiples of the 5 ms that a step may take.
        steps = np.round(pre / 5.0).astype(int), np.round(post / 5.0).astype(int)
        found.append(change(rule, *steps, dt=5.0))
        wanted.append(summed(rule, pre, post))
    return np.array(found), np.array(wanted)


def test_pairing_depends_on_frequency_as_in_visual_cortex(x64):
    rule = TripletSTDP.visual_cortex(is_minimal=True, bounds=Unbounded())
    before, sums = paired(rule, 10.0)
    np.testing.assert_allclose(before, sums, atol=1e-12)
    after, sums = paired(rule, -10.0)
    np.testing.assert_allclose(after, sums, atol=1e-12)
    # Their Figure 5 (and Sjöström's Figure 1): no potentiation at 0.1 Hz, more and more above 10;
    # depression by the other order turns into potentiation between 20 and 50 Hz.
    assert abs(before[0]) < 1e-3
    assert np.all(np.diff(before) > 0)
    assert after[0] == pytest.approx(-60 * 7.1e-3 * np.exp(-10 / 33.7), rel=1e-6)
    assert after[1] < 0
    assert after[-1] > 0.2
    assert before[-1] > 0.2


def test_published_sets_can_be_had_by_name(x64):
    # The paper's Tables 3 and 4: minimal or not, nearest or all.
    tables = {
        TripletSTDP.visual_cortex: {
            (False, False): (5e-10, 6.2e-3, 7e-3, 2.3e-4, 101.0, 125.0),
            (True, False): (0.0, 6.5e-3, 7.1e-3, 0.0, None, 114.0),
            (False, True): (8.8e-11, 5.3e-2, 6.6e-3, 3.1e-3, 714.0, 40.0),
            (True, True): (0.0, 5e-2, 8e-3, 0.0, None, 40.0),
        },
        TripletSTDP.hippocampus: {
            (False, False): (6.1e-3, 6.7e-3, 1.6e-3, 1.4e-3, 946.0, 27.0),
            (True, False): (5.3e-3, 8e-3, 3.5e-3, 0.0, None, 40.0),
            (False, True): (4.6e-3, 9.1e-3, 3e-3, 7.5e-9, 575.0, 47.0),
            (True, True): (4.6e-3, 9.1e-3, 3e-3, 0.0, None, 48.0),
        },
    }
    for make, table in tables.items():
        for (is_minimal, is_nearest), numbers in table.items():
            found = make(is_minimal, is_nearest)
            names = ("a2_plus", "a3_plus", "a2_minus", "a3_minus", "tau_x", "tau_y")
            for name, wanted in zip(names, numbers, strict=True):
                assert wanted is None or float(getattr(found, name)) == wanted
            assert found.is_nearest == is_nearest
            assert (float(found.tau_plus), float(found.tau_minus)) == (16.8, 33.7)


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match=r"TripletSTDP: tau_x is 0\.0; it must be above 0"):
        TripletSTDP(tau_x=0.0)
