from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key

from jaxneuro.core import Context, check_option, leaf_paths, suggest
from jaxneuro.inputs import AbstractSource, Constant
from jaxneuro.network import Advance, Network, NetworkState, Owned, with_variables
from jaxneuro.neurons import Population

from ._blocks import called_at, choose_block, longest_block
from ._checks import check_dt, check_inputs, check_state, filled_constant
from ._engine import Engine, Window, hold_events
from ._every import Every
from ._gradient import AbstractGradient, Backprop
from ._learn import advance_and_learn, plastic_edges
from ._record import AbstractReducer
from ._records import Records, Run, interval_of, is_function, read_record, segment_steps

Inputs = Mapping[str, Float[Array, "time ..."] | Constant | AbstractSource]
Recorded = str | Every | AbstractReducer | Callable[[NetworkState], Any]
Record = Sequence[str] | Mapping[str, Recorded]
SpikeTimesOption = Literal["grid", "interpolated"]


class Simulation(eqx.Module):
    """What a run returns.

    `simulation["exc.v"]` is a recorded series `(time, ...)` or the result of a reducer, under
    the path or name given in `record`.

    **Attributes:**

    - `state`: the network's state after the last step; hand it to `simulate` to go on.
    - `records`: everything recorded, by path or name.
    - `steps`: steps that were run (fewer than asked if `until` stopped it).
    - `dt`: length of a step, ms.
    """

    state: NetworkState
    records: dict[str, Any]
    steps: Int[Array, ""] | int
    dt: float = eqx.field(static=True)

    @property
    def elapsed(self) -> Float[Array, "..."] | float:
        """How long was simulated, ms; of each lane, if a batch was stopped by `until`."""
        steps = self.steps
        return steps * self.dt if isinstance(steps, int) else steps.astype(float) * self.dt

    def __getitem__(self, name: str) -> Any:
        if name not in self.records:
            raise KeyError(f"{name!r} was not recorded. {suggest(name, list(self.records))}")
        return self.records[name]


def simulate(
    network: Network | Population,
    inputs: Inputs | None = None,
    *,
    dt: float,
    steps: int | None = None,
    key: Key[Array, ""],
    state: NetworkState | None = None,
    record: Record = (),
    every: int = 1,
    until: Callable[[NetworkState], Array] | None = None,
    gradient: AbstractGradient | None = None,
    block: int | str = "auto",
    inference: bool = False,
    spike_times: SpikeTimesOption = "grid",
) -> Simulation:
    """Runs a network for a number of steps: compiled, differentiable, to be batched by `vmap`.

    **Arguments:**

    - `network`: what to run; a lone `Population` is a network whose node is `"neuron"`.
    - `inputs`: by node: a series `(time, *shape)`, `Constant(x)`, or a source such as
      `Poisson(rate)`. For an `Input` it is what the input sends; for a population it is a
      current into it.
    - `dt`: length of a step, ms.
    - `steps`: how many; by default the length of the series.
    - `key`: base key of every random stream; a continued run keeps that of its state.
    - `state`: where to start; by default `network.init`.
    - `record`: paths such as `"exc.spikes"`, `"exc.v"`, `"edge.i"`, `"exc/Leak.average"` (what a
      stage keeps), `"glutamate.i"` (of all that have the tag); or, by a name of your choice, a
      path, a reducer such as `Mean("exc.v")`, or a function of the whole state (called after
      each step, for which the run goes step by step, or at intervals: `Every(100, function)`).
    - `every`: keep every n-th step of the recorded series, but for an `Every` of its own interval.
    - `until`: stop after the first step where this function of the state is true (step by step;
      such a run has no gradient, and series are zero after the stop).
    - `gradient`: `Backprop()`, `Checkpointed(every)` or `Truncated(steps)`.
    - `block`: steps per block of time. Every choice computes the same; 1 goes step by step.
      Blocks are anchored at absolute multiples, so that with an equal `block` a continued run
      is bit-identical to one continuous run.
    - `inference`: True switches dropout off.
    - `spike_times`: what a recorded `"exc.spike_times"` (ms; infinity where there is no spike) and
      the reducer `SpikeTimes` hold: `"grid"`, the end of the spike's step, or `"interpolated"`, the
      crossing of the threshold within it, which has a gradient in the parameters (the true one
      for a population with `reset_gradient="event"`).

    **Returns:** a `Simulation`.

    **Raises:** `ValueError` for inputs or a state that do not fit, unknown paths, a delay that
    is no multiple of dt.

    !!! example

        ```python
        run = simulate(net, {"exc": Constant(2.0)}, dt=0.1, steps=1000, key=jax.random.key(0),
                       record=("exc.spikes", "exc.v"))
        run["exc.v"]  # (1000, neurons)
        ```
    """
    if isinstance(network, Population):
        network = Network({"neuron": network})
    inputs = dict(inputs or {})
    gradient = Backprop() if gradient is None else gradient
    steps = check_inputs(network, inputs, steps)
    check_dt(network, float(dt))
    if state is not None:
        check_state(network, state, float(dt))
    if every < 1:
        raise ValueError(f"simulate: every is {every}; it must be at least 1.")
    named = read_record(network, record)
    intervals = {name: interval_of(what, every) for name, what in named.items()}
    called = {name: n for name, n in intervals.items() if is_function(named[name])}
    forced = [stage.tag for stage in network.stages if not isinstance(stage, Advance)]
    forced += [name for name, interval in called.items() if interval == 1]
    forced += [] if until is None else ["until"]
    forced += list(plastic_edges(network))
    called = called_at(called, state)
    length = choose_block(block, steps, gradient, forced, longest_block(network), called)
    phase = 0
    if state is not None:
        if isinstance(state.step, Tracer):
            aligned = state.step % length == 0
            message = (
                f"simulate: the state starts inside a block of {length} steps, which cannot be "
                "known while tracing. Continue at a multiple of the block, or pass block=1."
            )
            # The step alone: `error_if` cannot hand on a typed key.
            step = eqx.error_if(state.step, ~aligned, message)
            state = eqx.tree_at(lambda s: s.step, state, step)
        else:
            phase = int(state.step) % length
    check_option(spike_times, SpikeTimesOption, "simulate: spike_times")
    segment = gradient.segment_steps() or segment_steps(length, list(intervals.values()), steps)
    segment = segment if until is None else 1
    is_fine = spike_times == "interpolated"
    run = Run(float(dt), steps, every, length, segment, phase, inference, is_fine)
    return _simulate(network, inputs, key, state, named, until, gradient, run)


@eqx.filter_jit
def _simulate(
    network: Network,
    inputs: dict[str, Any],
    key: Key[Array, ""],
    state: NetworkState | None,
    named: dict[str, Any],
    until: Callable[[NetworkState], Array] | None,
    gradient: AbstractGradient,
    run: Run,
) -> Simulation:
    plan = network.prepare(run.dt)
    if state is None:
        state = network.init(run.dt, key, inference=run.inference)
    constant = {n: x.value for n, x in inputs.items() if isinstance(x, Constant)}
    held = {n: filled_constant(value, network, n) for n, value in constant.items()}
    sources = {n: x for n, x in inputs.items() if isinstance(x, AbstractSource)}
    series = {n: x for n, x in inputs.items() if n not in held and n not in sources}
    changing = {stage.owner for stage in network.stages if isinstance(stage, Owned)}
    records = Records(network, state, named, run)
    engine = Engine(
        network,
        plan,
        run.block,
        held,
        {n: x for n, x in hold_events(network, plan, held, state).items() if n not in changing},
        sources,
        records.paths,
        run.interpolates,
    )

    def block(carry: Any, series: dict[str, Array], window: Window) -> tuple[Any, Any]:
        state, summaries = carry
        first = state.step
        # Here, not at the start, so that bits and bytes are stored as such.
        series = {name: values.astype(float) for name, values in series.items()}
        state, recorded = _all_stages(engine, state, series, window)
        is_whole = window.first + window.steps == run.block
        summaries, kept = records.update(summaries, recorded, state, first, is_whole)
        return (state, summaries), kept

    carry = state, records.init()
    if until is not None:
        carry, kept, done = _run_until(block, carry, series, run, until)
    else:
        carry, kept = _run_blocks(block, carry, series, run, gradient, records.thinned)
        done = run.steps
    return Simulation(carry[0], records.final(carry[1], kept, done), done, run.dt)


def _all_stages(
    engine: Engine, state: NetworkState, series: dict[str, Array], window: Window
) -> tuple[NetworkState, dict[str, Array]]:
    context = Context(state.step, state.key, engine.plan.dt)
    recorded: dict[str, Array] = {}
    for stage in engine.network.stages:
        if isinstance(stage, Advance):
            now = engine._replace(network=with_variables(engine.network, state))
            state, recorded = advance_and_learn(now, state, series, window)
        else:
            state = stage.step(engine.network, state, context)
    # What stages keep is as the step leaves it. (There are none but `Advance` in longer blocks.)
    own = zip(leaf_paths(state.stages), jax.tree.leaves(state.stages), strict=True)
    kept = {path: leaf[None] for path, leaf in own if path in engine.recorded}
    return state, kept | recorded


def _run_blocks(
    block: Callable,
    carry: Any,
    series: dict[str, Array],
    run: Run,
    gradient: AbstractGradient,
    thinned: Callable,
) -> tuple[Any, list[Any]]:
    """All segments in order: a short one at either end if need be, the whole ones in a scan."""
    length = run.segment
    head = min(run.block - run.phase, run.steps) if run.phase else 0
    count = (run.steps - head) // length
    tail = head + count * length
    kept = []
    for start, stop, repeats, phase in (
        (0, head, 1, run.phase),
        (head, tail, count, 0),
        (tail, run.steps, 1, 0),
    ):
        if stop == start:
            continue
        steps = (stop - start) // repeats

        def one(carry: Any, series: Any, steps: int = steps, phase: int = phase) -> tuple[Any, Any]:
            carry, kept = _run_segment(block, carry, series, steps, phase, run)
            return carry, thinned(kept)

        part = jax.tree.map(lambda x, a=start, b=stop: x[a:b], series)
        carry, records = _repeat(gradient.wrap(one), carry, part, repeats)
        kept.append(records)
    return carry, kept


def _run_segment(
    block: Callable, carry: Any, series: dict[str, Array], steps: int, phase: int, run: Run
) -> tuple[Any, Any]:
    """The steps between two places where records are thinned or the gradient mode takes over."""
    if phase:
        return block(carry, series, Window(phase, steps))
    count, rest = divmod(steps, run.block)
    start = count * run.block
    kept = []
    if count:
        one = lambda c, s: block(c, s, Window(0, run.block))  # noqa: E731
        carry, records = _repeat(one, carry, jax.tree.map(lambda x: x[:start], series), count)
        kept.append(records)
    if rest:
        carry, records = block(carry, jax.tree.map(lambda x: x[start:], series), Window(0, rest))
        kept.append(records)
    return carry, jax.tree.map(lambda *parts: jnp.concatenate(parts), *kept)


def _repeat(function: Callable, carry: Any, series: Any, count: int) -> tuple[Any, Any]:
    """`function` on each of `count` equal parts of the series, one after another."""
    if count == 1:
        return function(carry, series)
    carry, kept = jax.lax.scan(function, carry, _split(series, count), count)
    return carry, _joined(kept)


def _split(series: Any, parts: int) -> Any:
    return jax.tree.map(lambda x: x.reshape(parts, x.shape[0] // parts, *x.shape[1:]), series)


def _joined(series: Any) -> Any:
    return jax.tree.map(lambda x: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), series)


def _run_until(
    block: Callable, carry: Any, series: dict[str, Array], run: Run, until: Callable
) -> tuple[Any, list[Any], Int[Array, ""]]:
    """Step by step until the condition holds, recording into buffers of full length."""
    one = Window(0, 1)
    first = jax.tree.map(lambda x: x[:1], series)
    shapes = jax.eval_shape(lambda c, s: block(c, s, one)[1], carry, first)
    buffers = jax.tree.map(lambda x: jnp.zeros((run.steps, *x.shape[1:]), x.dtype), shapes)

    def step(loop: Any) -> Any:
        index, carry, buffers, _ = loop
        now = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, index, 1), series)
        carry, kept = block(carry, now, one)
        write = jax.lax.dynamic_update_slice_in_dim
        buffers = jax.tree.map(lambda b, x: write(b, x, index, 0), buffers, kept)
        return index + 1, carry, buffers, jnp.asarray(until(carry[0]), bool)

    begin = jnp.asarray(0, jnp.int32), carry, buffers, jnp.asarray(False)
    going = lambda loop: (loop[0] < run.steps) & ~loop[3]  # noqa: E731
    done, carry, buffers, _ = jax.lax.while_loop(going, step, begin)
    return carry, [buffers], done
