"""Harmonisation: location and scale, and ComBat against the figures and the programs of others."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digital_biopsy.confounding import Combat, SiteHarmoniser, leave_one_site_out

# Twelve patients, four features, three sites, one covariate, and what neuroCombat 0.2.12 (PyPI; Fortin et al.,
# doi:10.1016/j.neuroimage.2017.11.024) makes of them once its iteration may run to 1e-13 in place of 1e-4.
X = np.array(
    [
        [31, 12, 45, 20],
        [35, 15, 41, 24],
        [29, 11, 48, 19],
        [40, 17, 44, 27],
        [52, 20, 60, 22],
        [47, 24, 66, 30],
        [58, 19, 57, 25],
        [50, 27, 71, 33],
        [22, 10, 50, 10],
        [26, 18, 58, 13],
        [19, 9, 47, 16],
        [28, 14, 52, 11],
    ]
)
SITE = np.repeat(["A", "B", "C"], 4)
COVARIATE = np.array([0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1])
PLAIN = np.array(
    [
        [33.798946, 14.460532, 52.849879, 19.101385],
        [37.712313, 17.620895, 48.516698, 23.109173],
        [31.842263, 13.407078, 56.099764, 18.099439],
        [42.604021, 19.727804, 51.766583, 26.115013],
        [37.960588, 13.957888, 50.510533, 16.201823],
        [34.188119, 16.989669, 54.978233, 22.164465],
        [42.487550, 13.199943, 48.276683, 18.437814],
        [36.451600, 19.263504, 58.701317, 24.400456],
        [33.995745, 14.116320, 52.427455, 18.062748],
        [37.807473, 21.381621, 59.939516, 21.030266],
        [31.136948, 13.208157, 49.610432, 23.997785],
        [39.713338, 17.748970, 54.305470, 19.051921],
    ]
)
WITH_COVARIATE = np.array(
    [
        [33.415184, 14.422103, 53.264212, 18.601912],
        [37.833246, 17.422103, 47.946771, 22.822438],
        [31.120082, 12.988206, 56.982816, 17.271125],
        [43.571002, 20.289896, 51.665375, 26.814801],
        [37.912796, 13.538570, 49.838381, 15.359747],
        [33.863069, 17.462966, 55.201343, 22.841609],
        [42.988205, 12.614174, 47.263073, 18.026658],
        [36.400774, 20.236156, 59.493522, 25.508520],
        [34.449375, 15.148795, 53.056307, 19.090444],
        [37.314689, 19.774530, 58.747818, 20.336870],
        [31.852006, 13.535292, 50.420805, 22.506230],
        [39.131675, 17.921789, 54.570309, 19.813564],
    ]
)
#: An environment with neuroHarmonize 2.5.2, which brings neuroCombat 0.2.12; they need NumPy 1.
PEERS = sorted((Path(__file__).parents[2] / "build" / "bench").glob("neuroHarmonize-*/bin/python"))
PEER = """
import importlib, sys
import numpy as np, pandas as pd
combat = importlib.import_module("neuroCombat.neuroCombat")
combat.it_sol.__defaults__ = (1e-13,)
from neuroHarmonize import harmonizationApply, harmonizationLearn
folder = sys.argv[1]
g = np.load(folder + "/given.npz")
frame = lambda part: pd.DataFrame({"SITE": g["site"][part], "a": g["z"][part, 0], "b": g["z"][part, 1]})
train, test = g["train"], ~g["train"]
model, seen = harmonizationLearn(g["x"][train], frame(train))
new = harmonizationApply(g["x"][test], frame(test), model)
plain = combat.neuroCombat(g["x"].T, pd.DataFrame({"SITE": g["site"]}), "SITE")["data"].T
own = combat.neuroCombat(g["x"].T, frame(train | test), "SITE", continuous_cols=["a", "b"], eb=False)["data"].T
np.savez(folder + "/found.npz", seen=seen, new=new, plain=plain, own=own)
"""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


# ---------------------------------------------------------------- location and scale


def test_all_sites_get_one_mean_and_one_deviation() -> None:
    clean = SiteHarmoniser().fit(X, SITE).transform(X, SITE)
    residual = X - np.repeat([X[SITE == s].mean(axis=0) for s in "ABC"], 4, axis=0)
    for name in "ABC":
        np.testing.assert_allclose(clean[SITE == name].mean(axis=0), X.mean(axis=0))
        np.testing.assert_allclose(clean[SITE == name].std(axis=0), residual.std(axis=0))


def test_new_patients_do_not_change_what_was_learned(rng: np.random.Generator) -> None:
    harmoniser = SiteHarmoniser().fit(X, SITE)
    before = harmoniser.transform(X, SITE)
    alone = harmoniser.transform(X[5:6], SITE[5:6])
    np.testing.assert_array_equal(alone, before[5:6])
    harmoniser.transform(1e6 * rng.normal(size=(3, 4)), list("AAB"))
    np.testing.assert_array_equal(harmoniser.transform(X, SITE), before)
    by_hand = (50 - X[4:8, 0].mean()) / X[4:8, 0].std() * harmoniser.common_scale[0] + X[:, 0].mean()
    assert harmoniser.transform([[50, 1, 2, 3]], ["B"])[0, 0] == pytest.approx(by_hand)


@pytest.mark.parametrize("kind", [SiteHarmoniser, lambda: Combat(empirical_bayes=False)])
def test_one_feature_keeps_its_shape(kind: Any) -> None:
    one = kind().fit(X[:, 0], SITE).transform(X[:, 0], SITE)
    assert one.shape == (12,)
    np.testing.assert_allclose(one, kind().fit(X, SITE).transform(X, SITE)[:, 0])


@pytest.mark.parametrize("kind", [SiteHarmoniser, Combat])
def test_order_names_and_layout_do_not_matter(kind: Any, rng: np.random.Generator) -> None:
    expected = kind().fit(X, SITE).transform(X, SITE)
    order = rng.permutation(12)
    np.testing.assert_allclose(kind().fit(X[order], SITE[order]).transform(X, SITE), expected)
    numbers = np.repeat([7, 3, 5], 4)
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    np.testing.assert_allclose(kind().fit(wide, numbers).transform(X.tolist(), numbers), expected)


@pytest.mark.parametrize("kind", [SiteHarmoniser, Combat])
def test_errors_say_what_is_wrong(kind: Any) -> None:
    ready = kind().fit(X, SITE)
    with pytest.raises(ValueError, match=r"Site D, E was not in the training data, which had A, B, C"):
        ready.transform(X[:3], ["A", "E", "D"])
    with pytest.raises(ValueError, match="Call fit"):
        kind().transform(X, SITE)
    with pytest.raises(ValueError, match="x has 3 features in 2-D; learned were 4"):
        ready.transform(X[:, :3], SITE)
    with pytest.raises(ValueError, match="site must be 1-D, one label for each of the 12"):
        kind().fit(X, SITE[:5])
    with pytest.raises(ValueError, match="Site D has 1 patient"):
        kind().fit(X, ["D", *SITE[1:]])
    with pytest.raises(ValueError, match="x holds NaN"):
        kind().fit(np.where(X == 40, np.nan, X), SITE)
    with pytest.raises(ValueError, match=r"At site B feature 2 \(counted from 0\) is the same"):
        kind().fit(np.where((SITE == "B")[:, None] & (np.arange(4) == 2), 0.1, X), SITE)
    with pytest.raises(ValueError, match="x must hold features"):
        kind().fit(np.empty((0, 4)), [])
    with pytest.raises(ValueError, match="text only, or numbers only"):
        kind().fit(X, ["A", None, *SITE[2:]])


def test_numbers_of_sites_are_not_their_names() -> None:
    with pytest.raises(ValueError, match="was not in the training data"):
        SiteHarmoniser().fit(X, np.repeat([0, 1, 2], 4)).transform(X, np.repeat(["0", "1", "2"], 4))


# ---------------------------------------------------------------- ComBat


def test_combat_gives_neurocombats_figures() -> None:
    np.testing.assert_allclose(Combat().fit(X, SITE).transform(X, SITE), PLAIN, atol=6e-7)
    clean = Combat().fit(X, SITE, COVARIATE).transform(X, SITE, COVARIATE)
    np.testing.assert_allclose(clean, WITH_COVARIATE, atol=6e-7)


@pytest.mark.slow
@pytest.mark.skipif(
    not PEERS, reason="there is no build/bench/neuroHarmonize-*: an environment with neuroHarmonize"
)
def test_combat_does_what_neuroharmonize_does(tmp_path: Path, rng: np.random.Generator) -> None:
    site = np.repeat([0, 1, 2, 3], [40, 15, 80, 25])
    z = np.column_stack([rng.integers(0, 2, 160), rng.integers(20, 80, 160)]).astype(float)
    x = 5 + z @ rng.normal(size=(2, 50)) + rng.normal(size=(160, 50)) * rng.uniform(0.5, 2, (4, 50))[site]
    x += rng.normal(size=(4, 50))[site]
    train = rng.random(160) < 0.6
    np.savez(tmp_path / "given.npz", x=x, site=site, z=z, train=train)
    command = [str(PEERS[-1]), "-W", "ignore", "-c", PEER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "found.npz")
    combat = Combat().fit(x[train], site[train], z[train])
    np.testing.assert_allclose(combat.transform(x[train], site[train], z[train]), found["seen"], atol=1e-8)
    np.testing.assert_allclose(combat.transform(x[~train], site[~train], z[~train]), found["new"], atol=1e-8)
    np.testing.assert_allclose(Combat().fit(x, site).transform(x, site), found["plain"], atol=1e-8)
    own = Combat(empirical_bayes=False).fit(x, site, z).transform(x, site, z)
    np.testing.assert_allclose(own, found["own"], atol=1e-8)


def test_empirical_bayes_pulls_small_sites_most(rng: np.random.Generator) -> None:
    """Of five patients a site's own estimates are mostly chance: pulled ones are nearer to the truth."""
    site = np.repeat([0, 1, 2], [200, 200, 5])
    truth = rng.normal(0, 0.3, (3, 200))
    truth -= truth[:2].mean(axis=0)
    x = truth[site] + rng.normal(size=(405, 200))
    plain, pulled = (Combat(eb).fit(x, site) for eb in (False, True))
    kept = pulled.shift.std(axis=1) / plain.shift.std(axis=1)
    assert kept[0] > 0.9 and kept[1] > 0.9 and kept[2] < 0.75
    error = [np.sqrt(((c.mean + c.noise * c.shift - truth) ** 2)[2].mean()) for c in (plain, pulled)]
    assert error[1] < 0.8 * error[0]
    assert np.abs(np.log(pulled.scale[2])).mean() < 0.5 * np.abs(np.log(plain.scale[2])).mean()


def test_combat_without_bayes_is_location_and_scale(rng: np.random.Generator) -> None:
    """Equal sites: the two differ by n and n - 1 alone."""
    clean = Combat(empirical_bayes=False).fit(X, SITE).transform(X, SITE)
    simple = SiteHarmoniser().fit(X, SITE).transform(X, SITE)
    np.testing.assert_allclose(clean - X.mean(axis=0), (simple - X.mean(axis=0)) * np.sqrt(3 / 4))


def test_combat_keeps_a_covariate_and_moves_with_the_units(rng: np.random.Generator) -> None:
    site = np.repeat([0, 1], 100)
    age = rng.normal(60, 10, 200) + 15 * site
    x = 0.2 * age[:, np.newaxis] + 3 * site[:, np.newaxis] + rng.normal(size=(200, 30))
    clean = Combat().fit(x, site, age).transform(x, site, age)
    assert np.polyfit(age, clean.mean(axis=1), 1)[0] == pytest.approx(0.2, abs=0.01)
    np.testing.assert_allclose(
        Combat().fit(100 * x - 7, site, age / 10).transform(100 * x - 7, site, age / 10), 100 * clean - 7
    )


def test_alike_features_leave_nothing_to_pull() -> None:
    """Copies of one feature: the priors have no spread, and the estimates are the feature's own."""
    copies = np.column_stack([X[:, 0]] * 3)
    clean = Combat().fit(copies, SITE).transform(copies, SITE)
    own = Combat(empirical_bayes=False).fit(X[:, 0], SITE).transform(X[:, 0], SITE)
    np.testing.assert_allclose(clean, np.column_stack([own] * 3))


def test_combat_says_what_is_wrong(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="only one"):
        Combat().fit(X[:, 0], SITE)
    for told in (SITE == "B", np.column_stack([COVARIATE, 1 - COVARIATE]), np.ones(12)):
        with pytest.raises(ValueError, match="can be told from the site"):
            Combat().fit(X, SITE, told)
    with pytest.raises(ValueError, match="can be told from the site"):
        Combat().fit(X, SITE, rng.normal(size=(12, 13)))
    with pytest.raises(ValueError, match=r"The covariates explain feature 1 \(counted from 0\) entirely"):
        Combat().fit(X, SITE, X[:, 1])
    ready = Combat().fit(X, SITE, COVARIATE)
    with pytest.raises(ValueError, match="There were 1 covariates in fit and there are 0 here"):
        ready.transform(X, SITE)
    with pytest.raises(ValueError, match="covariates must have one row for each of the 12"):
        ready.transform(X, SITE, [1, 2])


# ---------------------------------------------------------------- folds


def test_each_site_is_left_out_once(rng: np.random.Generator) -> None:
    site = rng.permutation(np.repeat(["lyon", "graz", "bern"], [3, 1, 5]))
    folds = leave_one_site_out(site)
    assert [set(site[test]) for _, test in folds] == [{"bern"}, {"graz"}, {"lyon"}]
    for train, test in folds:
        assert not set(site[train]) & set(site[test])
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(9))
        assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()


@pytest.mark.parametrize(
    ("site", "message"),
    [
        (["A", "A"], "All patients are of one site, A"),
        ([], "site is empty"),
        ([["A", "B"]], "site must be 1-D"),
        ([1.0, float("nan")], "a label is missing"),
        ("AB", "site must be 1-D"),
    ],
)
def test_folds_say_what_is_wrong(site: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        leave_one_site_out(site)
