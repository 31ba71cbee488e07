import equinox as eqx

from jaxneuro.plasticity import Plastic

from ._network import Network
from ._state import NetworkState


def learned(network: Network, state: NetworkState) -> Network:
    """The network with the weights of a state, which learn no more: plain projections.

    It runs in blocks of time again, and can be saved, trained and drawn as any other.

    !!! example

        ```python
        run = simulate(net, inputs, dt=1.0, key=key)
        tested = simulate(learned(net, run.state), inputs, dt=1.0, key=key)
        ```
    """
    edges = {
        name: edge.with_weight(state.edges[name].weight) if isinstance(edge, Plastic) else edge
        for name, edge in network.edges.items()
    }
    return eqx.tree_at(lambda n: n.edges, network, edges)
