import math
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, init_key, map_leaves, resolve_path
from jaxneuro.integrators import AbstractIntegrator, ExponentialEuler
from jaxneuro.surrogates import AbstractSurrogate, SuperSpike

from ._base import AbstractNeuron
from ._fragment import Fragment
from ._options import check_option
from ._rest import rest
from ._start import AbstractStart

ResetGradient = Literal["detached", "surrogate", "event"]
Start = Literal["original", "rest"]


def as_shape(size: int | tuple[int, ...]) -> tuple[int, ...]:
    """A shape from a count of neurons or a tuple of lengths, all at least 1."""
    shape = tuple(size) if isinstance(size, Iterable) else (size,)
    # NumPy's integers, such as `np.prod(shape)`, are numbers too.
    if not all(isinstance(length, int | np.integer) and length >= 1 for length in shape):
        raise ValueError(f"A population's shape is {size!r}; it takes whole numbers >= 1.")
    return tuple(int(length) for length in shape)


class Input(eqx.Module):
    """A source of signals from outside: its series is given to `simulate` under its name.

    **Arguments:**

    - `shape`: number of channels, or a shape such as `(28, 28, 1)`.
    """

    shape: tuple[int, ...] = eqx.field(static=True, converter=as_shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Step(NamedTuple):
    """What one step of a population yields.

    **Attributes:**

    - `state`: the neurons' state, after resets.
    - `spikes`: 0 or 1.
    - `fraction`: where in the step the threshold was crossed, in [0, 1], for those that spiked: by
      linear interpolation of the margin; 1 for the others.
    """

    state: Any
    spikes: Float[Array, "..."]
    fraction: Float[Array, "..."]


class Population(eqx.Module):
    """Many neurons of one type, with everything that is a choice for any neuron.

    **Arguments:**

    - `neuron`: the cell type, or a `Fragment`, whose own edges a `Network` adds to its others.
    - `shape`: number of neurons, or a shape such as `(24, 24, 32)` (channels last).
    - `surrogate`: derivative of the spike.
    - `integrator`: method for the neuron's differential equation.
    - `reset_gradient`: `"detached"` stops the gradient through the reset, `"surrogate"` lets it
      pass with the spike's surrogate derivative. `"event"` resets where in the step the threshold
      was crossed, and integrates what is left of the step from there: the times of later spikes
      are then continuous functions of the parameters, and their gradient is the true one (by the
      implicit function theorem; states that are not reset keep their saltation). It costs a second
      integration per step, takes currents and conductances (no `Delta` receptor), and a
      `Refractory` with `whole_steps=False`.
    - `start`: `"original"` starts at the model's own values (`neuron.init`), `"rest"` at the stable
      fixed point without input (`rest`).
    - `initial`: start values of single variables, by name: `{"v": -60.0}`, `()` or of the
      population's shape; or drawn anew in each run, `{"v": UniformStart(-60.0, -50.0)}`.

    **Raises:** `ValueError` for an unknown option or variable.

    !!! example

        ```python
        exc = Population(LIF(tau=20.0), 100, surrogate=Arctan(), integrator=Heun())
        ```
    """

    neuron: AbstractNeuron
    shape: tuple[int, ...] = eqx.field(static=True, converter=as_shape)
    surrogate: AbstractSurrogate = eqx.field(default_factory=SuperSpike)
    integrator: AbstractIntegrator = eqx.field(default_factory=ExponentialEuler)
    reset_gradient: ResetGradient = eqx.field(static=True, default="detached")
    start: Start = eqx.field(static=True, default="original")
    initial: dict[str, Float[Array, "..."] | AbstractStart] = eqx.field(
        default_factory=dict, converter=lambda values: _as_arrays(values)
    )

    def __check_init__(self):
        check_option(self.reset_gradient, ResetGradient, "Population: reset_gradient")
        check_option(self.start, Start, "Population: start")
        if self.reset_gradient == "event":
            _check_event(self.neuron)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def init(self, key: Key[Array, ""]) -> Any:
        """The neurons' state before the first step.

        **Raises:** a runtime error naming the model if `start="rest"` and it has no resting state.
        """
        state = self.neuron.init(self.shape, key)
        if self.start == "rest":
            state = rest(self.neuron, self.shape)
        for name, value in self.initial.items():
            if isinstance(value, AbstractStart):
                value = value(init_key(key, name), self.shape)
            if value.shape not in ((), self.shape):
                raise ValueError(
                    f"Population: initial {name!r} has shape {value.shape}; give one number, or "
                    f"shape {self.shape}."
                )
            # Inside a tree, so that wrappers on the way may be left out of the name.
            path = resolve_path({"x": state}, f"x.{name}")
            state = map_leaves({"x": state}, [path], lambda _, leaf, v=value: _like(v, leaf))["x"]
        return state

    def step(self, state: Any, drive: Drive, dt: float) -> tuple[Any, Float[Array, "..."]]:
        """One step of `dt` ms.

        **Returns:** the new state (after resets) and the spikes, 0 or 1, of the population's shape.
        """
        step = self.advance(state, drive, dt)
        return step.state, step.spikes

    def advance(self, state: Any, drive: Drive, dt: float) -> Step:
        """One step of `dt` ms, with the times of the spikes inside it."""
        new = self.neuron.advance(state, drive, dt, self.integrator)
        margin = self.neuron.margin(state, new)
        if margin is None:
            return Step(new, jnp.zeros_like(new.v), jnp.ones_like(new.v))
        spikes = self.surrogate(margin)
        fraction = _fraction(self.neuron.margin(state, state), margin)
        if self.reset_gradient == "event":
            if drive.jump is not None:
                raise ValueError(
                    "reset_gradient='event' cannot tell when within a step a jump of v (a Delta "
                    "receptor) crosses the threshold. Use currents or conductances."
                )
            new, fraction = self._reset_inside(state, new, drive, dt, margin, fraction)
        elif self.reset_gradient == "detached":
            new = self.neuron.reset(new, jax.lax.stop_gradient(spikes))
        else:
            new = self.neuron.reset(new, spikes)
        return Step(new, spikes, fraction)

    def _reset_inside(
        self, old: Any, new: Any, drive: Drive, dt: float, after: Array, first: Array
    ) -> tuple[Any, Array]:
        """The state at the end of the step if neurons are reset when they cross the threshold.

        `after` is the margin of `new`, and `first` the crossing by linear interpolation over the
        whole step. The state there is integrated for, and tells on which side of it a second
        interpolation has to look: the time is then of third order in dt.

        **Returns:** the state, and the improved crossing.
        """
        neuron, fired = self.neuron, after > 0
        near = neuron.advance(old, drive.before(first), first * dt, self.integrator)
        near = _computed_once(near)
        margin = neuron.margin(old, near)
        level = jnp.zeros_like(first) if margin is None else margin
        is_late = level > 0
        before = neuron.margin(old, old)
        early = first * _fraction(before, jnp.where(is_late, level, 1.0))
        late = first + (1.0 - first) * _fraction(jnp.where(is_late, -1.0, level), after)
        fraction = _computed_once(jnp.where(fired, jnp.where(is_late, early, late), 1.0))

        def at_crossing(start: Any, middle: Any, end: Any) -> Any:
            if not eqx.is_inexact_array(end):
                return end
            return middle + (fraction - first).astype(end.dtype) * (end - start)

        crossing = _computed_once(jax.tree.map(at_crossing, old, near, new))
        start = neuron.reset(crossing, jnp.ones_like(fraction))
        if start is crossing:  # nothing is reset, so the step is one piece
            return new, fraction
        left = (1.0 - fraction) * dt
        end = neuron.advance(start, drive.after(fraction), left, self.integrator)
        return jax.tree.map(lambda a, b: jnp.where(fired, a, b), end, new), fraction


def _computed_once(tree: Any) -> Any:
    """The same numbers, which XLA then does not compute again for each of their uses.

    On the CPU it repeats all that is cheap in each loop that needs it, and here half of a step is
    cheap; but not a division. So these are divided by a 1 of which it cannot know that it is one.
    """

    def once(x: Any) -> Any:
        if not eqx.is_inexact_array(x):
            return x
        return x / jax.lax.stop_gradient(jnp.where(jnp.isnan(x), x, 1.0))

    return jax.tree.map(once, tree)


def _fraction(before: Array | None, after: Array) -> Float[Array, "..."]:
    """Where a margin that goes from `before` to `after` > 0 crosses 0; 1 where it does not."""
    below = jnp.minimum(jnp.zeros_like(after) if before is None else before, 0.0)
    # Guarded: without a crossing both may be 0, and a neuron that was held is at -inf.
    crosses = (after > 0) & jnp.isfinite(below)
    below = jnp.where(crosses, below, 0.0)
    return jnp.where(crosses, -below / jnp.where(crosses, after - below, 1.0), 1.0)


def _like(value: Array, leaf: Array) -> Array:
    return jnp.broadcast_to(value, leaf.shape).astype(leaf.dtype)


def _as_arrays(values: Any) -> dict[str, Any]:
    return {
        name: value if isinstance(value, AbstractStart) else jnp.asarray(value, float)
        for name, value in dict(values).items()
    }


def _check_event(neuron: AbstractNeuron | Fragment) -> None:
    """Refuses neurons whose step is not a flow in time, of which a part could be taken."""
    for part in _modules(neuron):
        options = vars(part)
        if options.get("input_scale") == "unit":
            raise ValueError(
                f"Population: reset_gradient='event' needs a {type(part).__name__} with "
                "input_scale='physical': the unit scale adds a whole step's input at once."
            )
        if options.get("whole_steps"):
            raise ValueError(
                "Population: reset_gradient='event' needs Refractory(..., whole_steps=False), "
                "which ends between two steps."
            )


def _modules(module: eqx.Module) -> Iterator[eqx.Module]:
    """A neuron and what it wraps."""
    yield module
    for part in vars(module).values():
        if isinstance(part, eqx.Module):
            yield from _modules(part)
