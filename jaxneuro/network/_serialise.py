import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ._flatten import Decoder, Encoder

VERSION = 1
_STRUCTURE = "structure.json"
_FORMAT = "jaxneuro"


def save(tree: Any, path: str | os.PathLike[str]) -> None:
    """Writes a network, a network's state, or any other tree of modules to one file.

    The file is what `numpy.savez` makes, one array per leaf under its path
    (`numpy.load(path)["edges.drive.weight"]`), plus `structure.json`, which says which classes and
    options they belong to. It is written aside and then moved, so a crash leaves no half file.

    **Arguments:**

    - `tree`: modules, dicts, lists, tuples, numbers, strings, `None`, JAX and NumPy arrays and
      random keys, nested in any way.
    - `path`: the file, taken as it is (no suffix is added); an existing one is replaced.

    **Raises:** `TypeError` for what cannot be saved, such as a function: its path is named.

    !!! example

        ```python
        save(net, "trained.npz")
        net = load("trained.npz")
        ```
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {str(path.parent)!r}. Make it first.")
    encoder = Encoder()
    tree = encoder.encode(tree, "")
    text = json.dumps({"format": _FORMAT, "version": VERSION, "tree": tree}, allow_nan=False)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(aside, "w") as file:
            # Members by `ZipInfo` carry no time of writing: equal trees give equal files.
            file.writestr(zipfile.ZipInfo(_STRUCTURE), text)
            for name, array in encoder.arrays.items():
                with file.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> Any:
    """Reads what `save` wrote; no template is needed.

    Classes are imported by name, your own ones too, and filled field by field without calling
    `__init__`. A field that the class has gained since takes its default.

    Nothing is unpickled, and only subclasses of `equinox.Module` are made. But importing a module
    runs its code, and the file says which: load a file from a stranger only if you trust every
    package that is installed.

    **Arguments:**

    - `path`: the file, as given to `save`.

    **Returns:** an equal tree, arrays on the default device.

    **Raises:** `FileNotFoundError`; `ImportError` for a class that cannot be found; `ValueError`
    for another kind of file, a damaged one, one of a newer version, or one that does not fit its
    classes any more (class and field are named).
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"load: there is no file {str(path)!r}.")
    try:
        structure, arrays = _read(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise ValueError(
            f"load: {str(path)!r} is damaged, or was not written by `save` ({error})."
        ) from error
    if not isinstance(structure, dict) or structure.get("format") != _FORMAT:
        raise ValueError(f"load: {str(path)!r} was not written by `save`.")
    if structure.get("version") != VERSION:
        raise ValueError(
            f"load: {str(path)!r} has version {structure.get('version')} of the file format, but "
            f"this jaxneuro reads version {VERSION}. Update jaxneuro."
        )
    return Decoder(arrays, str(path)).decode(structure.get("tree"), "")


def _read(path: str | os.PathLike[str]) -> tuple[Any, dict[str, np.ndarray]]:
    """The description (None if there is none) and the arrays."""
    arrays = {}
    with zipfile.ZipFile(path) as file:
        if _STRUCTURE not in file.namelist():
            return None, {}
        structure = json.loads(file.read(_STRUCTURE))
        for name in file.namelist():
            if name.endswith(".npy"):
                with file.open(name) as member:
                    array = np.lib.format.read_array(member, allow_pickle=False)
                arrays[name.removesuffix(".npy")] = array
    return structure, arrays
