import fit_examples as small
import jax
import numpy as np
import pytest

from jaxneuro.fitting import compare, cross_validate, fit, simulate_recording

HOW = {
    "objective": small.OBJECTIVE,
    "key": jax.random.key(0),
    "dt": small.DT,
    "strategy": "gradient",
    "starts": 1,
    "steps": 4,
}


def cell():
    return small.recording((-50.0, 150.0, 300.0, 400.0))


@pytest.mark.slow
def test_each_fold_is_a_fit_without_its_sweeps():
    found = cross_validate(small.wrong(), cell(), small.FREE, folds=2, **HOW)
    assert found.folds == ((0, 2), (1, 3))
    alone = fit(small.wrong(), cell().select([1, 3]), small.FREE, **HOW)
    assert found.fitted[0].values == alone.values
    for fold, names in ((0, ([1, 3], [0, 2])), (1, ([0, 2], [1, 3]))):
        for table, sweeps in zip((found.train, found.test), names, strict=True):
            part = cell().select(sweeps)
            wanted = compare(part, simulate_recording(found.fitted[fold], part))
            own = {name: values[fold] for name, values in table.items()}
            assert own == pytest.approx(wanted, nan_ok=True)
    assert found.test["mean_abs_count_error"].shape == (2,)
    assert np.isfinite(found.test["subthreshold_rmse_mv"]).all()
    # Folds given by hand: the same.
    again = cross_validate(small.wrong(), cell(), small.FREE, folds=[(0, 2), [1, 3]], **HOW)
    assert again.folds == found.folds
    assert [one.values for one in again.fitted] == [one.values for one in found.fitted]


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (1, r"the folds leave out \[\(0, 1, 2, 3\)\] of 4 sweeps. There must be at least two"),
        (5, r"\(\)\] of 4 sweeps"),
        ([(0, 1)], "at least two"),
        ([(0, 1, 2, 3), (0,)], "keep one"),
        ([(0,), ()], "leave out a sweep"),
        ([(0,), (4,)], "by places from 0 to 3"),
        ([(0,), (-1,)], "by places from 0 to 3"),
    ],
)
def test_wrong_folds_are_refused(folds, message):
    with pytest.raises(ValueError, match=message):
        cross_validate(small.wrong(), cell(), small.FREE, folds=folds, **HOW)


def test_checkpoints_are_refused(tmp_path):
    with pytest.raises(ValueError, match="takes no checkpoints"):
        cross_validate(small.wrong(), cell(), small.FREE, folds=2, checkpoints=tmp_path, **HOW)
