"""The grading engine: student code in a jail, checks in a process of their own.

What stands so far, each part by itself: `rebuild` (the notebook to run, from the source and a submission), `jail` (the
student process's confinement and its watch), `values` (plain values between processes). `nbgrader autograde` does not
use them yet; it runs nbgrader's own executor.
"""
