"""Claims on trial: the figures, and that the verdict follows from them."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import numpy as np
import pytest

from digital_biopsy import attenuation, claims
from digital_biopsy.claims import Claim, Measurement, Trial
from digital_biopsy.claims import attenuation as chapter_1


def row(claimed: float, measured: float, *, lifts: bool = False) -> Measurement:
    return Measurement("something", claimed, measured, "HU", 0.1, lifts)


def trial(*rows: Measurement) -> Trial:
    return Claim("an-id", "A statement.", "the sun shines", lambda: list(rows)).trial()


def test_claim_hu_drift() -> None:
    done = claims.hu_drift()
    assert done.id == "hu-drift"
    assert done.verdict.startswith("holds if the stored constant alone is wrong")
    measured = [m.measured for m in done.measurements]
    assert measured[0] == pytest.approx(-5.199, abs=1e-3)
    assert measured[1] == pytest.approx(5.251, abs=1e-3)
    assert measured[2] == pytest.approx(0.0, abs=1e-9)
    assert measured[3] == pytest.approx(-9.95, abs=1e-2)
    assert measured[4] < 1e-9
    assert measured[5] == pytest.approx(-0.103, abs=0.005)
    assert measured[6] == pytest.approx(-28.1, abs=0.1)
    assert [m.lifts_condition for m in done.measurements] == [False] * 5 + [True] * 2


def test_verdict_follows_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        attenuation, "drift_bias", lambda hu, e: -(np.asarray(hu) + 1000.0) * e
    )  # first order
    assert claims.hu_drift().verdict == "fails"


def test_verdict_follows_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attenuation, "hounsfield", lambda mu, water: 1000.0 * mu / water)
    assert claims.hu_drift().verdict == "fails"


def test_verdict_follows_the_tabulated_physics(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world where a shifted beam moves tissue as a drift does, the claim holds without condition."""
    change = float(attenuation.mu("water", 71.0) / attenuation.mu("water", 70.0) - 1)
    true_hu = {"muscle": 43.0, "bone": 1559.0}
    monkeypatch.setattr(
        attenuation,
        "material_hu",
        lambda name, kev: attenuation.drift(true_hu[name], change if kev == 71 else 0.0),
    )
    assert claims.hu_drift().verdict == "holds"


def test_step_of_the_beam_energy_is_searched_for() -> None:
    assert chapter_1.energy_of_step(-0.0055) == 70.0
    assert chapter_1.energy_of_step(-0.0043) == 80.0


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([row(1, 1)], "holds"),
        ([row(1, 1.05), row(1, 1, lifts=True)], "holds"),
        ([row(1, 1), row(1, 2, lifts=True)], "holds if the sun shines"),
        ([row(1, 1), row(1, 1.2)], "fails"),
        ([row(1, 2), row(1, 1, lifts=True)], "fails"),
        ([row(1, math.nan)], "fails"),
    ],
)
def test_verdict_is_computed(rows: list[Measurement], verdict: str) -> None:
    assert trial(*rows).verdict == verdict


def test_a_trial_without_evidence_has_no_verdict() -> None:
    with pytest.raises(ValueError, match="measured nothing"):
        _ = trial(row(1, 1, lifts=True)).verdict


class Table(HTMLParser):
    """Collects the cells, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


def test_html_is_an_accessible_table() -> None:
    html = claims.hu_drift()._repr_html_()
    table = Table()
    table.feed(html)
    assert table.open == []
    names = [tag for tag, _ in table.tags]
    assert names.count("caption") == 1
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in table.tags if tag == "th")
    assert "−5.199 HU" in table.cells
    assert "holds if the stored constant alone is wrong" in html
    # Text takes the page's colour, so that a dark theme stays readable.
    assert "color: #" not in html.replace("background-color", "")


def test_html_escapes() -> None:
    done = Claim("x", "a < b & <script>", "c", lambda: [Measurement("<b>", 0, 0, "<i>", 1)]).trial()
    html = done._repr_html_()
    assert "<script>" not in html
    assert "&lt;b&gt;" in html
    assert "&lt;i&gt;" in html


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    done = claims.hu_drift()
    done.show()
    shown = capsys.readouterr().out
    assert shown == f"{done}\n"
    assert "−5.199" in shown
    assert "Verdict: holds if" in shown
    assert "−0.000" not in shown


def test_counts_are_shown_without_decimals() -> None:
    text = str(Claim("an-id", "A.", "x", lambda: [Measurement("things", 3, 1, "of 3", 0.0)]).trial())
    assert "3         1  of 3  no" in text
