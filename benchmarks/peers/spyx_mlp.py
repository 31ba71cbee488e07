"""Peer timing: a fully connected LIF network trained with Spyx 1.0, as its documentation does.

One step is forward, backward and Adam on one fixed batch, the same current in every time step.

    python spyx_mlp.py                # a jitted call per step (spyx.optimize.make_train_step)
    python spyx_mlp.py --scan         # N steps in one jitted call (as spyx.optimize.compile_fit)
    python spyx_mlp.py --check 100    # print the loss before and after 100 steps, and leave

Otherwise it prints one JSON line when compiled and warm, then reads lines from stdin: a number N
runs N training steps and answers `{"seconds_per_step": ...}`; "quit" or the end of the input
leaves. Needs `spyx`, not `jaxneuro`.
"""

import argparse
import itertools
import json
import sys
import time

import jax
import jax.numpy as jnp
import optax
import spyx
import spyx.nn as snn
import spyx.optimize as opt
from flax import nnx

WARM_UP_STEPS = 5
READOUT_GAIN = (
    0.03  # the loss sums the readout over time: larger weights start it far above log(classes)
)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=parse_sizes, default="784,256,256,10", help="neurons per layer, input first"
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--time", type=int, default=25, help="time steps")
    parser.add_argument(
        "--gain", type=float, default=2.5, help="hidden weights: deviation times sqrt(fan in)"
    )
    parser.add_argument(
        "--beta",
        type=float,
        help="one decay per layer; default: Spyx's own, drawn for every neuron",
    )
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--scan", action="store_true", help="run all N steps inside one jitted call"
    )
    parser.add_argument(
        "--broadcast", action="store_true", help="repeat the input over time inside the jitted step"
    )
    parser.add_argument(
        "--check", type=int, metavar="N", help="print the loss over N steps instead of timing"
    )
    return parser.parse_args()


def parse_sizes(text):
    sizes = tuple(int(size) for size in text.split(","))
    if len(sizes) < 3:
        raise argparse.ArgumentTypeError(
            "needs an input, at least one hidden and an output size: 784,256,10"
        )
    return sizes


def build_model(sizes, gain, beta, rngs):
    """Linear and LIF for each hidden layer, then Linear and the leaky readout LI."""
    layers = []
    for pre, post in itertools.pairwise(sizes[:-1]):
        layers += [linear(pre, post, gain, rngs)]
        layers += [snn.LIF((post,), beta=beta, activation=spyx.axn.superspike(), rngs=rngs)]
    readout = linear(sizes[-2], sizes[-1], READOUT_GAIN, rngs)
    return snn.Sequential(*layers, readout, snn.LI((sizes[-1],), beta=beta, rngs=rngs))


def linear(pre, post, gain, rngs):
    kernel_init = nnx.initializers.variance_scaling(gain**2, "fan_in", "normal")
    return nnx.Linear(pre, post, use_bias=False, kernel_init=kernel_init, rngs=rngs)


def make_batch(arguments):
    """Centred static currents, `(time, batch, features)` (`(batch, features)` with --broadcast),
    and random labels."""
    current_key, label_key = jax.random.split(jax.random.key(arguments.seed))
    x = jax.random.uniform(
        current_key, (arguments.batch, arguments.sizes[0]), minval=-0.5, maxval=0.5
    )
    labels = jax.random.randint(label_key, (arguments.batch,), 0, arguments.sizes[-1])
    return (x if arguments.broadcast else repeat_over_time(x, arguments.time)), labels


def repeat_over_time(x, steps):
    return jnp.broadcast_to(x, (steps, *x.shape))


def make_loss(steps):
    cross_entropy = spyx.fn.integral_crossentropy(
        time_axis=0
    )  # snn.run is time-major, the loss by default is not

    def loss_fn(model, x, labels):
        series = x if x.ndim == 3 else repeat_over_time(x, steps)
        traces, _ = snn.run(model, series)
        return cross_entropy(traces, labels)

    return loss_fn


def spike_rates(model, x, steps):
    """Mean spikes per neuron and time step of each hidden layer."""
    series = x if x.ndim == 3 else repeat_over_time(x, steps)
    hidden = range(2, len(model.layers) - 1, 2)
    spikes = [snn.run(snn.Sequential(*model.layers[:depth]), series)[0] for depth in hidden]
    return [round(float(layer.mean()), 4) for layer in spikes]


def make_stepwise(model, transform, loss_fn, batch):
    """`run(n)` as Spyx's guide trains: a Python loop over a step under nnx.jit."""
    optimizer = nnx.Optimizer(model, transform, wrt=nnx.Param)
    step = opt.make_train_step(loss_fn)

    def run(n):
        for _ in range(n):
            loss = step(model, optimizer, *batch)
        jax.block_until_ready((loss, nnx.state(model)))
        return float(loss)

    return run


def make_scanned(model, transform, loss_fn, batch):
    """`run(n)` as spyx.optimize.compile_fit trains, compiled once for every n, state donated."""
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    solver = opt.backprop(transform)(
        lambda p, data: loss_fn(nnx.merge(graph, p, rest), *data), params
    )
    # Copied, because the donated buffers would otherwise still belong to `model`; with explicit
    # dtypes, because LI's weakly typed decay becomes strong over the first calls: new compilations.
    state = jax.tree.map(lambda leaf: jnp.array(leaf, leaf.dtype), solver.init(jax.random.key(0)))

    def steps(state, n, data):
        def body(_, carry):
            return solver.step(carry[0], data, None)

        return jax.lax.fori_loop(0, n, body, (state, jnp.zeros(())))

    steps = jax.jit(steps, donate_argnums=0)

    def run(n):
        nonlocal state
        state, loss = jax.block_until_ready(steps(state, n, batch))
        nnx.update(model, solver.get_params(state))
        return float(loss)

    return run


def serve(run):
    """Answer each number on stdin with the time of that many training steps."""
    for line in sys.stdin:
        if line.strip() == "quit":
            return
        n = parse_steps(line)
        start = time.perf_counter()
        loss = run(n)
        seconds = (time.perf_counter() - start) / n
        print(json.dumps({"seconds_per_step": seconds, "loss": loss}), flush=True)


def parse_steps(line):
    if not line.strip().isdecimal() or int(line) == 0:
        print(
            f"stdin: got {line.strip()!r}, wanted a number of steps above 0, or quit",
            file=sys.stderr,
        )
        sys.exit(2)
    return int(line)


def check(run, model, batch, arguments):
    losses = [run(1), run(max(arguments.check - 1, 1))]
    rates = spike_rates(model, batch[0], arguments.time)
    print(json.dumps({"first_loss": losses[0], "last_loss": losses[1], "rates": rates}))


def main():
    arguments = parse_arguments()
    model = build_model(arguments.sizes, arguments.gain, arguments.beta, nnx.Rngs(arguments.seed))
    batch = jax.block_until_ready(make_batch(arguments))
    rates = spike_rates(model, batch[0], arguments.time)
    make_run = make_scanned if arguments.scan else make_stepwise
    run = make_run(model, optax.adam(arguments.learning_rate), make_loss(arguments.time), batch)
    if arguments.check:
        check(run, model, batch, arguments)
        return
    start = time.perf_counter()
    run(1)
    compile_seconds = time.perf_counter() - start
    run(WARM_UP_STEPS)
    ready = {"ready": True, "name": "spyx", "version": spyx.__version__, "rates": rates}
    details = {
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "compile_seconds": compile_seconds,
    }
    print(json.dumps(ready | details), flush=True)
    serve(run)


if __name__ == "__main__":
    main()
