"""The instructor's tools: build the student notebooks, test the checks, configure nbgrader."""
