"""Confounding: what a number means depends on who drives whom.

A feature may go with an outcome because it causes it, because something drives both, or because of how
the patients were chosen or scanned. In the order of chapter 8: simulated patients whose truth is known,
estimates with their intervals, diagrams that say what may be adjusted for, worlds in which adjusting
helps or harms, and harmonisation of scanners with the two ways in which it goes wrong.

Effects are slopes: units of the outcome per unit of the feature. Every estimate is an `Estimate`, which
is (value, low, high) with a 95 % interval. What is random takes a ``numpy.random.Generator``.

Sources: Pearl, doi:10.1093/biomet/82.4.669 (the backdoor criterion); Castro, Walker and Glocker,
doi:10.1038/s41467-020-17478-w (causality in imaging); Johnson, Li and Rabinovic,
doi:10.1093/biostatistics/kxj037 (ComBat); Nygaard, Rødland and Hovig, doi:10.1093/biostatistics/kxv027
(what it does when sites and outcome go together).
"""

from __future__ import annotations

from ._confounding_effects import Estimate, adjusted_effect, bootstrap_effect, crude_effect, stratified_effect
from ._confounding_graph import Path, backdoor_sets, d_separated, is_backdoor_set, paths
from ._confounding_leakage import (
    HARMONISED,
    SCHEMES,
    SiteCohort,
    kept_fraction,
    kept_signal,
    leakage_auc,
    leakage_trial,
    mean_interval,
    new_site_auc,
    simulate_sites,
    site_auc,
)
from ._confounding_sites import Combat, SiteHarmoniser, leave_one_site_out
from ._confounding_worlds import WORLDS, StructuralModel, World, estimated_effect, simulate_confounded, world

__all__ = [
    "HARMONISED",
    "SCHEMES",
    "WORLDS",
    "Combat",
    "Estimate",
    "Path",
    "SiteCohort",
    "SiteHarmoniser",
    "StructuralModel",
    "World",
    "adjusted_effect",
    "backdoor_sets",
    "bootstrap_effect",
    "crude_effect",
    "d_separated",
    "estimated_effect",
    "is_backdoor_set",
    "kept_fraction",
    "kept_signal",
    "leakage_auc",
    "leakage_trial",
    "leave_one_site_out",
    "mean_interval",
    "new_site_auc",
    "paths",
    "simulate_confounded",
    "simulate_sites",
    "site_auc",
    "stratified_effect",
    "world",
]
