"""All submissions of the class."""

from __future__ import annotations

from tests.grading.redteam.attack import Attack
from tests.grading.redteam.attacks import (
    files,
    forgery,
    harm,
    honest,
    notebook,
    notebook_file,
    objects,
    subversion,
    theft,
)

ROWS = (
    honest.row, notebook.row, notebook_file.row, files.row, subversion.row, objects.row, forgery.row,
    theft.row, harm.row,
)  # fmt: skip
ATTACKS: tuple[Attack, ...] = tuple(attack for row in ROWS for attack in row.attacks)
