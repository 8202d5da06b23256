"""A claim on trial: its statement, its measurements, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

__all__ = ["Claim", "Measurement", "Trial"]


@dataclass(frozen=True)
class Measurement:
    """One row of a trial.

    Parameters
    ----------
    quantity : str
        What was measured.
    claimed, measured : float
        What the claim says it should be, and what it was.
    unit : str
        Of both; empty for a pure number.
    tolerance : float
        Largest difference that still agrees, in the same unit.
    lifts_condition : bool
        Whether the claim's tacit condition was lifted for this measurement.
    """

    quantity: str
    claimed: float
    measured: float
    unit: str
    tolerance: float
    lifts_condition: bool = False

    @property
    def agrees(self) -> bool:
        """Whether the measurement is what the claim says. NaN never agrees."""
        return bool(abs(self.measured - self.claimed) <= self.tolerance)


@dataclass(frozen=True)
class Trial:
    """A claim that has been tried. It shows itself as a small table in a notebook and as text elsewhere."""

    id: str
    statement: str
    condition: str
    measurements: tuple[Measurement, ...]

    @property
    def verdict(self) -> str:
        """ "holds", "holds if ..." or "fails", from the measurements alone."""
        inside = [m.agrees for m in self.measurements if not m.lifts_condition]
        outside = [m.agrees for m in self.measurements if m.lifts_condition]
        if not inside:
            raise ValueError(f"The trial of {self.id} measured nothing where its claim should hold.")
        if not all(inside):
            return "fails"
        return "holds" if all(outside) else f"holds if {self.condition}"

    def show(self) -> None:
        """Show the trial: as a table in a notebook, as text elsewhere."""
        try:
            from IPython import get_ipython
            from IPython.display import display
        except ImportError:
            print(self)
            return
        if get_ipython() is None:
            print(self)
        else:
            display(self)

    def __str__(self) -> str:
        rows = [
            (m.quantity, _number(m.claimed, m), _number(m.measured, m), m.unit, _word(m))
            for m in self.measurements
        ]
        table = [("quantity", "claimed", "measured", "unit", "agrees"), *rows]
        widths = [max(len(row[i]) for row in table) for i in range(5)]
        lines = [
            "  ".join(
                cell.rjust(width) if i in (1, 2) else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in table
        ]
        head = [f"Claim on trial: {self.id}", f'"{self.statement}"', ""]
        return "\n".join([*head, *(line.rstrip() for line in lines), "", f"Verdict: {self.verdict}."])

    def _repr_html_(self) -> str:
        """The trial as HTML. It sets no text colour of its own, so it reads on light and dark themes."""
        line = "1px solid rgba(128, 128, 128, 0.45)"
        cell = f"padding: 0.3em 0.8em; border-bottom: {line};"
        left, right = f"{cell} text-align: left;", f"{cell} text-align: right;"
        head = "".join(
            f'<th scope="col" style="{style}">{name}</th>'
            for name, style in (
                ("Quantity", left),
                ("Claim predicts", right),
                ("Measured", right),
                ("Agrees", left),
            )
        )
        body = "".join(
            f'<tr style="background: transparent;"><th scope="row" style="{left} font-weight: normal;">'
            f"{escape(m.quantity)}</th>"
            f'<td style="{right}">{_number(m.claimed, m)} {escape(m.unit)}</td>'
            f'<td style="{right}">{_number(m.measured, m)} {escape(m.unit)}</td>'
            f'<td style="{left}">{_word(m)}</td></tr>'
            for m in self.measurements
        )
        return (
            f'<div style="max-width: 60em; border-left: 4px solid #0072B2; padding: 0.2em 0 0.4em 1em;">'
            f'<table style="table-layout: auto; border-collapse: collapse; color: inherit; margin: 0; width: 100%;">'
            f'<caption style="text-align: left; color: inherit; padding: 0.3em 0.8em;">'
            f"Claim on trial <code>{escape(self.id)}</code>: “{escape(self.statement)}”</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f'<p style="margin: 0.6em 0.8em 0;">Verdict: <strong>{escape(self.verdict)}</strong>.</p></div>'
        )


@dataclass(frozen=True)
class Claim:
    """A claim and the experiment that tries it.

    Parameters
    ----------
    id : str
        Short name, as the course text uses it.
    statement : str
        The claim, in one sentence.
    condition : str
        What has to be true for the claim to hold, worded to follow "holds if".
    experiment : callable
        Takes nothing, measures now, returns the measurements. It keeps no state.
    """

    id: str
    statement: str
    condition: str
    experiment: Callable[[], Sequence[Measurement]]

    def trial(self) -> Trial:
        """Run the experiment."""
        return Trial(self.id, self.statement, self.condition, tuple(self.experiment()))


def _number(value: float, m: Measurement) -> str:
    """As many decimals as the tolerance makes sense of, with a true minus sign and no minus zero."""
    if m.tolerance > 0:
        decimals = int(np.clip(1 - np.floor(np.log10(m.tolerance)), 0, 3))
    else:  # a count, or a number that must be met exactly
        decimals = 0 if float(m.claimed).is_integer() and float(m.measured).is_integer() else 3
    text = f"{value + 0.0:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def _word(m: Measurement) -> str:
    return "yes" if m.agrees else "no"
