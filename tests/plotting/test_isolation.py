import subprocess
import sys

SCRIPT = """
import sys
import numpy as np
import jaxneuro.analysis, jaxneuro.data, jaxneuro.plotting
assert not {"matplotlib", "sklearn", "scipy.ndimage"} & set(sys.modules), "imported too early"
jaxneuro.plotting.confusion(np.eye(2, dtype=int), ("a", "b")).canvas.draw()
assert "matplotlib" in sys.modules
assert "matplotlib.pyplot" not in sys.modules, "pyplot was imported"
"""


def test_heavy_libraries_are_imported_where_used_and_pyplot_never():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
