import subprocess
import sys

import numpy as np
import pytest
import sweep_lanes as lanes
import xarray
from support import environment, free_port

from jaxneuro import sweeps

START = """
import sys
sys.path.insert(0, sys.argv[1])
import jax, pathlib
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
folder = pathlib.Path(sys.argv[2])
"""

EIGHT = """
jax.config.update("jax_num_cpu_devices", 8)
import sweep_lanes as lanes
assert jax.device_count() == 8
for name in sys.argv[3:]:
    lanes.run(name, folder / f"{name}_8.zarr")
if "products" in sys.argv:
    lanes.run("products", folder / "products_2.zarr", devices=jax.devices()[:2], chunk=32)
    lanes.run("products", folder / "products_3.zarr", devices=jax.devices()[3:6])
"""

PROCESSES = """
index, port, name = int(sys.argv[3]), sys.argv[4], sys.argv[5]
jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(f"127.0.0.1:{port}", 2, index)
import sweep_lanes as lanes
assert jax.device_count() == 8
assert jax.local_device_count() == 4
store = folder / "process_0" if index == 0 else folder / "never" / "there"
try:
    for case in lanes.CASES:
        if name in (case, "all"):
            done = lanes.run(case, store / f"{case}.zarr", chunk=24)
            assert (done is None) == (index == 1)
    print("ended well")
except ValueError as error:
    print("ValueError:", error)
except OSError as error:
    print("OSError:", error)
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The store of a case, made by this process with its device."""
    folder = tmp_path_factory.mktemp("alone")

    def made(name):
        place = folder / f"{name}.zarr"
        lanes.run(name, place)
        return place

    return made


def command(code, *arguments):
    return [sys.executable, "-c", START + code, str(lanes.FOLDER), *map(str, arguments)]


@pytest.mark.parametrize(
    "names", [("products",), pytest.param(("network", "sized"), marks=pytest.mark.slow)]
)
def test_results_do_not_depend_on_the_number_of_devices(alone, tmp_path, names):
    done = subprocess.run(
        command(EIGHT, tmp_path, *names), env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    stores = sorted(tmp_path.iterdir())
    assert len(stores) == (3 if "products" in names else 2)
    for store in stores:
        want = alone(store.stem.split("_")[0])
        xarray.testing.assert_identical(sweeps.load(store).load(), sweeps.load(want).load())
        assert lanes.files(store) == lanes.files(want)


def in_two_processes(folder, name, prepare=""):
    """What two processes with 4 devices each wrote, on process 0 and 1."""
    port = free_port()
    started = [
        subprocess.Popen(
            command(prepare + PROCESSES, folder, index, port, name),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in (0, 1)
    ]
    try:
        told = [process.communicate(timeout=200) for process in started]
    finally:
        for process in started:
            process.kill()
    print(told)
    assert [process.returncode for process in started] == [0, 0], told
    return [out.splitlines()[-1] for out, _ in told]  # after what gloo tells


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_processes(alone, tmp_path):
    assert in_two_processes(tmp_path, "all") == ["ended well"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["process_0"]
    for name in lanes.CASES:
        store = tmp_path / "process_0" / f"{name}.zarr"
        assert lanes.files(store) == lanes.files(alone(name))
    # All of them complete: both go through at once.
    assert in_two_processes(tmp_path, "all") == ["ended well"] * 2


@pytest.mark.slow
def test_an_error_of_the_first_process_ends_both(tmp_path):
    points = sweeps.grid({"x": [1.0]})
    store = tmp_path / "process_0" / "products.zarr"
    sweeps.run(lanes.products, points, key=lanes.KEY, store=store)
    before = lanes.files(store)
    told = in_two_processes(tmp_path, "products")
    assert all(one.startswith("ValueError:") and "holds another sweep" in one for one in told)
    assert lanes.files(store) == before


FULL = """
import errno
from zarr.storage import LocalStore
write = LocalStore.set
async def full(self, key, value):
    if key.endswith("end/c/3/0"):
        raise OSError(errno.ENOSPC, "No space left on device")
    return await write(self, key, value)
LocalStore.set = full
"""


@pytest.mark.slow
def test_a_full_disk_of_the_first_process_ends_both(alone, tmp_path):
    told = in_two_processes(tmp_path, "products", FULL)
    assert all("No space left on device" in one for one in told)
    assert told[0].startswith("OSError")
    store = tmp_path / "process_0" / "products.zarr"
    status = sweeps.load(store).status.to_numpy()
    assert 0 < np.sum(status == 0) < len(status)
    assert in_two_processes(tmp_path, "products") == ["ended well"] * 2
    assert lanes.files(store) == lanes.files(alone("products"))
