"""A race between two accumulators: each trial stops at the step in which one of them decides.

Two groups of Poisson neurons, one a little faster, feed two integrators; the first to reach its
threshold is the choice (the decision experiment of CompNeuroPy's IntegratorNeuron).

python experiments/decision.py
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from jaxneuro import Network, Population, simulate
from jaxneuro.catalogue import IntegratorNeuron, PoissonNeuron
from jaxneuro.edges import Projection

DT, LONGEST, TRIALS, CELLS = 1.0, 2000, 500, 20


def race(difference: jax.Array, threshold: float = 40.0) -> Network:
    """Two groups of 20 neurons at 20 Hz and 20 Hz + difference, and an integrator for each."""
    weight = jnp.zeros((2 * CELLS, 2)).at[:CELLS, 0].set(1.0).at[CELLS:, 1].set(1.0)
    rates = jnp.where(jnp.arange(2 * CELLS) < CELLS, 20.0, 20.0 + difference)
    return Network(
        {
            "evidence": Population(PoissonNeuron(rates=rates), 2 * CELLS),
            "choice": Population(
                IntegratorNeuron(tau=150.0, threshold=threshold, neuron_id=[0.0, 1.0]), 2
            ),
        },
        {"listen": Projection("evidence", "choice", weight)},
    )


def trial(difference: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array | float]:
    """The integrator that decided (-1 if none did) and the time it took, ms."""
    run = simulate(
        race(difference),
        dt=DT,
        steps=LONGEST,
        key=key,
        until=lambda state: jnp.any(state.nodes["choice"].decision >= 0),
    )
    return run.state.nodes["choice"].decision.max(), run.elapsed


def main(trials: int = TRIALS, out: str = "runs/decision") -> list[tuple[float, float, float]]:
    keys = jax.random.split(jax.random.key(0), trials)
    batch = jax.jit(jax.vmap(trial, in_axes=(None, 0)))
    rows, times = [], {}
    print("difference (Hz)   correct   median time (ms)   no decision")
    for difference in (0.0, 2.0, 4.0, 8.0):
        choice, elapsed = batch(jnp.asarray(difference), keys)
        decided = choice >= 0
        correct = float(jnp.mean(choice[decided] == 1))
        median = float(jnp.median(elapsed[decided]))
        rows.append((difference, correct, median))
        times[difference] = elapsed[decided]
        missing = int(jnp.sum(~decided))
        print(f"{difference:15.0f} {correct:9.1%} {median:18.0f} {missing:13d}")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    draw(times).savefig(folder / "decision.png", dpi=150)
    return rows


def draw(times: dict[float, jax.Array]) -> Figure:
    """Distributions of decision times, one line for each difference of the rates."""
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for difference, values in times.items():
        ordered = np.sort(np.asarray(values))
        share = np.arange(1, ordered.size + 1) / ordered.size
        axes.step(ordered, share, where="post", label=f"{difference:g} Hz")
    axes.set(xlabel="Decision time (ms)", ylabel="Trials decided by then", ylim=(0, 1.02))
    axes.set_xlim(left=0)
    axes.legend(title="Difference of the rates", loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--out", default="runs/decision")
    arguments = parser.parse_args()
    main(arguments.trials, arguments.out)
