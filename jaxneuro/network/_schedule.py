from collections.abc import Iterable, Mapping
from typing import NamedTuple

Links = Iterable[tuple[str, str]]


class Group(NamedTuple):
    """Populations that must advance together, in the order within a step."""

    populations: tuple[str, ...]
    is_recurrent: bool


def find_cycle(links: Links) -> list[str] | None:
    """One cycle of a directed graph as the list of its nodes (the first again at the end)."""
    followers = _followers(links)
    done: set[str] = set()
    for start in sorted(followers):
        path: list[str] = []
        if _walk(start, followers, path, done):
            return path[path.index(path[-1]) :]
    return None


def topological_order(nodes: Iterable[str], links: Links) -> list[str]:
    """The nodes of an acyclic graph, sources first; ties in order of name."""
    remaining = sorted(nodes)
    incoming = {node: {a for a, b in links if b == node and a in remaining} for node in remaining}
    order: list[str] = []
    while remaining:
        ready = next(node for node in remaining if incoming[node] <= set(order))
        remaining.remove(ready)
        order.append(ready)
    return order


def groups_in_order(
    populations: Iterable[str], lags: Mapping[tuple[str, str], int], block: int
) -> tuple[Group, ...]:
    """Strongly connected groups of populations, upstream first.

    `lags` maps (source, target) to the smallest delay between them in steps. A delay of at least
    a block couples nothing inside the block, so it neither orders nor joins populations.
    """
    populations = sorted(populations)
    links = [pair for pair, lag in lags.items() if lag < block]
    reach = {node: _reachable(node, _followers(links)) for node in populations}
    group_of = {
        node: min([other for other in reach[node] if node in reach[other]] + [node])
        for node in populations
    }
    between = [(group_of[a], group_of[b]) for a, b in links if group_of[a] != group_of[b]]
    immediate = [pair for pair, lag in lags.items() if lag == 0]
    groups = []
    for leader in topological_order(set(group_of.values()), between):
        members = [node for node in populations if group_of[node] == leader]
        inside = [(a, b) for a, b in links if a in members and b in members]
        order = topological_order(members, [(a, b) for a, b in immediate if a in members])
        groups.append(Group(tuple(order), bool(inside)))
    return tuple(groups)


def _followers(links: Links) -> dict[str, set[str]]:
    followers: dict[str, set[str]] = {}
    for a, b in links:
        followers.setdefault(a, set()).add(b)
        followers.setdefault(b, set())
    return followers


def _reachable(start: str, followers: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    frontier = [start]
    while frontier:
        new = followers.get(frontier.pop(), set()) - found
        found |= new
        frontier += sorted(new)
    return found


def _walk(node: str, followers: Mapping[str, set[str]], path: list[str], done: set[str]) -> bool:
    """Depth-first search; True, with the cycle at the end of `path`, once it meets itself."""
    path.append(node)
    if node in path[:-1]:
        return True
    if node not in done:
        for follower in sorted(followers[node]):
            if _walk(follower, followers, path, done):
                return True
        done.add(node)
    path.pop()
    return False
