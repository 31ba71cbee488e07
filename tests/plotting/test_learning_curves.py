import numpy as np
import pytest

from jaxneuro.plotting import learning_curves


def epoch(number, **extra):
    return {"epoch": number, "train_loss": 1.0 / number, "train_accuracy": 0.5, **extra}


def layers(*names):
    return {name: {"rate": 2.0, "silent": 0.25, "saturated": 0.01} for name in names}


def panels(figure):
    figure.canvas.draw()
    return {axes.get_title(): axes for axes in figure.axes if axes.axison}


def curves(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_train_alone_gives_two_panels():
    drawn = panels(learning_curves([epoch(1), epoch(2)]))
    assert list(drawn) == ["Loss", "Accuracy"]
    assert curves(drawn["Loss"]) == {"train": [[1.0, 1.0], [2.0, 0.5]]}
    assert curves(drawn["Accuracy"]) == {"train": [[1.0, 50.0], [2.0, 50.0]]}
    assert drawn["Accuracy"].get_ylabel() == "Accuracy (%)"
    assert drawn["Loss"].get_xlabel() == "Epoch"


def test_validation_may_be_missing_in_some_epochs():
    metrics = [
        epoch(1, validation_loss=None, validation_accuracy=None),
        epoch(2, validation_loss=0.75, validation_accuracy=0.9),
        epoch(3),
        epoch(4, validation_loss=0.5, validation_accuracy=0.875),
    ]
    drawn = panels(learning_curves(metrics))
    assert list(drawn) == ["Loss", "Accuracy (best validation 90.00 %, epoch 2)"]
    assert curves(drawn["Loss"])["validation"] == [[2.0, 0.75], [4.0, 0.5]]


def test_everything_of_one_epoch_is_seen():
    figure = learning_curves([epoch(1, learning_rate=1e-3, layers=layers("hidden", "out"))])
    drawn = panels(figure)
    assert len(drawn) == 5
    rates = drawn["Activity of each layer"]
    assert curves(rates) == {"hidden": [[1.0, 2.0]], "out": [[1.0, 2.0]]}
    assert all(line.get_marker() == "o" for line in rates.lines)
    extremes = drawn["Silent and saturated neurons"]
    heights = [line.get_ydata().tolist() for line in extremes.lines]
    assert heights == [[25.0], [25.0], [], [1.0], [1.0], []]
    legend = figure.axes[-1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["hidden", "out"]


def test_a_layer_that_comes_later_and_many_layers():
    names = [f"layer{i}" for i in range(12)]
    metrics = [epoch(1, layers=layers(*names[:3])), epoch(2, layers=layers(*names))]
    rates = panels(learning_curves(metrics))["Activity of each layer"]
    assert curves(rates)["layer0"] == [[1.0, 2.0], [2.0, 2.0]]
    assert curves(rates)["layer11"] == [[2.0, 2.0]]
    assert len({line.get_color() for line in rates.lines}) == 12


def test_a_loss_of_nan_leaves_the_rest():
    drawn = panels(learning_curves([epoch(1), {**epoch(2), "train_loss": np.nan}]))
    assert curves(drawn["Loss"])["train"][0] == [1.0, 1.0]


def test_refuses_no_epochs():
    with pytest.raises(ValueError, match="there are no epochs"):
        learning_curves([])
