"""How fast whole classes are graded: ``make bench-grading``. It prints; no number decides anything.

Three parts. *class*: 100 submissions of an assignment that imports NumPy, SciPy, scikit-image, Matplotlib and torch, on
two workers, against stock ``nbgrader autograde`` and against a warm interpreter. *many*: 1,000 of them; time and memory
must stay flat. *dask*: 1, 2 and 4 Dask workers as separate processes, with PostgreSQL. ``--help`` lists smaller sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

import autograder
from autograder._progress import Silent
from autograder.report import UNCHANGED, Report, Row
from autograder.trial import run_nbgrader
from tests.bench import assignment

GOAL_RATIO, GOAL_CPU, GOAL_MEMORY = 30.0, 2.0, 700.0
MIB = 1 << 20

#: Runs the cells of submissions in one interpreter that has imported everything; prints processor seconds and seconds
#: of each.
WARM = """
import json, sys, time
import matplotlib; matplotlib.use("agg")
import numpy, scipy.ndimage, scipy.optimize, skimage.filters, skimage.measure, torch
import matplotlib.pyplot as plt
torch.set_num_threads(1)
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
class Shell(InteractiveShell):
    def enable_gui(self, gui=None):
        pass
shell = Shell.instance()
shell.run_line_magic("matplotlib", "inline")
spent = []
for cells in json.load(sys.stdin):
    begin = time.process_time(), time.perf_counter()
    for cell in cells:
        with capture_output():
            shell.run_cell(cell, store_history=True)
    plt.close("all")
    spent.append((time.process_time() - begin[0], time.perf_counter() - begin[1]))
    shell.reset(new_session=True)
print(json.dumps(spent))
"""


class Watch(Silent):
    """Times of the rows, and memory of the driver and of the engines, while a class is graded."""

    def __init__(self, every: float = 1.0) -> None:
        self.times: list[float] = []
        self.driver: list[int] = []
        self.peaks: dict[int, int] = {}
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self, total: int) -> None:
        """Begin."""
        self.times.append(time.monotonic())
        self._thread.start()

    def row(self, row: Row) -> None:
        """Note the time."""
        self.times.append(time.monotonic())
        self.driver.append(psutil.Process().memory_info().rss)

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self._every):
            for pid, held in engine_memory().items():
                self.peaks[pid] = max(held, self.peaks.get(pid, 0))

    def tenths(self) -> list[float]:
        """Seconds for a submission in each tenth of the class, after the first, for which engines start."""
        times = self.times[1:]
        step = max(1, len(times) // 10)
        cuts = list(range(0, len(times) - step + 1, step))[:10]
        return [(times[cut + step - 1] - times[max(0, cut - 1)]) / (step - (cut == 0) or 1) for cut in cuts]


def engine_memory() -> dict[int, int]:
    """Bytes that each engine below this process holds, its share of what processes have in common included."""
    found: dict[int, int] = {}
    for process in psutil.Process().children(recursive=True):
        try:
            if "autograder.engine.zygote" not in process.cmdline() or process.ppid() != os.getpid():
                continue
            held = 0
            for each in [process, *process.children(recursive=True)]:
                try:
                    held += each.memory_full_info().pss
                except psutil.Error:
                    pass  # it has just ended
            found[process.pid] = held
        except psutil.Error:
            pass
    return found


def cpu_seconds() -> tuple[float, float]:
    """Processor time of this process, and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, children = (each.ru_utime + each.ru_stime for each in used)
    return own, children


def graded(folder: Path, progress: Silent | None = None, **options: Any) -> Report:
    """Grade the class; what stops it ends the bench."""
    report = autograder.grade(assignment.ASSIGNMENT, course_root=folder, progress=progress, **options)
    if report.stopped or report.interrupted or not report.rows:
        raise SystemExit(report.text() + report.stopped)
    return report


def section(title: str) -> None:
    print(f"\n{title}\n{'-' * len(title)}", flush=True)


def a_class(place: Path, count: int, sample: int, workers: int) -> None:
    """Our engine against stock nbgrader and against a warm interpreter."""
    section(f"A class of {count}, {workers} workers")
    folder = place / "class"
    released = assignment.make_course(folder)
    assignment.submit(folder, released, range(count))

    watch = Watch()
    cpu, wall = sum(cpu_seconds()), time.monotonic()
    report = graded(folder, watch, workers=workers)
    cpu, wall = sum(cpu_seconds()) - cpu, time.monotonic() - wall
    print(report.text())
    ours = wall / count
    print(
        f"whole run                {wall:8.1f} s   {count / wall:6.2f} submissions a second, {ours:.3f} s each"
    )
    later = [
        row for row in report.rows if row.seconds < 3 * statistics.median(r.seconds for r in report.rows)
    ]
    print(
        f"once engines are warm    {statistics.mean(row.seconds for row in later):8.3f} s   for each, per worker"
    )
    for name, spent in report.stages.items():
        print(f"  {name:22s} {spent:8.2f} s   {spent / count:.4f} s each")
    peak = max(watch.peaks.values(), default=0) / MIB
    print(f"most memory of a worker  {peak:8.0f} MiB (goal: under {GOAL_MEMORY:.0f})")

    # One of each kind, in the class's proportions.
    names = [row.student for row in report.rows[:sample]]
    cells = [list(assignment.code_cells(folder, name)) for name in names]
    warm, _ = warm_interpreters(cells, 1)
    each = cpu / count
    print(f"processor time           {each:8.3f} s   each, start of the engines included")
    driver, engines = steady_cpu(folder, workers)
    steady = driver + engines
    print(f"  without the start      {steady:8.3f} s   each: driver {driver:.3f} s, engines {engines:.3f} s")
    print(
        f"  warm interpreter       {warm:8.3f} s   each: {steady / warm:.2f} times (goal: at most {GOAL_CPU:.0f})"
    )

    stock_folder = place / "stock"
    released = assignment.make_course(stock_folder)
    assignment.submit(stock_folder, released, range(sample))
    begin = time.monotonic()
    run_nbgrader(stock_folder, "autograde", assignment.ASSIGNMENT)
    stock = (time.monotonic() - begin) / sample
    print(
        f"stock nbgrader           {stock:8.3f} s   each, on {sample}: we are {stock / ours:.1f} times as fast",
        end="",
    )
    print(f" (goal: {GOAL_RATIO:.0f})")
    cores = min(workers, os.cpu_count() or 1)
    _, together = warm_interpreters(cells, cores)
    print(
        f"  the cells alone        {together / cores:8.3f} s   each, in {cores} warm interpreters at once, ungraded: "
        f"{stock * cores / together:.1f} times; no engine that runs them can be faster here"
    )
    theirs, mine = marks(stock_folder), marks(folder)
    different = [key for key in theirs if theirs[key] != mine.get(key)]
    print(f"marks                    {len(theirs) - len(different)} of {len(theirs)} cells alike", *different)


def warm_interpreters(cells: list[list[str]], number: int) -> tuple[float, float]:
    """Processor seconds and seconds of a submission's cells in warm interpreters, this many at once."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for _ in range(number)
    ]  # fmt: skip
    spent: list[list[float]] = []
    with ThreadPoolExecutor(number) as threads:
        for out, _ in threads.map(lambda each: each.communicate(json.dumps(cells * 8)), running):
            spent += json.loads(out.splitlines()[-1])[len(cells) :]
    if any(each.returncode for each in running):
        raise SystemExit("the cells do not run in a warm interpreter")
    processor, wall = zip(*spent, strict=True)
    return statistics.mean(processor), statistics.mean(wall)


def steady_cpu(folder: Path, workers: int) -> tuple[float, float]:
    """Processor time of a submission, of driver and engines, without their start: the difference of two runs."""
    students = [path.name for path in sorted((folder / "submitted").iterdir())]
    few, more = students[:workers], students[: workers + 40]
    spent = []
    for part in (few, more):
        own, children = cpu_seconds()
        graded(folder, students=part, workers=workers, force=True)
        own_after, children_after = cpu_seconds()
        spent.append((own_after - own, children_after - children))
    count = len(more) - len(few)
    return (spent[1][0] - spent[0][0]) / count, (spent[1][1] - spent[0][1]) / count


def marks(folder: Path) -> dict[tuple[str, str], float | None]:
    """The automatic scores in a gradebook, by student and cell."""
    from nbgrader.api import Gradebook

    found = {}
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        for handed_in in gradebook.assignment_submissions(assignment.ASSIGNMENT):
            for notebook in handed_in.notebooks:
                for grade in notebook.grades:
                    found[handed_in.student.id, grade.name] = grade.auto_score
    return found


def many(place: Path, count: int, workers: int) -> None:
    """Time and memory of a large class."""
    section(f"{count} submissions, {workers} workers")
    folder = place / "many"
    released = assignment.make_course(folder)
    assignment.submit(folder, released, range(count))
    watch = Watch(every=5.0)
    report = graded(folder, watch, workers=workers)
    print(f"{count} in {report.seconds:.1f} s, {report.rate:.2f} a second")
    tenths = watch.tenths()
    print("seconds a submission, by tenth of the run:", " ".join(f"{each:.3f}" for each in tenths))
    step = max(1, len(watch.driver) // 10)
    print(
        "MiB of the driver at the end of each tenth:",
        *[each // MIB for each in watch.driver[step - 1 :: step]],
    )
    print(f"most memory of a worker: {max(watch.peaks.values(), default=0) / MIB:.0f} MiB")
    begin = time.monotonic()
    again = graded(folder, workers=workers)
    print(
        f"second run, nothing changed: {time.monotonic() - begin:.1f} s, {again.count(UNCHANGED)} unchanged"
    )


def dask(place: Path, count: int, numbers: Sequence[int]) -> None:
    """Throughput by number of Dask workers, with PostgreSQL."""
    from tests.grading import dask_cluster, postgres

    section(f"{count} submissions on Dask workers with PostgreSQL ({os.cpu_count()} cores here)")
    folder = place / "dask"
    released = assignment.make_course(folder)
    assignment.submit(folder, released, range(count))
    with postgres.running() as server:
        for number in numbers:
            url = server.new_database()
            assignment.generate(folder, url)
            with dask_cluster.running(0) as cluster:
                cluster.add_workers(number)
                watch = Watch()
                report = graded(folder, watch, scheduler=cluster.address, db=url, force=True)
            # The engines start with the first submissions; the second half shows the pace.
            half = watch.times[len(watch.times) // 2 :]
            pace = (len(half) - 1) / (half[-1] - half[0]) if len(half) > 1 else float("nan")
            print(
                f"{number} worker{'s' * (number > 1)}: {report.seconds:7.1f} s, {report.rate:6.2f} a second, "
                f"{pace:6.2f} in the second half, mean {report.mean or 0:.1f} %", flush=True,
            )  # fmt: skip


def numbers(text: str) -> list[int]:
    """Numbers with commas between them."""
    return [int(part) for part in text.split(",")]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.grading", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="class, many, dask (default: all)")
    parser.add_argument("--submissions", type=int, default=100, help="of the class (%(default)s)")
    parser.add_argument("--stock", type=int, default=5, help="of them for stock nbgrader (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--many", type=int, default=1000, help="of the large class (%(default)s)")
    parser.add_argument("--dask-submissions", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--dask-workers", type=numbers, default=[1, 2, 4], help="(1,2,4)")
    options = parser.parse_args(argv)
    parts: dict[str, Callable[[Path], None]] = {
        "class": lambda place: a_class(place, options.submissions, options.stock, options.workers),
        "many": lambda place: many(place, options.many, options.workers),
        "dask": lambda place: dask(place, options.dask_submissions, options.dask_workers),
    }
    if wrong := set(options.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(wrong))}; there are {', '.join(parts)}")
    place = Path(tempfile.mkdtemp(prefix="bench-grading-"))
    try:
        for name, part in parts.items():
            if name in (options.parts or parts):
                part(place)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
