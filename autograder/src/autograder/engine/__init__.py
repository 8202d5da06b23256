"""The grading engine: student code in a jail, checks in a process of their own.

To read it in order:

- `task`: what goes in and what comes out; `engine`: one warm worker, the hub of the others; `_run`, `_job`: one
  submission on its way.
- `rebuild`: the notebook to run, from the source and a submission; `plan`: whose name is whose.
- `zygote`, `warden`: the warm process, and how students' processes and checkers are forked from it and watched.
- `jail`: the confinement of a process, and its watch.
- `student`, `shell`: the student's process, with checkpoints and snapshots; `serve`: how a snapshot answers.
- `checker`, `session`, `handles`: the checker, and the student's objects as it sees them; `values`: what crosses.

SECURITY.md, in the folder of this distribution, says what all this is for.
"""
