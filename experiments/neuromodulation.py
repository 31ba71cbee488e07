"""Neuromodulation of one neuron: rest, bursts and tonic spikes by shape, and bursts by gradient.

python experiments/neuromodulation.py [--goals 5:1500 10:2000] [--out FOLDER] [--quick]

FOLDER/regimes.png moves one element of the four-element burster (its slow negative conductance) at
a constant current, and draws the I-V curves that tell what will happen.

FOLDER/tuning.png starts at rest and asks for a number of spikes per burst and a period (`--goals`,
spikes:milliseconds). A resting neuron has no spikes to differentiate, so the gradient first goes
through the I-V curves: Adam moves the parameters until the equilibrium lies where the slow curve
falls and the others rise, which is what makes bursts. From there spike times are differentiated
through the simulation. The period is smooth between two numbers of spikes; the number itself is
not, but the intervals grow towards the end of a burst, and a late interval tells how near the next
spike is. Gauss-Newton steps solve for both. What is reached is simulated anew with a tenth of the
step. FOLDER/results.json has the numbers.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from jaxneuro.analysis import equilibrium, iv_curves
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4
from jaxneuro.neurons import Neuromorphic, Population, burster
from jaxneuro.plotting import draw_iv_curves
from jaxneuro.simulation import simulate

CURRENT = -1.0
TAUS = (0.0, 50.0, np.inf)
V = np.arange(-3.0, 3.1, 0.1)
GOALS = ((5, 1500.0), (10, 2000.0), (20, 3000.0))
DT, SETTLE = 0.5, 8000.0  # ms
WIDTH, LEAD = 0.15, 20.0  # of the voltage around 0 that is a spike; ms before it
CLIP = 0.1  # of log(period) per step: more of it and the spikes are lost on the way
REGIMES = {
    "rest": {"a_slow_negative": -0.5, "delta_slow_negative": -1.5},
    "bursts": {"a_slow_negative": -1.5, "delta_slow_negative": -1.5},
    "tonic": {"a_slow_negative": -1.5, "delta_slow_negative": -2.0},
}
# What is tuned, and where it starts: a neuron at rest. Gains and the time constant keep their sign.
START = {
    "a_slow_negative": -0.5,
    "delta_slow_negative": -0.9,
    "a_ultraslow": 1.0,
    "delta_ultraslow": -0.9,
    "tau_ultraslow": 2500.0,
}


def to_free(parameters: dict[str, float]) -> np.ndarray:
    """Unbounded numbers of similar size: logarithms of what has a sign to keep."""
    return np.array(
        [v if name.startswith("delta") else np.log(abs(v)) for name, v in parameters.items()]
    )


def to_parameters(free: Any) -> dict[str, Any]:
    signs = {name: np.sign(value) for name, value in START.items()}
    return {
        name: x if name.startswith("delta") else signs[name] * jnp.exp(x)
        for name, x in zip(START, free, strict=True)
    }


def build(free: Any) -> Neuromorphic:
    return burster(**to_parameters(free))


def run(neuron: Neuromorphic, duration: float, dt: float) -> jax.Array:
    """The voltage after each step."""
    population = Population(neuron, 1, integrator=RK4())
    steps = round(duration / dt)
    current, key = {"neuron": Constant(CURRENT)}, jax.random.key(0)
    return simulate(population, current, dt=dt, steps=steps, key=key, record="neuron.v")[
        "neuron.v"
    ][:, 0]


@eqx.filter_jit
def shape_loss(free: jax.Array, margin: float) -> jax.Array:
    """0 where the neuron is quiet on the fast, excitable on the slow, stable on the slowest scale.

    Each is a matter of the slope of an I-V curve: of the first two at the equilibrium, of the
    steady state anywhere, so that there is one equilibrium only.
    """
    current = build(free).static_current
    v_rest = equilibrium(lambda v: current(v, v, np.inf), CURRENT, jnp.asarray(V))
    fast, slow = (jax.grad(current)(v_rest, v_rest, tau) for tau in TAUS[:2])
    steady = jax.vmap(jax.grad(lambda v: current(v, v_rest, np.inf)))(jnp.asarray(V))
    wanted = jnp.concatenate([jnp.stack([fast - 0.2, -slow - margin]), steady - 0.1])
    return jnp.sum(jnp.minimum(wanted, 0.0) ** 2)


def shape(free: np.ndarray, margin: float, steps: int) -> tuple[np.ndarray, list[float]]:
    """Adam on the I-V curves until they have the shape."""
    optimiser = optax.adam(0.01)
    x, losses = jnp.asarray(free), []
    state = optimiser.init(x)
    slope = eqx.filter_jit(jax.value_and_grad(shape_loss))
    for _ in range(steps):
        loss, gradient = slope(x, margin)
        losses.append(float(loss))
        if losses[-1] < 1e-6:
            break
        with jax.numpy_dtype_promotion("standard"):  # optax mixes floats and integers
            updates, state = optimiser.update(gradient, state)
        x = optax.apply_updates(x, updates)
    return np.asarray(x), losses


def soft_spike_times(v: jax.Array, dt: float, capacity: int = 400) -> jax.Array:
    """When each spike is, as the centre of the time that V spends above 0; infinity for none.

    Smooth in V, and exact to far below dt. A time that is interpolated between two steps is not
    good enough: its error of dt / 10 depends on where in the step the spike lies, and so it puts
    noise on the derivative.
    """
    fixed = jax.lax.stop_gradient(v)
    count = jnp.cumsum((fixed[1:] >= 0) & (fixed[:-1] < 0))
    lead = round(LEAD / dt)
    spike = jnp.concatenate([count[lead:], jnp.full(lead + 1, count[-1])]) - 1
    spike = jnp.where(spike < 0, capacity, spike)  # before the first: out of range, dropped
    weight = jax.nn.sigmoid(v / WIDTH)
    time = jnp.arange(1.0, len(v) + 1) * dt
    total = jax.ops.segment_sum(weight, spike, capacity)
    moment = jax.ops.segment_sum(weight * time, spike, capacity)
    exists = jnp.arange(capacity) < count[-1]
    return jnp.where(exists, moment / jnp.where(exists, total, 1.0), jnp.inf)


def spike_times(free: Any, duration: float, dt: float) -> jax.Array:
    return soft_spike_times(run(build(free), duration, dt), dt)


@eqx.filter_jit
def spike_times_and_slopes(free: jax.Array, duration: float, dt: float) -> tuple[Any, Any]:
    """When it spikes, and the derivative of each time in each parameter (five, so forward)."""

    def twice(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        times = spike_times(x, duration, dt)
        return times, times

    slopes, times = jax.jacfwd(twice, has_aux=True)(free)
    return times, slopes


def find_bursts(times: np.ndarray) -> np.ndarray | None:
    """Index of the first spike of each burst from the second on; None if there are no two."""
    intervals = np.diff(times[np.isfinite(times)])
    if len(intervals) < 3 or intervals.max() < 3 * np.median(intervals):
        return None
    starts = np.flatnonzero(intervals > 0.5 * intervals.max()) + 1
    return starts if len(starts) >= 2 and np.diff(starts).min() >= 3 else None


def features(times: jax.Array, starts: np.ndarray) -> jax.Array:
    """Logarithms of the mean period, and of a late interval in units of the first one.

    The last interval but one is late; the last itself may be of any length.
    """
    first, late = starts[:-1], starts[:-1] + max(1, np.diff(starts).min() - 3)
    period = (times[starts[-1]] - times[starts[0]]) / len(first)
    growth = jnp.log(times[late + 1] - times[late]) - jnp.log(times[first + 1] - times[first])
    return jnp.stack([jnp.log(period), growth.mean()])


def measure(times: np.ndarray, starts: np.ndarray) -> tuple[float, float]:
    """Mean number of spikes per burst, and period."""
    count, first, last = len(starts) - 1, int(starts[0]), int(starts[-1])
    return (last - first) / count, float(times[last] - times[first]) / count


def growth_per_spike(times: np.ndarray, starts: np.ndarray) -> float:
    """By how much the logarithm of the late interval grows from one interval to the next."""
    late = max(1, np.diff(starts).min() - 3)
    logs = np.log(np.diff(times[np.isfinite(times)]))
    growth = logs[starts[:-1] + late] - logs[starts[:-1] + late - 1]
    return max(0.03, float(growth.mean()))


def tune(
    free: np.ndarray, spikes: int, period: float, iterations: int
) -> tuple[np.ndarray, list[dict[str, float]]]:
    """Gauss-Newton steps of least norm from a bursting neuron to the wanted burst.

    The intervals grow towards the end of a burst: for one spike more, a late interval has to become
    what the one before it is.
    """
    duration, reach, trace = 8.0 * period, 0.1, []
    last, jacobian, residual = free, np.zeros((2, len(free))), np.zeros(2)
    for _ in range(iterations):
        times, slopes = (np.asarray(x) for x in spike_times_and_slopes(free, duration, DT))
        starts = find_bursts(times)
        if starts is None:  # a step too far: out of the region of bursts
            reach *= 0.5
        else:
            count, now = measure(times, starts)
            missing = np.clip(spikes - count, -3, 3)
            last, reach = free, min(1.3 * reach, 0.1)
            away = np.clip(np.log(now / period), -CLIP, CLIP)
            residual = np.array([away, growth_per_spike(times, starts) * missing])
            trace.append({"spikes": float(count), "period": float(now)})
            if np.abs(residual).max() < 1e-4:
                break
            known = np.isfinite(times)
            by_times = np.asarray(jax.jacrev(features)(jnp.asarray(times), starts))
            jacobian = by_times[:, known] @ slopes[known]
        step = -np.linalg.pinv(jacobian, rcond=1e-4) @ residual
        free = last + step * min(1.0, reach / max(np.linalg.norm(step), 1e-12))
    return last, trace


def from_rest(goals: Any, iterations: int) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Shapes once, then tunes for each goal; the shaped parameters and a row for each goal."""
    shaped, steps = to_free(START), 0
    for margin in (0.1, 0.2, 0.3, 0.4):
        shaped, losses = shape(shaped, margin, 1000)
        steps += len(losses)
        times = np.asarray(spike_times_and_slopes(shaped, 12000.0, DT)[0])
        starts = find_bursts(times)
        if starts is not None and measure(times, starts)[0] >= 5:
            break
    else:
        raise RuntimeError("the shaped neuron does not burst")
    count, period = measure(times, starts)
    print(f"shaped in {steps} steps: {count:g} spikes per burst, period {period:.1f} ms")
    rows = []
    for spikes, wanted in goals:
        free, trace = tune(shaped, spikes, wanted, iterations)
        fine = np.asarray(jax.jit(lambda x, t=wanted: spike_times(x, 8 * t, DT / 10))(free))
        starts = find_bursts(fine)
        count, period = (0.0, 0.0) if starts is None else measure(fine, starts)
        print(
            f"wanted {spikes} spikes per burst, period {wanted:g} ms: reached {count:g} and "
            f"{period:.1f} ms in {len(trace)} steps (from {trace[0]['spikes']:g} spikes and "
            f"{trace[0]['period']:.0f} ms)"
        )
        parameters = {name: float(value) for name, value in to_parameters(free).items()}
        rows.append(
            {
                "wanted": {"spikes": spikes, "period": wanted},
                "reached": {"spikes": float(count), "period": float(period)},
                "parameters": parameters,
                "steps": trace,
            }
        )
    return shaped, rows


def draw_regimes() -> Figure:
    figure = Figure(figsize=(14.0, 7.2), layout="constrained")
    grid = figure.subplots(3, 4, width_ratios=(2.2, 1, 1, 1))
    for row, (name, moved) in zip(grid, REGIMES.items(), strict=True):
        neuron = burster(**moved)
        draw_trace(row[0], neuron, 6000.0)
        row[0].set_title(
            f"{name}: " + ", ".join(f"{k} = {v:g}" for k, v in moved.items()), fontsize=10
        )
        draw_shape(row[1:], neuron)
    for axes in grid[:-1].flat:
        axes.set_xlabel("")
    for row in grid[1:]:
        for axes in row[1:]:
            axes.set_title("")
    for row in (grid[0], grid[2]):
        row[-1].get_legend().remove()
    return figure


def draw_tuning(shaped: np.ndarray, rows: list[dict[str, Any]]) -> Figure:
    cells = [("start: at rest", START), ("shaped by the I-V curves", to_parameters(shaped))]
    for row in rows:
        wanted, reached = row["wanted"], row["reached"]
        title = (
            f"wanted {wanted['spikes']} spikes, {wanted['period']:g} ms; reached "
            f"{reached['spikes']:g}, {reached['period']:.1f} ms"
        )
        cells.append((title, row["parameters"]))
    figure = Figure(figsize=(13.0, 1.9 * len(cells)), layout="constrained")
    parts: Any = figure.subfigures(1, 2, width_ratios=(2.4, 1))
    left, right = parts
    for axes, (title, parameters) in zip(
        np.ravel(left.subplots(len(cells), 1)), cells, strict=True
    ):
        draw_trace(axes, burster(**parameters), 9000.0)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("Time (ms)" if title == cells[-1][0] else "")
    period, spikes = right.subplots(2, 1, sharex=True)
    for index, row in enumerate(rows):
        for axes, name in ((period, "period"), (spikes, "spikes")):
            series = [step[name] for step in row["steps"]]
            axes.plot(series, marker=".", color=f"C{index}")
            axes.axhline(row["wanted"][name], color=f"C{index}", linestyle="--", linewidth=1)
    period.set(ylabel="Period (ms)", title="Tuning (dashed: wanted)")
    spikes.set(ylabel="Spikes per burst", xlabel="Gauss-Newton step")
    for axes in (period, spikes):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_trace(axes: Any, neuron: Neuromorphic, duration: float) -> None:
    """What it does once it has settled."""
    v = np.asarray(run(neuron, SETTLE + duration, DT))[round(SETTLE / DT) :]
    axes.plot((np.arange(len(v)) + 1) * DT, v, color="#333333", linewidth=0.8)
    axes.set(xlim=(0, duration), ylim=(-3.6, 3.6), xlabel="Time (ms)", ylabel="V")
    axes.spines[["top", "right"]].set_visible(False)


def draw_shape(panels: Any, neuron: Neuromorphic) -> None:
    curves = iv_curves(neuron.static_current, TAUS, CURRENT, jnp.asarray(V))
    draw_iv_curves(panels, V, curves.currents, curves.regions, CURRENT, float(curves.v_rest))


def main(goals: Any = GOALS, out: str = "runs/neuromodulation", quick: bool = False) -> Path:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with jax.enable_x64(True):
        draw_regimes().savefig(folder / "regimes.png", dpi=120)
        shaped, rows = from_rest(goals[:1] if quick else goals, iterations=60)
        draw_tuning(shaped, rows).savefig(folder / "tuning.png", dpi=120)
    about = {"current": CURRENT, "start": START, "goals": rows}
    (folder / "results.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return folder


def as_goal(text: str) -> tuple[int, float]:
    spikes, period = text.split(":")
    return int(spikes), float(period)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goals", type=as_goal, nargs="+", default=GOALS)
    parser.add_argument("--out", default="runs/neuromodulation")
    parser.add_argument("--quick", action="store_true", help="the first goal only")
    given = parser.parse_args()
    main(given.goals, given.out, given.quick)
