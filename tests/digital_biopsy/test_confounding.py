"""Chapter 8's effects and intervals, simulated patients, and worlds whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from digital_biopsy import confounding
from digital_biopsy.confounding import (
    WORLDS,
    Estimate,
    StructuralModel,
    adjusted_effect,
    bootstrap_effect,
    crude_effect,
    estimated_effect,
    mean_interval,
    simulate_confounded,
    stratified_effect,
    world,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


# ---------------------------------------------------------------- least squares


def test_crude_effect_is_the_regression_line(rng: np.random.Generator) -> None:
    x = rng.normal(50, 9, 40)
    y = 0.3 * x + rng.normal(0, 4, 40)
    line = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 38) * line.stderr
    assert crude_effect(x, y) == pytest.approx((line.slope, line.slope - half, line.slope + half))


def test_adjusted_effect_is_the_normal_equations(rng: np.random.Generator) -> None:
    z = rng.normal(size=(60, 3)) * [1, 1e3, 1e-3] + [0, 1e4, 5]
    x = z @ [1, 1e-3, 200] + rng.normal(size=60)
    y = 2 * x - z @ [1, 1e-3, 300] + rng.normal(size=60)
    design = np.column_stack([x, z, np.ones(60)])
    beta, left, *_ = np.linalg.lstsq(design, y, rcond=None)
    error = np.sqrt(left[0] / 55 * np.linalg.inv(design.T @ design)[0, 0])
    half = stats.t.ppf(0.975, 55) * error
    assert adjusted_effect(x, y, z) == pytest.approx((beta[0], beta[0] - half, beta[0] + half), rel=1e-6)


def test_intervals_cover_as_often_as_they_say(rng: np.random.Generator) -> None:
    found = np.zeros((3, 400))
    for i in range(400):
        data = simulate_confounded(60, 0.5, 2.0, rng)
        x, y, z = data["feature"], data["outcome"], data["anatomy"]
        found[:, i] = (
            adjusted_effect(x, y, z).covers(0.5),
            stratified_effect(x, y, z).covers(0.5),
            bootstrap_effect(x, y, z, 200, rng).covers(0.5),
        )
    share = found.mean(axis=1)
    assert ((share > 0.9) & (share < 0.985)).all(), share


def test_no_covariates_and_repeated_ones_change_nothing(rng: np.random.Generator) -> None:
    x, y, z = rng.normal(size=(3, 30))
    assert adjusted_effect(x, y, np.empty((30, 0))) == pytest.approx(crude_effect(x, y))
    twice = np.column_stack([z, 3 * z + 1, np.ones(30)])
    assert adjusted_effect(x, y, twice) == pytest.approx(adjusted_effect(x, y, z))


def test_a_far_origin_does_not_spoil_the_slope(rng: np.random.Generator) -> None:
    x, y, z = rng.normal(size=(3, 50))
    assert adjusted_effect(x + 1e6, y - 1e6, z + 1e6) == pytest.approx(adjusted_effect(x, y, z), rel=1e-6)


def test_strata_are_weighted_by_their_patients() -> None:
    """Where the effect differs, strata give its mean over patients, and regression weighs the spread."""
    x = np.array([0, 1, 2, 3, 0, 10, 20, 30, 40, 50.0])
    stratum = np.array(["lung"] * 4 + ["liver"] * 6)
    y = np.where(stratum == "lung", 1.0, 3.0) * x
    assert stratified_effect(x, y, stratum).value == pytest.approx(0.4 * 1 + 0.6 * 3)
    assert adjusted_effect(x, y, stratum == "liver").value > 2.9


def test_strata_take_any_labels(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2, 30))
    number = np.arange(30) % 3
    text = np.array(["a", "b", "c"])[number]
    expected = stratified_effect(x, y, number)
    for labels in (text, list(text), text.astype(object), number.astype(float), number == number):
        found = stratified_effect(x, y, labels)
        assert found == pytest.approx(expected if np.unique(labels).size == 3 else crude_effect(x, y))


def test_strata_interval_by_hand(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2, 24))
    label = np.repeat([0, 1], [8, 16])
    lines = [stats.linregress(x[label == i], y[label == i]) for i in (0, 1)]
    parts = np.array([8 / 24 * lines[0].stderr, 16 / 24 * lines[1].stderr])
    free = (parts**2).sum() ** 2 / (parts**4 / [6, 14]).sum()
    value = (8 * lines[0].slope + 16 * lines[1].slope) / 24
    half = stats.t.ppf(0.975, free) * np.sqrt((parts**2).sum())
    assert stratified_effect(x, y, label) == pytest.approx((value, value - half, value + half))


def test_bootstrap_is_that_of_resampled_rows(rng: np.random.Generator) -> None:
    data = simulate_confounded(80, 0.5, 2.0, rng)
    x, y, z = data["feature"], data["outcome"], data["anatomy"]
    found = bootstrap_effect(x, y, z, 4000, rng)
    slopes = []
    for _ in range(2000):
        i = rng.integers(0, 80, 80)
        slopes.append(adjusted_effect(x[i], y[i], z[i]).value)
    assert found.value == adjusted_effect(x, y, z).value
    assert found[1:] == pytest.approx(np.percentile(slopes, [2.5, 97.5]), abs=0.02)
    again = [bootstrap_effect(x, y, None, 300, np.random.default_rng(3)) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0].value == crude_effect(x, y).value


def test_integers_lists_and_views(rng: np.random.Generator) -> None:
    x, y, z = rng.integers(0, 50, (3, 40))
    assert crude_effect(list(x), list(y)) == crude_effect(x.astype(float), y.astype(float))
    wide = np.repeat(np.stack([x, y, z]), 2, axis=1)[:, ::2]
    assert adjusted_effect(*wide) == pytest.approx(adjusted_effect(x, y, z))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2, 3], [1, 2]), "feature has 3 patients and outcome 2"),
        (([1, 2], [1, 2]), "2 patients are too few"),
        (([5, 5, 5, 5], [1, 2, 3, 4]), "does not vary"),
        (([0.1, 0.1, 0.1], [1, 2, 3]), "does not vary"),
        (([1, 2, np.nan], [1, 2, 3]), "feature holds NaN"),
        (([1, 2, 3], [1, np.inf, 3]), "outcome holds NaN or infinity"),
        (([[1, 2, 3]], [1, 2, 3]), "feature must be 1-D"),
        ((["a", "b", "c"], [1, 2, 3]), "feature must be a number"),
    ],
)
def test_crude_effect_says_what_is_wrong(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crude_effect(*arguments)


def test_the_others_say_what_is_wrong(rng: np.random.Generator) -> None:
    x, y, z = rng.normal(size=(3, 10))
    with pytest.raises(ValueError, match="covariates must have one row for each of the 10 patients"):
        adjusted_effect(x, y, [z, z])
    with pytest.raises(ValueError, match="a sum of the covariates"):
        adjusted_effect(x, y, np.column_stack([z, 2 * x - z]))
    with pytest.raises(ValueError, match="covariates holds NaN"):
        adjusted_effect(x, y, np.full(10, np.nan))
    with pytest.raises(ValueError, match="at least 10"):
        adjusted_effect(x[:8], y[:8], rng.normal(size=(8, 7)))
    with pytest.raises(ValueError, match="Stratum b: 2 patients are too few"):
        stratified_effect(x, y, list("aaaaaaaabb"))
    with pytest.raises(ValueError, match="stratum must be 1-D, one label for each of the 10"):
        stratified_effect(x, y, [0, 1])
    with pytest.raises(ValueError, match="no missing label"):
        stratified_effect(x, y, [None, *"aaaaaaaaa"])
    with pytest.raises(ValueError, match="n must be a whole number of 100 or more"):
        bootstrap_effect(x, y, None, 50, rng)
    with pytest.raises(TypeError, match="rng must be a generator"):
        bootstrap_effect(x, y, None, 200, 7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="too few patients for a bootstrap"):
        bootstrap_effect([0, 0, 0, 1.0], [1, 2, 3, 4], None, 200, rng)


def test_an_estimate_reads_as_words() -> None:
    assert str(Estimate(-0.5, -0.61, -0.001)) == "−0.50 (−0.61 to 0.00)"
    assert Estimate(1, 0, 2).covers(2)
    assert not Estimate(1, 0, 2).covers(2.1)
    assert tuple(mean_interval([0.4, 0.5, 0.6])) == pytest.approx(
        (0.5, *stats.t.interval(0.95, 2, 0.5, 0.1 / np.sqrt(3)))
    )
    with pytest.raises(ValueError, match="two measurements"):
        mean_interval([1.0])


# ---------------------------------------------------------------- simulated patients


@pytest.mark.parametrize(("effect", "confounding"), [(0.5, 2.0), (0.0, 1.0), (-1.0, 3.0)])
def test_simulated_confounding_is_as_strong_as_stated(
    effect: float, confounding: float, rng: np.random.Generator
) -> None:
    data = simulate_confounded(40_000, effect, confounding, rng)
    assert set(data) == {"feature", "outcome", "anatomy"}
    assert data["anatomy"].dtype == np.int64
    assert set(data["anatomy"].tolist()) == {0, 1}
    assert data["anatomy"].mean() == pytest.approx(0.5, abs=0.02)
    crude = crude_effect(data["feature"], data["outcome"])
    assert crude.value == pytest.approx(effect + confounding**2 / (4 + confounding**2), abs=0.03)
    assert adjusted_effect(data["feature"], data["outcome"], data["anatomy"]).value == pytest.approx(
        effect, abs=0.03
    )


def test_simulated_patients_follow_their_generator() -> None:
    one, same, other = (simulate_confounded(5, 1, 1, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all((one[name] == same[name]).all() for name in one)
    assert not np.array_equal(one["feature"], other["feature"])
    with pytest.raises(ValueError, match="n must be a whole number of 1 or more"):
        simulate_confounded(0, 1, 1, np.random.default_rng(1))
    with pytest.raises(ValueError, match="confounding must be a number"):
        simulate_confounded(5, 1, np.nan, np.random.default_rng(1))
    with pytest.raises(TypeError, match="rng must be a generator"):
        simulate_confounded(5, 1, 1, 42)  # type: ignore[arg-type]


# ---------------------------------------------------------------- worlds


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize(("effect", "strength"), [(0.5, 1.0), (-0.4, 1.5)])
def test_many_patients_show_what_the_model_says(
    name: str, effect: float, strength: float, rng: np.random.Generator
) -> None:
    asked = world(name, effect, strength)
    assert asked.effect == pytest.approx(effect)
    crude, adjusted = asked.try_it(60_000, rng)
    for found, bias in ((crude, asked.bias(adjusted=False)), (adjusted, asked.bias(adjusted=True))):
        assert found.value == pytest.approx(asked.effect + bias, abs=2.5 * (found.high - found.low) / 2)


def test_each_world_has_its_bias() -> None:
    bias = {name: [round(world(name).bias(adjusted=a), 3) for a in (False, True)] for name in WORLDS}
    assert bias == {
        "confounder": [0.5, 0.0],
        "noisy": [0.5, 0.333],
        "halved": [0.5, 0.267],
        "collider": [0.0, -0.75],
        "mediator": [0.0, -0.25],
        "m-structure": [0.0, -0.2],
        "instrument": [0.333, 0.5],
    }


def test_a_better_record_leaves_less_bias() -> None:
    left = [world("noisy", reliability=r).bias(adjusted=True) for r in (0.1, 0.5, 0.9, 1.0)]
    assert left == sorted(left, reverse=True)
    assert left[-1] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", WORLDS)
def test_the_criterion_agrees_with_the_bias(name: str) -> None:
    asked = world(name)
    for given in ((), asked.adjustment):
        valid = confounding.is_backdoor_set(asked.model.edges, "feature", "outcome", given)
        bias = asked.model.regression("feature", "outcome", given) - asked.effect
        assert valid == (abs(bias) < 1e-9)


def test_the_covariance_is_that_of_many_patients(rng: np.random.Generator) -> None:
    model = StructuralModel(
        {("a", "b"): 2.0, ("a", "c"): -1.0, ("b", "c"): 0.5}, {"b": 0.5, "c": 2.0}, {"h": "a", "g": "c"}
    )
    columns = model.simulate(200_000, rng)
    assert list(columns) == model.names
    sample = np.cov(np.stack([columns[name] for name in model.names]))
    np.testing.assert_allclose(sample, model.covariance(), atol=0.06, rtol=0.02)
    assert model.total_effect("a", "c") == -1.0 + 2.0 * 0.5
    assert model.total_effect("c", "a") == 0.0
    assert set(columns["h"].tolist()) == {0.0, 1.0}
    assert estimated_effect(columns, "a", "c", {"b"}).covers(model.regression("a", "c", {"b"}))


def test_models_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="run in a circle: a → b → a"):
        StructuralModel({("a", "b"): 1.0, ("b", "a"): 1.0})
    with pytest.raises(ValueError, match="The weight of a → b must be a number"):
        StructuralModel({("a", "b"): np.inf})
    with pytest.raises(ValueError, match="The noise of 'c' is not in the diagram"):
        StructuralModel({("a", "b"): 1.0}, {"c": 1.0})
    with pytest.raises(ValueError, match="The noise of a must be a number from 0 up"):
        StructuralModel({("a", "b"): 1.0}, {"a": -1.0})
    with pytest.raises(ValueError, match="'b' is 'a' in two halves"):
        StructuralModel({("a", "b"): 1.0, ("b", "c"): 1.0}, {}, {"b": "a"})
    with pytest.raises(ValueError, match="does not vary once"):
        StructuralModel({("a", "b"): 1.0, ("b", "c"): 1.0}, {"b": 0.0}).regression("b", "c", ["a"])
    with pytest.raises(ValueError, match="no world 'colider'"):
        world("colider")
    with pytest.raises(ValueError, match="reliability must be above 0"):
        world("noisy", reliability=0.0)
    with pytest.raises(ValueError, match="no column 'age'"):
        estimated_effect({"x": np.ones(3), "y": np.ones(3)}, "x", "y", ["age"])
