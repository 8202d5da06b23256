"""Causal diagrams: who points at whom, which paths are open, what may be adjusted for. Private to the package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

Edge = tuple[str, str]


class Path(NamedTuple):
    """One road between treatment and outcome, whichever way its arrows point.

    Parameters
    ----------
    nodes : tuple of str
        From treatment to outcome.
    text : str
        With arrows: "feature ← anatomy → outcome".
    kind : str
        "causal" if all arrows point to the outcome, "backdoor" if the first one points into the
        treatment, "other" if it leaves the treatment and meets a collider.
    open : bool
        Whether association flows along it.
    """

    nodes: tuple[str, ...]
    text: str
    kind: str
    open: bool


class Graph:
    """A directed acyclic graph, checked. `parents` and `children` by name, in the edges' order."""

    def __init__(self, edges: Iterable[Sequence[str]]) -> None:
        self.parents: dict[str, list[str]] = {}
        self.children: dict[str, list[str]] = {}
        for edge in _listed(edges, "edges", "a list of (from, to) pairs"):
            cause, effect = _pair(edge)
            for name in (cause, effect):
                self.parents.setdefault(name, [])
                self.children.setdefault(name, [])
            if effect not in self.children[cause]:
                self.children[cause].append(effect)
                self.parents[effect].append(cause)
        self.order = self._order()

    def _order(self) -> list[str]:
        """Every name after its parents."""
        waiting = {name: len(parents) for name, parents in self.parents.items()}
        ready = [name for name, count in waiting.items() if count == 0]
        for name in ready:  # grows while it is read
            for child in self.children[name]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    ready.append(child)
        if len(ready) < len(waiting):
            raise ValueError(
                f"The arrows run in a circle: {self._circle(set(waiting) - set(ready))}. Nothing causes itself: "
                "take one of these arrows out."
            )
        return ready

    def _circle(self, names: set[str]) -> str:
        """A cycle among these names, each of which has a parent among them."""
        road = [min(names)]
        while road[-1] not in road[:-1]:
            road.append(next(parent for parent in self.parents[road[-1]] if parent in names))
        return " → ".join(reversed(road[road.index(road[-1]) :]))

    def known(self, name: str, role: str) -> str:
        """The name, if an arrow touches it."""
        if name not in self.parents:
            raise ValueError(
                f"{role} {name!r} is not in the diagram. Its variables are: {', '.join(self.order) or 'none'}."
            )
        return name

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """These names and all that leads to them."""
        return _reached(names, self.parents)

    def descendants(self, name: str) -> set[str]:
        """All that follows from a name, itself not."""
        return _reached(self.children[name], self.children)

    def without_arrows_out_of(self, name: str) -> Graph:
        """The same variables; those arrows gone."""
        pruned = Graph([])
        pruned.children = {n: [] if n == name else list(c) for n, c in self.children.items()}
        pruned.parents = {n: [p for p in ps if p != name] for n, ps in self.parents.items()}
        pruned.order = self.order
        return pruned

    def separated(self, a: str, b: str, given: set[str]) -> bool:
        """Whether `given` d-separates a and b: in the moral graph of all their ancestors, it cuts them apart."""
        kept = self.ancestors({a, b} | given)
        beside: dict[str, set[str]] = {name: set() for name in kept}
        for name in kept:
            family = [name, *self.parents[name]]  # parents of one child are married
            for one, other in combinations(family, 2):
                beside[one].add(other)
                beside[other].add(one)
        return b not in _reached([a], {n: [m for m in beside[n] if m not in given] for n in kept})

    def roads(self, a: str, b: str) -> list[tuple[str, ...]]:
        """All paths from a to b that visit no variable twice, shortest first."""
        found: list[tuple[str, ...]] = []
        unfinished: list[tuple[str, ...]] = [(a,)]
        while unfinished:
            road = unfinished.pop()
            if road[-1] == b:
                found.append(road)
                continue
            ways = self.parents[road[-1]] + self.children[road[-1]]
            unfinished += [(*road, way) for way in ways if way not in road]
        return sorted(found, key=lambda road: (len(road), road))

    def describe(self, road: tuple[str, ...], given: set[str]) -> Path:
        """A path's arrows, its kind, and whether it is open."""
        forward = [after in self.children[before] for before, after in pairwise(road)]
        text = road[0] + "".join(
            f" {'→' if ahead else '←'} {name}" for ahead, name in zip(forward, road[1:], strict=True)
        )
        is_open = True
        for before, name, after in zip(forward, road[1:-1], forward[1:], strict=False):
            if before and not after:  # a collider opens when it, or what follows from it, is adjusted for
                is_open &= bool(given & ({name} | self.descendants(name)))
            else:
                is_open &= name not in given
        kind = "causal" if all(forward) else "other" if forward[0] else "backdoor"
        return Path(road, text, kind, is_open)


def _reached(start: Iterable[str], ways: dict[str, list[str]]) -> set[str]:
    reached: set[str] = set()
    unfinished = list(start)
    while unfinished:
        name = unfinished.pop()
        if name not in reached:
            reached.add(name)
            unfinished += ways[name]
    return reached


def _listed(value: Iterable[Sequence[str]] | Iterable[str], name: str, what: str) -> list[Sequence[str]]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be {what}, not {value!r}.")
    return list(value)


def _pair(edge: Sequence[str]) -> Edge:
    if isinstance(edge, (str, bytes)) or not isinstance(edge, Sequence) or len(edge) != 2:
        raise ValueError(f"Each edge must be a pair (from, to), not {edge!r}.")
    for name in edge:
        if not isinstance(name, str):
            raise TypeError(f"Each end of an edge must be a name in quotes, not {name!r}.")
    return edge[0], edge[1]


def question(
    edges: Iterable[Sequence[str]], treatment: str, outcome: str, adjustment: Iterable[str]
) -> tuple[Graph, set[str]]:
    """The graph and the adjustment set of a question about an effect, both checked."""
    graph = Graph(edges)
    graph.known(treatment, "The treatment")
    graph.known(outcome, "The outcome")
    if treatment == outcome:
        raise ValueError(f"Treatment and outcome are both {treatment!r}. They must be two variables.")
    names = _listed(adjustment, "adjustment", "a list or a set of names")
    given = {graph.known(str(name), "The adjustment variable") for name in names}
    for name, role in ((treatment, "treatment"), (outcome, "outcome")):
        if name in given:
            raise ValueError(
                f"{name!r} is the {role}. It cannot be adjusted for: take it out of the adjustment."
            )
    return graph, given


def is_backdoor_set(
    edges: Iterable[Sequence[str]], treatment: str, outcome: str, adjustment: Iterable[str]
) -> bool:
    """Whether adjusting for these variables satisfies the backdoor criterion.

    Two things are asked of an adjustment set: it holds no descendant of the treatment, and it blocks
    every path that enters the treatment through an arrow into it. The second is d-separation of
    treatment and outcome once the treatment's own arrows are taken out (Pearl,
    doi:10.1093/biomet/82.4.669).

    Parameters
    ----------
    edges : list of (str, str)
        Arrows (from, to) of a diagram without cycles. A pair that is named twice counts once.
    treatment, outcome : str
        Two variables of the diagram.
    adjustment : list or set of str
        Variables of the diagram, neither treatment nor outcome; it may be empty.

    Returns
    -------
    bool
        The criterion is sufficient, not necessary: False does not prove that the estimate is biased.

    Raises
    ------
    ValueError
        If the arrows run in a circle, an edge is not a pair, a name is not in the diagram, treatment and
        outcome are one, or one of them is in the adjustment.
    TypeError
        If `edges` or `adjustment` is a string, or a name is not one.

    Examples
    --------
    >>> edges = [("anatomy", "feature"), ("anatomy", "outcome"), ("feature", "outcome")]
    >>> is_backdoor_set(edges, "feature", "outcome", [])
    False
    >>> is_backdoor_set(edges, "feature", "outcome", ["anatomy"])
    True
    """
    graph, given = question(edges, treatment, outcome, adjustment)
    return _passes(graph, treatment, outcome, given)


def _passes(graph: Graph, treatment: str, outcome: str, given: set[str]) -> bool:
    if given & graph.descendants(treatment):
        return False
    return graph.without_arrows_out_of(treatment).separated(treatment, outcome, given)


def backdoor_sets(
    edges: Iterable[Sequence[str]],
    treatment: str,
    outcome: str,
    candidates: Iterable[str] | None = None,
) -> list[tuple[str, ...]]:
    """All smallest sets that satisfy the backdoor criterion: none holds another.

    Parameters
    ----------
    edges, treatment, outcome
        As for `is_backdoor_set`.
    candidates : list or set of str, optional
        The variables that were measured, 16 at most; without it, all of the diagram.

    Returns
    -------
    list of tuples of str
        By size, then by the alphabet. Empty if no set will do; ``[()]`` if nothing has to be adjusted for.

    Raises
    ------
    ValueError
        As for `is_backdoor_set`, and if there are more than 16 candidates.

    Examples
    --------
    >>> edges = [("site", "scanner"), ("scanner", "feature"), ("site", "outcome"), ("feature", "outcome")]
    >>> backdoor_sets(edges, "feature", "outcome")
    [('scanner',), ('site',)]
    """
    graph, given = question(edges, treatment, outcome, () if candidates is None else candidates)
    names = set(graph.order) - {treatment, outcome} if candidates is None else given
    names -= graph.descendants(treatment)
    if len(names) > 16:
        raise ValueError(f"There are {len(names)} candidates, more than 16. Name those that were measured.")
    found: list[tuple[str, ...]] = []
    for size in range(len(names) + 1):
        for chosen in combinations(sorted(names), size):
            if not any(set(small) <= set(chosen) for small in found) and _passes(
                graph, treatment, outcome, set(chosen)
            ):
                found.append(chosen)
    return found


def d_separated(edges: Iterable[Sequence[str]], a: str, b: str, given: Iterable[str] = ()) -> bool:
    """Whether no association flows between two variables once the `given` ones are held fixed.

    Arguments and errors as for `is_backdoor_set`, with a and b in place of treatment and outcome.

    Examples
    --------
    >>> collider = [("feature", "admission"), ("outcome", "admission")]
    >>> d_separated(collider, "feature", "outcome")
    True
    >>> d_separated(collider, "feature", "outcome", ["admission"])
    False
    """
    graph, held = question(edges, a, b, given)
    return graph.separated(a, b, held)


def paths(
    edges: Iterable[Sequence[str]], treatment: str, outcome: str, adjustment: Iterable[str] = ()
) -> list[Path]:
    """Every path between treatment and outcome: its kind, and whether it is open. Shortest first.

    Arguments and errors as for `is_backdoor_set`. The number of paths grows fast with the number of
    arrows; this is for diagrams that fit on a slide.

    Examples
    --------
    >>> edges = [("anatomy", "feature"), ("anatomy", "outcome"), ("feature", "outcome")]
    >>> for path in paths(edges, "feature", "outcome", ["anatomy"]):
    ...     print(path.text, path.kind, path.open)
    feature → outcome causal True
    feature ← anatomy → outcome backdoor False
    """
    graph, given = question(edges, treatment, outcome, adjustment)
    return [graph.describe(road, given) for road in graph.roads(treatment, outcome)]
