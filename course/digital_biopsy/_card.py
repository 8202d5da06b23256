"""The card under a test cell: three outcomes, as plain text and as a small accessible piece of HTML.

The card takes its colours from the page (it sets no text colour), so it reads on light and dark themes alike;
blue and orange only tint the edge, and the outcome is always a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

RIGHT = "Right"
NOT_YET = "Not right yet"
NOT_ATTEMPTED = "Not attempted yet"

# Mark and accent. The accents keep a contrast of 3 to 1 and more on white and on JupyterLab's dark grey.
_LOOKS = {
    RIGHT: ("✓", "#2b87d1"),
    NOT_YET: ("◐", "#d55e00"),
    NOT_ATTEMPTED: ("○", "#858585"),
}
_CODE = "background:none;color:inherit;padding:0;font-family:var(--jp-code-font-family, monospace)"
_MOST_LINES = 3


@dataclass(frozen=True)
class Text:
    """A piece of a sentence; `code` is set in the code font."""

    text: str
    code: bool = False


Sentence = tuple[Text, ...]


@dataclass(frozen=True)
class Card:
    """What a learner reads after a check.

    Attributes
    ----------
    outcome
        One of `RIGHT`, `NOT_YET`, `NOT_ATTEMPTED`.
    points
        "1 of 3 points".
    first
        Sentences on the first failing requirement: asked, expected, came back, likely cause.
    others
        Further failures, one sentence each; at most three are shown, the rest are counted.
    notes
        Remarks that cost nothing.
    footer
        How many requirements were checked, and what is checked after submission.
    """

    outcome: str
    points: str
    first: tuple[Sentence, ...] = ()
    others: tuple[Sentence, ...] = ()
    notes: tuple[Sentence, ...] = ()
    footer: str = ""

    def text(self) -> str:
        """Return the card as plain text, one thought a line."""
        head = " ".join([f"{self.outcome} ({self.points}).", *map(_plain, self.first)])
        lines = [head, *(f"- {_plain(line)}" for line in self.others[:_MOST_LINES])]
        if len(self.others) > _MOST_LINES:
            lines.append(f"- and {len(self.others) - _MOST_LINES} more")
        lines += [f"Note: {_plain(note)}" for note in self.notes]
        return "\n".join([*lines, self.footer] if self.footer else lines)

    def html(self) -> str:
        """Return the card as HTML; everything that a learner's code produced is escaped."""
        mark, accent = _LOOKS[self.outcome]
        head = (
            f'<span aria-hidden="true" style="font-weight:bold;margin-right:0.4em">{mark}</span>'
            f"<strong>{escape(self.outcome)}</strong> ({escape(self.points)})."
        )
        lead = " ".join([head, *map(_marked, self.first)])
        blocks = [f'<div style="margin:0.2em 0">{lead}</div>']
        items = [_marked(line) for line in self.others[:_MOST_LINES]]
        if len(self.others) > _MOST_LINES:
            items.append(f"and {len(self.others) - _MOST_LINES} more")
        if items:
            listed = "".join(f"<li>{item}</li>" for item in items)
            blocks.append(f'<ul style="margin:0.2em 0;padding-left:1.4em">{listed}</ul>')
        blocks += [f'<div style="margin:0.2em 0">Note: {_marked(note)}</div>' for note in self.notes]
        if self.footer:
            blocks.append(f'<div style="margin:0.2em 0;font-size:0.92em">{escape(self.footer)}</div>')
        style = (
            f"border:1px solid var(--jp-border-color2, #9e9e9e);border-left:5px solid {accent};"
            "padding:0.4em 0.8em;margin:0.3em 0;max-width:50em;line-height:1.5;"
            "font-family:var(--jp-content-font-family, sans-serif)"
        )
        return f'<div class="digital-biopsy-check" role="status" style="{style}">{"".join(blocks)}</div>'

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()


@dataclass(frozen=True)
class Score:
    """Points earned: prints as a bare number (nbgrader reads it as partial credit), shows as a short line."""

    earned: float
    points: float

    def __float__(self) -> float:
        return self.earned

    def __repr__(self) -> str:
        return short(self.earned)

    def _repr_html_(self) -> str:
        return f"<span>{of_points(self.earned, self.points)}</span>"


def short(number: float) -> str:
    """Write points without needless zeros: 3, 1.5, 0.67."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def of_points(earned: float, points: float) -> str:
    """Write "1.5 of 3 points"."""
    return f"{short(earned)} of {short(points)} point{'' if points == 1 else 's'}"


def _plain(sentence: Sentence) -> str:
    return "".join(part.text for part in sentence)


def _marked(sentence: Sentence) -> str:
    return "".join(
        f'<code style="{_CODE}">{escape(part.text)}</code>' if part.code else escape(part.text)
        for part in sentence
    )
