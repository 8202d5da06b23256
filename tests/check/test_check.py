"""The outcomes, marks and words of a check, for a learner who is right, wrong, or not there yet."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

from digital_biopsy.check import Check, CheckError, check
from tests.check.remote import here

RIGHT = """
def drift_bias(hu, epsilon):
    if epsilon <= -1:
        raise ValueError("epsilon must be above -1")
    return -(hu + 1000.0) * epsilon / (1 + epsilon)
"""


def drift(source: str, *, stripped: bool = False, space: dict[str, Any] | None = None) -> Check:
    """The check of the course's example, over the student's source."""
    space = here(source) if space is None else space
    with check("drift_bias", points=3, hidden=["arrays", "random tissue"], namespace=space) as c:
        c.gives(-5.199, hu=45.0, epsilon=0.005, tol=1e-3)
        c.gives(-9.901, hu=0.0, epsilon=0.01, tol=1e-3)
        c.mistake(-10.0, hu=0.0, epsilon=0.01, says="That is the first-order answer.")
        c.mistake(lambda hu, epsilon: -epsilon * hu, says="You scaled HU itself.")
        c.gives(0.0, hu=-1000.0, epsilon=0.3, says="Air has mu = 0.")
        c.raises(ValueError, hu=45.0, epsilon=-1.0, says="At -1 the stored value is 0.")
        c.holds("air never moves", lambda f: abs(f(-1000.0, 0.2)) < 1e-9)
        if not stripped:
            with c.hidden("arrays", says="Try it on a 2-D integer array."):
                c.gives(np.array([[-12345.0 / 128.0]]), hu=np.array([[11345]]), epsilon=1 / 127)
            with c.hidden("random tissue"):
                for hu in np.random.default_rng(7).uniform(-1000, 2000, 5):
                    c.gives(-(hu + 1000) * 0.1 / 1.1, hu=float(hu), epsilon=0.1)
    return c


def text(c: Check) -> str:
    assert c.card is not None
    return c.card.text()


def test_right_answer_earns_all_points() -> None:
    c = drift(RIGHT)
    assert float(c.score) == 3
    assert repr(c.score) == "3"
    assert text(c) == "Right (3 of 3 points).\n7 requirements are checked here."


def test_stripped_check_says_what_is_checked_later() -> None:
    c = drift(RIGHT, stripped=True)
    assert float(c.score) == 3
    assert text(c).endswith(
        "5 requirements are checked here; 2 more after you submit (arrays, random tissue)."
    )


def test_stub_and_missing_name_are_not_attempted() -> None:
    stub = drift("def drift_bias(hu, epsilon):\n    raise NotImplementedError('write me')")
    assert text(stub).startswith("Not attempted yet (0 of 3 points). Write drift_bias in the cell above")
    missing = drift("x = 1")
    assert text(missing).startswith(
        "Not attempted yet (0 of 3 points). drift_bias is not defined. Is it spelled so"
    )
    assert float(stub.score) == float(missing.score) == 0


def test_message_order_and_known_wrong_value() -> None:
    source = RIGHT.replace(" / (1 + epsilon)", "")
    said = text(drift(source)).splitlines()
    assert said[0] == (
        "Not right yet (1.29 of 3 points). drift_bias(hu=0.0, epsilon=0.01) should be −9.901; "
        "yours gave −10.0. That is the first-order answer."
    )
    assert said[1] == "- drift_bias(hu=45.0, epsilon=0.005) should be −5.199; yours gave −5.225."


def test_known_wrong_rule_needs_no_value() -> None:
    c = drift("def drift_bias(hu, epsilon):\n    return -epsilon * hu")
    assert (
        "drift_bias(hu=45.0, epsilon=0.005) should be −5.199; yours gave −0.225. You scaled HU itself."
        in text(c)
    )
    assert float(c.score) == 0


def test_own_words_when_no_mistake_matches() -> None:
    source = RIGHT.replace("return", "return 1e-3 if hu == -1000.0 and epsilon == 0.3 else")
    c = drift(source)
    assert "should be 0.0; yours gave 0.001. Air has mu = 0." in text(c)
    assert float(c.score) == round(3 * 6 / 7, 2)


def test_a_rule_that_contradicts_other_calls_is_not_believed() -> None:
    """NaN for a constant image may come from many rules; the z-score is none of this learner's."""
    with check(
        "scale", points=1, namespace=here("def scale(x):\n    return (x - x.min()) / (x.max() - x.min())")
    ) as c:
        c.gives(np.array([0.0, 0.25, 1.0]), x=np.array([0.0, 1.0, 4.0]))
        c.gives(np.array([0.0, 0.5, 1.0]), x=np.array([-1.0, 0.0, 1.0]))
        c.mistake(lambda x: (x - x.mean()) / x.std(), says="That is the z-score.")
        c.gives(np.zeros(2), x=np.ones(2), says="A constant image has no span.")
    assert "A constant image has no span." in text(c)
    assert "z-score" not in text(c)


@pytest.mark.parametrize(
    "body",
    ["return 0.0", "return 7", "return 'x'", "if epsilon <= -1: raise ValueError('no')\n    return 0.0"],
)
def test_a_constant_earns_nothing(body: str) -> None:
    c = drift(f"def drift_bias(hu, epsilon):\n    {body}")
    assert float(c.score) == 0
    assert re.search(r"It returned (0\.0|7|'x') every time, whatever it was given\.", text(c))


def test_raising_on_everything_earns_nothing() -> None:
    c = drift("def drift_bias(hu, epsilon):\n    raise ValueError('no')")
    assert float(c.score) == 0
    assert "yours stopped with ValueError: no" in text(c)


def test_raises_counts_beside_one_right_value() -> None:
    with check(
        "f", points=4, namespace=here("def f(x):\n    if x < 0: raise ValueError('x < 0')\n    return 1.0")
    ) as c:
        c.gives(1.0, x=1.0)
        c.raises(ValueError, x=-1.0)
        c.gives(1.0, x=2.0)
        c.gives(1.0, x=3.0)
    assert float(c.score) == 4


def test_error_without_message_earns_a_note_or_fails_when_asked() -> None:
    space = here("def f(x):\n    if x < 0: raise ValueError\n    return x")
    with check("f", points=2, namespace=space) as c:
        c.gives(1.0, x=1.0)
        c.raises(ValueError, x=-1.0)
    assert float(c.score) == 2
    assert "Note: f(x=-1.0) raises ValueError without a message. Say in it what was wrong." in text(c)
    with check("f", points=2, namespace=space) as c:
        c.gives(1.0, x=1.0)
        c.raises(ValueError, x=-1.0, message=True)
    assert float(c.score) == 1


def test_own_subclass_of_the_error_counts() -> None:
    space = here("class Bad(ValueError): pass\ndef f(x):\n    if x < 0: raise Bad('x < 0')\n    return x")
    with check("f", points=2, namespace=space) as c:
        c.gives(1.0, x=1.0)
        c.raises(ValueError, x=-1.0)
    assert float(c.score) == 2


def test_line_of_the_learners_code_and_no_traceback(tmp_path: Any) -> None:
    path = tmp_path / "cell.py"
    path.write_text("def f(x):\n    y = x + 1\n    return y + undefined\n")
    space: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    with check("f", points=1, namespace=space) as c:
        c.gives(1, x=0)
    wanted = "f(x=0) should be 1; yours stopped with NameError: name 'undefined' is not defined, at the line "
    assert wanted + "return y + undefined." in text(c)
    assert "Traceback" not in text(c)
    assert str(tmp_path) not in text(c)


def test_wrong_signature_has_its_own_message() -> None:
    said = text(drift("def drift_bias(hu, eps):\n    return 0.0"))
    assert "drift_bias must take the arguments hu, epsilon. Python said: " in said
    assert said.count("must take") == 1
    with check("f", points=1, namespace=here("def f():\n    return 1")) as c:
        c.gives(1, x=1)
    assert "f must take the argument x. Python said: f() got an unexpected keyword argument 'x'." in text(c)


def test_type_error_inside_the_function_is_not_a_wrong_signature(tmp_path: Any) -> None:
    path = tmp_path / "cell.py"
    path.write_text("def g(a):\n    return a\ndef f(x):\n    return g()\n")
    space: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    with check("f", points=1, namespace=space) as c:
        c.gives(1, x=1)
    assert "must take" not in text(c)
    assert "g() missing 1 required positional argument" in text(c)


def test_forgotten_return_and_print_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    forgot = text(drift("def drift_bias(hu, epsilon):\n    hu + 1"))
    assert "yours gave None. It returned nothing: end the function with return and the value." in forgot
    printed = text(drift("def drift_bias(hu, epsilon):\n    print(hu)"))
    assert "yours gave None (and printed '45.0'). It printed an answer and returned nothing" in printed
    assert "45.0\n" in capsys.readouterr().out


def test_hidden_requirements_show_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    source = RIGHT.replace(
        "    return",
        "    print('got', hu)\n    if hu is not None and np.ndim(hu): return hu * 77\n    return",
    )
    c = drift("import numpy as np\n" + source)
    shown = capsys.readouterr().out + text(c) + (c.card.html() if c.card else "")
    assert "Checked after you submit: arrays. It is not met yet. Try it on a 2-D integer array." in text(c)
    for secret in ("11345", "12345", "873565", "127"):
        assert secret not in shown
    assert "got 45.0" in shown


def test_hidden_requirements_count_once_each() -> None:
    source = RIGHT.replace("return", "return 1.0 if epsilon == 0.1 else")
    assert float(drift(source).score) == round(3 * 6 / 7, 2)


def test_arguments_are_copied_and_calls_share_no_state() -> None:
    image = np.arange(3.0)
    space = here("seen = []\ndef f(x):\n    x += 1\n    seen.append(1)\n    return seen")
    with check("f", points=2, namespace=space) as c:
        c.gives([1], x=image)
        c.gives([1, 1], x=image)
    assert float(c.score) == 2
    assert image.tolist() == [0, 1, 2]


def test_keyboard_interrupt_escapes_and_exit_does_not() -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        check("f", points=1, namespace=here("def f(x):\n    raise KeyboardInterrupt")) as c,
    ):
        c.gives(1, x=1)
    with check("f", points=1, namespace=here("def f(x):\n    raise SystemExit(3)")) as c:
        c.gives(1, x=1)
    assert "yours stopped with SystemExit: 3" in text(c)


def test_warnings_stay_out_of_stderr_and_can_be_forbidden(capsys: pytest.CaptureFixture[str]) -> None:
    source = (
        "import sys, warnings\n"
        "def f(x):\n"
        "    warnings.warn('dubious')\n"
        "    print('x', file=sys.stderr)\n"
        "    return x"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with check("f", points=2, namespace=here(source)) as c:
            c.gives(1.0, x=1.0)
            c.gives(2.0, x=2.0, no_warnings=True, says="Guard the division.")
    assert float(c.score) == 1
    assert "f(x=2.0) should give no warning; yours warned: UserWarning: dubious. Guard the division." in text(
        c
    )
    assert capsys.readouterr().err == ""


def test_weights_share_the_points() -> None:
    with check("f", points=3, namespace=here("def f(x):\n    return x")) as c:
        c.gives(1, x=1, weight=2)
        c.gives(3, x=2, weight=1)
    assert float(c.score) == 2
    with check("f", points=1, namespace=here("def f(x):\n    return x")) as c:
        c.gives(1, x=1)
        c.gives(3, x=2)
        c.gives(4, x=3)
    assert repr(c.score) == "0.33"
    assert c.score._repr_html_() == "<span>0.33 of 1 point</span>"


def test_many_failures_are_counted() -> None:
    with check("f", points=1, namespace=here("def f(x):\n    return x + x * x")) as c:
        for x in range(1, 8):
            c.gives(x, x=x)
    lines = text(c).splitlines()
    assert lines[0].startswith("Not right yet (0 of 1 point). f(x=1) should be 1; yours gave 2.")
    assert len([line for line in lines if line.startswith("- f(")]) == 3
    assert lines[4] == "- and 3 more"


def test_two_names_and_a_property_of_both() -> None:
    space = here("def there(x):\n    return x + 2\ndef back(x):\n    raise NotImplementedError")
    with check("there", "back", points=4, namespace=space) as c:
        c.gives(3, x=1)
        c["back"].gives(1, x=3)
        c.holds("back undoes there", lambda there, back: back(there(5)) == 5)
        c["there"].holds("there grows", lambda there: there(4) > 4)
    assert float(c.score) == 2
    assert text(c).startswith(
        "Not right yet (2 of 4 points). back(x=3) should be 1; yours is not written yet"
    )


def test_plain_values() -> None:
    for value, outcome in (
        ("...", "Not attempted yet"),
        ("None", "Not attempted yet"),
        ("['a', 'b']", "Right"),
    ):
        with check("STEPS", points=1, namespace=here(f"STEPS = {value}")) as c:
            c.equals(["a", "b"])
            c.mistake(["b", "a"], says="Turned round.")
            c.holds("two steps", lambda steps: len(steps) == 2)
        assert text(c).startswith(outcome)
    with check("STEPS", points=1, namespace=here("STEPS = ['b', 'a']")) as c:
        c.equals(["a", "b"])
        c.mistake(["b", "a"], says="Turned round.")
    assert text(c).startswith(
        "Not right yet (0 of 1 point). STEPS should have 'a' at [0]; yours has 'b' there. Turned round."
    )


def test_property_that_cannot_be_computed_is_a_failure() -> None:
    with check("f", points=1, namespace=here("def f(x):\n    return 'abc'")) as c:
        c.holds("f grows", lambda f: f(2) - f(1) > 0)
    assert "This should hold: f grows. It could not be tried on what came back (TypeError" in text(c)


def test_a_name_that_is_no_function() -> None:
    assert "drift_bias should be a function; it is a number now. Run the cell" in text(
        drift("drift_bias = 3")
    )


def test_html_is_escaped_and_accessible() -> None:
    source = 'def f(x):\n    raise ValueError("<script>alert(1)</script>")'
    with check("f", points=1, namespace=here(source)) as c:
        c.gives("<b>", x="<i>")
    assert c.card is not None
    html = c.card.html()
    assert "<script>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;" in html
    assert "<strong>Not right yet</strong>" in html
    assert 'aria-hidden="true"' in html
    assert "#ff0000" not in html
    assert not re.search(r"(?<![-\w])color:(?!inherit)", html), "text takes the colour of the page"


def test_outcomes_have_their_own_mark() -> None:
    marks = set()
    for body in ("return x", "return 0", "raise NotImplementedError"):
        with check("f", points=1, namespace=here(f"def f(x):\n    {body}")) as c:
            c.gives(1, x=1)
        assert c.card is not None
        found = re.search(r'aria-hidden="true"[^>]*>(.)<', c.card.html())
        assert found
        marks.add(found[1])
    assert len(marks) == 3


def test_names_are_found_in_the_callers_globals() -> None:
    with check("text", points=1) as c:
        c.raises(AttributeError, 3)
        c.holds("it is there", lambda f: callable(f))
    assert float(c.score) == 1


class TestAuthorsMistakes:
    """A fault of the check itself is loud, and never a word to the learner."""

    SPACE = staticmethod(lambda: here("def f(x):\n    return x"))

    def test_undeclared_and_missing_hidden(self) -> None:
        with (
            pytest.raises(CheckError, match="not declared"),
            check("f", points=1, namespace=self.SPACE()) as c,
        ):
            with c.hidden("more"):
                c.gives(1, x=1)
        with (
            pytest.raises(CheckError, match="declares"),
            check("f", points=1, hidden=["one", "two"], namespace=self.SPACE()) as c,
            c.hidden("one"),
        ):
            c.gives(1, x=1)

    def test_mistake_that_no_requirement_asks(self) -> None:
        with (
            pytest.raises(CheckError, match="No requirement asks"),
            check("f", points=1, namespace=self.SPACE()) as c,
        ):
            c.gives(1, x=1)
            c.mistake(5, x=2, says="never seen")

    def test_mistake_that_is_right(self) -> None:
        with (
            pytest.raises(CheckError, match="the right answer"),
            check("f", points=1, namespace=self.SPACE()) as c,
        ):
            c.gives(1, x=1)
            c.mistake(1.0, x=1, says="never")

    def test_rule_with_other_arguments(self) -> None:
        with (
            pytest.raises(CheckError, match="cannot take"),
            check("f", points=1, namespace=self.SPACE()) as c,
        ):
            c.gives(1, x=1)
            c.mistake(lambda y: y, says="never")

    def test_other_faults(self) -> None:
        with pytest.raises(CheckError, match="strings"):
            check(test_plain_values, points=1)  # type: ignore[arg-type]
        with pytest.raises(CheckError, match="positive"):
            check("f", points=0)
        with (
            pytest.raises(CheckError, match="not one of the names"),
            check("f", points=1, namespace=self.SPACE()) as c,
        ):
            c["g"].gives(1, x=1)
        with pytest.raises(CheckError, match="no requirement"), check("f", points=1, namespace=self.SPACE()):
            pass
        with pytest.raises(CheckError, match="failed"), check("f", points=1, namespace=self.SPACE()) as c:
            c.holds("a slip", lambda f: f(1) == undefined_name)  # type: ignore[name-defined]  # noqa: F821
        with (
            pytest.raises(CheckError, match="returned nothing"),
            check("f", points=1, namespace=self.SPACE()) as c,
        ):
            c.holds("a slip", lambda f: None)
        with (
            pytest.raises(CheckError, match="exception class"),
            check("f", points=1, namespace=self.SPACE()) as c,
        ):
            c.raises("ValueError", x=1)  # type: ignore[arg-type]
        with pytest.raises(CheckError, match="inside the block"):
            check("f", points=1, namespace=self.SPACE()).gives(1, x=1)
