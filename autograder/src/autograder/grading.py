"""Grade the submissions of a whole class: ``digital-biopsy grade`` and ``autograder.grade``."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from autograder._progress import Bar, Lines, Progress, Silent
from autograder.pool import LocalPool, MakeEngine, PoolError, Work
from autograder.report import Report

if TYPE_CHECKING:
    from autograder._driver import Classroom, Pool

DESCRIPTION = """\
Grade the submissions of an assignment: everything in submitted/STUDENT/ASSIGNMENT of a course folder of nbgrader's.
Marks go into the gradebook, notebooks into autograded/. What was graded before and has not changed is left alone, so
a run that was interrupted goes on where it stopped."""
EPILOG = """\
exit status: 0 all have a mark; 1 some failed or were set aside; 2 it could not start or go on; 130 interrupted.

On a cluster, with PostgreSQL as gradebook; each in a terminal of its own, in this environment:
    dask scheduler
    dask worker --nthreads 1 --nworkers 4 tcp://HOST:8786
    digital-biopsy grade ASSIGNMENT --scheduler tcp://HOST:8786 --db postgresql://USER@HOST/gradebook"""


class GradeError(Exception):
    """Grading cannot start; the text names the cause and the cure."""


def grade(
    assignment: str,
    *,
    course_root: str | Path = ".",
    students: Sequence[str] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    db: str | None = None,
    force: bool = False,
    unsafe: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Grade the submissions of an assignment.

    Parameters
    ----------
    assignment : str
        Its name.
    course_root : path
        A course folder of nbgrader's; its ``nbgrader_config.py`` is read.
    students : sequence of str, optional
        Ids of those to grade; all who submitted if not given.
    workers : int, optional
        Submissions worked on at the same time on this machine; the number of its cores if not given.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers then do the work.
    db : str, optional
        URL of the gradebook; the course folder's own if not given.
    force : bool
        Grade also what was graded before and has not changed.
    unsafe : bool
        Grade although this machine cannot confine student code.
    progress : Progress, optional
        Is told how far it is.

    Returns
    -------
    Report
        A row for each submission, and totals.

    Raises
    ------
    GradeError
        If grading cannot start.
    """
    root = Path(course_root).resolve()
    if workers is not None and scheduler is not None:
        raise GradeError("Workers of this machine, or those of a Dask scheduler: give one of the two.")
    with only_driver(root, assignment):
        from autograder._classroom import Unready, open_classroom

        try:
            with open_classroom(root, assignment, db, unsafe) as folder:
                return run(
                    folder, folder.make_engine, folder.work, folder.shared, assignment=assignment,
                    students=chosen(folder.students(), students), workers=workers, scheduler=scheduler,
                    force=force, unsafe=unsafe, progress=progress,
                )  # fmt: skip
        except Unready as error:
            raise GradeError(str(error)) from None


def run(
    classroom: Classroom,
    make: MakeEngine,
    work: Work,
    shared: Any,
    *,
    assignment: str,
    students: list[str],
    workers: int | None = None,
    scheduler: str | None = None,
    force: bool = False,
    unsafe: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Take these students' submissions through a pool; see `grade`."""
    # Here, and not above: `--help` and mistakes in the arguments need not wait for nbgrader to be imported.
    from autograder._cluster import DaskPool, versions
    from autograder._driver import Driver

    progress = progress or Silent()
    report = Report(assignment, len(students), unsafe=unsafe, versions=versions())
    begin = time.monotonic()
    with stopped_by_signals() as stop:
        pool: Pool
        try:
            if scheduler is not None:
                pool = DaskPool(scheduler, work, shared, make)
                report.workers = f"Dask at {scheduler}"
            else:
                count = min(workers or cores(), max(1, len(students)))
                pool = LocalPool(count, work, shared, make)
                report.workers = f"{count} worker{'s' * (count != 1)}"
        except PoolError as error:
            raise GradeError(str(error)) from None
        progress.start(report.total)
        try:
            Driver(classroom, pool, report, progress, stop).run(students, force)
        finally:
            progress.end()
    report.sort()
    report.seconds = time.monotonic() - begin
    return report


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def chosen(submitted: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """The students to grade, in order; a GradeError if one of those wanted has submitted nothing."""
    known = sorted(submitted)
    if wanted is None:
        return known
    for student in wanted:
        if student not in known:
            near = difflib.get_close_matches(student, known, n=3, cutoff=0.5)
            hint = f"Similar ids: {', '.join(near)}." if near else f"{len(known)} others have submitted."
            raise GradeError(f"There is no submission by {student!r}. {hint}")
    return sorted(set(wanted))


@contextlib.contextmanager
def only_driver(root: Path, assignment: str) -> Iterator[None]:
    """Keep other drivers off this assignment of this course folder; the kernel lets go when a driver dies."""
    if not root.is_dir():
        raise GradeError(f"There is no folder {root}. Give the course folder with --course-root.")
    if not assignment or "/" in assignment or assignment.startswith("."):
        raise GradeError(f"{assignment!r} is not the name of an assignment.")
    path = root / f".grading-{assignment}.lock"
    while True:
        try:
            file = path.open("a+", encoding="ascii")
        except OSError as error:
            raise GradeError(
                f"{path} cannot be written: {error.strerror}. Grading writes into the course folder."
            ) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                pid = file.read().strip() or "unknown"
                raise GradeError(
                    f"{assignment} is being graded already, by process {pid}. Wait for it, or stop it with Ctrl-C."
                ) from None
            # The driver that held it may have removed it between our opening and our locking it.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    file.truncate(0)
                    file.write(f"{os.getpid()}\n")
                    file.flush()
                    try:
                        yield
                    finally:
                        path.unlink(missing_ok=True)
                    return


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second one acts as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[signal.Signals, Any] = {}

    def on_signal(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def positive(text: str) -> int:
    """A number of workers."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers: give 1 or more")
    return number


def parser() -> argparse.ArgumentParser:
    """The command's parser."""
    top = argparse.ArgumentParser(
        prog="digital-biopsy grade", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    top.add_argument("assignment", metavar="ASSIGNMENT", help="name of the assignment")
    top.add_argument("--course-root", metavar="DIR", default=".", help="the course folder (this folder)")
    top.add_argument(
        "--student",
        metavar="ID",
        action="append",
        help="grade only this one; repeat it, or separate by commas",
    )
    where = top.add_mutually_exclusive_group()
    where.add_argument("--workers", metavar="N", type=positive, help="how many at the same time (all cores)")
    where.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT", help="work on the workers of a Dask scheduler"
    )
    top.add_argument("--db", metavar="URL", help="the gradebook (the course folder's own)")
    top.add_argument(
        "--force", action="store_true", help="grade also what has not changed since the last time"
    )
    top.add_argument("--json", metavar="FILE", type=Path, help="write the report as JSON")
    top.add_argument("--unsafe", action="store_true", help="grade where student code cannot be confined")
    top.add_argument("--quiet", action="store_true", help="print only what went wrong")
    return top


def command(argv: Sequence[str]) -> int:
    """``digital-biopsy grade``: grade a class and return the exit status."""
    options = parser().parse_args(list(argv))
    names = [name.strip() for part in options.student or () for name in part.split(",") if name.strip()]
    out = Console(highlight=False)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    progress: Progress = Silent()
    if not options.quiet:
        progress = Bar(out) if out.is_terminal else Lines(out)
    if options.json is not None and not options.json.resolve().parent.is_dir():
        errors.print(f"--json: there is no folder {options.json.resolve().parent}.", markup=False)
        return 2
    try:
        report = grade(
            options.assignment, course_root=options.course_root, students=names or None, workers=options.workers,
            scheduler=options.scheduler, db=options.db, force=options.force, unsafe=options.unsafe,
            progress=progress,
        )  # fmt: skip
    except GradeError as error:
        errors.print(str(error), markup=False)
        return 2
    except KeyboardInterrupt:
        errors.print("Interrupted. Run the same command again to go on.")
        return 130
    return conclude(report, options.json, options.quiet, out, errors)


def conclude(report: Report, json: Path | None, quiet: bool, out: Console, errors: Console) -> int:
    """Print and write the report; return the exit status."""
    status = report.exit_status
    if not quiet:
        report.print(out)
    elif report.unsafe:
        errors.print("UNSAFE: student code was not confined.")
    if json is not None:
        try:
            report.write_json(json)
        except OSError as error:
            errors.print(f"{json} could not be written: {error.strerror}.", markup=False)
            status = status or 2
    if report.stopped:
        errors.print(report.stopped, markup=False)
    if report.stopped or report.interrupted:
        errors.print(f"{report.marked} of {report.total} graded; run the same command again to go on.")
    elif quiet and status == 1:
        for row in report.rows:
            if row.reason:
                errors.print(f"{row.student}: {row.status}: {row.reason}", markup=False)
    return status


if __name__ == "__main__":
    sys.exit(command(sys.argv[1:]))
