"""Digital Biopsy: how a medical image becomes a prediction.

Importing this package is cheap. Its modules are loaded when they are first used, and none of the
science modules imports torch, matplotlib or ipywidgets::

    import digital_biopsy as db

    db.attenuation.drift_bias(45.0, 0.005)
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "__version__",
    "attenuation",
    "check",
    "claims",
    "confounding",
    "data",
    "demos",
    "histogram",
    "images",
    "phantoms",
    "residual",
    "resolution",
    "shape",
    "solids",
    "texture",
]


def __getattr__(name: str) -> Any:
    """Load a module of the package, or the version, the first time it is asked for (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("digital-biopsy")
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(
        f"digital_biopsy has no attribute {name!r}. Its modules are: "
        + ", ".join(module for module in __all__ if module != "__version__")
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
