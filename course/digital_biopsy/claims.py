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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from . import attenuation

__all__ = ["Claim", "Measurement", "Trial", "hu_drift"]


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
        left, right = f"{cell} text-align: left;", f"{cell} text-align: right; white-space: nowrap;"
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
    decimals = 3 if m.tolerance <= 0 else int(np.clip(1 - np.floor(np.log10(m.tolerance)), 0, 3))
    text = f"{value + 0.0:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def _word(m: Measurement) -> str:
    return "yes" if m.agrees else "no"


# ---------------------------------------------------------------- chapter 1


def measured_bias(hu: float, epsilon: float, mu_water: float = 0.2) -> float:
    """Bias in HU by the definition: the scanner divides by its wrong mu_water, (1 + epsilon) mu_water."""
    tissue = attenuation.attenuation(hu, mu_water)
    return float(attenuation.hounsfield(tissue, (1.0 + epsilon) * mu_water) - hu)


def energy_of_step(change: float) -> float:
    """Energy in whole keV at which one keV more changes mu of water by a given share, most nearly."""
    water = attenuation.mu("water", np.arange(attenuation.LOWEST_KEV, attenuation.HIGHEST_KEV + 1))
    steps = water[1:] / water[:-1] - 1.0
    return float(attenuation.LOWEST_KEV + np.argmin(np.abs(steps - change)))


def _try_hu_drift() -> list[Measurement]:
    rows = [
        Measurement(
            "45 HU tissue, stored μ of water 0.5 % too high", -5.2, measured_bias(45, 0.005), "HU", 0.05
        ),
        Measurement(
            "45 HU tissue, stored μ of water 0.5 % too low", 5.251, measured_bias(45, -0.005), "HU", 0.001
        ),
        Measurement("air (μ = 0), 0.5 % too high", 0.0, measured_bias(-1000, 0.005), "HU", 1e-6),
        Measurement("bone of 1000 HU, 0.5 % too high", -9.95, measured_bias(1000, 0.005), "HU", 0.005),
    ]
    tissues, drifts = np.linspace(-1000, 3000, 81), (-0.05, -0.005, 0.005, 0.05)
    gaps = [
        abs(float(attenuation.drift_bias(hu, e)) - measured_bias(float(hu), e))
        for hu in tissues
        for e in drifts
    ]
    rows.append(
        Measurement("closed form −(HU + 1000) ε/(1 + ε) against the definition", 0.0, max(gaps), "HU", 1e-6)
    )
    # Lift the tacit condition: let the beam move by 1 keV, and water with every tissue.
    kev = energy_of_step(-0.0055)
    shift = float(attenuation.mu("water", kev + 1) / attenuation.mu("water", kev) - 1.0)
    for name in ("muscle", "bone"):
        before, after = (float(attenuation.material_hu(name, e)) for e in (kev, kev + 1))
        rows.append(
            Measurement(
                f"{name}: beam at {kev + 1:.0f} keV instead of {kev:.0f}, calibrated again "
                f"(μ of water {100 * shift:.3f} %)".replace("-", "−"),
                float(attenuation.drift_bias(before, shift)),
                after - before,
                "HU",
                0.05,
                lifts_condition=True,
            )
        )
    return rows


HU_DRIFT = Claim(
    id="hu-drift",
    statement="A drift of μ of water by 0.5 % biases a tissue of 45 HU by about −5.2 HU.",
    condition="the stored constant alone is wrong, and the beam is what it was at calibration",
    experiment=_try_hu_drift,
)


def hu_drift() -> Trial:
    """Try the claim of chapter 1: a calibration drift of 0.5 % moves a 45 HU tissue by -5.2 HU.

    The bias is measured by the definition of HU, compared with the closed form, and then measured again
    with the drift's other cause: a beam whose energy moves by 1 keV, so that every tissue's mu moves too.

    Examples
    --------
    >>> print(hu_drift().verdict)
    holds if the stored constant alone is wrong, and the beam is what it was at calibration
    """
    return HU_DRIFT.trial()
