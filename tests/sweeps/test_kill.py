"""A sweep that is ended from outside, at any moment, goes on to the same results."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import sweep_lanes as lanes
from support import environment, wait_for

from jaxneuro import sweeps

RUN = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
import sweep_lanes as lanes
lanes.run_slow(pathlib.Path(sys.argv[2]), chunk=1)
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    place = tmp_path_factory.mktemp("undisturbed") / "a.zarr"
    lanes.run_slow(place, seconds=0.0)
    return place


def stored(place):
    return {path for path in (place / "status" / "c").glob("*") if "partial" not in path.name}


def kill_once(place, delay):
    """Starts the sweep, and kills it so long after it has stored something."""
    before = stored(place)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(lanes.FOLDER), str(place)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: len(stored(place)) > len(before), process)
        time.sleep(delay)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL


def check_part(place, undisturbed):
    """What is there is right; returns how much that is."""
    part, whole = sweeps.load(place).load(), sweeps.load(undisturbed)
    done = part.status == 1
    assert ((part.status == 0) | done).all()
    for name in ("z", "y"):
        np.testing.assert_array_equal(part[name].where(done), whole[name].where(done))
    return int(done.sum())


def check_kills(place, undisturbed, delays):
    counts = []
    for delay in delays:
        kill_once(place, delay)
        counts.append(check_part(place, undisturbed))
    # Each was hit on its way.
    assert counts[0] > 0
    assert (np.diff([*counts, lanes.SLOW.lanes]) > 0).all()
    seen = []
    lanes.run_slow(place, seconds=0.0, on_progress=seen.append)
    assert seen[-1].run == lanes.SLOW.lanes - counts[-1] > 0
    assert lanes.files(place) == lanes.files(undisturbed)
    assert sweeps.load(place).load().identical(sweeps.load(undisturbed).load())
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_a_sweep_that_is_killed_goes_on(tmp_path, undisturbed):
    check_kills(tmp_path / "a.zarr", undisturbed, [0.1])


@pytest.mark.slow
def test_a_sweep_that_is_killed_ten_times_goes_on(tmp_path, undisturbed):
    draw = random.Random(0)
    check_kills(tmp_path / "a.zarr", undisturbed, [draw.uniform(0.0, 0.2) for _ in range(10)])


def test_ctrl_c_ends_after_what_is_running(tmp_path, undisturbed):
    place, seen = tmp_path / "a.zarr", []

    def told(progress):
        seen.append(progress)
        # Nothing that computes or writes is left halfway.
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        if len(seen) in (3, 4):  # impatient
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        lanes.run_slow(place, chunk=5, seconds=0.0, on_progress=told)
    # The batch that was running is stored too.
    assert len(seen) == 4
    assert check_part(place, undisturbed) == seen[-1].done < lanes.SLOW.lanes
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    lanes.run_slow(place, seconds=0.0)
    assert lanes.files(place) == lanes.files(undisturbed)


def test_ctrl_c_at_any_time_ends_soon(tmp_path, undisturbed):
    place, seen = tmp_path / "a.zarr", []

    def told(progress):
        seen.append(time.monotonic())
        if len(seen) == 1:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        lanes.run_slow(place, seconds=0.02, chunk=2, on_progress=told)
    assert time.monotonic() - seen[0] < 3.0  # all lanes would take six seconds
    assert 0 < check_part(place, undisturbed) < lanes.SLOW.lanes
    lanes.run_slow(place, seconds=0.0)
    assert lanes.files(place) == lanes.files(undisturbed)
