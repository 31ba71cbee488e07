import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import topology
from jaxneuro.edges import Dense, Projection
from jaxneuro.inputs import Constant
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, Input, Population
from jaxneuro.simulation import simulate

RETINA, CORTEX = topology.grid((12, 10)), topology.grid((6, 5), spacing=2.0)
SPACE = jnp.asarray(np.random.default_rng(0).uniform(0.0, 4.0, (40, 3)), jnp.float32)


def mask_of(fields, pre):
    mask = np.zeros((pre, int(np.prod(fields.shape))), bool)
    mask[np.asarray(fields.pre), np.asarray(fields.post)] = True
    return mask


def apart(pre, post):
    return np.abs(np.asarray(pre, float)[:, None] - np.asarray(post, float)[None])


def test_a_box_holds_what_is_no_further_in_any_direction():
    fields = topology.box_field(RETINA, CORTEX, 2.0)
    np.testing.assert_array_equal(mask_of(fields, 120), (apart(RETINA, CORTEX) <= 2.0).all(-1))
    # An inner cell of a grid with a reach of 2 hears 5 x 5 sources.
    assert np.bincount(fields.post)[7] == 25
    fields = topology.box_field(RETINA, CORTEX, (2.0, 1.0))
    assert np.bincount(fields.post)[7] == 15
    fields = topology.box_field(SPACE, SPACE, 1.5, self_connections=False)
    wanted = (apart(SPACE, SPACE) <= 1.5).all(-1) & ~np.eye(40, dtype=bool)
    np.testing.assert_array_equal(mask_of(fields, 40), wanted)


def test_a_circle_holds_what_is_no_further():
    for pre, post in ((RETINA, CORTEX), (SPACE, SPACE)):
        fields = topology.circle_field(pre, post, 1.5)
        wanted = np.sqrt((apart(pre, post) ** 2).sum(-1)) <= 1.5
        np.testing.assert_array_equal(mask_of(fields, len(pre)), wanted)
    # Lattice points with x^2 + y^2 <= 4.
    assert np.bincount(topology.circle_field(RETINA, CORTEX, 2.0).post)[7] == 13


def test_a_field_goes_round_in_a_periodic_box():
    line = jnp.arange(10.0)
    mask = mask_of(topology.box_field(line, line, 1.0, periodic=10.0), 10)
    wanted = np.eye(10) + np.roll(np.eye(10), 1, 0) + np.roll(np.eye(10), -1, 0)
    np.testing.assert_array_equal(mask, wanted > 0)


@pytest.mark.parametrize("blocks", [1, 3, (2, 4), 6])
@pytest.mark.parametrize("build", [topology.box_field, topology.circle_field])
def test_blocks_are_the_masked_matrix(build, blocks):
    fields = build(RETINA, CORTEX, 2.5)
    # Multiples of 1/8: sums are exact in any order.
    whole = jnp.asarray(np.random.default_rng(1).integers(-8, 9, (120, 30)) / 8.0, jnp.float32)
    matrix = jnp.where(mask_of(fields, 120), whole, 0.0)
    part = topology.partition(fields, 120, CORTEX, blocks)
    weight = part.from_matrix(whole)
    np.testing.assert_array_equal(part.to_matrix(weight), matrix)
    signals = jnp.asarray(np.random.default_rng(2).integers(0, 2, (7, 120)), jnp.float32)
    target = jnp.asarray(np.random.default_rng(3).integers(-4, 5, (7, 30)), jnp.float32)

    def loss(propagate):
        return lambda weight, signals: jnp.sum(propagate(weight, signals) * target)

    dense = Dense(30).propagate
    np.testing.assert_array_equal(part.propagate(weight, signals), dense(matrix, signals))
    ours = jax.grad(loss(part.propagate), argnums=(0, 1))(weight, signals)
    theirs = jax.grad(loss(dense), argnums=(0, 1))(matrix, signals)
    np.testing.assert_array_equal(ours[1], theirs[1])
    wanted = jnp.where(mask_of(fields, 120), theirs[0], 0.0)
    np.testing.assert_array_equal(part.to_matrix(ours[0]), wanted)
    assert not np.any(np.asarray(ours[0])[~np.asarray(part.is_joined)])
    if blocks == 6:
        assert weight.size < 0.5 * whole.size


def test_a_network_runs_the_same_through_blocks():
    fields = topology.box_field(RETINA, CORTEX, 2.0)
    part = topology.partition(fields, (12, 10), CORTEX, 3)
    matrix = jnp.where(mask_of(fields, 120), 0.125, 0.0)

    def run(weight, connectivity):
        network = Network(
            {"retina": Input((12, 10)), "cortex": Population(LIF(tau=5.0), 30)},
            {"wire": Projection("retina", "cortex", weight, connectivity)},
        )
        inputs = {"retina": Constant(jnp.linspace(0.0, 1.0, 120).reshape(12, 10))}
        return simulate(
            network, inputs, dt=1.0, steps=30, key=jax.random.key(0), record="cortex.spikes"
        )["cortex.spikes"]

    spikes = run(part.from_matrix(matrix), part)
    assert 0 < spikes.sum() < spikes.size
    np.testing.assert_array_equal(spikes, run(matrix, Dense(30)))


def test_blocks_say_what_they_are():
    part = topology.partition(topology.box_field(RETINA, CORTEX, 2.0), 120, CORTEX, 3)
    assert part.output_shape((12, 10)) == (30,)
    assert part.weight_shape((120,)) == part.is_joined.shape
    assert part.bias_shape((120,)) == (30,)
    assert part.fan_in((120,)) == round(float(part.is_joined.sum()) / 30)
    with pytest.raises(ValueError, match=r"made for 120 sources, but the source has shape \(7,\)"):
        part.output_shape((7,))


FIELDS = topology.box_field(RETINA, CORTEX, 2.0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: topology.box_field(RETINA, CORTEX, -1.0), "reach is -1.0; it must be .* >= 0"),
        (lambda: topology.box_field(RETINA, CORTEX, (1.0, 1.0, 1.0)), "each of the 2 dimensions"),
        (lambda: topology.circle_field(RETINA, SPACE, 1.0), "pre_positions have 2 dimensions and"),
        (
            lambda: topology.circle_field(RETINA, CORTEX, 1.0, self_connections=False),
            "circle_field: self_connections=False, but the source has 120 neurons",
        ),
        (
            lambda: topology.partition(FIELDS, 100, CORTEX, 2),
            "pre is 100, but a synapse comes from",
        ),
        (lambda: topology.partition(FIELDS, 120, RETINA, 2), "those of 120 neurons, but the .* 30"),
        (lambda: topology.partition(FIELDS, 120, CORTEX, 0), "blocks is 0; it must be a whole"),
        (lambda: topology.partition(FIELDS, 120, CORTEX, (1, 2, 3)), r"blocks is \(1, 2, 3\)"),
        (
            lambda: topology.partition(
                topology.box_field(RETINA, CORTEX + 0.5, 0.1), 120, CORTEX, 2
            ),
            "the fields are empty",
        ),
    ],
)
def test_what_does_not_fit_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
