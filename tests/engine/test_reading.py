"""Reading a submitted file: whatever it is, a notebook or a clear refusal, and never a hang."""

from __future__ import annotations

import json
import os
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat import v3, v4

from autograder.engine.rebuild import SubmissionError, read_submission, rebuild


def notebook(**changes: Any) -> dict[str, Any]:
    cells = [
        {
            "cell_type": "code",
            "id": "a",
            "metadata": {},
            "source": ["x = 1\n", "y = 2"],
            "outputs": [],
            "n": 1,
        },
        {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "Größe µ"},
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **changes}


def write(folder: Path, data: bytes) -> Path:
    path = folder / "exercises.ipynb"
    path.write_bytes(data)
    return path


def texts(path: Path, **limits: Any) -> list[str]:
    return [cell.source for cell in read_submission(path, **limits).cells]


def refused(path: Path, **limits: Any) -> SubmissionError:
    with pytest.raises(SubmissionError) as caught:
        read_submission(path, **limits)
    assert str(caught.value).endswith(".")
    return caught.value


def make_link(path: Path) -> None:
    path.with_name("secret.ipynb").write_text(json.dumps(notebook()))
    path.symlink_to("secret.ipynb")


def make_hard_link(path: Path) -> None:
    path.with_name("secret.ipynb").write_text(json.dumps(notebook()))
    os.link(path.with_name("secret.ipynb"), path)


def make_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (make_link, "link"),
        (lambda path: path.symlink_to("nowhere"), "link"),
        (lambda path: path.symlink_to(path.name), "link"),
        (lambda path: path.symlink_to("/dev/zero"), "link"),
        (make_hard_link, "hard-link"),
        (lambda path: os.mkfifo(path), "not-a-file"),
        (lambda path: path.mkdir(), "not-a-file"),
        (make_socket, "not-a-file"),
        (lambda path: None, "missing"),
    ],
)
def test_only_a_file_of_its_own_is_opened(tmp_path: Path, make: Callable[[Path], None], kind: str) -> None:
    path = tmp_path / "exercises.ipynb"
    make(path)
    assert refused(path).kind == kind


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_not_opened(device: str) -> None:
    assert refused(Path(device)).kind == "not-a-file"


@pytest.mark.parametrize("depth", [0, 1])
def test_no_folder_on_the_way_is_a_link(tmp_path: Path, depth: int) -> None:
    real = tmp_path / "other" / "unit"
    real.mkdir(parents=True)
    write(real, json.dumps(notebook()).encode())
    submitted = tmp_path / "submitted"
    submitted.mkdir()
    if depth:
        (submitted / "eve").symlink_to(tmp_path / "other")
    else:
        (submitted / "eve").mkdir()
        (submitted / "eve" / "unit").symlink_to(real)
    path = submitted / "eve" / "unit" / "exercises.ipynb"
    assert len(texts(path)) == 2, "without `within` the folders are the caller's"
    assert refused(path, within=submitted).kind == "link"
    assert refused(submitted / ".." / "other" / "unit" / "exercises.ipynb", within=submitted).kind == "link"


def test_a_plain_way_is_read_within_a_folder(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (tmp_path / "ada" / "unit").mkdir(parents=True)
    path = write(tmp_path / "ada" / "unit", json.dumps(notebook()).encode())
    assert len(texts(path, within=tmp_path)) == 2
    assert refused(path.with_name("lesson.ipynb"), within=tmp_path).kind == "missing"
    assert len(os.listdir("/proc/self/fd")) == before, "every descriptor is closed"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = write(tmp_path, b"{}")
    path.chmod(0)
    assert refused(path).kind == "unreadable"


GOOD = json.dumps(notebook(), ensure_ascii=False)


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (GOOD.encode(), None),
        (b"\xef\xbb\xbf" + GOOD.encode(), None),
        (GOOD.encode("utf-16"), "encoding"),
        (GOOD.encode("latin-1"), "encoding"),
        (GOOD.replace("\n", "\r\n").encode() + b"\r\n\r\n", None),
        (GOOD.replace('"nbformat": 4', '"nbformat": 4, "nbformat": 4').encode(), "duplicate-keys"),
        (GOOD.replace('"nbformat_minor": 5', '"nbformat_minor": 0').encode(), None),
        (GOOD.replace('"nbformat_minor": 5', '"nbformat_minor": 97').encode(), None),
        (GOOD.replace('"nbformat_minor": 5', '"nbformat_minor": NaN').encode(), None),
        (GOOD.replace('"nbformat_minor": 5', f'"nbformat_minor": {"9" * 9000}').encode(), None),
        (GOOD.replace('"nbformat": 4', '"nbformat": "4"').encode(), "version"),
        (GOOD.replace('"n": 1', '"n": [Infinity, -Infinity, 1e9999, -0]').encode(), None),
        (GOOD.replace('"cells": [', '"cells": [7, null, "x", [], ').encode(), "not-cells"),
        (GOOD.replace('"metadata": {}, "nbformat"', '"metadata": [], "nbformat"').encode(), None),
    ],
)
def test_odd_files_that_are_notebooks(tmp_path: Path, data: bytes, note: str | None) -> None:
    path = write(tmp_path, data)
    assert texts(path) == ["x = 1\ny = 2", "Größe µ"]
    source = v4.new_notebook()
    found = {
        repair.text for repair in rebuild(source, read_submission(path)).repairs if repair.kind == "file"
    }
    assert len(found) == (note is not None)


def test_lone_surrogates_become_writable_text(tmp_path: Path) -> None:
    odd = GOOD.replace("Größe", "\\ud800 \\udc00\\ud83d\\ude00").encode()
    submitted = read_submission(write(tmp_path, odd))
    rebuilt = rebuild(v4.new_notebook(), submitted).notebook
    assert rebuilt.cells[1].source == "\ufffd \ufffd😀 µ"
    nbformat.writes(rebuilt).encode("utf-8")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\0" * 1000, "empty"),
        (GOOD.encode()[:-1], "truncated"),
        (GOOD.encode()[:60], "truncated"),
        (GOOD.encode()[:100], "truncated"),
        (b"{", "truncated"),
        (b"<!DOCTYPE html><html></html>", "not-json"),
        (b"\x7fELF\x02\x01\x01", "not-json"),
        (b"PK\x03\x04" + bytes(range(128, 192)), "not-json"),
        (b"\xff\xfe\x00", "encoding"),
        (GOOD.encode() + GOOD.encode(), "not-json"),
        (b"<<<<<<< HEAD\n" + GOOD.encode(), "not-json"),
        (b"[]", "not-a-notebook"),
        (b"null", "not-a-notebook"),
        (b'"notebook"', "not-a-notebook"),
        (b"1e5", "not-a-notebook"),
        (b"{}", "not-a-notebook"),
        (b'{"cells": {}, "nbformat": 4}', "not-a-notebook"),
        (b'{"worksheets": 3, "nbformat": 3}', "not-a-notebook"),
        (GOOD.replace('"nbformat": 4', '"nbformat": 5').encode(), "version"),
        (b"[" * 100_000 + b"]" * 100_000, "too-deep"),
        (b'{"cells":' * 100_000, "too-deep"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "too-deep"),
        (b"[" + b"[]," * 600_000 + b"[]]", "too-big"),
        (b" " * 21_000_000, "too-big"),
        (json.dumps(notebook(cells=[{}] * 2001)).encode(), "too-many-cells"),
    ],
)
def test_what_is_not_a_notebook_is_refused_with_its_cause(tmp_path: Path, data: bytes, kind: str) -> None:
    error = refused(write(tmp_path, data))
    assert error.kind == kind
    assert len(str(error)) < 300


def test_merge_conflicts_and_truncation_are_named(tmp_path: Path) -> None:
    assert "merge conflict" in str(refused(write(tmp_path, b"<<<<<<< HEAD\n" + GOOD.encode())))
    assert "ends in the middle (line 1, column" in str(refused(write(tmp_path, GOOD.encode()[:100])))


def test_limits_are_the_callers(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.encode())
    size = len(GOOD.encode())
    assert len(texts(path, max_bytes=size, max_cells=2, max_depth=4)) == 2
    assert refused(path, max_bytes=size - 1).kind == "too-big"
    assert refused(path, max_cells=1).kind == "too-many-cells"
    assert refused(path, max_depth=3).kind == "too-deep"


def test_brackets_within_strings_do_not_nest(tmp_path: Path) -> None:
    text = '"' + "[{" * 5000 + '\\" \\\\'
    path = write(tmp_path, json.dumps(notebook(cells=[{"cell_type": "raw", "source": text}])).encode())
    assert texts(path) == [text]


@pytest.mark.parametrize(
    "hostile", [b'"' + b'\\"' * 5_000_000, b'{"a": "' + b"\\" * 9_999_999, b'"",' * 5_000_000]
)
def test_hostile_text_takes_linear_time(tmp_path: Path, hostile: bytes) -> None:
    refused(write(tmp_path, hostile))  # a quadratic search takes hours


def test_outputs_are_not_kept(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [{"data": {"text/plain": "5"}}]}
    path = write(tmp_path, json.dumps(notebook(cells=[cell])).encode())
    assert "outputs" not in read_submission(path).cells[0]


def test_what_is_refused_for_its_size_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "exercises.ipynb"
    with path.open("wb") as file:
        file.truncate(50_000_000_000)  # sparse
    tracemalloc.start()
    try:
        assert refused(path, max_bytes=1_000_000).kind == "too-big"
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_format_3_is_read(tmp_path: Path) -> None:
    sheet = v3.new_worksheet(
        cells=[
            v3.new_heading_cell("Part A", level=2),
            v3.new_code_cell("x = 1\nprint(x)", metadata={"nbgrader": {"grade_id": "a"}}, prompt_number=3),
            v3.new_text_cell("markdown", "words"),
            v3.new_text_cell("html", "<b>words</b>"),
        ]
    )
    old = v3.new_notebook(worksheets=[sheet, {"cells": [None, {"cell_type": "code"}]}])
    read = read_submission(write(tmp_path, json.dumps(old).encode()))
    assert [(cell.cell_type, cell.source) for cell in read.cells] == [
        ("markdown", "## Part A"),
        ("code", "x = 1\nprint(x)"),
        ("markdown", "words"),
        ("markdown", "<b>words</b>"),
        ("code", ""),
    ]
    assert read.cells[1].metadata.nbgrader.grade_id == "a"


# The machine may be busy: no draw is too slow.
LENIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["cells", "cell_type", "source", "metadata", "nbformat", "worksheets", "input", "level"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@LENIENT
@given(st.dictionaries(st.sampled_from(["cells", "metadata", "nbformat", "worksheets"]), JSON))
def test_any_json_is_a_notebook_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, raw: dict[str, Any]
) -> None:
    path = write(tmp_path_factory.mktemp("any"), json.dumps(raw).encode())
    try:
        submitted = read_submission(path)
    except SubmissionError:
        return
    nbformat.validate(rebuild(v4.new_notebook(), submitted).notebook)


@LENIENT
@given(st.integers(0, len(GOOD)), st.binary(max_size=4))
def test_damaged_bytes_are_a_notebook_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes
) -> None:
    data = GOOD.encode()
    path = write(tmp_path_factory.mktemp("any"), data[:at] + junk + data[at + len(junk) :])
    try:
        submitted = read_submission(path)
    except SubmissionError:
        return
    nbformat.validate(rebuild(v4.new_notebook(), submitted).notebook)
