"""Predictions: a question answered before the experiment, kept for the cell that compares."""

from __future__ import annotations

from collections.abc import Sequence

_chosen: dict[str, str | None] = {}


def prediction(name: str) -> str | None:
    """The option that the learner chose for a question or a demo; None if skipped or not yet answered."""
    return _chosen.get(name)


def keep(name: str, option: str | None) -> None:
    """Remember a choice; None for a skipped question."""
    _chosen[name] = option


def predict(name: str, question: str = "", options: Sequence[str] = ()) -> None:
    """Ask for a prediction; :func:`prediction` gives it back in a later cell.

    Parameters
    ----------
    name : str
        Under which the choice is kept.
    question : str
        Shown above the options; may be left out where the text before it asks.
    options : sequence of str
        Two or more.

    Raises
    ------
    ValueError
        If there are fewer than two different options.
    """
    from digital_biopsy.demos._demo import mode

    if len(options) < 2 or len(set(options)) != len(options):
        raise ValueError(f"question {name!r} needs two or more different options, not {list(options)}")
    _chosen.pop(name, None)  # the cell was run again: the question is open again
    if mode() == "live":
        from digital_biopsy.demos._live import PredictionWidget

        PredictionWidget(name, question, options).show()
    else:
        from IPython.display import display

        plain = "\n".join([question, *options])
        display({"text/html": as_list(question, options), "text/plain": plain}, raw=True)


def as_list(question: str, options: Sequence[str]) -> str:
    """The question as static HTML."""
    from html import escape

    items = "".join(f"<li>{escape(option)}</li>" for option in options)
    return f"<p><em>Predict.</em> {escape(question)}</p><ul>{items}</ul>"
