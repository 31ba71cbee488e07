import numpy as np
import pytest

from jaxneuro.plotting import evolution_curves


def generations(count, **more):
    return [
        {
            "generation": n,
            "best_fitness": -1.0 / n,
            "mean_fitness": -2.0 / n,
            "fitness_spread": 0.5 / n,
            "diversity": 0.1 + 0.01 * n,
            "train_loss": 2.0 / n,
            "train_accuracy": 1 - 0.5 / n,
            "wall_seconds": 10.0 + n,
            **more,
        }
        for n in range(1, count + 1)
    ]


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def test_the_curves_are_the_numbers():
    rows = generations(5)
    rows[1]["validation_accuracy"] = 0.75
    rows[4]["validation_accuracy"] = 0.5
    fitness, loss, accuracy, diversity = evolution_curves(rows).axes
    np.testing.assert_allclose(lines(fitness)["mean"].get_ydata(), -2.0 / np.arange(1, 6))
    np.testing.assert_allclose(lines(fitness)["best"].get_ydata(), -1.0 / np.arange(1, 6))
    (band,) = fitness.collections
    corners = band.get_paths()[0].vertices
    assert {(1.0, -2.5), (1.0, -1.5)} <= {tuple(corner) for corner in corners}
    np.testing.assert_allclose(lines(loss)["members, training"].get_ydata(), 2 / np.arange(1, 6))
    np.testing.assert_allclose(lines(accuracy)["validation"].get_xydata(), [[2, 75], [5, 50]])
    np.testing.assert_allclose(diversity.lines[0].get_ydata(), 0.1 + 0.01 * np.arange(1, 6))
    assert accuracy.get_title() == "Accuracy (best validation 75.00 %)"
    assert "validation" not in lines(loss)
    assert all(axes.get_xlabel() == "Generation" for axes in (fitness, loss, accuracy, diversity))


def test_failed_members_are_told():
    title = evolution_curves(generations(3, failed=2)).axes[0].get_title()
    assert title == "Fitness (6 members failed)"


def test_the_hand_over_to_the_gradient():
    epochs = [
        {"epoch": n, "train_loss": 0.1, "train_accuracy": 0.9, "wall_seconds": 20.0 + n}
        for n in range(1, 4)
    ]
    figure = evolution_curves([*generations(4), *epochs])
    for axes in figure.axes:
        assert [14.0, 14.0] in [list(line.get_xdata()) for line in axes.lines]
        assert "gradient takes over" in axes.get_xlabel()
    accuracy = figure.axes[2]
    np.testing.assert_allclose(
        lines(accuracy)["gradient, training"].get_xydata(), [[21, 90], [22, 90], [23, 90]]
    )


def test_a_single_generation_is_seen():
    for axes in evolution_curves(generations(1)).axes:
        assert all(line.get_marker() == "o" for line in axes.lines)


def test_no_generations():
    with pytest.raises(ValueError, match="there are no generations"):
        evolution_curves([])
