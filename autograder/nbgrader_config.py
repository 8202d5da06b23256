"""nbgrader's settings for this course.

From the checkout: `cd autograder`, then `nbgrader COMMAND`; the course root is the checkout. For a course
root elsewhere: make the folder with `digital-biopsy build --to FOLDER`, copy this file into it, and run
nbgrader there.

`nbgrader autograde` and formgrader's button grade with the course's engine. Its limits are settings:
`c.GradingEngine.cell_seconds = 60`, for example; `nbgrader autograde --GradingEngine.enabled=False` lets nbgrader run
the notebooks itself, without any protection.
"""

from pathlib import Path

from autograder.nbgrading import configure

c = get_config()  # noqa: F821 - nbgrader defines it when it reads this file
configure(c)
here = Path(__file__).resolve().parent
c.CourseDirectory.root = str(here.parent if (here.parent / "solutions").is_dir() else here)
