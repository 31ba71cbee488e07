from typing import Any

from ._elements import ConductanceElement, CurrentElement, Filter, Gate
from ._neuromorphic import Neuromorphic


def burster(
    *,
    a_fast: Any = -2.0,
    delta_fast: Any = 0.0,
    a_slow: Any = 2.0,
    delta_slow: Any = 0.0,
    a_slow_negative: Any = -1.5,
    delta_slow_negative: Any = -1.5,
    a_ultraslow: Any = 1.5,
    delta_ultraslow: Any = -1.5,
    tau_slow: Any = 50.0,
    tau_ultraslow: Any = 2500.0,
    **options: Any,
) -> Neuromorphic:
    """The four-element burster: a leak and one current on each time scale, two on the slow one.

    C dV/dt = I_app - V - a_f tanh(V - d_f) - a_s tanh(V_s - d_s) - a_sn tanh(V_s - d_sn)
    - a_us tanh(V_us - d_us).

    `a_fast` < 0 makes the spike's threshold, `a_slow` > 0 repolarises, `a_slow_negative` < 0 makes
    rest and spiking coexist (slow excitability), `a_ultraslow` > 0 ends the burst. Bursting or not
    is a matter of the slow negative conductance, `delta_ultraslow`, `a_ultraslow` and the current.

    **Arguments:**

    - `a_...`, `delta_...`: as in `CurrentElement`; `neuron.elements` holds the leak, fast, slow,
      slow negative and ultra-slow element in this order. Numbers or arrays, traced or not.
    - `tau_slow`, `tau_ultraslow`: of `neuron.filters[0]` and `[1]`, ms.
    - `options`: `C`, `v_start`, `filter_start`, `threshold` of `Neuromorphic`.

    At I_app = -2 the defaults burst with 7 spikes each 2493.9 ms. The slider program of the
    original starts with both late deltas at -0.9, and rests at that current.

    Reference: Ribar & Sepulchre (2019), IEEE Trans. Circuits Syst. I 66:3028.

    !!! example

        ```python
        example = burster()
        sliders = burster(delta_slow_negative=-0.9, delta_ultraslow=-0.9)
        ```
    """
    elements = (
        ConductanceElement(1.0),  # pyright: ignore[reportArgumentType]
        CurrentElement(a_fast, delta_fast, None),
        CurrentElement(a_slow, delta_slow, None, filter=0),
        CurrentElement(a_slow_negative, delta_slow_negative, None, filter=0),
        CurrentElement(a_ultraslow, delta_ultraslow, None, filter=1),
    )
    return Neuromorphic(elements, filters=(Filter(tau_slow), Filter(tau_ultraslow)), **options)


def conductance_burster(
    *,
    g_sodium: Any = 0.0,
    v_sodium: Any = -20.0,
    g_potassium: Any = 0.0,
    v_potassium: Any = -20.0,
    g_calcium: Any = 0.0,
    v_calcium: Any = -50.0,
    g_slow_potassium: Any = 0.0,
    v_slow_potassium: Any = -50.0,
    tau_slow: Any = 30.0,
    tau_ultraslow: Any = 400.0,
    **options: Any,
) -> Neuromorphic:
    """The same architecture made of conductances with one gate each.

    C dV/dt = I_app - V - sum of g_j (V - E_j) x_j: sodium (30 mV, immediate), potassium (-75) and
    calcium (140) on the slow, a second potassium (-75) on the ultra-slow time scale; k is 0.1, 0.1,
    0.15, 0.15 per mV.

    **Arguments:**

    - `g_...`: conductances, 0 as the original's sliders start; `v_...`: half activation, mV.
    - `tau_slow`, `tau_ultraslow`: of `neuron.filters[0]` and `[1]`, ms.
    - `options`: as in `burster`.

    Reference: as in `burster`.

    !!! example

        ```python
        neuron = conductance_burster(g_sodium=3.0, g_potassium=4.0, g_calcium=0.5,
                                     g_slow_potassium=1.0)
        ```
    """

    def element(g: Any, e_rev: Any, k: Any, v_off: Any, place: int | None) -> ConductanceElement:
        return ConductanceElement(g, e_rev, (Gate(k, v_off, None, filter=place),))

    elements = (
        ConductanceElement(1.0),  # pyright: ignore[reportArgumentType]
        element(g_sodium, 30.0, 0.1, v_sodium, None),
        element(g_potassium, -75.0, 0.1, v_potassium, 0),
        element(g_calcium, 140.0, 0.15, v_calcium, 0),
        element(g_slow_potassium, -75.0, 0.15, v_slow_potassium, 1),
    )
    return Neuromorphic(elements, filters=(Filter(tau_slow), Filter(tau_ultraslow)), **options)
