import zlib

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.core import Context, component_key, init_key


def bits(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_the_stream_is_key_then_step_then_name():
    # The documented recipe, written out: a change of it would change every published run.
    key = jax.random.key(5)
    wanted = jax.random.fold_in(jax.random.fold_in(key, 12), zlib.crc32(b"exc"))
    assert bits(component_key(key, 12, "exc")) == bits(wanted)


def test_streams_differ_by_key_step_and_name():
    keys = [
        component_key(jax.random.key(seed), step, name)
        for seed in (0, 1)
        for step in (0, 1, 2, 1000)
        for name in ("exc", "inh", "exc_to_inh")
    ]
    keys += [init_key(jax.random.key(seed), "exc") for seed in (0, 1)]
    assert len({bits(key) for key in keys}) == len(keys)


def test_a_context_in_a_scan_draws_what_the_steps_draw_alone():
    key = jax.random.key(3)

    def draw(step):
        return jax.random.normal(Context(step, key, 0.1).key("noise"), (2,))

    steps = jnp.arange(5, 9, dtype=jnp.int32)
    scanned = jax.jit(lambda s: jax.lax.map(draw, s))(steps)
    alone = [jax.random.normal(component_key(key, int(i), "noise"), (2,)) for i in steps]
    np.testing.assert_array_equal(scanned, alone)


def test_dt_is_no_leaf():
    context = Context(jnp.asarray(0), jax.random.key(0), 0.1)
    assert len(jax.tree.leaves(context)) == 2
