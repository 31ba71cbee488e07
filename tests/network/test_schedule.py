import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxneuro.edges import Projection
from jaxneuro.network import Group, Network
from jaxneuro.network._schedule import find_cycle, groups_in_order, topological_order
from jaxneuro.neurons import LIF, Input, Population

names = st.sampled_from("abcdef")
graphs = st.lists(st.tuples(names, names), max_size=12)


def _reaches(links):
    """Which node reaches which in one link or more, by powers of the adjacency matrix."""
    letters = "abcdef"
    matrix = np.zeros((6, 6), bool)
    for a, b in links:
        matrix[letters.index(a), letters.index(b)] = True
    reached = matrix
    for _ in range(6):
        reached = reached | (reached.astype(int) @ matrix.astype(int) > 0)
    return {(a, b) for i, a in enumerate(letters) for j, b in enumerate(letters) if reached[i, j]}


def test_a_cycle_is_found_and_named():
    links = [("in", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "out")]
    assert find_cycle(links) == ["a", "b", "c", "a"]
    assert find_cycle([("x", "x")]) == ["x", "x"]
    # A diamond meets itself without a cycle.
    assert find_cycle([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]) is None
    assert find_cycle([]) is None


@settings(deadline=None, derandomize=True)
@given(graphs)
def test_a_cycle_is_found_where_there_is_one(links):
    cycle = find_cycle(links)
    assert (cycle is not None) == any((node, node) in _reaches(links) for node in "abcdef")
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert set(itertools.pairwise(cycle)) <= set(links)


def test_topological_order_breaks_ties_by_name():
    assert topological_order("dcba", [("d", "b"), ("c", "b")]) == ["a", "c", "d", "b"]
    assert topological_order(["b", "a"], []) == ["a", "b"]
    # Links of nodes that are not asked for do not matter.
    assert topological_order(["a", "b"], [("b", "a"), ("z", "b")]) == ["b", "a"]


@settings(deadline=None, derandomize=True)
@given(graphs)
def test_topological_order_puts_sources_first(links):
    forward = [(a, b) for a, b in links if a < b]
    order = topological_order("fedcba", forward)
    assert sorted(order) == list("abcdef")
    assert all(order.index(a) < order.index(b) for a, b in forward)


def _names(groups):
    return [group.populations for group in groups]


def test_what_is_strongly_connected_is_one_group():
    lags = {("a", "b"): 1, ("b", "c"): 1, ("c", "b"): 2, ("c", "d"): 0, ("d", "d"): 1}
    groups = groups_in_order("abcd", lags, block=8)
    assert groups == (
        Group(("a",), is_recurrent=False),
        Group(("b", "c"), is_recurrent=True),
        Group(("d",), is_recurrent=True),
    )


def test_inside_a_group_zero_delays_give_the_order():
    lags = {("a", "z"): 1, ("z", "m"): 0, ("m", "a"): 0}
    assert _names(groups_in_order("amz", lags, block=4)) == [("z", "m", "a")]
    # The other way round, the order of the names would do as well; zero delays decide.
    lags = {("a", "m"): 0, ("m", "z"): 0, ("z", "a"): 1}
    assert _names(groups_in_order("amz", lags, block=4)) == [("a", "m", "z")]


@pytest.mark.parametrize(
    ("block", "groups", "recurrent"),
    [
        (1, [("a",), ("b",)], [False, False]),
        (2, [("b",), ("a",)], [False, False]),
        (3, [("b",), ("a",)], [False, False]),
        (4, [("a", "b")], [True]),
        (64, [("a", "b")], [True]),
    ],
)
def test_a_delay_of_a_block_or_more_decouples(block, groups, recurrent):
    # b -> a after 1 step, a -> b after 3: at a block of 3 nothing of a reaches b inside it.
    got = groups_in_order("ab", {("b", "a"): 1, ("a", "b"): 3}, block)
    assert _names(got) == groups
    assert [group.is_recurrent for group in got] == recurrent


def test_at_a_block_of_one_only_zero_delays_order():
    got = groups_in_order("abc", {("c", "a"): 0, ("a", "b"): 1, ("b", "c"): 1}, block=1)
    assert _names(got) == [("b",), ("c",), ("a",)]
    assert not any(group.is_recurrent for group in got)


lagged = st.dictionaries(st.tuples(names, names), st.integers(0, 4), max_size=14)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(lagged, st.integers(1, 6))
def test_groups_are_the_strongly_connected_components_in_order(lags, block):
    # Zero delays run in the order of the names, so they close no cycle.
    lags = {(a, b): max(lag, 0 if a < b else 1) for (a, b), lag in lags.items()}
    links = [pair for pair, lag in lags.items() if lag < block]
    reaches = _reaches(links)
    groups = groups_in_order("fbdeca", lags, block)
    order = [name for group in groups for name in group.populations]
    assert sorted(order) == list("abcdef")
    group_of = {name: i for i, group in enumerate(groups) for name in group.populations}
    for a in "abcdef":
        for b in "abcdef":
            mutual = a == b or {(a, b), (b, a)} <= reaches
            assert (group_of[a] == group_of[b]) == mutual
    assert all(group_of[a] <= group_of[b] for a, b in links)
    assert all(order.index(a) < order.index(b) for (a, b), lag in lags.items() if lag == 0)
    for group in groups:
        inside = [(a, b) for a, b in links if {a, b} <= set(group.populations)]
        assert group.is_recurrent == bool(inside)


def test_a_plan_has_the_delays_in_steps():
    one = [[1.0]]
    network = Network(
        {"input": Input(1), "a": Population(LIF(), 1), "b": Population(LIF(), 1)},
        {
            "now": Projection("input", "a", one, delay=0.0),
            "late": Projection("input", "b", one, delay=2.5),
            "default": Projection("a", "b", one),
            "back": Projection("b", "a", one, delay=1.0),
            "again": Projection("b", "a", one, delay=0.5),
        },
    )
    plan = network.prepare(0.5)
    assert plan.lags == {"now": 0, "late": 5, "default": 1, "back": 2, "again": 1}
    assert plan.depths == {"input": 5, "a": 1, "b": 2}
    # 0.3 / 0.1 is 2.9999999999999996 in floating point.
    fine = Network({"a": Population(LIF(), 1)}, {"loop": Projection("a", "a", one, delay=0.3)})
    assert fine.prepare(0.1).lags == {"loop": 3}
    # The shorter of two parallel edges couples.
    assert _names(plan.groups(network, 2)) == [("a", "b")]
    assert _names(plan.groups(network, 1)) == [("a",), ("b",)]
