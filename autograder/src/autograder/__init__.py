"""The instructor's tools of the course: build the student notebooks, test the checks, run the nbgrader loop."""
