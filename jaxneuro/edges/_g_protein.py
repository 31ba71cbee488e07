import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import param

from ._kinetics import AbstractKinetics
from ._time_courses import passed_on


class GProteinState(eqx.Module):
    """Receptors r, G proteins g (µM), the open fraction s, and what is left of the pulse.

    `transmitter` is what the pulse has still to bring, mM ms, and `left` for how long it lasts, ms.
    """

    r: Float[Array, "..."]
    g: Float[Array, "..."]
    s: Float[Array, "..."]
    transmitter: Float[Array, "..."]
    left: Float[Array, "..."]


class GProtein(AbstractKinetics):
    """Channels that are opened by G proteins: GABA-B.

    dr/dt = K1 T (1 - r) - K2 r;  dg/dt = K3 r - K4 g;  s = g^n / (g^n + Kd),

    with T a pulse of transmitter of `pulse` ms at each event, of weight times 1 mM. As n proteins
    bind, s rises late and needs several events in a row. r and g are exact at any dt.

    What an earlier pulse has not brought yet when the next one begins is spread over that one, so
    that no transmitter is lost. Weights must not be negative.

    **Arguments:**

    - `K1`: binding of transmitter, 1 / (mM ms).
    - `K2`: unbinding, 1 / ms.
    - `K3`: production of G proteins, µM / ms.
    - `K4`: their decay, 1 / ms.
    - `Kd`: dissociation constant of the channel, µM^n.
    - `pulse`: duration of a pulse of transmitter, ms.
    - `n`: binding sites of the channel.

    Reference: Destexhe, Mainen & Sejnowski (1998), Kinetic models of synaptic transmission, in:
    Methods in Neuronal Modeling, MIT Press.

    !!! example

        ```python
        receptor = ConductanceReceptor(GProtein(), g_max=60.0, e_rev=-95.0)
        ```
    """

    K1: Float[Array, "..."] = param(0.09, unit="1 / (mM ms)", lower=0.0)
    K2: Float[Array, "..."] = param(0.0012, unit="1 / ms", lower=0.0)
    K3: Float[Array, "..."] = param(0.18, unit="µM / ms", lower=0.0)
    K4: Float[Array, "..."] = param(0.034, unit="1 / ms", lower=0.0)
    Kd: Float[Array, "..."] = param(100.0, unit="µM^n", lower=0.0)
    pulse: Float[Array, "..."] = param(1.0, unit="ms", lower=0.0)
    n: int = eqx.field(static=True, default=4)

    def __check_init__(self):
        if self.n < 1:
            raise ValueError(f"GProtein: n is {self.n}; a channel has 1 binding site or more.")

    def init(self, shape: tuple[int, ...]) -> GProteinState:
        zero = jnp.zeros(shape)
        return GProteinState(zero, zero, zero, zero, zero)

    def step(
        self, state: GProteinState, events: Float[Array, "..."], dt: float
    ) -> tuple[GProteinState, Float[Array, "..."], Float[Array, "..."]]:
        # Without a pulse an empty one runs, so that the gradient by an event of weight 0 exists.
        left = jnp.where((events != 0) | (state.left <= 0), self.pulse, state.left)
        transmitter = state.transmitter + events * self.pulse
        on = jnp.where(left < dt, left, dt)
        binding = self.K1 * transmitter / left
        r, g = self._relax(state.r, state.g, binding, on)
        r, g = self._relax(r, g, jnp.zeros_like(r), dt - on)
        power = g**self.n
        s = power / (power + self.Kd)
        rest = transmitter * (1.0 - on / left)
        return GProteinState(r, g, s, rest, left - on), state.s, s

    def _relax(
        self,
        r: Float[Array, "..."],
        g: Float[Array, "..."],
        binding: Float[Array, "..."],
        duration: Float[Array, "..."],
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """r and g after a time of constant binding (1 / ms)."""
        rate = binding + self.K2
        bound = binding / rate
        lasting = -bound / self.K4 * jnp.expm1(-self.K4 * duration)
        passing = (r - bound) * passed_on(rate, self.K4, duration)
        g = g * jnp.exp(-self.K4 * duration) + self.K3 * (lasting + passing)
        return bound + (r - bound) * jnp.exp(-rate * duration), g
