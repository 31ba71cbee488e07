import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.data import (
    SpikeTrials,
    load_trials,
    save_trials,
    trials_from_series,
    trials_from_times,
)

LABELS = {
    "cue": ["A", "B", "A"],
    "angle": [0.1, 1.0 / 3.0, 2e-300],
    "block": [1, 2, -3],
    "is_correct": [True, False, True],
    "code": ["1", "2", "3"],
    "odd, name": ['x,"y"\n', "", "ü"],
}


def example():
    rng = np.random.default_rng(0)
    trials = [
        {
            "exc": [np.sort(rng.uniform(0.0, 100.0, rng.integers(0, 9))) for _ in range(5)],
            "silent": [np.zeros(0)] * 2,
            "inh": [rng.uniform(0.0, 100.0, 4) for _ in range(3)],
        }
        for _ in range(3)
    ]
    trials[1] = {name: [np.zeros(0)] * len(each) for name, each in trials[1].items()}
    return trials, trials_from_times(trials, [100.0, 250.5, 100.0 + 1e-13], LABELS)


def assert_same(a, b):
    assert list(a.sizes.items()) == list(b.sizes.items())
    for name in ("duration_ms", "trial", "population", "neuron", "time_ms"):
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
    assert list(a.labels) == list(b.labels)
    for name, values in a.labels.items():
        assert values.dtype.kind == b.labels[name].dtype.kind
        np.testing.assert_array_equal(values, b.labels[name])


@pytest.mark.parametrize("ending", [".csv", ".npz"])
def test_a_file_gives_the_same_trials_exactly(ending, tmp_path):
    _, trials = example()
    save_trials(tmp_path / f"t{ending}", trials)
    assert_same(load_trials(tmp_path / f"t{ending}"), trials)
    assert [path.name for path in tmp_path.iterdir()] == [f"t{ending}"]
    few = trials_from_times([{"exc": [[]]}], 1.0)
    save_trials(str(tmp_path / f"t{ending}"), few)  # over the old one
    assert_same(load_trials(str(tmp_path / f"t{ending}")), few)


def test_a_table_is_one_line_a_spike():
    trials, table = example()
    spikes = sum(len(times) for one in trials for each in one.values() for times in each)
    assert len(table.time_ms) == spikes
    assert len(table) == 3
    assert np.all(np.diff(table.trial) >= 0)
    assert all(np.all(np.diff(table.time_ms[table.trial == trial]) >= 0) for trial in (0, 2))


def test_times_and_counts_are_those_that_came():
    trials, table = example()
    for trial, one in enumerate(trials):
        for name, each in one.items():
            for found, wanted in zip(table.times(trial, name), each, strict=True):
                np.testing.assert_array_equal(found, np.sort(wanted))
            wanted = [np.sum((times >= 20.0) & (times < 60.0)) for times in each]
            np.testing.assert_array_equal(table.counts(name, 20.0, 60.0)[trial], wanted)
    assert table.counts("inh").sum() == 24


def test_series_are_spikes_at_the_ends_of_steps():
    spikes = np.zeros((50, 2, 3), np.float32)
    spikes[[4, 9], 1, 0] = 1
    other = {"exc": jnp.zeros((20, 2, 3)), "inh": np.zeros((20, 1), bool)}
    trials = trials_from_series([{"exc": spikes, "inh": np.ones((50, 1), bool)}, other], 0.5)
    assert trials.duration_ms.tolist() == [25.0, 10.0]
    assert dict(trials.sizes) == {"exc": 6, "inh": 1}
    assert trials.times(0, "exc")[3].tolist() == [2.5, 5.0]
    assert trials.counts("inh").tolist() == [[50], [0]]


def test_order_of_the_entries_does_not_matter():
    _, trials = example()
    mixed = np.random.default_rng(1).permutation(len(trials.time_ms))
    columns = [getattr(trials, n)[mixed] for n in ("trial", "population", "neuron", "time_ms")]
    assert_same(SpikeTrials(trials.sizes, trials.duration_ms, *columns, trials.labels), trials)


def test_what_does_not_belong_together_is_named():
    with pytest.raises(ValueError, match="neuron 0 at 12 ms, but a time is from 0 to the duration"):
        trials_from_times([{"exc": [[12.0]]}], 10.0)
    with pytest.raises(ValueError, match="at -1 ms"):
        trials_from_times([{"exc": [[-1.0]]}], 10.0)
    with pytest.raises(ValueError, match="at nan ms"):
        trials_from_times([{"exc": [[np.nan]]}], 10.0)
    with pytest.raises(ValueError, match=r"trial 1 has populations of sizes \{'exc': 1\}, but"):
        trials_from_times([{"exc": [[], []]}, {"exc": [[]]}], 10.0)
    with pytest.raises(ValueError, match="at least one trial"):
        trials_from_times([], 10.0)
    with pytest.raises(ValueError, match="2 trials came with 3 durations"):
        trials_from_times([{"exc": [[]]}] * 2, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"label 'cue' has shape \(1,\)"):
        trials_from_times([{"exc": [[]]}] * 2, 10.0, {"cue": ["A"]})
    with pytest.raises(ValueError, match="cannot be called 'trial'"):
        trials_from_times([{"exc": [[]]}], 10.0, {"trial": ["A"]})
    with pytest.raises(ValueError, match="the series of trial 0 have lengths"):
        trials_from_series([{"exc": np.zeros((5, 1)), "inh": np.zeros((6, 1))}], 1.0)
    with pytest.raises(
        ValueError, match=r"no population 'inhibitory'\. There are exc, silent, inh"
    ):
        example()[1].counts("inhibitory")
    with pytest.raises(ValueError, match="no trial 3; there are 0 to 2"):
        example()[1].times(3, "exc")


def test_another_ending_and_a_missing_file(tmp_path):
    _, trials = example()
    with pytest.raises(ValueError, match=r"trials are kept as \.npz or \.csv"):
        save_trials(tmp_path / "t.mat", trials)
    with pytest.raises(FileNotFoundError):
        load_trials(tmp_path / "t.csv")
    with pytest.raises(FileNotFoundError):
        save_trials(tmp_path / "no" / "t.csv", trials)


HEAD = "trial,population,neuron,time_ms,size,duration_ms,cue\n"
DAMAGED = {
    "": "first line must begin with trial,population",
    "a,b\n1,2\n": "first line must begin with trial,population",
    HEAD: "holds no trials",
    HEAD + "0,exc,,,2,10.0\n": "line 2 has 6 values for 7 columns",
    HEAD + "0,exc,,,two,10.0,A\n": "line 2, column size: 'two' is no number",
    HEAD + "0,exc,,,2,10.0,A\n0,exc,0,late,2,10.0,A\n": "line 3, column time_ms: 'late'",
    HEAD + "0,exc,,,2,10.0,A\n0,inh,0,1.0,2,10.0,A\n": "line 3: trial 0, population 'inh' is out",
    HEAD + "0,exc,,,2,10.0,A\n2,exc,0,1.0,2,10.0,A\n": "line 3: trial 2, population 'exc' is out",
    HEAD + "0,exc,,,2,10.0,A\n0,exc,2,1.0,2,10.0,A\n": "neuron 2 at 1 ms, but the populations",
    HEAD + "0,exc,,,2,10.0,A\n0,exc,1,,2,10.0,A\n": "line 3, column time_ms: '' is no number",
}


@pytest.mark.parametrize("text", list(DAMAGED))
def test_a_damaged_table_is_named_with_its_line(text, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=r"t\.csv: ") as error:
        load_trials(tmp_path / "t.csv")
    assert DAMAGED[text] in str(error.value)


def test_a_damaged_archive_is_named(tmp_path):
    _, trials = example()
    path = tmp_path / "t.npz"
    save_trials(path, trials)
    whole = path.read_bytes()
    middle = len(whole) // 2
    for damaged in (whole[:middle], b"", b"nonsense", whole[:200] + b"\0" * 50 + whole[250:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"t\.npz"):
            load_trials(path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(ValueError, match="no array 'population_names'"):
        load_trials(path)
    with np.load(_saved(path, trials)) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"neuron": np.array(["x"] * len(trials.neuron))})
    with pytest.raises(ValueError, match="its array 'neuron' is damaged"):
        load_trials(path)
    np.savez(path, **arrays | {"neuron": trials.neuron[:-1]})
    with pytest.raises(ValueError, match="equally long"):
        load_trials(path)
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"is damaged, or no \.csv file"):
        load_trials(tmp_path / "t.csv")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    _, trials = example()
    path = _saved(tmp_path / "t.csv", trials)
    before = path.read_bytes()

    def broken(self, target):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        save_trials(path, trials_from_times([{"exc": [[1.0]]}], 2.0))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def _saved(path, trials):
    save_trials(path, trials)
    return path
