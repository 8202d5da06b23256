"""Claims on trial: a sentence, an experiment that runs now, and a verdict that follows from its numbers.

A trial takes two kinds of measurement. *Claim* measurements are taken where the claim says that it
holds; *condition* measurements where a tacit condition of the claim is lifted. The verdict is computed:

=================  =====================  ======================
claim measurement  condition measurement  verdict
=================  =====================  ======================
all agree          all agree, or none     holds
all agree          some disagree          holds if <condition>
some disagree      (any)                  fails
=================  =====================  ======================
"""

from __future__ import annotations

import importlib
from typing import Any

from digital_biopsy.claims._trial import Claim, Measurement, Trial

#: The trials, and the module of the chapter that holds each.
TRIALS = {
    "hu_drift": "attenuation",
    "bin_width": "histogram",
    "iso": "shape",
    "stairs": "shape",
    "iso_resample": "shape",
    "contrast": "texture",
    "energy": "texture",
    "blur": "resolution",
    "vanish": "residual",
    "backdoor": "confounding",
    "batch": "confounding",
}

__all__ = ["TRIALS", "Claim", "Measurement", "Trial"]


def __getattr__(name: str) -> Any:
    """Load a trial, ``claims.hu_drift()``, when it is first named."""
    if name in TRIALS:
        return getattr(importlib.import_module(f"{__name__}.{TRIALS[name]}"), name)
    raise AttributeError(f"there is no claim {name!r}; there are {', '.join(TRIALS)}")
