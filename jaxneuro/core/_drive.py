import equinox as eqx
from jaxtyping import Array, Float

from ._gated import Fraction, GatedConductance, interpolate


class Drive(eqx.Module):
    """What edges hand to a neuron for one step: the current I(v) = current - conductance v.

    Drives add, so a neuron never knows how many edges it has or which receptors they carry.
    A missing part counts as zero. What is not affine in v (NMDA) is in `gated`.

    **Arguments:**

    - `current`: current at the start of the step, in the neuron's own unit of current.
    - `conductance`: conductance at the start of the step (a reversal potential e gives
      `current = g e`, `conductance = g`).
    - `jump`: added to v once, after the step is integrated, whatever dt is (a delta synapse).
    - `current_end`, `conductance_end`: the values at the end of the step where they differ;
      in between they are interpolated linearly.
    - `ports`: drives aimed at the neuron's named ports (`target="exc.base"`), by port.
    - `gated`: conductances that depend on v; their currents add to I(v).
    """

    current: Float[Array, "..."] | None = None
    conductance: Float[Array, "..."] | None = None
    jump: Float[Array, "..."] | None = None
    current_end: Float[Array, "..."] | None = None
    conductance_end: Float[Array, "..."] | None = None
    ports: dict[str, "Drive"] = eqx.field(default_factory=dict)
    gated: tuple[GatedConductance, ...] = ()

    def __add__(self, other: "Drive") -> "Drive":
        current, current_end = _add_ramps(
            (self.current, self.current_end), (other.current, other.current_end)
        )
        conductance, conductance_end = _add_ramps(
            (self.conductance, self.conductance_end), (other.conductance, other.conductance_end)
        )
        jump = _add(self.jump, other.jump)
        names = {**self.ports, **other.ports}
        ports = {name: self.port(name) + other.port(name) for name in names}
        gated = self.gated + other.gated
        return Drive(current, conductance, jump, current_end, conductance_end, ports, gated)

    def port(self, name: str) -> "Drive":
        """The drive that is aimed at the port `name`; an empty one if nothing is."""
        return self.ports.get(name, Drive())

    def during(self, c: Fraction) -> "Drive":
        """The drive frozen at the fraction `c` (0 to 1) of the step."""
        current = interpolate(self.current, self.current_end, c)
        conductance = interpolate(self.conductance, self.conductance_end, c)
        ports = {name: drive.during(c) for name, drive in self.ports.items()}
        gated = tuple(part.during(c) for part in self.gated)
        return Drive(current, conductance, self.jump, ports=ports, gated=gated)

    def before(self, c: Fraction) -> "Drive":
        """The drive over the part of the step before its fraction `c`, without its jump."""
        end = self.during(c)
        ports = {name: drive.before(c) for name, drive in self.ports.items()}
        gated = tuple(part.before(c) for part in self.gated)
        return Drive(
            self.current, self.conductance, None, end.current, end.conductance, ports, gated
        )

    def after(self, c: Fraction) -> "Drive":
        """The drive over what is left of the step after its fraction `c`; a jump is over then."""
        start = self.during(c)
        ports = {name: drive.after(c) for name, drive in self.ports.items()}
        gated = tuple(part.after(c) for part in self.gated)
        ends = self.current_end, self.conductance_end
        return Drive(start.current, start.conductance, None, *ends, ports, gated)

    def at(self, v: Float[Array, "..."], c: Fraction = 0.0) -> Float[Array, "..."] | float:
        """The current I(v) at the fraction `c` (0 to 1) of the step; 0 if nothing drives."""
        frozen = self.during(c)
        current = 0.0 if frozen.current is None else frozen.current
        if frozen.conductance is not None:
            current = current - frozen.conductance * v
        for part in frozen.gated:
            current = current + part.at(v)
        return current


def _add(a: Array | None, b: Array | None) -> Array | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _add_ramps(
    a: tuple[Array | None, Array | None], b: tuple[Array | None, Array | None]
) -> tuple[Array | None, Array | None]:
    start = _add(a[0], b[0])
    if a[1] is None and b[1] is None:
        return start, None
    return start, _add(a[0] if a[1] is None else a[1], b[0] if b[1] is None else b[1])
