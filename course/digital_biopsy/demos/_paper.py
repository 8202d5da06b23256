"""The static form of a demo: a figure, a sentence and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from digital_biopsy.demos._html import image

if TYPE_CHECKING:
    from digital_biopsy.demos._demo import Demo

STOPS_A_CONTROL = 5


@dataclass(frozen=True)
class Paper:
    """A demo as a static figure.

    Attributes
    ----------
    figure : bytes
        PNG.
    alt : str
        What the figure shows.
    caption : str
        At which values of the controls.
    header, rows
        Table; text.
    """

    title: str
    question: str
    options: tuple[str, ...]
    figure: bytes
    size: tuple[int, int]
    alt: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def _repr_html_(self) -> str:
        parts = [f"<p><strong>{escape(self.title)}</strong></p>"]
        if self.question:
            options = "".join(f"<li>{escape(option)}</li>" for option in self.options)
            parts.append(f"<p><em>Predict.</em> {escape(self.question)}</p><ul>{options}</ul>")
        parts.append(
            f'<figure style="margin:0">{image(self.figure, self.alt, self.size[0])}'
            f"<figcaption>{escape(self.caption)}. {escape(self.alt)}</figcaption></figure>"
        )
        heads = "".join(
            f'<th scope="col" style="text-align:left">{escape(text)}</th>' for text in self.header
        )
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.rows
        )
        parts.append(f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>")
        return "\n".join(parts)

    def __str__(self) -> str:
        lines = [
            self.title,
            *([f"Predict. {self.question}"] if self.question else []),
            f"{self.caption}. {self.alt}",
        ]
        lines += [" | ".join(self.header), *(" | ".join(row) for row in self.rows)]
        return "\n".join(lines)

    __repr__ = __str__


def paper(demo: Demo, picture: tuple[bytes, str] | None = None) -> Paper:
    """Make the static form; ``picture`` is the one at the start where it is already drawn."""
    png, alt = picture or demo.picture(demo.stage(), demo.start)
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    if demo.table is not None:
        header, rows = demo.table(demo.result(demo.start))
    else:
        header = [*(control.label for control in demo.controls), "What the picture shows"]
        rows = [
            [*(c.labels[stop] for c, stop in zip(demo.controls, stops, strict=True)), demo.describe_at(stops)]
            for stops in sorted(demo.a_few_stops(STOPS_A_CONTROL))
        ]
    return Paper(
        title=demo.title,
        question=demo.question.text if demo.question else "",
        options=tuple(demo.question.options) if demo.question else (),
        figure=png,
        size=demo.size,
        alt=alt,
        caption=demo.settings(demo.start),
        header=tuple(map(str, header)),
        rows=tuple(tuple(map(str, row)) for row in rows),
    )
