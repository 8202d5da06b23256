"""Import once, before any fork, what notebooks use; no student's process pays for it again."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from autograder.engine._limits import ONE_THREAD

__all__ = ["DEFAULT_MODULES", "warm"]

DEFAULT_MODULES = (
    "numpy",
    "scipy",
    "skimage",
    "matplotlib",
    "IPython",
    "ipywidgets",
    "pandas",
)

# What is used of a package and would otherwise be imported, submodule by submodule, in every student's process.
_SUBMODULES = {
    "numpy": "fft lib.stride_tricks linalg ma polynomial random testing",
    "scipy": (
        "cluster.vq constants fft integrate interpolate io linalg ndimage optimize signal sparse sparse.linalg spatial "
        "spatial.distance special stats"
    ),
    "skimage": (
        "color data draw exposure feature filters filters.rank graph io measure metrics morphology registration "
        "restoration segmentation transform util"
    ),
    "matplotlib": (
        "animation backends.backend_agg backends.backend_svg cm collections colors dates figure font_manager gridspec "
        "image lines mathtext patches patheffects pyplot ticker widgets"
    ),
    "matplotlib_inline": "backend_inline",
    "IPython": (
        "core.completerlib core.magics.auto core.magics.basic core.magics.code core.magics.config core.magics.display "
        "core.magics.execution core.magics.extension core.magics.history core.magics.logging core.magics.namespace "
        "core.magics.osm core.magics.pylab core.pylabtools display lib.pretty utils.capture"
    ),
    "torch": "_dynamo _subclasses.schema_check_mode autograd nn nn.functional optim profiler utils.data",
}
# Modules of Python itself, of which the libraries above need many only at the first call.
_STANDARD = """
ast asyncio bisect collections contextlib copy csv dataclasses datetime decimal difflib doctest enum fractions functools
getpass glob hashlib heapq html importlib.resources inspect io itertools json linecache logging math mimetypes numbers
operator pathlib pdb pickle pprint random re secrets shutil statistics string struct tempfile textwrap time timeit
traceback typing unittest unittest.mock uuid warnings zipfile
""".split()
_NEEDED = (
    "comm",
    "matplotlib_inline",
    "mpl_toolkits.mplot3d",
    "PIL.Image",
    "PIL.PngImagePlugin",
    "stack_data",
)


def _load(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except Exception:  # a package that is there and broken is as good as missing
        return None


def _resolve(module: ModuleType) -> None:
    """Fetch the names that a package imports only when they are asked for (`lazy_loader`)."""
    for name in dir(module):
        with contextlib.suppress(Exception):
            getattr(module, name)


def warm(modules: Sequence[str] = DEFAULT_MODULES) -> tuple[str, ...]:
    """Import what notebooks use.

    Call it once, in the zygote, before anything has imported NumPy: OpenBLAS starts its threads when it is loaded, as
    many as the environment says. Nothing is computed and no thread is left.

    Parameters
    ----------
    modules : sequence of str
        Packages, with their usual submodules. Add "torch" where the assignment needs it; it takes some seconds and
        250 MB.

    Returns
    -------
    tuple of str
        Which of them could not be imported.
    """
    os.environ.update(ONE_THREAD)
    missing = []
    for package in modules:
        if _load(package) is None:
            missing.append(package)
            continue
        for part in _SUBMODULES.get(package, "").split():
            _load(f"{package}.{part}")
    for name in (*_STANDARD, *_NEEDED):
        _load(name)
    skimage = sys.modules.get("skimage")
    if skimage is not None:
        for part in _SUBMODULES["skimage"].split():
            module = sys.modules.get(f"skimage.{part}")
            if module is not None:
                _resolve(module)
    manager = sys.modules.get("matplotlib.font_manager")
    if manager is not None:
        manager.findfont(manager.FontProperties())  # reads or builds the cache of fonts
    image = sys.modules.get("PIL.Image")
    if image is not None:
        image.init()  # its formats
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
        with contextlib.suppress(RuntimeError):  # it may be set once
            torch.set_num_interop_threads(1)
    return tuple(missing)
