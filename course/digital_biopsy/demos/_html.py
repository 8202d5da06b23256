"""A picture in a page that runs no script: a cell's output, a printed page."""

from __future__ import annotations

import base64
from html import escape

# A picture is never shown smaller than this: its text would be 9 px high. Where there is less room it scrolls.
SMALLEST = 0.72
# Below this part of its width a picture gives way to its narrow layout.
LEAVE = 0.85
FITS_ANYWHERE = 480  # a picture of this many CSS pixels and its text may shrink to any window


def image(png: bytes, alt: str, width: int, narrow: tuple[bytes, int] | None = None) -> str:
    """HTML of a picture, ``width`` CSS pixels wide.

    A wide picture shrinks to 72 % and then scrolls sideways. With ``narrow``, another picture and its width, that one
    is shown instead where there is too little room for the first; where a page strips style sheets (JupyterLab does,
    in a notebook that it does not trust) the first stays.
    """
    if width <= FITS_ANYWHERE:
        return _tag(png, alt, width)
    if narrow is None:
        # Browsers make what scrolls a stop of the keyboard by themselves, but not all of them do.
        wide = _tag(png, alt, width, f"min-width:{round(SMALLEST * width)}px;")
        return f'<div role="group" aria-label="Picture" tabindex="0" style="overflow-x:auto">{wide}</div>'
    edge = round(LEAVE * width)
    style = (
        f"@container (max-width: {edge - 1}px) {{ .db-wide-{edge} {{ display: none !important; }} "
        f".db-narrow-{edge} {{ display: block !important; }} }}"
    )
    return (
        f'<div style="container-type:inline-size"><style>{style}</style>'
        f"{_tag(png, alt, width, name=f'db-wide-{edge}')}"
        f"{_tag(narrow[0], alt, narrow[1], name=f'db-narrow-{edge}', hidden=True)}</div>"
    )


def _tag(png: bytes, alt: str, width: int, style: str = "", name: str = "", hidden: bool = False) -> str:
    source = base64.b64encode(png).decode()
    # JupyterLab would take a bare "hidden" away.
    return (
        f'<img alt="{escape(alt)}" src="data:image/png;base64,{source}" width="{width}"'
        f"{f' class={name}' if name else ''}{' hidden=hidden' if hidden else ''} "
        f'style="max-width:100%;{style}height:auto;background:#fff;border-radius:6px">'
    )
