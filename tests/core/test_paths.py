import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from jaxneuro.core import get_leaf, leaf_paths, map_leaves, resolve_path, resolve_paths, suggest


class Cell(eqx.Module):
    tau: float = 1.0
    v: float = 2.0
    label: str = eqx.field(static=True, default="cell")


class Wrapper(eqx.Module):
    neuron: Cell
    period: float = 3.0


class Node(eqx.Module):
    neuron: Cell | Wrapper
    surrogate: dict


TREE = {
    "exc": Node(Wrapper(Cell()), {"slope": 10.0}),
    "inh": Node(Cell(tau=5.0), {"slope": 20.0}),
    "layers": (Cell(), Cell(v=7.0)),
}


def test_every_leaf_has_a_path_in_the_order_of_leaves():
    paths = leaf_paths(TREE)
    assert paths == [
        "exc.neuron.neuron.tau",
        "exc.neuron.neuron.v",
        "exc.neuron.period",
        "exc.surrogate.slope",
        "inh.neuron.tau",
        "inh.neuron.v",
        "inh.surrogate.slope",
        "layers.0.tau",
        "layers.0.v",
        "layers.1.tau",
        "layers.1.v",
    ]
    for path, leaf in zip(paths, jax.tree.leaves(TREE), strict=True):
        assert get_leaf(TREE, path) == leaf


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("inh.neuron.tau", "inh.neuron.tau"),
        ("inh.tau", "inh.neuron.tau"),
        ("exc.tau", "exc.neuron.neuron.tau"),
        ("exc.neuron.tau", "exc.neuron.neuron.tau"),
        ("exc.period", "exc.neuron.period"),
        ("layers.1.v", "layers.1.v"),
    ],
)
def test_wrappers_are_looked_through(query, path):
    assert resolve_path(TREE, query) == path


def test_nodes_and_edges_of_a_network_may_be_left_out():
    tree = {"nodes": {"exc": TREE["exc"]}, "edges": {"drive": {"weight": 1.0}}}
    assert resolve_path(tree, "exc.tau") == "nodes.exc.neuron.neuron.tau"
    assert resolve_path(tree, "nodes.exc.tau") == "nodes.exc.neuron.neuron.tau"
    assert resolve_paths(tree, "drive.*") == ["edges.drive.weight"]
    assert resolve_paths(tree, "*.weight") == ["edges.drive.weight"]


def test_ambiguity_lists_the_choices():
    with pytest.raises(ValueError, match=r"'layers\.v' is ambiguous: .*layers\.0\.v, layers\.1\.v"):
        resolve_path(TREE, "layers.v")


def test_an_exact_path_wins_over_longer_ones():
    tree = {"a": {"v": 1.0, "inner": {"v": 2.0}}}
    assert resolve_path(tree, "a.v") == "a.v"
    assert get_leaf(tree, "a.v") == 1.0
    assert get_leaf(tree, "a.inner.v") == 2.0


@pytest.mark.parametrize(
    ("query", "near"),
    [("exc.taau", r"exc\.neuron\.neuron\.tau"), ("ihn.tau", r"inh\.neuron\.tau")],
)
def test_an_unknown_path_is_answered_with_the_nearest(query, near):
    with pytest.raises(ValueError, match=f"No path '{query}'. Did you mean .*{near}"):
        resolve_path(TREE, query)


@pytest.mark.parametrize("query", ["tau", "neuron.tau", "exc", "exc.neuron", "exc.v.tau", ""])
def test_first_and_last_part_must_be_named(query):
    with pytest.raises(ValueError, match="No path"):
        resolve_path(TREE, query)


def test_patterns():
    taus = ["exc.neuron.neuron.tau", "inh.neuron.tau", "layers.0.tau", "layers.1.tau"]
    assert resolve_paths(TREE, "*.tau") == taus
    assert resolve_paths(TREE, ["layers.*.v", "inh.tau"]) == [
        "inh.neuron.tau",
        "layers.0.v",
        "layers.1.v",
    ]
    assert resolve_paths(TREE, "i*.sl*") == ["inh.surrogate.slope"]
    assert resolve_paths(TREE, "exc.*") == leaf_paths(TREE)[:4]
    assert resolve_paths(TREE, ["inh.tau", "*.tau", "inh.tau"]) == taus
    with pytest.raises(ValueError, match=r"No path matches '\*\.weight'\. Did you mean"):
        resolve_paths(TREE, ["*.tau", "*.weight"])


def test_map_leaves_changes_the_named_ones_only():
    paths = resolve_paths(TREE, "*.tau")
    tree = map_leaves(TREE, paths, lambda path, leaf: jnp.asarray(leaf + len(path)))
    assert get_leaf(tree, "inh.tau") == 5.0 + len("inh.neuron.tau")
    unchanged = set(leaf_paths(TREE)) - set(paths)
    assert all(get_leaf(tree, path) == get_leaf(TREE, path) for path in unchanged)
    assert tree["exc"].neuron.neuron.label == "cell"


def test_suggest():
    assert suggest("exx", ["exc", "inh", "readout"]) == "Did you mean exc?"
    assert suggest("zzz", ["b", "a"]) == "Did you mean a, b?"
    assert suggest("zzz", []) == "There are none to choose from."
