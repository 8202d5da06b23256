"""What the card says of several failures at once, and of answers that are nearly right."""

from __future__ import annotations

import numpy as np

from digital_biopsy.check import Check, check
from tests.check.remote import here


def text(c: Check) -> str:
    assert c.card is not None
    return c.card.text()


def test_further_failures_carry_their_own_words() -> None:
    def trial(source: str) -> str:
        with check("f", points=2, namespace=here(source)) as c:
            c.gives(2.0, x=1.0)
            c.gives(4.0, x=2.0, says="Two is doubled too.")
            c.raises(ValueError, x=-1.0, says="Refuse what is negative.")
        return text(c)

    said = trial("def f(x):\n    return x + 7")
    assert "- f(x=2.0) should be 4.0; yours gave 9.0. Two is doubled too." in said
    assert "- f(x=-1.0) should raise ValueError; yours gave 6.0. Refuse what is negative." in said


def test_what_goes_wrong_in_the_same_way_is_told_once() -> None:
    with check("f", points=2, namespace=here("def f(x):\n    return y")) as c:
        for x in (1.0, 2.0, 3.0, 4.0):
            c.gives(2 * x, x=x)
    assert text(c).count("NameError") == 1
    assert "- 3 more requirements went wrong in the same way." in text(c)


def test_a_parameter_too_many_is_named() -> None:
    with check("f", points=2, namespace=here("def f(x, axis):\n    return 2 * x")) as c:
        c.gives(2.0, x=1.0)
    assert "f must take the argument x, and no more: axis has no value here." in text(c)


def test_a_list_for_an_array_is_told_how_to_become_one() -> None:
    with check("f", points=2, namespace=here("def f(x):\n    return [1.0, 2.0]")) as c:
        c.gives(np.array([1.0, 2.0]), x=1.0, says="Another cause.")
    assert "The numbers are right. A NumPy array is wanted: return np.array(...) of them." in text(c)
    assert "Another cause." not in text(c)
    with check("f", points=2, namespace=here("def f(x):\n    return [1.0, 2.5]")) as c:
        c.gives(np.array([1.0, 2.0]), x=1.0)
    assert "A NumPy array is wanted: return np.array(...) of it." in text(c)


def test_right_numbers_of_another_type_in_a_pair_or_hidden_are_told_so() -> None:
    with check(
        "f", points=2, hidden=["arrays"], namespace=here("def f(x):\n    return [1.0, x], [2.0]")
    ) as c:
        with c.hidden("arrays"):
            c.gives((np.array([1.0, 3.0]), np.array([2.0])), x=3.0, says="Physics.")
    assert "The numbers are right. A NumPy array is wanted" in text(c)
    assert "Physics." not in text(c)


def test_a_second_mistake_has_its_own_words() -> None:
    with check("f", points=3, namespace=here("def f(x):\n    return 2 * x if x < 2 else 0.0")) as c:
        c.gives(3.0, x=1.0)
        c.gives(9.0, x=3.0, says="Not told.")
        c.gives(12.0, x=4.0)
        c.mistake(2.0, x=1.0, says="You doubled.")
        c.mistake(0.0, x=3.0, says="You cut at two.")
        c.mistake(0.0, x=4.0, says="You cut at two.")
    assert "You doubled." in text(c).splitlines()[0]
    assert "- f(x=3.0) should be 9.0; yours gave 0.0. You cut at two.\n" in text(c)
    assert text(c).count("You cut at two.") == 1
    assert "Not told." not in text(c)


def test_changing_an_argument_is_noted_and_costs_nothing() -> None:
    with check("f", points=2, namespace=here("def f(x):\n    x += 1\n    return x")) as c:
        c.gives(np.array([1.0, 2.0]), x=np.array([0.0, 1.0]))
    assert float(c.score) == 2
    assert "f changes the array that it was given" in text(c)


def test_a_coincidence_is_no_explanation() -> None:
    """One value agrees with the rule, one contradicts it: the rule did not make the answer."""
    with check("f", points=2, namespace=here("def f(x):\n    return 7.0 if x else -1.0")) as c:
        c.gives(1.0, x=1.0)
        c.gives(0.0, x=0.0)
        c.mistake(lambda x: x - 1, says="You took one away.")
    assert "took one away" not in text(c)


def test_arrays_that_go_wrong_in_the_same_way_are_told_apart() -> None:
    with check("f", points=2, namespace=here("def f(x):\n    raise TypeError('no')")) as c:
        c.gives(np.array([1.0, 2.0]), x=np.array([1.0, 2.0]), says="One thing.")
        c.gives(np.array([3.0, 2.0]), x=np.array([3.0, 2.0]), says="One thing.")
    assert "1 more requirement went wrong in the same way." in text(c)
