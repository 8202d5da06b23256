"""``python -m tests.bench``: see :mod:`tests.bench.demos`."""

import sys

from tests.bench.demos import main

main(sys.argv[1:])
