import math
import tracemalloc

import numpy as np
import pytest

from jaxneuro.sweeps._plan import MOST_BLOCKS, MOST_BYTES, Plan

SHAPES = [
    (1,),
    (17,),
    (1025,),
    (1000, 17),
    (1000, 600),
    (3, 512),
    (7, 11, 13),
    (1, 1, 5, 1),
    (4097, 3),
    (2, 3, 5, 7, 11),
]


@pytest.mark.parametrize("tile", [1, 2, 16, 100, 1024])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_lane_is_in_one_block(shape, tile):
    plan = Plan.choose(shape, tile)
    lanes = np.arange(math.prod(shape)).reshape(shape)
    seen = np.zeros(shape, int)
    for block in range(plan.blocks):
        region = plan.region(block)
        seen[region] += 1
        np.testing.assert_array_equal(plan.lanes(block), lanes[region].reshape(-1))
        assert plan.size(block) == len(plan.lanes(block))
    assert (seen == 1).all()
    assert plan.tile <= tile
    assert plan.blocks <= 2 * MOST_BLOCKS + len(shape)


def waste(plan, codes=None):
    """Lanes that are run over those that there are."""
    codes = np.zeros(plan.shape, int) if codes is None else codes
    run = 0
    for block in range(plan.blocks):
        _, counts = np.unique(codes[plan.region(block)], return_counts=True)
        run += int(np.sum(-(-counts // plan.tile))) * plan.tile
    return run / math.prod(plan.shape)


@pytest.mark.parametrize("tile", [1, 16, 64, 1024])
@pytest.mark.parametrize("shape", [s for s in SHAPES if math.prod(s) > 16])
def test_few_lanes_are_run_twice(shape, tile):
    assert waste(Plan.choose(shape, tile)) < 1.15


def test_random_shapes_waste_little():
    random = np.random.default_rng(0)
    lengths = [1, 2, 3, 5, 7, 10, 17, 31, 50, 101, 333]
    found = []
    for _ in range(300):
        shape = tuple(random.choice(lengths, random.integers(1, 4)).tolist())
        found.append(waste(Plan.choose(shape, 2 ** int(random.integers(0, 11)))))
    assert np.mean(found) < 1.03
    assert np.max(found) < 1.25


@pytest.mark.parametrize("shape", [(5, 1000), (1000, 5), (20, 5, 30)])
def test_static_values_of_a_product_have_blocks_of_their_own(shape):
    axis = shape.index(5)
    groups = [np.arange(n) if i == axis else None for i, n in enumerate(shape)]
    plan = Plan.choose(shape, 1024, groups)
    assert plan.block[axis] == 1
    codes = np.indices(shape)[axis]
    assert waste(plan, codes) < 1.1
    assert plan.tile > 0.5 * math.prod(shape) / 5


@pytest.mark.parametrize("texts", [np.arange(1000) % 5, np.arange(1000) // 334])
def test_tiles_of_a_zip_suit_its_static_values(texts):
    plan = Plan.choose((1000,), 1024, [texts])
    assert waste(plan, texts) < 1.15
    assert plan.tile > 100


def test_tiles_suit_groups_of_random_sizes():
    texts = np.random.default_rng(0).integers(0, 3, 3000)
    assert waste(Plan.choose((3000,), 256, [texts]), texts) < 1.4


def test_large_results_make_smaller_blocks():
    plan = Plan.choose((10**8,), 8, lane_bytes=40_000)
    assert plan.block[0] * 40_000 <= MOST_BYTES
    assert Plan.choose((10**8,), 8, lane_bytes=4).block[0] * 1024 >= 10**8


def test_a_huge_grid_needs_no_memory():
    tracemalloc.start()
    plan = Plan.choose((1000, 1000, 1000), 1024)
    sizes = [plan.size(block) for block in range(plan.blocks)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(sizes) == 10**9
    assert peak < 2**20
