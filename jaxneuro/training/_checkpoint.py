import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.core import arrays_from_first, from_first, interrupted_afterwards


class Saved(NamedTuple):
    """A checkpoint: the training state after `epoch` epochs, and the best score until then."""

    state: Any
    epoch: int
    best: float | None


class Checkpoints:
    """Training states in a folder, written atomically by orbax; the latest two are kept.

    Of several processes the first has the folder, and what is restored is the same on all of them;
    so each of them makes the same calls.

    **Arguments:**

    - `folder`: made if it does not exist.
    - `seconds`: least time between two of them (the last epoch is always saved).
    """

    def __init__(self, folder: str | Path, seconds: float = 5.0):
        self.folder = Path(folder).absolute()
        self.seconds = seconds
        self._saved_at = time.monotonic()
        self._manager: Any = None
        from_first(self._open)

    def _open(self) -> None:
        import orbax.checkpoint as ocp

        # What a killed process left half written; orbax would warn when it comes to that epoch.
        for half in self.folder.glob("*.orbax-checkpoint-tmp*"):
            shutil.rmtree(half)
        self.folder.mkdir(parents=True, exist_ok=True)
        alone = ocp.options.MultiprocessingOptions(active_processes={0})
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2,
            enable_async_checkpointing=False,
            create=False,
            multiprocessing_options=alone,
        )
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def save(self, state: Any, epoch: int, best: float | None, *, is_last: bool = False) -> None:
        """Saves the state after `epoch` epochs, unless the last one is too recent."""
        from_first(lambda: self._save(state, epoch, best, is_last))

    def _save(self, state: Any, epoch: int, best: float | None, is_last: bool) -> None:
        import orbax.checkpoint as ocp

        if not is_last and time.monotonic() - self._saved_at < self.seconds:
            return
        tree = {"leaves": [np.asarray(x) for x in jax.tree.leaves(state)]}
        about = {"epoch": epoch, "best": best, "shapes": _shapes(state)}
        args = ocp.args.Composite(state=ocp.args.StandardSave(tree), about=ocp.args.JsonSave(about))
        with interrupted_afterwards():  # orbax' threads would go on while JAX ends
            self._manager.save(epoch, args=args)
        self._saved_at = time.monotonic()

    def restore(self, template: Any) -> Saved | None:
        """The latest checkpoint, None if there is none.

        **Raises:** `ValueError` if it belongs to another model or optimiser than `template`.
        """
        leaves: list[Any] = [np.asarray(x) for x in jax.tree.leaves(template)]
        about = from_first(lambda: self._read(template, leaves))
        if about is None:
            return None
        leaves = [jnp.asarray(x) for x in arrays_from_first(leaves)]
        state = jax.tree.unflatten(jax.tree.structure(template), leaves)
        return Saved(state, about["epoch"], about["best"])

    def _read(self, template: Any, leaves: list[Any]) -> dict[str, Any] | None:
        """What else a checkpoint says, while its arrays take the place of the template's."""
        import orbax.checkpoint as ocp

        epoch = self._manager.latest_step()
        if epoch is None:
            return None
        about = self._manager.restore(epoch, args=ocp.args.Composite(about=ocp.args.JsonRestore()))[
            "about"
        ]
        if about["shapes"] != _shapes(template):
            raise ValueError(
                f"The checkpoint {self.folder / str(epoch)} belongs to another model or optimiser: "
                "its arrays have other shapes. Resume with the settings it was made with."
            )
        wanted = ocp.args.Composite(state=ocp.args.StandardRestore({"leaves": leaves}))
        leaves[:] = self._manager.restore(epoch, args=wanted)["state"]["leaves"]
        return about

    def epoch(self) -> int:
        """How many epochs the latest checkpoint has behind it, 0 if there is none."""
        return from_first(lambda: self._manager.latest_step() or 0)

    def latest(self) -> Path | None:
        """The folder of the latest checkpoint."""
        epoch = from_first(lambda: self._manager.latest_step())
        return None if epoch is None else self.folder / str(epoch)

    def close(self) -> None:
        """Waits for what is still being written."""
        from_first(lambda: self._manager.close())


def _shapes(state: Any) -> list[str]:
    named = jax.tree_util.tree_flatten_with_path(state)[0]
    return [f"{jax.tree_util.keystr(path)} {x.shape} {x.dtype}" for path, x in named]
