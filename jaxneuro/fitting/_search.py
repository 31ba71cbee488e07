import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Int, Key

from jaxneuro.evolution import AbstractStrategy
from jaxneuro.training import Parameters

from ._lanes import losses_of_all
from ._problem import Problem

AXIS = "starts"
LONGEST_CALL = 64  # generations
MARGIN = 0.05  # of an interval, at either end, in which no start is drawn


class Search(NamedTuple):
    """An evolution of every start, after some generations; leaves begin with the axis of starts.

    **Attributes:**

    - `strategy`: the strategy's state.
    - `best`: the best parameters so far, unbounded.
    - `loss`: theirs.
    - `stalled`: generations since it last became better.
    """

    strategy: Any
    best: Parameters
    loss: Float[Array, "starts"]
    stalled: Int[Array, "starts"]


def draw_starts(problem: Problem, count: int, key: Key[Array, ""]) -> Parameters:
    """The model's own values first, and others drawn evenly from within the bounds."""
    own = problem.chosen.split(problem.cell)
    names = sorted(own)
    part = jax.random.uniform(key, (count, len(names)), minval=MARGIN, maxval=1.0 - MARGIN)
    drawn = jnp.log(part) - jnp.log1p(-part)
    drawn = drawn.at[0].set(jnp.stack([own[name] for name in names]))
    return {name: drawn[:, i].astype(own[name].dtype) for i, name in enumerate(names)}


@eqx.filter_jit
def begin_search(strategy: AbstractStrategy, starts: Parameters, key: Key[Array, ""]) -> Search:
    """One evolution around each start."""
    count = len(next(iter(starts.values())))
    states = jax.vmap(strategy.init)(starts, jax.random.split(key, count))
    worst = jnp.full(count, jnp.inf)
    search = Search(states, starts, worst, jnp.zeros(count, jnp.int32))
    # What comes back from a generation has no weak types, and would be compiled anew for it.
    return jax.tree.map(lambda x: jnp.asarray(x, x.dtype), search)


def continue_search(
    problem: Problem,
    strategy: AbstractStrategy,
    search: Search,
    key: Key[Array, ""],
    start: int,
    stop: int,
    patience: int,
    devices: Sequence[Any],
) -> tuple[Search, int, Float[np.ndarray, "generations starts"]]:
    """The search after generation `stop`, or after the one in which all starts have stalled.

    **Returns:** the search, the generation reached, and the best loss of each start until each.
    """
    mesh = Mesh(np.asarray(list(devices)), (AXIS,))
    # Spread from the beginning, or the second call would be compiled anew for it.
    search = jax.device_put(search, NamedSharding(mesh, P(AXIS)))
    search, reached, rows = _generations(
        problem, strategy, search, key, jnp.asarray([start, stop, patience], jnp.int32), mesh
    )
    reached = int(np.asarray(reached).max())
    return search, reached, np.asarray(rows)[: reached - start]


@eqx.filter_jit
def _generations(
    problem: Problem,
    strategy: AbstractStrategy,
    search: Search,
    key: Key[Array, ""],
    limits: Int[Array, "3"],
    mesh: Mesh,
) -> tuple[Search, Int[Array, "devices"], Float[Array, "generations starts"]]:
    arrays, rest = eqx.partition((problem, strategy), eqx.is_array)
    starts = jnp.arange(search.loss.shape[0], dtype=jnp.int32)

    # No device waits for another: each ends when its own starts have stalled, and a stalled start
    # stays as it is, so that the number of devices changes nothing.
    def local(search: Search, starts: Array, arrays: Any, key: Array, limits: Array) -> Any:
        problem, strategy = eqx.combine(arrays, rest)
        start, stop, patience = limits

        def going(loop: Any) -> Array:
            return (loop[1] < stop) & ~jnp.all(loop[0].stalled >= patience)

        def body(loop: Any) -> Any:
            search, index, rows = loop
            keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.fold_in(key, index), i))(starts)
            new = jax.vmap(lambda s, k: _generation(problem, strategy, s, k))(search, keys)
            is_over = search.stalled >= patience
            search = jax.vmap(_where)(is_over, search, new)
            return search, index + 1, rows.at[index - start].set(search.loss)

        rows = jnp.zeros((LONGEST_CALL, starts.shape[0]), search.loss.dtype)
        search, index, rows = jax.lax.while_loop(going, body, (search, start, rows))
        is_done = jnp.arange(LONGEST_CALL, dtype=jnp.int32) < index - start
        return search, index[None], jnp.where(is_done[:, None], rows, search.loss[None])

    run = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(P(AXIS), P(AXIS), P(), P(), P()),
        out_specs=(P(AXIS), P(AXIS), P(None, AXIS)),
        check_vma=False,
    )
    return run(search, starts, arrays, key, limits)


def _where(condition: Array, yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def _generation(
    problem: Problem, strategy: AbstractStrategy, search: Search, key: Key[Array, ""]
) -> Search:
    """One generation of one start."""
    ask_key, tell_key = jax.random.split(key)
    candidates, state = strategy.ask(search.strategy, ask_key)
    count = strategy.population // strategy.siblings

    def member(index: Array) -> Any:
        candidate = jax.tree.map(lambda x: x[index // strategy.siblings], candidates)
        return strategy.express(state, candidate, index % strategy.siblings)

    members = jax.vmap(member)(jnp.arange(strategy.population, dtype=jnp.int32))
    losses = jax.vmap(problem.total)(losses_of_all(problem, dict(members), False))
    is_sound = jnp.isfinite(losses)
    worst = jnp.max(jnp.where(is_sound, losses, 0.0))
    ranked = jnp.where(is_sound, losses, 2.0 * worst + 1.0)
    state = strategy.tell(state, candidates, -ranked.reshape(count, -1), tell_key)
    place = jnp.argmin(losses)
    is_better = losses[place] < search.loss
    best = {path: jnp.where(is_better, x[place], search.best[path]) for path, x in members.items()}
    stalled = jnp.where(is_better, 0, search.stalled + 1)
    loss = jnp.minimum(losses[place], search.loss)
    return Search(state, best, loss, stalled)


def search_all(
    problem: Problem,
    strategy: AbstractStrategy,
    search: Search,
    *,
    generations: int,
    first: int,
    patience: int,
    key: Key[Array, ""],
    devices: Sequence[Any],
    on_call: Callable[[Search, int, np.ndarray], None],
) -> tuple[Search, int]:
    """Goes on from generation `first`, telling `on_call` after each compiled call."""
    done, count = first, 1
    while done < generations and not np.all(np.asarray(search.stalled) >= patience):
        called = time.perf_counter()
        stop = min(done + count, generations)
        before = done
        search, done, rows = continue_search(
            problem, strategy, search, key, done, stop, patience, devices
        )
        on_call(search, done, rows)
        seconds = (time.perf_counter() - called) / max(done - before, 1)
        count = int(np.clip(1.0 / max(seconds, 1e-6), 1, LONGEST_CALL))
    return search, done
