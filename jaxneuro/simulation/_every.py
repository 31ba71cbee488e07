from collections.abc import Callable
from typing import Any

import equinox as eqx

from jaxneuro.network import NetworkState


class Every(eqx.Module):
    """A record that keeps every n-th step only, beside others with intervals of their own.

    Steps are counted from the start of the run: the first one kept is the n-th. A function of the
    state is called at those steps alone, so blocks of time may be as long as the interval allows.

    **Arguments:**

    - `interval`: n, in steps.
    - `what`: a path such as `"exc.v"`, or a function of the network's state.

    **Raises:** `ValueError` for an interval that is no whole number >= 1, and for a reducer, which
    sees every step.

    !!! example

        ```python
        run = simulate(net, dt=0.1, steps=1000, key=key, record={
            "v": Every(10, "exc.v"),
            "mean_v": Every(100, lambda state: state.nodes["exc"].v.mean()),
        })
        run["mean_v"]  # (10,)
        ```
    """

    interval: int = eqx.field(static=True)
    what: str | Callable[[NetworkState], Any]

    def __check_init__(self):
        if isinstance(self.interval, bool) or not isinstance(self.interval, int):
            raise ValueError(f"Every: interval is {self.interval!r}; it must be a whole number.")
        if self.interval < 1:
            raise ValueError(f"Every: interval is {self.interval}; it must be at least 1 step.")
        if not (isinstance(self.what, str) or callable(self.what)):
            raise ValueError(
                f"Every: what is a {type(self.what).__name__}; pass a path, or a function of the "
                "state. (A reducer sees every step, and is recorded by itself.)"
            )
