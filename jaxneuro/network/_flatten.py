"""A tree of modules as JSON and arrays, and back: the inside of `save` and `load`."""

import dataclasses
import importlib
import inspect
import math
import sys
from types import ModuleType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

_CONTAINERS = {"list": list, "tuple": tuple}


class Encoder:
    """Turns a tree into a JSON value; its arrays are collected under the paths of their leaves."""

    def __init__(self):
        self.arrays: dict[str, np.ndarray] = {}

    def encode(self, value: Any, path: str) -> Any:
        # `type(...) is`, not `isinstance`: a subclass (a named tuple, an enumeration) would come
        # back as its base class.
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind in (list, tuple):
            items = [self.encode(item, _join(path, i)) for i, item in enumerate(value)]
            return {kind.__name__: items}
        if kind is dict:
            items = [[self._key(k, path), self.encode(v, _join(path, k))] for k, v in value.items()]
            return {"dict": items}
        if isinstance(value, eqx.Module):
            fields = {
                field.name: self.encode(getattr(value, field.name), _join(path, field.name))
                for field in dataclasses.fields(value)
            }
            return {"class": class_name(kind, path), "fields": fields}
        return self._array(value, path)

    def _key(self, key: Any, path: str) -> Any:
        if type(key) not in (bool, int, str):
            raise TypeError(f"save: {_where(path)} has the key {key!r}; keys are names or numbers.")
        return key

    def _array(self, value: Any, path: str) -> dict[str, Any]:
        if isinstance(value, Tracer):
            raise TypeError(f"save: {_where(path)} is traced. Save outside of jit, grad and vmap.")
        if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
            impl = str(jax.random.key_impl(value))
            return {"key": impl, **self._stored(np.asarray(jax.random.key_data(value)), path)}
        if isinstance(value, jax.Array):
            return {"array": "jax", **self._stored(np.asarray(value), path)}
        if type(value) is np.ndarray and not value.dtype.hasobject:
            return {"array": "numpy", **self._stored(value, path)}
        if isinstance(value, np.generic) and not value.dtype.hasobject:
            return {"array": "scalar", **self._stored(np.asarray(value), path)}
        hint = " Leave it out (`eqx.tree_at`) and put it back after loading."
        if callable(value):
            hint = (
                " A function has no form that outlives this program: write it as a module." + hint
            )
        raise TypeError(f"save: {_where(path)} is {value!r} of type {type(value).__name__}.{hint}")

    def _stored(self, array: np.ndarray, path: str) -> dict[str, str]:
        name = base = path or "value"
        number = 1
        while name in self.arrays:
            number += 1
            name = f"{base}#{number}"
        # NumPy's file format does not know the types that others register (bfloat16 and the like):
        # their bits are kept.
        is_foreign = array.dtype.isbuiltin == 2
        self.arrays[name] = array.view(f"u{array.dtype.itemsize}") if is_foreign else array
        return {"name": name, "dtype": array.dtype.name} if is_foreign else {"name": name}


class Decoder:
    """Builds the tree again from its JSON value and its arrays."""

    def __init__(self, arrays: dict[str, np.ndarray], source: str):
        self.arrays, self.source = arrays, source

    def decode(self, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return value
        match value:
            case {"class": str(name), "fields": dict(fields)}:
                return self._module(find_class(name, path), fields, path)
            case {"dict": list(items)}:
                return {k: self.decode(v, _join(path, k)) for k, v in items}
            case {"list": list(items)} | {"tuple": list(items)}:
                decoded = (self.decode(item, _join(path, i)) for i, item in enumerate(items))
                return _CONTAINERS[next(iter(value))](decoded)
            case {"float": str(text)}:
                return float(text)
            case {"key": str(impl), "name": str(name)}:
                return jax.random.wrap_key_data(jnp.asarray(self._stored(value, path)), impl=impl)
            case {"array": "jax", "name": str(name)}:
                return self._on_device(self._stored(value, path), path)
            case {"array": "numpy", "name": str(name)}:
                return self._stored(value, path)
            case {"array": "scalar", "name": str(name)}:
                return self._stored(value, path)[()]
        raise ValueError(f"load: {self.source!r} is damaged at {_where(path)}.")

    def _module(self, cls: type, fields: dict[str, Any], path: str) -> Any:
        known = {field.name: field for field in dataclasses.fields(cls)}
        gone = sorted(set(fields) - set(known))
        if gone:
            raise ValueError(
                f"load: {_where(path)} in {self.source!r} has the field {gone[0]!r}, which "
                f"{cls.__name__} has no longer. Load it with the version that wrote it."
            )
        module = object.__new__(cls)
        for name, field in known.items():
            if name in fields:
                made = self.decode(fields[name], _join(path, name))
            else:
                made = self._default(cls, field, path)
            object.__setattr__(module, name, made)
        return module

    def _default(self, cls: type, field: dataclasses.Field, path: str) -> Any:
        if field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        elif field.default is not dataclasses.MISSING:
            value = field.default
        else:
            raise ValueError(
                f"load: {_where(path)} in {self.source!r} lacks the field {field.name!r}, which "
                f"{cls.__name__} has gained since, without a default. Give it one."
            )
        convert = field.metadata.get("converter")
        return value if convert is None else convert(value)

    def _stored(self, value: dict[str, Any], path: str) -> np.ndarray:
        if value["name"] not in self.arrays:
            raise ValueError(f"load: {self.source!r} is damaged: it lacks the array {path!r}.")
        array = self.arrays[value["name"]]
        return array.view(jnp.dtype(value["dtype"])) if "dtype" in value else array

    def _on_device(self, array: np.ndarray, path: str) -> jax.Array:
        made = jnp.asarray(array)
        if made.dtype != array.dtype:
            raise ValueError(
                f"load: {_where(path)} in {self.source!r} is {array.dtype}, which JAX would cut to "
                f'{made.dtype}. Call jax.config.update("jax_enable_x64", True) first.'
            )
        return made


def class_name(cls: type, path: str) -> str:
    """`module:QualName`, by the package that re-exports the class, so that files outlive moves.

    **Raises:** `TypeError` for a class that cannot be imported again.
    """
    parts = cls.__module__.split(".")
    while parts[-1].startswith("_") and len(parts) > 1:
        parts.pop()
        package = ".".join(parts)
        if _lookup(sys.modules.get(package), cls.__qualname__) is cls:
            return f"{package}:{cls.__qualname__}"
    if _lookup(sys.modules.get(cls.__module__), cls.__qualname__) is not cls:
        raise TypeError(
            f"save: {_where(path)} is a {cls.__qualname__} of {cls.__module__!r}, a class that "
            "cannot be imported by that name. Define it at the top of a module."
        )
    return f"{cls.__module__}:{cls.__qualname__}"


def find_class(name: str, path: str) -> type:
    """The module class of that name.

    **Raises:** `ImportError` if there is none, `ValueError` for what is no concrete `eqx.Module`.
    """
    module, _, qualname = name.partition(":")
    try:
        found = _lookup(importlib.import_module(module), qualname)
    except ImportError as error:
        raise ImportError(
            f"load: {_where(path)} is a {qualname} of the module {module!r}, which cannot be "
            f"imported ({error}). Install it, or put it on the Python path."
        ) from error
    if found is None:
        raise ImportError(
            f"load: {_where(path)} is a {qualname}, but {module!r} has no such class. If it was "
            f"renamed or moved, keep the old name there: {qualname} = NewName."
        )
    if not (isinstance(found, type) and issubclass(found, eqx.Module)):
        raise ValueError(f"load: {_where(path)} is {name!r}, which is no equinox Module: refused.")
    if inspect.isabstract(found):
        raise ValueError(f"load: {_where(path)} is {name!r}, which is an abstract class now.")
    return found


def _lookup(module: Any, qualname: str) -> Any:
    """A class inside a module, through classes only; None if there is none."""
    found = module
    for part in qualname.split("."):
        found = vars(found).get(part) if isinstance(found, type | ModuleType) else None
    return found


def _join(path: str, part: Any) -> str:
    return f"{path}.{part}" if path else str(part)


def _where(path: str) -> str:
    return repr(path) if path else "the outermost object"
