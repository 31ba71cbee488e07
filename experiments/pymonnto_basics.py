"""PymoNNto's basic example: noisy cells that excite each other, written as behaviours.

Prints how often they spike, and draws their spikes and mean voltage. With --stdp their synapses
learn; with --replay the noise and the first weights are those of a file (arrays `noise` and `W0`,
targets x sources).

python experiments/pymonnto_basics.py --stdp
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxneuro import Network, Population, Simulation, simulate
from jaxneuro.core import param
from jaxneuro.edges import Projection
from jaxneuro.network import AbstractBehaviour, Cells, Inert, Synapses
from jaxneuro.simulation import Events
from jaxneuro.topology import thin, uniform

CELLS = 100


class Fire(AbstractBehaviour):
    """Cells above threshold spike and are reset; all leak."""

    threshold: Array = param(0.5)
    decay: Array = param(0.9)

    def init(self, cells: Cells, key: Array) -> dict:
        return {}

    def step(self, cells: Cells) -> Cells:
        spike = cells["v"] > self.threshold
        return cells.set(spike=spike, v=jnp.where(spike, 0.0, cells["v"]) * self.decay)


class Noise(AbstractBehaviour):
    """A few cells at random get up to 1."""

    density: Array = param(0.01)

    def init(self, cells: Cells, key: Array) -> dict:
        return {}

    def step(self, cells: Cells) -> Cells:
        where, how_much = jax.random.split(cells.key)
        drawn = thin(where, uniform(how_much, cells.shape, 0.0, 1.0), self.density)
        return cells.set(v=cells["v"] + drawn)


class Replay(AbstractBehaviour):
    """Noise that was drawn before, `(steps, cells)`."""

    noise: Array

    def init(self, cells: Cells, key: Array) -> dict:
        return {}

    def step(self, cells: Cells) -> Cells:
        return cells.set(v=cells["v"] + self.noise[cells.context.step])


class Hear(AbstractBehaviour):
    """Cells hear the spikes of this step through all glutamatergic synapses."""

    gain: Array = param(10.0)

    def init(self, cells: Cells, key: Array) -> dict:
        return {}

    def step(self, cells: Cells) -> Cells:
        v = cells["v"]
        for synapses in cells.afferents("glutamate"):
            source = synapses.source
            v += synapses.propagate(source["spike"]) / source.size * self.gain
        return cells.set(v=v)


class STDP(AbstractBehaviour):
    """Pre before post and both at once strengthen a synapse, post before pre weakens it."""

    rate: Array = param(0.0015)

    def init(self, synapses: Synapses, key: Array) -> dict:
        weight, spike = synapses["weight"], jnp.zeros(CELLS)
        return {"weight": weight, "enabled": weight > 0, "old_pre": spike, "old_post": spike}

    def step(self, synapses: Synapses) -> Synapses:
        pre, post = synapses.source["spike"], synapses.target["spike"]
        change = jnp.outer(pre + synapses["old_pre"], post) - jnp.outer(pre, synapses["old_post"])
        weight = jnp.clip(synapses["weight"] + self.rate * change, 0.0, 10.0)
        weight = jnp.where(synapses["enabled"], weight, 0.0)
        return synapses.set(weight=weight, old_pre=pre, old_post=post)


def network(weight: Array, noise: AbstractBehaviour, stdp: bool) -> Network:
    return Network(
        nodes={"cells": Population(Inert(), CELLS)},
        edges={"synapses": Projection("cells", "cells", weight)},
        behaviours={
            "cells": {1: Fire(), 1.5: noise, 2: Hear()},
            "synapses": {3: STDP()} if stdp else {},
        },
        tags={"synapses": "glutamate"},
    )


def run(net: Network, steps: int, key: Array) -> Simulation:
    record = {
        "v": "cells.v",
        "mean_v": lambda state: state.nodes["cells"].v.mean(),
        "spikes": Events("cells.spikes", capacity=10 * steps),
    }
    return simulate(net, dt=1.0, steps=steps, key=key, record=record)


def main(
    steps: int = 1000, stdp: bool = False, replay: str = "", out: str = "runs/pymonnto_basics"
) -> Simulation:
    key = jax.random.key(0)
    if replay:
        stored = np.load(replay)
        weight, noise = jnp.asarray(stored["W0"].T), Replay(jnp.asarray(stored["noise"]))
    else:
        where, how_much, key = jax.random.split(key, 3)
        weight = thin(where, uniform(how_much, (CELLS, CELLS), 0.0, 1.0), density=0.1)
        noise = Noise()
    net = network(weight, noise, stdp)
    done = run(net, steps, key)
    rows = done["spikes"].rows
    print(net)
    print(f"{len(rows)} spikes in {steps} steps, mean v {float(done['mean_v'].mean()):.4f}")
    draw(done, Path(out))
    return done


def draw(done: Simulation, out: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    step, cell = done["spikes"].rows.T
    upper.plot(step, cell, "|", color="black", markersize=4)
    upper.set(ylabel="cell", ylim=(-1, CELLS))
    lower.plot(done["mean_v"], color="black", linewidth=0.8)
    lower.set(xlabel="step", ylabel="mean v", xlim=(0, len(done["mean_v"])))
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "spikes.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--stdp", action="store_true")
    parser.add_argument("--replay", default="")
    parser.add_argument("--out", default="runs/pymonnto_basics")
    main(**vars(parser.parse_args()))
