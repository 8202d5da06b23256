"""All submissions of the class."""

from __future__ import annotations

from tests.grading.redteam.attack import Attack
from tests.grading.redteam.attacks import files, forgery, harm, honest, notebook, objects, subversion, theft

ROWS = (honest.row, notebook.row, files.row, subversion.row, objects.row, forgery.row, theft.row, harm.row)
ATTACKS: tuple[Attack, ...] = tuple(attack for row in ROWS for attack in row.attacks)
