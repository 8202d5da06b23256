"""Set-up cells that the checker need not run: they show something, and leave nothing behind that a later cell uses."""

from __future__ import annotations

import ast
from collections.abc import Collection

from autograder.engine._bindings import Reading
from autograder.engine._names import STAR

_SHOWING = frozenset(
    {
        "display",
        "float",
        "int",
        "len",
        "list",
        "print",
        "range",
        "repr",
        "round",
        "sorted",
        "str",
        "type",
        "zip",
    }
)
#: What is called on a plotting or array library without lasting effect.
_DRAWING = frozenset(
    """annotate axhline axis axvline bar barh boxplot cla clf close colorbar contour contourf errorbar figure
    fill_between gca gcf grid hist hist2d imshow legend loglog matshow pcolormesh plot scatter semilogx semilogy show
    step stem subplot subplots suptitle text tight_layout title violinplot xlabel xlim xticks ylabel ylim yticks
    abs absolute arange array asarray clip concatenate cos exp eye full histogram hypot linspace log log10 logspace max
    mean median meshgrid min ones percentile quantile round sin sqrt stack std sum var where zeros
    all any astype copy flatten item ravel reshape squeeze tolist transpose""".split()
)


def only_shows(reading: Reading, answers: Collection[str], own: Collection[str]) -> bool:
    """Whether a cell binds and changes nothing, and calls nothing but the student's functions and a few builtins."""
    if reading.binds or reading.mutates or not all(isinstance(node, ast.Expr) for node in reading.tree.body):
        return False
    return _calls_are_harmless(reading, answers, own)


def leaves_nothing(
    reading: Reading,
    answers: Collection[str],
    own: Collection[str],
    effects: Collection[str],
    later: Collection[str],
) -> bool:
    """Whether a cell draws or prints something of the student's, and nothing that it binds is spoken of later.

    Parameters
    ----------
    reading
        The cell.
    answers, own
        The student's names, and the checker's.
    effects
        Functions that change their arguments or global names.
    later
        All words of the cells behind it.
    """
    if not reading.parsed or reading.reflects or STAR in reading.binds or reading.imported:
        return False
    if not {"gca", "gcf", "get_fignums"}.isdisjoint(later):
        return False
    if (
        reading.binds.intersection(later)
        or reading.changers
        or reading.effects
        or reading.reads.intersection(effects)
    ):
        return False
    for node in ast.walk(reading.tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            if _root(node) not in reading.binds:
                return False
        elif isinstance(node, ast.Global | ast.With | ast.AugAssign | ast.Delete | ast.ClassDef | ast.Await):
            return False
    return _calls_are_harmless(reading, answers, own)


def _calls_are_harmless(reading: Reading, answers: Collection[str], own: Collection[str]) -> bool:
    for node in ast.walk(reading.tree):
        if not isinstance(node, ast.Call):
            continue
        root = _root(node.func)
        if isinstance(node.func, ast.Name):
            if not (root in answers or (root in _SHOWING and root not in own)):
                return False
        elif root not in reading.binds and not (
            isinstance(node.func, ast.Attribute) and node.func.attr in _DRAWING
        ):
            return False
    return True


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
