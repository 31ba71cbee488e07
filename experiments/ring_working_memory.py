"""A ring of neurons that remembers a direction: a cue for 300 ms, then 900 ms without any.

Prints, for each seed, how far the population vector of the last 500 ms is from the cue, how long it
is (1 if all spikes come from one direction), and the rates; draws the spikes, the rates and the
population vector of the first seed.

python experiments/ring_working_memory.py
"""

import argparse
import math
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from jaxneuro import Network, simulate
from jaxneuro.analysis import (
    angular_difference,
    firing_rate,
    population_vector,
    rate_map,
    spike_times,
    windowed_counts,
)
from jaxneuro.catalogue import cue_probe_ring
from jaxneuro.inputs import Cues
from jaxneuro.plotting import population_raster
from jaxneuro.plotting import population_vector as draw_vector
from jaxneuro.plotting import rate_map as draw_rates
from jaxneuro.topology import ring

DT, BEFORE, SHOWN, AFTER, WINDOW = 0.1, 300.0, 300.0, 900.0, 500.0  # ms
RATE = 1250.0  # Hz, of the cue at the neurons it is meant for
BIN, SMOOTHING, STRIDE = 20.0, 40.0, 50.0
BLOCK = 125
KEPT = 0.8  # length of the population vector of a bump


@eqx.filter_jit
def spikes_of(
    network: Network, cue: Cues, key: jax.Array, length: float = BEFORE + SHOWN + AFTER
) -> tuple[jax.Array, jax.Array]:
    """The spikes of pyramidal cells and of interneurons in one trial."""
    record = ("pyr.spikes", "int.spikes")
    steps = round(length / DT)
    # Whole blocks only: a shorter last one would be compiled apart.
    run = simulate(network, {"cue": cue}, dt=DT, steps=steps, key=key, record=record, block=BLOCK)
    return run["pyr.spikes"].astype(bool), run["int.spikes"].astype(bool)


def main(
    pyramidal: int = 1024,
    interneurons: int = 256,
    direction: float = math.pi,
    seeds: int = 5,
    out: str = "runs/ring_working_memory",
) -> list[dict[str, float]]:
    network = cue_probe_ring(pyramidal, interneurons)
    cue = Cues([BEFORE], [BEFORE + SHOWN], [[RATE, direction]])
    directions = np.asarray(ring(pyramidal))
    rows = []
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    print("seed   angle - cue (rad)   length   rate before (Hz)   in the delay   interneurons")
    for seed in range(seeds):
        pyr, inh = map(np.asarray, spikes_of(network, cue, jax.random.key(seed)))
        before, delay = round(BEFORE / DT), round((BEFORE + SHOWN) / DT)
        vector = population_vector(pyr[-round(WINDOW / DT) :].sum(0), directions)
        row = {
            "error": float(angular_difference(vector.angle, direction)),
            "length": float(vector.length),
            "before": float(firing_rate(pyr[:before], DT).mean()),
            "delay": float(firing_rate(pyr[delay:], DT).mean()),
            "inhibition": float(firing_rate(inh[delay:], DT).mean()),
        }
        rows.append(row)
        print(
            f"{seed:4d} {row['error']:19.3f} {row['length']:8.3f} {row['before']:18.2f} "
            f"{row['delay']:14.2f} {row['inhibition']:14.2f}"
        )
        if seed == 0:
            draw(pyr, inh, directions, direction, folder)
    kept = [row["error"] for row in rows if row["length"] > KEPT]
    print(f"{len(kept)} of {seeds} remembered (length above {KEPT})", end="")
    print(f": angle - cue {np.mean(kept):.3f} ± {np.std(kept):.3f} rad" if kept else "")
    return rows


def draw(
    pyr: np.ndarray, inh: np.ndarray, directions: np.ndarray, direction: float, folder: Path
) -> None:
    """Three figures of one trial."""
    shown = [(BEFORE, BEFORE + SHOWN, f"cue at {direction:.2f} rad")]
    spikes = {"pyramidal cells": spike_times(pyr, DT), "interneurons": spike_times(inh, DT)}
    window = 0.0, len(pyr) * DT
    population_raster(spikes, window, cues=shown).savefig(folder / "raster.png", dpi=150)
    counts = windowed_counts(pyr, DT, STRIDE)
    vector = population_vector(counts, directions)
    t = (np.arange(len(counts)) + 0.5) * STRIDE
    figure = draw_vector(t, vector.angle, vector.length, cues=shown, targets=[direction])
    figure.savefig(folder / "population_vector.png", dpi=150)
    rates = rate_map(pyr, DT, BIN, SMOOTHING)
    figure = draw_rates(rates, BIN, directions, cues=shown)
    figure.savefig(folder / "rate_map.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pyramidal", type=int, default=1024)
    parser.add_argument("--interneurons", type=int, default=256)
    parser.add_argument("--direction", type=float, default=math.pi, help="of the cue, rad")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", default="runs/ring_working_memory")
    main(**vars(parser.parse_args()))
