import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.training import Checkpoints


def state(value=0.0, size=3):
    return {"a": jnp.full(size, value), "count": jnp.asarray(7, jnp.int32)}


def folders(path):
    return sorted(int(p.name) for p in path.iterdir())


def test_a_new_folder_has_nothing_to_restore(tmp_path):
    checkpoints = Checkpoints(tmp_path / "new" / "deep")
    assert checkpoints.restore(state()) is None
    assert checkpoints.epoch() == 0
    assert checkpoints.latest() is None
    checkpoints.close()


def test_what_was_saved_comes_back_and_the_latest_two_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, seconds=0.0)
    for epoch in (1, 2, 5):
        checkpoints.save(state(epoch + 0.1), epoch, best=0.5 + epoch / 100)
    assert folders(tmp_path) == [2, 5]
    checkpoints.close()

    again = Checkpoints(tmp_path)
    assert again.epoch() == 5
    assert again.latest() == tmp_path / "5"
    saved = again.restore(state())
    assert (saved.epoch, saved.best) == (5, 0.55)
    np.testing.assert_array_equal(saved.state["a"], jnp.full(3, 5.1))
    assert saved.state["a"].dtype == jnp.float32
    assert saved.state["count"].dtype == jnp.int32
    assert saved.state["count"] == 7
    again.close()


@pytest.mark.parametrize("best", [None, float("nan")])
def test_a_score_that_is_missing_or_nan_comes_back(tmp_path, best):
    checkpoints = Checkpoints(tmp_path, seconds=0.0)
    checkpoints.save(state(), 1, best=best)
    restored = checkpoints.restore(state()).best
    assert restored is best or np.isnan(restored)
    checkpoints.close()


def test_too_recent_ones_are_skipped_but_the_last_is_not(tmp_path):
    checkpoints = Checkpoints(tmp_path, seconds=3600.0)
    checkpoints.save(state(), 1, best=None)
    assert folders(tmp_path) == []
    checkpoints.save(state(), 2, best=None, is_last=True)
    assert folders(tmp_path) == [2]
    checkpoints.close()


def test_a_half_written_checkpoint_is_ignored(tmp_path):
    checkpoints = Checkpoints(tmp_path, seconds=0.0)
    checkpoints.save(state(1.5), 1, best=None)
    checkpoints.close()
    # What orbax leaves when it is killed: it writes under this name, then renames.
    half = tmp_path / "2.orbax-checkpoint-tmp"
    (half / "state").mkdir(parents=True)
    (half / "state" / "manifest.ocdbt").write_bytes(b"half")

    again = Checkpoints(tmp_path, seconds=0.0)
    assert again.epoch() == 1
    assert folders(tmp_path) == [1]  # the half one is gone
    assert again.restore(state()).state["a"][0] == 1.5
    again.save(state(2.5), 2, best=None)
    assert again.restore(state()).state["a"][0] == 2.5
    again.close()


def test_another_models_checkpoint_is_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path, seconds=0.0)
    checkpoints.save(state(), 4, best=None)
    with pytest.raises(ValueError, match=r"4 belongs to another model or optimiser"):
        checkpoints.restore(state(size=5))
    with pytest.raises(ValueError, match="belongs to another model"):
        checkpoints.restore({"b": jnp.zeros(3), "count": jnp.asarray(7, jnp.int32)})
    checkpoints.close()
