import equinox as eqx
from jaxtyping import Array, Float

Fraction = float | Float[Array, "..."]


class Drive(eqx.Module):
    """What edges hand to a neuron for one step: the affine current I(v) = current - conductance v.

    Drives add, so a neuron never knows how many edges it has or which receptors they carry.
    A missing part counts as zero.

    **Arguments:**

    - `current`: current at the start of the step, in the neuron's own unit of current.
    - `conductance`: conductance at the start of the step (a reversal potential e gives
      `current = g e`, `conductance = g`).
    - `jump`: added to v once, after the step is integrated, whatever dt is (a delta synapse).
    - `current_end`, `conductance_end`: the values at the end of the step where they differ;
      in between they are interpolated linearly.
    - `ports`: drives aimed at the neuron's named ports (`target="exc.base"`), by port.
    """

    current: Float[Array, "..."] | None = None
    conductance: Float[Array, "..."] | None = None
    jump: Float[Array, "..."] | None = None
    current_end: Float[Array, "..."] | None = None
    conductance_end: Float[Array, "..."] | None = None
    ports: dict[str, "Drive"] = eqx.field(default_factory=dict)

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
        return Drive(current, conductance, jump, current_end, conductance_end, ports)

    def port(self, name: str) -> "Drive":
        """The drive that is aimed at the port `name`; an empty one if nothing is."""
        return self.ports.get(name, Drive())

    def during(self, c: Fraction) -> "Drive":
        """The drive frozen at the fraction `c` (0 to 1) of the step."""
        current = _interpolate(self.current, self.current_end, c)
        conductance = _interpolate(self.conductance, self.conductance_end, c)
        ports = {name: drive.during(c) for name, drive in self.ports.items()}
        return Drive(current, conductance, self.jump, ports=ports)

    def before(self, c: Fraction) -> "Drive":
        """The drive over the part of the step before its fraction `c`, without its jump."""
        end = self.during(c)
        ports = {name: drive.before(c) for name, drive in self.ports.items()}
        return Drive(self.current, self.conductance, None, end.current, end.conductance, ports)

    def after(self, c: Fraction) -> "Drive":
        """The drive over what is left of the step after its fraction `c`; a jump is over then."""
        start = self.during(c)
        ports = {name: drive.after(c) for name, drive in self.ports.items()}
        return Drive(
            start.current, start.conductance, None, self.current_end, self.conductance_end, ports
        )

    def at(self, v: Float[Array, "..."], c: Fraction = 0.0) -> Float[Array, "..."] | float:
        """The current I(v) at the fraction `c` (0 to 1) of the step; 0 if nothing drives."""
        frozen = self.during(c)
        current = 0.0 if frozen.current is None else frozen.current
        return current if frozen.conductance is None else current - frozen.conductance * v


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


def _interpolate(start: Array | None, end: Array | None, c: Fraction) -> Array | None:
    if end is None or (isinstance(c, float) and c == 0.0):
        return start
    if start is None:
        return c * end
    return start + c * (end - start)
