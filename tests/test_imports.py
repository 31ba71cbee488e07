"""Imports go one way, and importing the package starts nothing."""

import ast
import json
import pathlib
import subprocess
import sys

import pytest

import jaxneuro

ROOT = pathlib.Path(jaxneuro.__file__).parent
# A package may import itself and what is on the lines above it.
LAYERS = (
    {"core"},
    {"integrators", "surrogates", "inputs"},
    {"neurons"},
    {"edges"},
    {"plasticity"},
    {"topology"},
    {"network", "evolution"},
    {"catalogue"},
    {"simulation"},
    {"training"},
    {"fitting", "sweeps", "interop"},
    {"cli"},
)
# These see arrays only. (The command line may import them, and fitting the measures of analysis.)
APART = {"analysis", "plotting", "data"}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT)


def _imported(path: pathlib.Path) -> set[str]:
    """The packages of jaxneuro that a module imports, in function bodies too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = ["jaxneuro", *path.relative_to(ROOT).parent.parts]
            base = home[: len(home) - node.level + 1] if node.level else []
            module = ".".join(base + ([node.module] if node.module else []))
            # `from jaxneuro import neurons` imports a package by its name.
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("jaxneuro.")}


def _package(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).parts[0]


def _allowed(package: str) -> set[str]:
    if package in APART:
        return {package}
    level = next(i for i, layer in enumerate(LAYERS) if package in layer)
    allowed = set().union({package}, *LAYERS[:level])
    seen = {"cli": APART, "fitting": {"analysis"}}
    return allowed | seen.get(package, set())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    package = _package(path)
    assert package in set().union(APART, *LAYERS), f"give {package!r} a place in this file"
    wrong = _imported(path) - _allowed(package)
    assert not wrong, f"{package} must not import {sorted(wrong)}"


def test_imports_are_read_right():
    # The check above passes for a reader that sees nothing, so hold the reader to a known text.
    path = ROOT / "network" / "imaginary.py"
    text = (
        "import jaxneuro.core\nimport jax\nfrom jaxneuro import edges as e\n"
        "from jaxneuro.neurons._lif import LIF\nfrom ._state import NetworkState\n"
        "from ..inputs import Poisson\nfrom .. import cli\n"
        "def f():\n    from jaxneuro.simulation import simulate\n"
    )

    class Text(type(path)):
        def read_text(self, encoding=None):
            return text

    names = {"core", "edges", "neurons", "network", "inputs", "cli", "simulation"}
    assert _imported(Text(path)) == names
    assert _allowed("network") == {
        "core",
        "integrators",
        "surrogates",
        "inputs",
        "neurons",
        "edges",
        "plasticity",
        "topology",
        "network",
    }
    assert {_package(module) for module in MODULES} >= {"core", "simulation", "plotting", "data"}


@pytest.fixture(scope="module")
def imported():
    """What one `import jaxneuro` does in a new interpreter."""
    code = """
import json, sys, time
import equinox, jax, optax
from jax._src import xla_bridge
# Processor time: the clock on the wall counts what else this machine does.
start = time.process_time()
import jaxneuro
print(json.dumps({
    "seconds": time.process_time() - start,
    "started": xla_bridge.backends_are_initialized(),
    "modules": sorted({name.split(".")[0] for name in sys.modules}),
}))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
    )
    return json.loads(run.stdout)


def test_importing_starts_no_device(imported):
    assert imported["started"] is False


def test_importing_loads_only_what_everything_needs(imported):
    heavy = {
        "matplotlib",
        "sklearn",
        "orbax",
        "pydantic",
        "tyro",
        "rich",
        "evosax",
        "xarray",
        "diffrax",
        "powerlaw",
    }
    assert "jaxneuro" in imported["modules"]
    assert not heavy & set(imported["modules"])


def test_importing_is_quick(imported):
    assert imported["seconds"] < 2.0
