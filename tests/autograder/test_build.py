"""The build: same bytes everywhere, nothing of the solutions released, clear words for a faulty source."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from autograder.build import BuildError, build, command, find_root
from autograder.sources import SourceError, read_source
from autograder.trial import run_nbgrader

FIXTURE = Path(__file__).parent / "fixture_course"
CHAPTER = "00-warm-up"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("built")
    report = build(FIXTURE, to=target)
    assert report.chapters == [CHAPTER]
    assert len(report.changed) == 2
    return target


def test_release_holds_the_two_notebooks_only(built: Path) -> None:
    assert sorted(tree(built)) == [
        f"build/source/{CHAPTER}/exercises.ipynb",
        f"build/source/{CHAPTER}/lesson.ipynb",
        f"course/{CHAPTER}/exercises.ipynb",
        f"course/{CHAPTER}/lesson.ipynb",
    ]
    assert (FIXTURE / "solutions" / CHAPTER / "secret.txt").exists(), "something that must not be released"


def test_release_keeps_no_solution_and_no_hidden_test(built: Path) -> None:
    text = (built / "course" / CHAPTER / "exercises.ipynb").read_text()
    for secret in (
        "isfinite",
        "2 * np.asarray",
        "celsius + 273.15",
        "38.625",
        "default_rng",
        "Rubric",
        "Model answer",
    ):
        assert secret in (FIXTURE / "solutions" / CHAPTER / "exercises.md").read_text()
        assert secret not in text
    assert "GROUP = ...  # replace the three dots by your answer" in text
    assert "Replace this line by your answer." in text


def test_test_cells_are_locked_and_all_code_parses(built: Path) -> None:
    notebook = nbformat.read(built / "course" / CHAPTER / "exercises.ipynb", as_version=4)
    nbformat.validate(notebook)
    graded = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    checks = [cell for cell in graded if cell.cell_type == "code"]
    assert len(checks) == 2
    for cell in checks:
        assert cell.metadata.editable is False
        assert cell.metadata.deletable is False
        assert cell.metadata.nbgrader.locked is True
    for cell in notebook.cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)
            assert cell.outputs == []
            assert cell.execution_count is None


def test_cell_ids_are_grade_ids_or_stable_hashes(built: Path) -> None:
    notebook = nbformat.read(built / "course" / CHAPTER / "exercises.ipynb", as_version=4)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader")
        assert cell.id == meta.grade_id if meta else len(cell.id) == 12


@pytest.mark.slow
def test_same_bytes_from_anywhere(built: Path, tmp_path: Path) -> None:
    """Another folder with a space, another working directory, hash seed, locale and home: the same bytes."""
    elsewhere = tmp_path / "a place" / "with a space"
    shutil.copytree(FIXTURE, elsewhere)
    code = "import sys; from autograder.build import command; sys.exit(command(sys.argv[1:]))"
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "77",
        "LC_ALL": "C",
        "TZ": "Asia/Tokyo",
        "HOME": str(tmp_path),
    }
    environment.pop("PYTHONUTF8", None)
    subprocess.run(
        [sys.executable, "-c", code, "--root", str(elsewhere), "--to", str(tmp_path / "out")],
        cwd="/", env=environment, check=True, capture_output=True,
    )  # fmt: skip
    assert tree(tmp_path / "out") == tree(built)


def test_check_reports_what_is_out_of_date(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "copy"
    shutil.copytree(built, target)
    arguments = ["--root", str(FIXTURE), "--to", str(target), "--check"]
    assert command(arguments) == 0
    lesson = target / "course" / CHAPTER / "lesson.ipynb"
    notebook = nbformat.read(lesson, as_version=4)
    notebook.cells[0].source += " edited"
    nbformat.write(notebook, lesson)
    (target / "course" / "07-gone").mkdir()
    before = tree(target)
    assert command(arguments) == 1
    said = capsys.readouterr().err
    assert f"{CHAPTER}/lesson.ipynb: cells 1 changed" in said
    assert "07-gone: has no source in solutions/" in said
    assert tree(target) == before, "--check writes nothing"


def test_files_that_are_not_built_are_refused_and_checkpoints_kept(built: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    shutil.copytree(built, target)
    mine = target / "course" / CHAPTER / ".ipynb_checkpoints" / "lesson.ipynb"
    mine.parent.mkdir()
    mine.write_text("work")
    build(FIXTURE, to=target)
    assert mine.read_text() == "work"
    (target / "course" / CHAPTER / "notes.txt").write_text("work")
    with pytest.raises(BuildError, match=r"holds files that are not built: notes\.txt"):
        build(FIXTURE, to=target)


def test_chapters_by_name_or_number(tmp_path: Path) -> None:
    assert build(FIXTURE, ["0"], to=tmp_path, check=True).chapters == [CHAPTER]
    assert build(FIXTURE, [CHAPTER], to=tmp_path, check=True).chapters == [CHAPTER]
    with pytest.raises(BuildError, match=f"no chapter '5'; there are {CHAPTER}"):
        build(FIXTURE, ["5"], to=tmp_path)


def test_root_is_found_upwards(tmp_path: Path) -> None:
    inner = tmp_path / "solutions" / "x"
    inner.mkdir(parents=True)
    assert find_root(inner) == tmp_path
    with pytest.raises(BuildError, match="run it in the checkout"):
        find_root(Path(tmp_path.anchor))


HEAD = "---\nkernelspec: {name: python3, display_name: Python 3}\n---\n\n# T\n\n"
BODY = '''def f(x):
    """Doc."""
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION
'''
SOLUTION = f"""```{{code-cell}}
:nbgrader: {{grade: false, grade_id: f, locked: false, schema_version: 3, solution: true, task: false}}
{BODY}```

"""
CHECK = """```{code-cell}
:nbgrader: {grade: true, grade_id: f-check, locked: true, points: 2, schema_version: 3, solution: false, task: false}
with check("f", points=2, hidden=["more"]) as c:
    c.gives(1, x=1)
    ### BEGIN HIDDEN TESTS
    with c.hidden("more"):
        c.gives(2, x=2)
    ### END HIDDEN TESTS
c.score
```
"""
GOOD = HEAD + SOLUTION + CHECK


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("grade_id: f-check", "grade_id: f", 18, "'f' is used twice, first at line 9"),
        ("points: 2, ", "", 18, "needs points"),
        ("points: 2, ", "points: 0, ", 18, "needs points"),
        ("points=2", "points=3", 18, "points=3 in check"),
        ('hidden=["more"]', 'hidden=["other"]', 18, r"hidden=\['other'\] in check"),
        (', hidden=["more"]', "", 18, r"but the hidden tests are \['more'\]"),
        ("    ### END HIDDEN TESTS\n", "", 20, "BEGIN HIDDEN TESTS is never closed"),
        ("    ### BEGIN HIDDEN TESTS\n", "", 22, "END HIDDEN TESTS does not match"),
        ("    ### END SOLUTION\n", "", 11, "BEGIN SOLUTION is never closed"),
        ("def f(x):\n", "def f(x:\n", 9, "does not parse"),
        (BODY, "### BEGIN SOLUTION\ndef f(x):\n    return x\n### END SOLUTION\n", 9, "stub would be empty"),
        (BODY, "def f(x):\n    return x\n", 9, "stub would be empty"),
        ("x=2)", "y=2)", 22, r"f\(\) has no argument 'y'"),
        ("\nc.score", "", 18, "the last line of a test cell is c.score"),
        ("locked: true", "locked: false", 18, "must be locked"),
        ("task: false}\nwith", "}\nwith", 18, "lacks task"),
        ("grade_id: f,", "grade_id: F x,", 9, "lower-case letters"),
        ("    c.gives(1, x=1)\n", "", 19, "without its hidden tests the cell does not parse"),
        ('hidden("more")', "hidden(title)", 21, "must be written out"),
        ("grade: true", "grade: false", 20, "needs a cell with grade: true"),
    ],
)  # fmt: skip
def test_faulty_sources_are_refused_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in GOOD
    path = tmp_path / "exercises.md"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(SourceError, match=message) as caught:
        read_source(path, graded=True)
    assert str(caught.value).startswith(f"{path}:{line}")


def test_the_good_source_is_good(tmp_path: Path) -> None:
    path = tmp_path / "exercises.md"
    path.write_text(GOOD)
    assert len(read_source(path, graded=True).cells) == 3
    with pytest.raises(SourceError, match="a lesson is not graded"):
        read_source(path, graded=False)


def test_a_faulty_chapter_publishes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chapters = tmp_path / "solutions"
    for name in ("00-good", "01-bad"):
        (chapters / name).mkdir(parents=True)
        (chapters / name / "lesson.md").write_text(HEAD)
        (chapters / name / "exercises.md").write_text(GOOD)
    bad = chapters / "01-bad" / "exercises.md"
    bad.write_text(GOOD.replace("points=2", "points=1"))
    assert command(["--root", str(tmp_path)]) == 1
    assert "solutions/01-bad/exercises.md:18 (cell f-check): points=1" in capsys.readouterr().err
    assert not (tmp_path / "course").exists()


def test_nbgrader_run_in_autograder_finds_the_checkout(root: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        run_nbgrader(
            root / "autograder", "generate_assignment", "99-none", f"--db=sqlite:///{tmp_path / 'g.db'}"
        )
    assert f"No notebooks were matched by '{root}/build/source/./99-none'" in str(caught.value)
