"""What a cell shows, as plain output dicts, in the order in which it was shown.

IPython's display hook and publisher, and the writers that stand in for `sys.stdout` and `sys.stderr`, all end in one
`Outputs`. What it emits is made of exact built-in types alone, whatever the code of the cell handed in.
"""

# mypy: disable-error-code="no-untyped-call"
# IPython's own methods have no types.

from __future__ import annotations

import base64
import io
import math
import os
import threading
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher

__all__ = ["Emit", "Hook", "Outputs", "Publisher", "Stream", "collect", "mimebundle", "plain", "text_of"]

Emit = Callable[[dict[str, Any]], None]

LARGE = 32_768  # characters of a stream that are emitted at once
LONG = 1.0  # seconds after which written text is emitted with the next that is written
DEEPEST = 40

# The view of a widget needs the widget's state, which lives in a kernel. Without one nothing can show it; its number is
# drawn anew in each process.
NOT_SHOWN = frozenset({"application/vnd.jupyter.widget-view+json"})


def text_of(value: object) -> str:
    """Return the text as an exact str that UTF-8 can hold (half a surrogate pair becomes an escape)."""
    text = str.__str__(value) if isinstance(value, str) else _said(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _said(value: object) -> str:
    try:
        return str.__str__(str(value))
    except Exception:
        return f"<{type.__dict__['__name__'].__get__(type(value))} without a text>"


def plain(value: object, depth: int = 0) -> Any:
    """Copy JSON to exact built-in types; a float that JSON does not know becomes its name.

    Raises
    ------
    ValueError
        It is not JSON, or nested too deep.
    """
    if value is None or value is True or value is False:
        return value
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, int):
        return int.__add__(value, 0)
    if isinstance(value, float):
        number = float.__add__(value, 0.0)
        return number if math.isfinite(number) else repr(number)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, dict):
        return {_key(key): plain(item, depth + 1) for key, item in dict.items(value)}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    item = getattr(value, "item", None)  # a NumPy scalar
    if callable(item) and getattr(value, "ndim", None) == 0:
        return plain(item(), depth + 1)
    raise ValueError("not JSON")


def _key(key: object) -> str:
    if isinstance(key, str):
        return text_of(key)
    if key is None or isinstance(key, (bool, int, float)):
        return str(plain(key))
    raise ValueError("not the key of a JSON object")


def mimebundle(data: object) -> dict[str, Any]:
    """Keep of a mime bundle what a notebook can hold: text, base64, and JSON where the type says JSON."""
    kept: dict[str, Any] = {}
    if not isinstance(data, dict):
        return kept
    for mime, value in dict.items(data):
        if not isinstance(mime, str) or not mime or mime in NOT_SHOWN:
            continue
        name = text_of(mime)
        try:
            content = plain(value)
        except Exception:
            continue
        if name == "application/json" or name.endswith("+json"):
            kept[name] = content
        elif type(content) is list and all(type(line) is str for line in content):
            kept[name] = "".join(content)
        elif type(content) is str:
            kept[name] = content
    return kept


def _metadata(value: object) -> dict[str, Any]:
    try:
        found = plain(value)
    except Exception:
        return {}
    return found if type(found) is dict else {}


def collect(outputs: list[dict[str, Any]], output: dict[str, Any]) -> None:
    """Add an output to those of its cell: text joins the text of the same stream, "clear" drops what is there."""
    kind = output["output_type"]
    last = outputs[-1] if outputs else {"output_type": ""}
    if kind == "clear":
        outputs.clear()
    elif kind == last["output_type"] == "stream" and output["name"] == last["name"]:
        last["text"] += output["text"]
    else:
        outputs.append(dict(output))


class Outputs:
    """The outputs of one cell after the other, on their way to `emit`.

    Consecutive text of one stream is one output, except that it is emitted whenever it gets large. `clear` goes to
    `emit` as ``{"output_type": "clear"}``, always directly before the output that replaces what was there, or at once:
    whoever receives it drops the outputs of this cell so far. An update of a display is held back; the last one of
    each display is shown, as a display of its own, at the end of the cell. In a forked child nothing is emitted until
    it is redirected: two processes must not write into one pipe.
    """

    def __init__(self) -> None:
        self.number = 0
        self.errors = 0
        self._reset(_nowhere)
        os.register_at_fork(after_in_child=lambda: self._reset(_nowhere))

    def _reset(self, emit: Emit) -> None:
        # Another thread of the parent may hold the lock, for ever in this process.
        self._lock = threading.RLock()
        self._emit = emit
        self._start()

    def _start(self) -> None:
        self._name = ""
        self._parts: list[str] = []
        self._size = 0
        self._since = 0.0
        self._sent = False
        self._clear = False
        self._updates: dict[str, dict[str, Any]] = {}

    def redirect(self, emit: Emit) -> None:
        """Emit to there from now on; what was not emitted yet is dropped."""
        self._reset(emit)

    def start(self, number: int) -> None:
        """Begin a cell."""
        with self._lock:
            self.flush()
            self._start()
            self.number = number
            self.errors = 0

    def finish(self) -> None:
        """End a cell: everything has been emitted."""
        with self._lock:
            self.flush()
            updates, self._updates = self._updates, {}
            for output in updates.values():
                self._send(output)

    def write(self, name: str, text: str) -> None:
        """Add text to a stream."""
        text = text_of(text)
        if not text:
            return
        with self._lock:
            if name != self._name:
                self.flush()
                self._name, self._since = name, monotonic()
            for start in range(0, len(text), LARGE):
                part = text[start : start + LARGE]
                if self._size + len(part) > LARGE:
                    self.flush()
                    self._name = name
                self._parts.append(part)
                self._size += len(part)
            if monotonic() - self._since > LONG:
                self.flush()

    def flush(self) -> None:
        """Emit the text that has been written."""
        with self._lock:
            name, parts = self._name, self._parts
            self._name, self._parts, self._size = "", [], 0
            if parts:
                self._send({"output_type": "stream", "name": name, "text": "".join(parts)})

    def _send(self, output: dict[str, Any]) -> None:
        if self._clear:
            self._clear = False
            self._emit({"output_type": "clear"})
        self._sent = True
        self._emit(output)

    def display(self, data: object, metadata: object, update: str = "") -> None:
        """Show a mime bundle; `update` names the display that it brings up to date."""
        bundle = mimebundle(data)
        if not bundle:
            return
        output = {"output_type": "display_data", "data": bundle, "metadata": _metadata(metadata)}
        with self._lock:
            self.flush()
            if update:
                self._updates.pop(update, None)
                self._updates[update] = output
            else:
                self._send(output)

    def result(self, data: object, metadata: object) -> None:
        """Show the value of the cell's last expression."""
        bundle = mimebundle(data)
        if not bundle:
            return
        with self._lock:
            self.flush()
            self._send({
                "output_type": "execute_result", "execution_count": self.number,
                "data": bundle, "metadata": _metadata(metadata),
            })  # fmt: skip

    def error(self, name: object, value: object, traceback: Iterable[object]) -> None:
        """Show an exception: its class, what it says, and the lines of its traceback."""
        lines = [text_of(line) for line in traceback]
        with self._lock:
            self.flush()
            self.errors += 1
            self._send({
                "output_type": "error", "ename": text_of(name), "evalue": text_of(value), "traceback": lines,
            })  # fmt: skip

    def clear(self, wait: bool) -> None:
        """Forget what the cell has shown, now or when it shows something else."""
        with self._lock:
            if wait:
                self.flush()
            else:
                self._name, self._parts, self._size = "", [], 0
            self._updates = {}
            self._clear = self._sent
            if self._clear and not wait:
                self._clear = self._sent = False
                self._emit({"output_type": "clear"})


def _nowhere(output: dict[str, Any]) -> None:
    """Drop an output."""


class Stream(io.TextIOBase):
    """Stands in for `sys.stdout` or `sys.stderr`."""

    encoding = "UTF-8"
    errors = "replace"

    def __init__(self, outputs: Outputs, name: str) -> None:
        super().__init__()
        self._outputs = outputs
        self._name = name
        self.name = f"<{name}>"

    def write(self, text: str, /) -> int:
        """Show the text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._outputs.write(self._name, text)
        return len(text)

    def flush(self) -> None:
        """Emit what has been written so far."""
        self._outputs.flush()

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """It is no terminal."""
        return False

    def close(self) -> None:
        """Stay open: later cells print too."""


class Publisher(DisplayPublisher):
    """Sends what `display` shows to the shell's outputs."""

    shell: Any

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,
        *,
        transient: Any = None,
        update: bool = False,
        **rest: Any,
    ) -> None:
        """Show a mime bundle."""
        self._validate_data(data, metadata)
        name = ""
        if update and isinstance(transient, dict):
            name = text_of(transient.get("display_id", ""))
        self.shell.outputs.display(data, metadata, name)

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell has shown."""
        self.shell.outputs.clear(bool(wait))


class Hook(DisplayHook):
    """Shows the value of a cell's last expression."""

    shell: Any

    def quiet(self) -> bool:
        """Whether the cell ends with a semicolon."""
        try:
            return bool(super().quiet())
        except Exception:
            return False  # a magic's line need not be Python

    def write_output_prompt(self) -> None:
        """The output itself tells its number."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Show a mime bundle."""
        self.shell.outputs.result(format_dict, md_dict)

    def log_output(self, format_dict: Any) -> None:
        """Keep no copy."""

    def finish_displayhook(self) -> None:
        """The output is on its way already."""
        self._is_active = False
