"""Controls: their stops, their labels, and what they refuse."""

from __future__ import annotations

import pytest

from digital_biopsy.demos import Question, Select, Slider, Stops, Toggle
from digital_biopsy.demos._controls import index_of, thinned


def test_a_linear_slider_has_exact_decimal_stops() -> None:
    slider = Slider("e", "Error", -2.0, 2.0, 0.1, start=0.0, unit="%")
    assert len(slider.values) == 41
    assert slider.values[17] == -0.3  # not -0.30000000000000004
    assert slider.values[slider.start_index] == 0.0
    assert slider.labels[0] == "−2.0 %"
    assert slider.labels[20] == "0.0 %"  # not -0.0


def test_whole_numbers_stay_whole() -> None:
    slider = Slider("n", "Number", 1, 9)
    assert slider.values == tuple(range(1, 10))
    assert all(type(value) is int for value in slider.values)
    assert slider.labels[0] == "1"
    assert slider.values[slider.start_index] == 5


def test_the_last_stop_does_not_pass_the_end() -> None:
    assert Slider("n", "Number", 0, 10, 4).values == (0, 4, 8)


def test_a_log_slider_has_equal_ratios() -> None:
    slider = Slider("s", "Width", 0.1, 10, scale="log", count=5, start=1.0)
    assert slider.values == (0.1, 0.316, 1.0, 3.16, 10.0)
    assert slider.start_index == 2


def test_named_stops() -> None:
    stops = Stops("v", "Voxel", [0.5, 1, 5], start=1, unit="mm")
    assert stops.labels == ("0.5 mm", "1 mm", "5 mm")
    assert stops.start_index == 1
    assert Stops("v", "Voxel", [1, 2], names=["fine", "coarse"]).labels == ("fine", "coarse")


def test_select_and_toggle() -> None:
    assert Select("t", "Tissue", {"soft tissue": 40, "lung": -600}, start=-600).start_index == 1
    assert Toggle("n", "Noise", start=True).start_index == 1
    assert Toggle("n", "Noise").values == (False, True)


def test_a_stop_is_found_in_spite_of_rounding() -> None:
    assert index_of("x", ("a", 0.1 + 0.2), 0.3) == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Slider("x", "X", 2, 1), "must be below high"),
        (lambda: Slider("x", "X", 0, 1, -0.1), "step must be positive"),
        (lambda: Slider("x", "X", 0, 1, 0.1, start=0.25), "0.25 is not a stop of control 'x'"),
        (lambda: Slider("x", "X", 0, 1, scale="log"), "needs low > 0"),
        (lambda: Stops("x", "X", [1]), "two or more stops"),
        (lambda: Stops("x", "X", [1, 2], names=["one"]), "a name for each"),
        (lambda: Select("x", "X", ["only"]), "two or more options"),
        (lambda: Question("?", ["yes"]), "two or more different options"),
        (lambda: Question("?", ["yes", "yes"]), "two or more different options"),
    ],
)
def test_what_is_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("most", [2, 3, 5, 8])
def test_thinning_keeps_what_it_must_and_no_more_than_it_may(most: int) -> None:
    for keep in ([17, 25], [0, 1], [40, 39], [20, 20]):
        chosen = thinned(41, keep, most)
        assert set(keep) <= set(chosen)
        assert len(chosen) <= most
        assert chosen == sorted(set(chosen))


def test_an_answer_is_an_option_by_text_or_by_place() -> None:
    options = ["more", "less"]
    assert Question("?", options, truth=lambda r: 1).answer(None) == "less"
    assert Question("?", options, truth=lambda r: f"{r:.1f} HU").answer(2.04) == "2.0 HU"
    assert Question("?", options).answer(None) is None
