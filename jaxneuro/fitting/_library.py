import importlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def import_library(name: str, path: Path) -> Any:
    """The library that reads files like `path`; `ImportError` says how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{path}: reading it needs {name}, which is not installed. Run "
            "pip install 'jaxneuro[recordings]'."
        ) from error


@contextmanager
def opening(path: Path, library: str) -> Generator[None]:
    """Turns whatever a library raises over a damaged or foreign file into a `ValueError`."""
    try:
        yield
    # These libraries raise anything over a file they cannot parse, `Exception` itself included.
    except Exception as error:
        raise ValueError(
            f"{path}: {library} cannot read it ({type(error).__name__}: {error}). It is no "
            "recording, damaged, or of another format than its suffix says."
        ) from error
