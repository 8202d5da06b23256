"""nbgrader's settings for this course.

From the checkout: `cd autograder`, then `nbgrader COMMAND`; the course root is the checkout. For a course
root elsewhere: make the folder with `digital-biopsy build --to FOLDER`, copy this file into it, and run
nbgrader there.
"""

from pathlib import Path

from autograder.nbgrading import configure

c = get_config()  # noqa: F821 - nbgrader defines it when it reads this file
configure(c)
here = Path(__file__).resolve().parent
c.CourseDirectory.root = str(here.parent if (here.parent / "solutions").is_dir() else here)
