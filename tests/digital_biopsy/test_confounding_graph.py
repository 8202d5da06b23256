"""The backdoor criterion, against networkx and against paths followed by hand."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digital_biopsy.confounding import backdoor_sets, d_separated, is_backdoor_set, paths

CONFOUNDER = [("anatomy", "feature"), ("anatomy", "outcome"), ("feature", "outcome")]
M = [("u", "feature"), ("u", "m"), ("v", "m"), ("v", "outcome"), ("feature", "outcome")]
BUTTERFLY = [*M, ("m", "feature"), ("m", "outcome")]


@pytest.mark.parametrize(
    ("edges", "adjustment", "valid"),
    [
        (CONFOUNDER, [], False),
        (CONFOUNDER, ["anatomy"], True),
        ([("feature", "outcome"), ("feature", "c"), ("outcome", "c")], [], True),
        ([("feature", "outcome"), ("feature", "c"), ("outcome", "c")], ["c"], False),
        ([("feature", "m"), ("m", "outcome")], [], True),
        ([("feature", "m"), ("m", "outcome")], ["m"], False),
        (M, [], True),
        (M, ["m"], False),
        (M, ["m", "u"], True),
        (BUTTERFLY, ["m"], False),
        (BUTTERFLY, ["m", "v"], True),
        (BUTTERFLY, ["u", "v"], False),
        ([*CONFOUNDER, ("anatomy", "record")], ["record"], False),
        ([*M, ("m", "note")], ["note"], False),  # what follows from a collider opens it too
        ([*CONFOUNDER, ("feature", "stain")], ["anatomy", "stain"], False),
        ([("outcome", "feature")], [], False),
    ],
)
def test_known_diagrams(edges: Any, adjustment: list[str], valid: bool) -> None:
    assert is_backdoor_set(edges, "feature", "outcome", adjustment) is valid
    assert is_backdoor_set([list(e) for e in edges], "feature", "outcome", set(adjustment)) is valid
    assert is_backdoor_set(reversed(edges * 2), "feature", "outcome", tuple(adjustment)) is valid


@st.composite
def diagrams(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[str]]:
    names = draw(st.permutations("ABCDEF"))
    pairs = list(combinations(names, 2))
    edges = draw(st.lists(st.sampled_from(pairs), min_size=3, max_size=11, unique=True))
    return edges, sorted({name for edge in edges for name in edge})


@settings(max_examples=200, deadline=None, derandomize=True)
@given(diagrams(), st.data())
def test_random_diagrams_agree_with_networkx_and_with_paths(
    diagram: tuple[list[tuple[str, str]], list[str]], data: st.DataObject
) -> None:
    edges, names = diagram
    a, b = data.draw(st.permutations(names))[:2]
    adjustment = data.draw(st.sets(st.sampled_from(names))) - {a, b}
    graph = nx.DiGraph(edges)
    assert d_separated(edges, a, b, adjustment) == nx.is_d_separator(graph, {a}, {b}, adjustment)
    roads = paths(edges, a, b, adjustment)
    assert {road.nodes for road in roads} == set(map(tuple, nx.all_simple_paths(graph.to_undirected(), a, b)))
    assert d_separated(edges, a, b, adjustment) == (not any(road.open for road in roads))
    below = nx.descendants(graph, a)
    blocked = not any(road.open for road in roads if road.kind == "backdoor")
    expected = not (adjustment & below) and blocked
    assert is_backdoor_set(edges, a, b, adjustment) == expected
    pruned = nx.DiGraph(edge for edge in edges if edge[0] != a)
    pruned.add_nodes_from(names)
    assert expected == (not (adjustment & below) and nx.is_d_separator(pruned, {a}, {b}, adjustment))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(diagrams())
def test_smallest_sets_are_all_there(diagram: tuple[list[tuple[str, str]], list[str]]) -> None:
    edges, names = diagram
    a, b = names[:2]
    found = [set(chosen) for chosen in backdoor_sets(edges, a, b)]
    for size in range(len(names) - 1):
        for chosen in combinations(names[2:], size):
            if is_backdoor_set(edges, a, b, chosen):
                assert any(small <= set(chosen) for small in found)
    for one in found:
        assert is_backdoor_set(edges, a, b, one)
        assert not any(other < one for other in found)


def test_paths_are_told_in_words() -> None:
    told = [(road.text, road.kind, road.open) for road in paths(BUTTERFLY, "feature", "outcome", ["m"])]
    assert told == [
        ("feature → outcome", "causal", True),
        ("feature ← m → outcome", "backdoor", False),
        ("feature ← m ← v → outcome", "backdoor", False),
        ("feature ← u → m → outcome", "backdoor", False),
        ("feature ← u → m ← v → outcome", "backdoor", True),
    ]
    (only,) = paths([("x", "c"), ("y", "c")], "x", "y")
    assert (only.kind, only.open) == ("other", False)


def test_backdoor_sets_of_what_was_measured() -> None:
    assert backdoor_sets(M, "feature", "outcome") == [()]
    assert backdoor_sets(CONFOUNDER, "feature", "outcome", []) == []
    assert backdoor_sets(BUTTERFLY, "feature", "outcome") == [("m", "u"), ("m", "v")]
    assert backdoor_sets(BUTTERFLY, "feature", "outcome", ["m", "u"]) == [("m", "u")]
    many = [(f"z{i}", "feature") for i in range(17)] + [("feature", "outcome")]
    with pytest.raises(ValueError, match="17 candidates"):
        backdoor_sets(many, "feature", "outcome")


@pytest.mark.parametrize(
    ("edges", "names", "adjustment", "error", "message"),
    [
        ([("a", "b"), ("b", "c"), ("c", "a")], "ab", [], ValueError, "circle: a → b → c → a"),
        ([("a", "b"), ("b", "b")], "ab", [], ValueError, "circle: b → b"),
        ([("a", "b"), ("b", "c"), ("c", "d"), ("d", "c")], "ab", [], ValueError, "circle: c → d → c"),
        (
            [("a", "b")],
            "xb",
            [],
            ValueError,
            "The treatment 'x' is not in the diagram. Its variables are: a, b",
        ),
        ([("a", "b")], "ax", [], ValueError, "The outcome 'x'"),
        ([("a", "b")], "ab", ["age"], ValueError, "The adjustment variable 'age'"),
        ([], "ab", [], ValueError, "Its variables are: none"),
        ([("a", "b")], "aa", [], ValueError, "must be two variables"),
        ([("a", "b")], "ab", ["a"], ValueError, "'a' is the treatment"),
        ([("a", "b")], "ab", ["b"], ValueError, "'b' is the outcome"),
        ([("a", "b", "c")], "ab", [], ValueError, r"pair \(from, to\)"),
        (["ab"], "ab", [], ValueError, r"pair \(from, to\)"),
        ("ab", "ab", [], TypeError, "edges must be a list"),
        ([(1, 2)], "ab", [], TypeError, "name in quotes"),
        ([("age", "b"), ("a", "b")], "ab", "age", TypeError, "adjustment must be a list or a set"),
    ],
)
def test_errors_say_what_is_wrong(
    edges: Any, names: str, adjustment: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        is_backdoor_set(edges, names[0], names[1], adjustment)
