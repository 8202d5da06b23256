"""What both ends of the boundary agree on: how numbers are laid out, and how much a message may hold."""

from __future__ import annotations

import re
import struct
import sys
from dataclasses import dataclass
from typing import Any

# Python refuses to write longer integers than 4300 digits in decimal; these have at most 4215.
MOST_INT_BYTES = 1750
MOST_DIMENSIONS = 64
# What an array counts towards the limit on items, as it takes more memory than its bytes.
ARRAY_COST = 10

U16, U32, U64, F64 = (struct.Struct(form) for form in ("<H", "<I", "<Q", "<d"))
C128, REF = struct.Struct("<dd"), struct.Struct("<IB")
DTYPE = re.compile(
    r"[<>|](b1|[iu][1248]|f(2|4|8|12|16)|c(8|16|24|32)|[SU][1-9]\d{0,8}"
    r"|[mM]8(\[\d{0,9}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"
)


class DecodeError(ValueError):
    """Bytes that are no message of `encode`, or pass the limits."""


#: What makes the values of a defaultdict, by the byte that stands for it; any other goes as the first.
FACTORIES: tuple[type | None, ...] = (None, int, float, str, list, dict, set, tuple, bool, complex)


@dataclass(frozen=True)
class Limits:
    """How much a message may hold.

    Attributes
    ----------
    size
        Bytes of the whole message.
    items
        Values in it, those inside lists and dicts too; an array counts for ten.
    depth
        How many lists, tuples, dicts and sets may stand inside one another.
    """

    size: int = 64 << 20
    items: int = 2_000_000
    depth: int = 50


def imported_torch() -> Any:
    """torch if this process has imported it, else None."""
    return sys.modules.get("torch")
