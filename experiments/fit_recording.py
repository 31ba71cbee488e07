"""A neuron model fitted to a recording by hand: what `jaxneuro fit` does, with the public API.

Every other sweep is fitted, by evolution from many starts and then by gradient; the others are
held out. Without a file a cell is simulated and has to be found again.

python experiments/fit_recording.py [FILE.abf]
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import Population, fitting, plotting, simulate
from jaxneuro.neurons import AdaptiveThresholdAdEx, Refractory

DT = 0.1  # ms
FREE = {
    "C": (20.0, 400.0, "log"),
    "g_L": (1.0, 30.0, "log"),
    "E_L": (-3.0, 3.0),  # from the voltage of each sweep before the stimulus
    "v_t": (-60.0, -25.0),
    "Delta_T": (0.3, 8.0, "log"),
    "v_reset": (-65.0, -25.0),
    "tau_w": (5.0, 1000.0, "log"),
    "a": (-2.0, 15.0),
    "b": (-10.0, 150.0),
    "tau_s": (2.0, 500.0, "log"),
    "delta_theta": (-2.0, 60.0),
    "period": (0.5, 20.0, "log"),
}


def cell(**parameters: float) -> Refractory:
    """Where the fit begins, or a cell with other parameters."""
    start = {"C": 100.0, "g_L": 5.0, "v_t": -45.0, "v_reset": -50.0, "delta_theta": 5.0}
    neuron = AdaptiveThresholdAdEx(v_peak=0.0, **(start | parameters))
    return Refractory(neuron, period=2.0, whole_steps=False)


def simulated_cell() -> fitting.Recording:
    """A cell whose parameters are known, under steps of current."""
    steps = np.arange(-50.0, 351.0, 50.0)
    time = np.arange(4000) * DT
    current = np.outer((time >= 50.0) & (time < 300.0), steps)
    neuron = cell(C=130.0, g_L=7.0, v_t=-47.0, b=50.0, v_reset=-54.0, delta_theta=8.0)
    population = Population(neuron, len(steps), reset_gradient="event")
    run = simulate(
        population,
        {"neuron": jnp.asarray(current, float)},
        dt=DT,
        key=jax.random.key(0),
        record=("neuron.v", "neuron.spikes"),
        spike_times="interpolated",
    )
    # Sample k is at k dt; the model resets, so spikes are put back.
    start = np.asarray(population.init(jax.random.key(0)).v)
    voltage = np.concatenate([start[None], np.where(run["neuron.spikes"], 30.0, run["neuron.v"])])
    return fitting.Recording(
        time=np.arange(len(voltage)) * DT,
        voltage=voltage.astype(float),
        current=np.concatenate([current, current[-1:]]),
        windows=((50.0, 300.0),),
        name="simulated cell",
        labels=tuple(range(len(steps))),
    )


def read(path: str) -> fitting.Recording:
    """A recording, less the voltage that falls across its electrode."""
    recording = fitting.read_recording(path)
    return fitting.compensate(recording, fitting.series_resistance(recording))


def main(
    path: str = "",
    starts: int = 8,
    generations: int = 300,
    steps: int = 60,
    out: str = "runs/fit_recording",
) -> dict[str, float]:
    recording = read(path) if path else simulated_cell()
    train, test = range(0, recording.sweeps, 2), range(1, recording.sweeps, 2)
    fitted = fitting.fit(
        cell(),
        recording.select(train),
        FREE,
        3.0 * fitting.SpikeTiming() + fitting.SpikeCount() + fitting.Voltage(sd=4.5),
        key=jax.random.key(0),
        dt=DT,
        baseline="E_L",
        starts=starts,
        generations=generations,
        steps=steps,
    )
    sure = fitting.identify(fitted).uncertainty
    for name, value in fitted.values.items():
        print(f"{name:12} {value:9.4g} ± {sure[name]:.2g}")
    held_out = recording.select(test)
    simulated = fitting.simulate_recording(fitted, held_out)
    errors = fitting.compare(held_out, simulated)
    trivial = fitting.neighbour_baseline(recording, train, test)
    for name, value in errors.items():
        beside = f"   (average of the fitted neighbours: {trivial.get(name, np.nan):.3g})"
        print(f"{name:26} {value:.3g}{beside if name in trivial else ''}")
    draw(held_out, simulated, Path(out))
    return errors


def draw(recording: fitting.Recording, simulated: fitting.Simulated, folder: Path) -> None:
    """The held-out sweeps, recorded and simulated over each other."""
    folder.mkdir(parents=True, exist_ok=True)
    fine = recording.resample(DT)
    figure = plotting.fit_sweeps(
        simulated.time,
        fine.voltage[1 : len(simulated.time) + 1],
        simulated.voltage,
        labels=[f"sweep {label}" for label in recording.labels],
        held_out=[True] * recording.sweeps,
        windows=recording.windows,
        spikes=simulated.spike_times,
        title=recording.name,
    )
    figure.savefig(folder / "held_out.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", default="")
    parser.add_argument("--starts", type=int, default=8)
    parser.add_argument("--generations", type=int, default=300)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--out", default="runs/fit_recording")
    arguments = parser.parse_args()
    main(**vars(arguments))
