"""The grading engine: student code in a jail, checks in a process of their own."""
