"""``python -m tests.bench.features [texture] [shape] [--quick]``: see :mod:`tests.bench.features`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util

PARTS = ("texture", "shape")


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.features", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, and no peer that must be installed"
    )
    given = parser.parse_args()
    unknown = set(given.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; choose some of: {', '.join(PARTS)}")
    for part in given.parts or PARTS:
        name = f"tests.bench.features.{part}"
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name).run(given.quick)


main()
