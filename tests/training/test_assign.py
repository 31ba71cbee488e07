import numpy as np

from jaxneuro.training import assign_labels, class_responses, vote, weighted_vote

COUNTS = np.array([[5, 0, 1, 0], [3, 0, 1, 0], [0, 4, 1, 0], [0, 2, 9, 0]])
LABELS = np.array([0, 0, 1, 2])


def test_a_neuron_stands_for_the_class_of_its_strongest_mean_response():
    np.testing.assert_array_equal(assign_labels(COUNTS, LABELS, 4), [0, 1, 2, -1])
    # The mean counts, not the sum: two examples of class 0 are worth one of another.
    counts, labels = np.array([[2], [2], [3]]), np.array([0, 0, 1])
    np.testing.assert_array_equal(assign_labels(counts, labels, 2), [1])


def test_the_class_whose_neurons_spike_most_wins():
    assigned = np.array([0, 1, 1, -1])
    counts = np.array([[3, 2, 2, 9], [3, 4, 4, 0], [0, 0, 0, 9], [1, 3, 0, 0]])
    # On average: class 1 has two neurons. The one that stands for nothing has no vote.
    np.testing.assert_array_equal(vote(counts, assigned, 3), [0, 1, -1, 1])


def test_spikes_speak_for_classes_by_the_shares_of_their_neurons():
    responses = class_responses(COUNTS, LABELS, 3)
    np.testing.assert_allclose(responses, [[4, 0, 1, 0], [0, 4, 1, 0], [0, 2, 9, 0]])
    # Neuron 1 speaks for class 1 by 4/6, for class 2 by 2/6; neuron 2 mostly for class 2.
    counts = np.array([[0, 3, 0, 0], [0, 3, 2, 0], [1, 1, 0, 5], [0, 0, 0, 7]])
    np.testing.assert_array_equal(weighted_vote(counts, responses), [1, 2, 0, -1])
