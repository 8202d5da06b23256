"""Compare what was expected with what came back, and say the difference in words.

Used by `digital_biopsy.check`. Every function here works on plain values (numbers, strings, None, lists,
tuples, dicts, NumPy arrays; torch tensors are read as arrays), never raises on a strange value, and returns
text that is not yet escaped for HTML.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

REL_TOL = 1e-6
ABS_TOL = 1e-9

_LONGEST_TEXT = 80
_LONGEST_CALL = 120
_MOST_ELEMENTS = 8


@dataclass(frozen=True)
class Difference:
    """Where two values part: `should` follows the call ("be −9.901"), `gave` follows "yours"."""

    should: str
    gave: str


def difference(expected: Any, got: Any, *, tol: float | None = None, dtype: Any = None) -> Difference | None:
    """Say how `got` differs from `expected`, or return None when it does not.

    Parameters
    ----------
    expected, got
        Plain values. NaN equals NaN. A list and a tuple with equal items are equal. A 0-d array is a number.
        A bool is no number: True is not 1, and where a bool (or an array of bools) is expected nothing else
        will do.
    tol
        Absolute tolerance on every number. Without it two integers must be equal, and other numbers must
        agree within 1e-6 (relative) or 1e-9 (absolute), whichever is wider.
    dtype
        The dtype that `got` must have, as `numpy.issubdtype` reads it: "float64", numpy.floating, bool.
    """
    expected, got = _plain(expected), _plain(got)
    if dtype is not None and not _has_dtype(got, dtype) and _is_arraylike(got):
        return Difference(f"be of type {_dtype_name(dtype)}", f"gave {np.asarray(got).dtype} ({show(got)})")
    return _differ(expected, got, tol, "")


def right_but_for_its_type(expected: Any, got: Any, *, tol: float | None = None) -> str:
    """Say what to do with a value whose numbers are right and whose type is not; "" for all others."""
    if difference(expected, got, tol=tol) is None:
        return ""
    if difference(expected, _as_arrays(expected, got), tol=tol) is None:
        return "The numbers are right. A NumPy array is wanted: return np.array(...) of them."
    return ""


def _as_arrays(expected: Any, got: Any) -> Any:
    """Turn lists into arrays where an array is expected."""
    if isinstance(expected, np.ndarray) and isinstance(got, list | tuple):
        try:
            return np.array(got)
        except (ValueError, TypeError):
            return got
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple) and len(expected) == len(got):
        return [_as_arrays(one, other) for one, other in zip(expected, got, strict=True)]
    if isinstance(expected, Mapping) and isinstance(got, Mapping) and expected.keys() == got.keys():
        return {key: _as_arrays(expected[key], got[key]) for key in expected}
    return got


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal in kind and, bit for bit or NaN for NaN, in content."""
    a, b = _plain(a), _plain(b)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)) or a.shape != b.shape:
            return False
        return _differ(a, b, 0.0, "") is None
    return _differ(a, b, 0.0, "") is None and _differ(b, a, 0.0, "") is None


def show(value: Any, digits: int = 6) -> str:
    """Write a value in one short piece of text."""
    value = _plain(value)
    if _is_bool(value):
        return str(bool(value))
    if _is_number(value):
        return _number(value, digits).replace("-", "−")
    text = _literal(value, digits)
    return text if len(text) <= _LONGEST_TEXT else _literal(value, digits, most=3)


def show_call(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Write a call as a learner would type it, arrays shortened."""
    for most in (_MOST_ELEMENTS, 3):
        parts = [_literal(_plain(value), 12, most=most) for value in args]
        parts += [f"{key}={_literal(_plain(value), 12, most=most)}" for key, value in kwargs.items()]
        text = f"{name}({', '.join(parts)})"
        if len(text) <= _LONGEST_CALL:
            break
    return text


def kind(value: Any) -> str:
    """Name the kind of a value with its article: "a number", "an array of shape (3, 4)"."""
    value = _plain(value)
    if value is None:
        return "None"
    if _is_bool(value):
        return "a bool"
    if _is_number(value):
        return "a number"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Mapping):
        return "a dict"
    if isinstance(value, type):
        return "a class"
    if callable(value):
        return "a function"
    return f"an object of type {type(value).__name__}"


def _differ(expected: Any, got: Any, tol: float | None, path: str) -> Difference | None:
    if isinstance(expected, np.ndarray):
        return _differ_array(expected, got, tol, path)
    if _is_bool(expected):
        right = _is_bool(got) and bool(expected) == bool(got)
        return None if right else _unlike(expected, got, path)
    if _is_number(expected):
        right = _is_number(got) and _close(expected, got, tol)
        return None if right else _unlike(expected, got, path)
    if isinstance(expected, Mapping):
        return _differ_mapping(expected, got, tol, path)
    if isinstance(expected, list | tuple):
        return _differ_sequence(expected, got, tol, path)
    if isinstance(expected, str):
        return None if isinstance(got, str) and got == expected else _unlike(expected, got, path)
    if expected is None:
        return None if got is None else _unlike(expected, got, path)
    return None if _equal(expected, got) else _unlike(expected, got, path)


def _differ_array(expected: npt.NDArray[Any], got: Any, tol: float | None, path: str) -> Difference | None:
    if not isinstance(got, np.ndarray):
        return _verdict(f"an array of shape {expected.shape}", _told(got), path)
    if got.shape != expected.shape:
        return _verdict(f"an array of shape {expected.shape}", kind(got), path)
    if (expected.dtype.kind == "b") != (got.dtype.kind == "b"):
        return _verdict(f"an array of {expected.dtype}", f"an array of {got.dtype}", path)
    wrong = ~_close_arrays(expected, got, tol)
    if not wrong.any():
        return None
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    first = _unlike(expected[index], got[index], f"{path}[{', '.join(map(str, index))}]")
    many = int(np.count_nonzero(wrong))
    count = f" ({many} of {wrong.size} elements differ)" if wrong.size > 1 else ""
    return Difference(first.should, first.gave + count)


def _differ_mapping(expected: Mapping[Any, Any], got: Any, tol: float | None, path: str) -> Difference | None:
    if not isinstance(got, Mapping):
        return _verdict(f"a dict with the keys {_listed(expected)}", _told(got), path)
    if set(map(repr, expected)) != set(map(repr, got)):
        return _verdict(
            f"a dict with the keys {_listed(expected)}", f"the keys {_listed(got) or 'of no entry'}", path
        )
    for key, value in expected.items():
        found = _differ(_plain(value), _plain(got[key]), tol, f"{path}[{key!r}]")
        if found:
            return found
    return None


def _differ_sequence(expected: Sequence[Any], got: Any, tol: float | None, path: str) -> Difference | None:
    wanted = f"a {type(expected).__name__} of {len(expected)}"
    if not isinstance(got, list | tuple):
        return _verdict(wanted, _told(got), path)
    if len(got) != len(expected):
        return _verdict(wanted, f"{kind(got)}: {show(got)}", path)
    for i, (one, other) in enumerate(zip(expected, got, strict=True)):
        found = _differ(_plain(one), _plain(other), tol, f"{path}[{i}]")
        if found:
            return found
    return None


def _unlike(expected: Any, got: Any, path: str) -> Difference:
    digits = 6
    want, gave = show(expected, digits), show(got, digits)
    while want == gave and digits < 17 and kind(expected) == kind(got):
        digits += 1
        want, gave = show(expected, digits), show(got, digits)
    if kind(expected) != kind(got) and got is not None and not (_is_number(expected) and _is_number(got)):
        gave = _told(got)
    return _verdict(want, gave, path)


def _verdict(want: str, gave: str, path: str) -> Difference:
    if path:
        return Difference(f"have {want} at {path}", f"has {gave} there")
    return Difference(f"be {want}", f"gave {gave}")


def _told(value: Any) -> str:
    """The value and what it is: `'5' (a string)`."""
    what = kind(value)
    if value is None or isinstance(value, np.ndarray) or callable(value) or what.startswith("an object"):
        return what
    return f"{show(value)} ({what.split(' of ')[0]})"


def _close(expected: Any, got: Any, tol: float | None) -> bool:
    if isinstance(expected, complex | np.complexfloating) or isinstance(got, complex | np.complexfloating):
        limit = max(ABS_TOL, REL_TOL * abs(expected)) if tol is None else tol
        return bool(abs(complex(expected) - complex(got)) <= limit)
    if isinstance(expected, numbers.Integral) and isinstance(got, numbers.Integral) and tol is None:
        return int(expected) == int(got)
    try:
        one, other = float(expected), float(got)
    except (OverflowError, TypeError, ValueError):
        return bool(expected == got)
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    if one == other:
        return True
    if tol is None:
        return (
            abs(one - other) <= max(ABS_TOL, REL_TOL * abs(one))
            and math.isfinite(other)
            and math.isfinite(one)
        )
    return abs(one - other) <= tol


def _close_arrays(
    expected: npt.NDArray[Any], got: npt.NDArray[Any], tol: float | None
) -> npt.NDArray[np.bool_]:
    if expected.dtype.kind in "iu" and got.dtype.kind in "iu" and tol is None:
        return np.asarray(expected == got)
    if expected.dtype.kind in "iufc" and got.dtype.kind in "iufc":
        rtol, atol = (REL_TOL, ABS_TOL) if tol is None else (0.0, tol)
        return np.asarray(np.isclose(got, expected, rtol=rtol, atol=atol, equal_nan=True))
    if expected.dtype.kind == got.dtype.kind and expected.dtype.kind in "bSUmM":
        return np.asarray(expected == got)
    pairs = zip(expected.ravel().tolist(), got.ravel().tolist(), strict=True)
    flat = [_differ(_plain(one), _plain(other), tol, "") is None for one, other in pairs]
    return np.array(flat, dtype=bool).reshape(expected.shape)


def _equal(a: Any, b: Any) -> bool:
    try:
        return type(a) is type(b) and bool(a == b)
    except Exception:
        return False


def _plain(value: Any) -> Any:
    """Read a 0-d array as a number and a torch tensor as an array; torch itself is never imported."""
    if type(value).__module__.split(".")[0] == "torch" and hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value[()]
    return value


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Number) and not _is_bool(value)


def _is_arraylike(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | int | float | complex)


def _has_dtype(value: Any, dtype: Any) -> bool:
    return _is_arraylike(value) and bool(np.issubdtype(np.asarray(value).dtype, dtype))


def _dtype_name(dtype: Any) -> str:
    if isinstance(dtype, type) and issubclass(dtype, np.generic):
        return dtype.__name__
    return str(np.dtype(dtype))


def _number(value: Any, digits: int) -> str:
    if isinstance(value, numbers.Integral):
        text = str(int(value))
        return text if len(text) <= 24 else f"{text[:6]}... ({len(text)} digits)"
    if isinstance(value, complex | np.complexfloating):
        return f"{complex(value):.{digits}g}"
    try:
        text = f"{float(value):.{digits}g}"
    except (OverflowError, TypeError, ValueError):
        return _clip(repr(value))
    # A float that is whole still looks like a float, as Python prints it.
    return text if any(mark in text for mark in ".einf") else text + ".0"


def _literal(value: Any, digits: int, depth: int = 0, most: int = _MOST_ELEMENTS) -> str:
    """Write a value the way Python code would."""
    value = _plain(value)
    if value is None or _is_bool(value):
        return str(value)
    if _is_number(value):
        return _number(value, digits)
    if isinstance(value, str):
        return _clip(repr(value))
    if isinstance(value, np.ndarray):
        return _array(value, digits, most)
    if isinstance(value, list | tuple) and depth < 3:
        return _sequence(value, digits, depth, most)
    if isinstance(value, Mapping) and depth < 3:
        items = [
            f"{_clip(repr(k))}: {_literal(v, digits, depth + 1, most)}" for k, v in list(value.items())[:most]
        ]
        return "{" + ", ".join(items + ["..."] * (len(value) > most)) + "}"
    if isinstance(value, np.dtype | type) or callable(value):
        return str(getattr(value, "__name__", kind(value)))
    return f"<{kind(value)}>"


def _sequence(value: Sequence[Any], digits: int, depth: int, most: int) -> str:
    items = [_literal(item, digits, depth + 1, most) for item in value[:most]]
    inside = ", ".join(items + ["..."] * (len(value) > most))
    if isinstance(value, list):
        return f"[{inside}]"
    return f"({inside},)" if len(value) == 1 else f"({inside})"


def _array(value: npt.NDArray[Any], digits: int, most: int) -> str:
    if value.size > 2 * most or value.ndim > 2 or (value.ndim == 1 and value.size > most):
        alike = f", all {value.flat[0]}" if value.dtype == bool and len(np.unique(value)) == 1 else ""
        return f"<array {' x '.join(map(str, value.shape))}, {value.dtype}{alike}>"
    if value.size == 0:
        return "np.array([])" if value.ndim == 1 else f"np.zeros({value.shape})"
    usual = value.dtype in (np.dtype(float), np.dtype(np.int64), np.dtype(bool)) or value.dtype.kind == "U"
    tail = "" if usual else f", dtype={str(value.dtype)!r}"
    return f"np.array({_literal(value.tolist(), digits, most=2 * most)}{tail})"


def _listed(keys: Mapping[Any, Any]) -> str:
    return ", ".join(_clip(repr(key)) for key in keys)


def _clip(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."
