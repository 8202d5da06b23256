"""nbgrader's settings for this course.

From the checkout: `nbgrader COMMAND --config autograder/nbgrader_config.py`. For a course root elsewhere:
make the folder with `digital-biopsy build --to FOLDER`, copy this file into it, and run nbgrader there.
"""

from autograder.nbgrading import configure

c = get_config()  # noqa: F821 - nbgrader defines it when it reads this file
configure(c)
