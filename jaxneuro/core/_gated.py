from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array, Float

Fraction = float | Float[Array, "..."]


class GatedConductance(eqx.Module):
    """A conductance that depends on the voltage it acts on: I(v) = gate(v) g (e_rev - v).

    The part of a `Drive` that is not affine in v; the integrator evaluates the gate at its own v.

    **Arguments:**

    - `gate`: the open fraction at v; a module such as `edges.MagnesiumBlock`.
    - `conductance`: g at the start of the step.
    - `e_rev`: reversal potential, in the neuron's unit of v.
    - `conductance_end`: g at the end of the step where it differs; in between it is interpolated
      linearly.

    !!! example

        ```python
        drive = Drive(gated=(GatedConductance(MagnesiumBlock(), g, e_rev=0.0),))
        ```
    """

    gate: Callable[[Float[Array, "..."]], Float[Array, "..."]]
    conductance: Float[Array, "..."]
    e_rev: Float[Array, "..."] | float
    conductance_end: Float[Array, "..."] | None = None

    def during(self, c: Fraction) -> "GatedConductance":
        """The conductance frozen at the fraction `c` (0 to 1) of the step."""
        frozen = interpolate(self.conductance, self.conductance_end, c)
        assert frozen is not None, "it has a conductance at the start"
        return GatedConductance(self.gate, frozen, self.e_rev)

    def before(self, c: Fraction) -> "GatedConductance":
        """The conductance over the part of the step before its fraction `c`."""
        end = self.during(c).conductance
        return GatedConductance(self.gate, self.conductance, self.e_rev, end)

    def after(self, c: Fraction) -> "GatedConductance":
        """The conductance over what is left of the step after its fraction `c`."""
        start = self.during(c).conductance
        return GatedConductance(self.gate, start, self.e_rev, self.conductance_end)

    def at(self, v: Float[Array, "..."], c: Fraction = 0.0) -> Float[Array, "..."]:
        """The current I(v) at the fraction `c` (0 to 1) of the step."""
        return self.gate(v) * self.during(c).conductance * (self.e_rev - v)


def interpolate(start: Array | None, end: Array | None, c: Fraction) -> Array | None:
    """A value that runs linearly from `start` to `end`, at the fraction `c` of the step.

    Without an end it stays as it starts; a missing start is 0.
    """
    if end is None or (isinstance(c, float) and c == 0.0):
        return start
    if start is None:
        return c * end
    return start + c * (end - start)
