"""The same submissions graded by stock nbgrader and by the engine."""
