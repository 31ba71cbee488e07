"""Where a training runs: on one device, or on several that each take a part of every batch."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxneuro.core import from_first

AXIS = "batch"


class Placement(NamedTuple):
    """The devices of a run. Without a mesh everything stays where it is.

    With one, each device has all parameters, all data and the key. Of a batch that is `divided`
    it computes its own rows; the program means the same as on one device.
    """

    mesh: Mesh | None = None

    def everywhere(self, tree: Any) -> Any:
        """The arrays, of which each process has a copy, on every device of every process."""
        return tree if self.mesh is None else jax.tree.map(self._replicated, tree)

    def divided(self, batch: Any) -> Any:
        """A traced batch, its first axis divided over the devices."""
        if self.mesh is None:
            return batch
        return jax.lax.with_sharding_constraint(batch, NamedSharding(self.mesh, P(AXIS)))

    def here(self, tree: Any) -> Any:
        """Copies on the default device of this process, of arrays that are on every device."""
        if self.mesh is None:
            return jax.tree.map(jnp.copy, tree)
        return jax.tree.map(lambda x: jnp.asarray(np.array(x)), tree)

    def compile(self, function: Callable, *arguments: Any, donated: Sequence[int]) -> Any:
        """The function for arguments like these; its results are everywhere."""
        everywhere = None if self.mesh is None else NamedSharding(self.mesh, P())
        jitted = jax.jit(function, donate_argnums=donated, out_shardings=everywhere)
        with nullcontext() if self.mesh is None else jax.set_mesh(self.mesh):  # for `map_samples`
            return jitted.lower(*arguments).compile()

    def agreed(self, number: int) -> int:
        """That of process 0, where several processes must go on alike."""
        is_shared = self.mesh is not None and self.mesh.is_multi_process
        return from_first(lambda: number) if is_shared else number

    def _replicated(self, x: Any) -> Any:
        assert self.mesh is not None
        everywhere = NamedSharding(self.mesh, P())
        if isinstance(x, jax.Array) and x.sharding == everywhere:
            return x
        if not self.mesh.is_multi_process:
            return jax.device_put(x, everywhere)
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            data = self._replicated(jax.random.key_data(x))
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
        x = np.asarray(x)
        return jax.make_array_from_callback(x.shape, everywhere, lambda index: x[index])


def choose_placement(batch_size: int, devices: Sequence[Any] | None = None) -> Placement:
    """How `train` will place a run with these options.

    **Raises:** `ValueError` for batches that the devices cannot share evenly.
    """
    count = 1 if devices is None else len(devices)
    if devices is None:
        return Placement()
    if count == 0:
        raise ValueError("train: devices is empty; pass at least one, or None.")
    if batch_size % count:
        near = sorted({max(1, batch_size // count) * count, -(-batch_size // count) * count})
        raise ValueError(
            f"train: a batch of {batch_size} cannot be split over {count} devices evenly. Choose "
            f"a batch_size of {' or '.join(map(str, near))}, or another number of devices."
        )
    return Placement(jax.make_mesh((count,), (AXIS,), (AxisType.Auto,), devices=devices))


def map_samples(function: Callable, shared: Any, *batch: Any) -> Any:
    """`jax.vmap` over the samples of a batch, which all use `shared`.

    Where `train` splits its batches, each device maps its own samples, and gradients are added up
    once, at the end. (XLA would do it in each step of a loop that `function` has.)

    **Arguments:**

    - `function`: `(shared, *sample) -> result`.
    - `shared`: any pytree, such as a model.
    - `batch`: pytrees of arrays that begin with the axis of samples.

    **Returns:** the results, which begin with that axis.

    !!! example

        ```python
        answers = map_samples(lambda net, x: net(x), net, inputs)
        ```
    """

    def mapped(shared: Any, *batch: Any) -> Any:
        return jax.vmap(lambda *sample: function(shared, *sample))(*batch)

    mesh = jax.sharding.get_abstract_mesh()
    types = dict(zip(mesh.axis_names, mesh.axis_types, strict=True))
    samples = jax.tree.leaves(batch)[0].shape[0]
    if types.get(AXIS) != AxisType.Auto or samples % mesh.shape[AXIS]:
        return mapped(shared, *batch)
    arrays, rest = eqx.partition(shared, eqx.is_array)
    # Not `check_vma`: the first state of a simulation is the same on all devices.
    return jax.shard_map(
        lambda arrays, *batch: mapped(eqx.combine(arrays, rest), *batch),
        in_specs=(P(), *(P(AXIS) for _ in batch)),
        out_specs=P(AXIS),
        check_vma=False,
    )(arrays, *batch)
