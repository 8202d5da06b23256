"""Outputs as an untrusted process tells them, made into outputs of a notebook."""

from __future__ import annotations

import re
from typing import Any

from nbformat import NotebookNode, from_dict


def new_output(kind: str, **fields: Any) -> NotebookNode:
    """Make an output; unlike nbformat's own function without holding it against the schema, which takes longer."""
    made: NotebookNode = from_dict({"output_type": kind, **fields})
    return made


_MIME = re.compile(r"[a-z]+/[A-Za-z0-9.+-]{1,80}(;.{0,40})?")
_CUT = "[The output goes on; {limit} are kept.]\n"
_FRAME = 100  # what an output takes beside its text


def text_of(value: object, most: int = 1 << 20) -> str:
    """Return what can stand in a JSON file of the text, cut to `most` characters."""
    if not isinstance(value, str):
        return ""
    return (
        value[:most].encode("utf-8", "replace").decode("utf-8").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    )


def clean(output: object) -> NotebookNode | None:
    """Return an output of nbformat 4, or None for what is none."""
    made: NotebookNode | None = _made(output)
    return made


def _made(output: object) -> Any:
    if not isinstance(output, dict):
        return None
    kind = output.get("output_type")
    if kind == "stream" and output.get("name") in ("stdout", "stderr"):
        return new_output("stream", name=output["name"], text=text_of(output.get("text")))
    if kind == "error":
        trace = output.get("traceback")
        lines = [text_of(line, 10_000) for line in trace[:200]] if isinstance(trace, list) else []
        ename, evalue = text_of(output.get("ename"), 200), text_of(output.get("evalue"), 10_000)
        return new_output("error", ename=ename, evalue=evalue, traceback=lines)
    if kind in ("display_data", "execute_result"):
        data = output.get("data")
        kept: dict[str, Any] = {}
        for mime, content in data.items() if isinstance(data, dict) else ():
            if not isinstance(mime, str) or not _MIME.fullmatch(mime):
                continue
            if isinstance(content, str):
                kept[mime] = text_of(content, 8 << 20)
            elif mime.partition(";")[0].endswith("json") and _is_json(content):
                kept[mime] = content
        if not kept:
            return None
        extra = {"execution_count": None} if kind == "execute_result" else {}
        return new_output(kind, data=kept, metadata={}, **extra)
    return None


def _is_json(value: object, depth: int = 20) -> bool:
    if depth < 0:
        return False
    if value is None or type(value) in (bool, int):
        return True
    if type(value) is float:
        return value == value and abs(value) != float("inf")
    if type(value) is str:
        return text_of(value, 1 << 20) == value
    if type(value) is list:
        return all(_is_json(item, depth - 1) for item in value)
    if type(value) is dict:
        return all(
            type(key) is str and text_of(key) == key and _is_json(item, depth - 1)
            for key, item in value.items()
        )
    return False


def size(output: NotebookNode) -> int:
    """Return about how many characters an output takes in the file."""
    if output.output_type == "stream":
        return len(output.text)
    if output.output_type == "error":
        return len(output.evalue) + sum(map(len, output.traceback))
    return sum(len(item) if isinstance(item, str) else 1000 for item in output.data.values())


class Budget:
    """How much output a whole notebook may still have; its cells share it."""

    def __init__(self, left: int) -> None:
        self.left = left


class Gathered:
    """The outputs of one cell, within a limit; consecutive text of a stream is one output."""

    def __init__(self, limit: int, budget: Budget | None = None) -> None:
        self.outputs: list[NotebookNode] = []
        self.full = False
        self._room = limit
        self._limit = limit
        self._budget = budget or Budget(limit)

    def add(self, told: object) -> None:
        """Take an output, as long as there is room."""
        if isinstance(told, dict) and told.get("output_type") == "clear":
            self.outputs.clear()
        if self.full:
            return
        output = clean(told)
        if output is None:
            return
        room = min(self._room, self._budget.left)
        if output.output_type == "stream" and len(output.text) > room:
            output.text = output.text[:room]
        taken = size(output) + _FRAME
        if taken >= room:
            self.full = True
            note = _CUT.format(limit=_amount(self._limit if self._room < self._budget.left else taken))
            text = f"{output.text.rstrip()}\n" if output.output_type == "stream" else ""
            output = new_output("stream", name=output.get("name", "stdout"), text=text + note)
        self._room -= taken
        self._budget.left -= taken
        last = self.outputs[-1] if self.outputs else None
        if (
            last is not None
            and last.output_type == output.output_type == "stream"
            and last.name == output.name
        ):
            last.text += output.text
        else:
            self.outputs.append(output)


def _amount(count: int) -> str:
    return f"{count / (1 << 20):g} MB" if count >= 1 << 20 else f"{count / 1024:.3g} kB"


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def one_line(text: object, most: int = 1000) -> str:
    """Return a text for tables and terminals: one line, without control characters or marks of direction."""
    return " ".join(_CONTROL.sub(" ", text_of(text, most)).split())
