from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key

from jaxneuro.core import Context, Drive, check_option, leaf_paths, resolve_path, suggest
from jaxneuro.inputs import AbstractSource, Constant
from jaxneuro.network import Advance, Network, NetworkState
from jaxneuro.neurons import Population

from ._checks import check_dt, check_inputs, check_state, filled_constant
from ._engine import Engine, Window, advance_block, hold_events, view
from ._gradient import AbstractGradient, Backprop
from ._record import AbstractReducer

Inputs = Mapping[str, Float[Array, "time ..."] | Constant | AbstractSource]
Record = Sequence[str] | Mapping[str, str | AbstractReducer | Callable[[NetworkState], Any]]
SpikeTimesOption = Literal["grid", "interpolated"]
LONGEST_BLOCK = 128
BLOCK_NUMBERS = 2**19


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


class _Run(NamedTuple):
    """The choices of a run that fix its compiled program."""

    dt: float
    steps: int
    every: int
    block: int
    phase: int
    inference: bool
    interpolates: bool


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
    - `record`: paths such as `"exc.spikes"`, `"exc.v"`, `"edge.i"`; or, by a name of your
      choice, a path, a reducer such as `Mean("exc.v")`, or a function of the whole state
      (which makes the run go step by step).
    - `every`: keep every n-th step of the recorded series.
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
    record = (record,) if isinstance(record, str) else record
    named = dict(record) if isinstance(record, Mapping) else {path: path for path in record}
    forced = [stage.tag for stage in network.stages if not isinstance(stage, Advance)]
    forced += [name for name, what in named.items() if _is_function(what)]
    forced += [] if until is None else ["until"]
    length = choose_block(block, steps, gradient, forced, longest_block(network))
    phase = 0
    if state is not None:
        check_state(network, state, float(dt))
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
    if every < 1:
        raise ValueError(f"simulate: every is {every}; it must be at least 1.")
    check_option(spike_times, SpikeTimesOption, "simulate: spike_times")
    run = _Run(float(dt), steps, every, length, phase, inference, spike_times == "interpolated")
    return _simulate(network, inputs, key, state, named, until, gradient, run)


def longest_block(network: Network) -> int:
    """The most steps that `block="auto"` takes.

    Blocks spare the products of edges their repetition. Without edges they only spread the cost of
    the reducers, and a series of spikes that leaves the cache costs more than that.
    """
    if network.edges:
        return LONGEST_BLOCK
    neurons = sum(population.size for population in network.populations.values())
    return min(LONGEST_BLOCK, max(1, BLOCK_NUMBERS // max(1, neurons)))


def choose_block(
    block: int | str,
    steps: int,
    gradient: AbstractGradient,
    forced: Sequence[str],
    longest: int = LONGEST_BLOCK,
) -> int:
    """Steps per block: what was asked, or the longest up to `longest` that everything allows.

    **Raises:** `ValueError` for a block that a stage, a record or the gradient does not allow.
    """
    segment = gradient.segment_steps()
    if block == "auto":
        if forced:
            return 1
        return min(steps, longest) if segment is None else _divisor(segment, longest)
    if not isinstance(block, int) or block < 1:
        raise ValueError(f"simulate: block is {block!r}; it must be 'auto' or a number >= 1.")
    if block > 1 and forced:
        raise ValueError(
            f"simulate: block={block}, but {', '.join(map(repr, forced))} must see the whole "
            "network after each step. Pass block=1 or 'auto'."
        )
    if segment is not None and segment % block:
        raise ValueError(
            f"simulate: block={block} does not divide the gradient's segments of {segment} steps."
        )
    return block


@eqx.filter_jit
def _simulate(
    network: Network,
    inputs: dict[str, Any],
    key: Key[Array, ""],
    state: NetworkState | None,
    named: dict[str, Any],
    until: Callable[[NetworkState], Array] | None,
    gradient: AbstractGradient,
    run: _Run,
) -> Simulation:
    plan = network.prepare(run.dt)
    if state is None:
        state = network.init(run.dt, key, inference=run.inference)
    constant = {n: x.value for n, x in inputs.items() if isinstance(x, Constant)}
    held = {n: filled_constant(value, network, n) for n, value in constant.items()}
    sources = {n: x for n, x in inputs.items() if isinstance(x, AbstractSource)}
    series = {n: x for n, x in inputs.items() if n not in held and n not in sources}
    records = _Records(network, state, named, run)
    engine = Engine(
        network,
        plan,
        run.block,
        held,
        hold_events(network, plan, held, state),
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
        summaries, kept = records.update(summaries, recorded, state, first)
        return (state, summaries), kept

    carry = state, records.init()
    if until is not None:
        carry, kept, done = _run_until(block, carry, series, run, until)
    else:
        carry, kept = _run_blocks(block, carry, series, run, gradient)
        done = run.steps
    return Simulation(carry[0], records.final(carry[1], kept, done), done, run.dt)


def _all_stages(
    engine: Engine, state: NetworkState, series: dict[str, Array], window: Window
) -> tuple[NetworkState, dict[str, Array]]:
    context = Context(state.step, state.key, engine.plan.dt)
    recorded: dict[str, Array] = {}
    for stage in engine.network.stages:
        if isinstance(stage, Advance):
            state, recorded = advance_block(engine, state, series, window)
        else:
            state = stage.step(engine.network, state, context)
    return state, recorded


def _run_blocks(
    block: Callable, carry: Any, series: dict[str, Array], run: _Run, gradient: AbstractGradient
) -> tuple[Any, list[Any]]:
    """All segments in order: a short one at either end if need be, the whole ones in a scan."""
    length = gradient.segment_steps() or run.block
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
        one = lambda c, s, n=steps, p=phase: _run_segment(block, c, s, n, p, run)  # noqa: E731
        part = jax.tree.map(lambda x, a=start, b=stop: x[a:b], series)
        carry, records = _repeat(gradient.wrap(one), carry, part, repeats)
        kept.append(records)
    return carry, kept


def _run_segment(
    block: Callable, carry: Any, series: dict[str, Array], steps: int, phase: int, run: _Run
) -> tuple[Any, Any]:
    """The steps between two places where the gradient mode takes over: whole blocks and a rest."""
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
    block: Callable, carry: Any, series: dict[str, Array], run: _Run, until: Callable
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


class _Records:
    """What a run records: leaves by path, reducers over them, and functions of the state."""

    def __init__(self, network: Network, state: NetworkState, named: dict[str, Any], run: _Run):
        self.run = run
        self.functions = {n: what for n, what in named.items() if _is_function(what)}
        tree: dict[str, Any] = dict(state.edges)
        tree |= {name: {"spikes": jnp.zeros(node.shape)} for name, node in network.inputs.items()}
        for name, node in network.populations.items():
            spikes = jnp.zeros(node.shape)
            observed = node.neuron.observe(state.nodes[name], Drive())
            observed = {key: jnp.broadcast_to(x, node.shape) for key, x in observed.items()}
            tree |= view(name, spikes, spikes, state.nodes[name], observed)
        self.samples = dict(zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True))
        queries = {n: w for n, w in named.items() if n not in self.functions}
        self.reducers = {n: w for n, w in queries.items() if isinstance(w, AbstractReducer)}
        self.paths_of = {
            n: jax.tree.map(
                lambda path: resolve_path(tree, path),
                w.path if isinstance(w, AbstractReducer) else w,
            )
            for n, w in queries.items()
        }
        self.series = [n for n in queries if n not in self.reducers]
        self.paths = frozenset(jax.tree.leaves(self.paths_of))
        self.is_thinned_early = run.block % run.every == 0 and run.phase == 0

    def init(self) -> dict[str, Any]:
        return {n: r.init(self._read(self.samples, n)) for n, r in self.reducers.items()}

    def update(
        self, summaries: dict[str, Any], recorded: dict[str, Array], state: NetworkState, step: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        summaries = {
            n: r.update(summaries[n], self._read(recorded, n), step)
            for n, r in self.reducers.items()
        }
        kept: dict[str, Any] = {n: self._read(recorded, n) for n in self.series}
        for name, function in self.functions.items():
            kept[name] = jax.tree.map(lambda x: jnp.asarray(x)[None], function(state))
        return summaries, self._thinned(kept) if self.is_thinned_early else kept

    def final(self, summaries: dict[str, Any], kept: list[Any], steps: Any) -> dict[str, Any]:
        whole = jax.tree.map(lambda *parts: jnp.concatenate(parts), *kept) if kept else {}
        whole = whole if self.is_thinned_early else self._thinned(whole)
        return whole | {n: r.final(summaries[n], steps) for n, r in self.reducers.items()}

    def _read(self, values: Mapping[str, Array], name: str) -> Any:
        """The value under a record's path, or those under its paths."""
        return jax.tree.map(lambda path: values[path], self.paths_of[name])

    def _thinned(self, series: Any) -> Any:
        every = self.run.every
        return series if every == 1 else jax.tree.map(lambda x: x[every - 1 :: every], series)


def _is_function(what: Any) -> bool:
    return callable(what) and not isinstance(what, AbstractReducer)


def _divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is at most `most`."""
    return next(d for d in range(min(number, most), 0, -1) if number % d == 0)
