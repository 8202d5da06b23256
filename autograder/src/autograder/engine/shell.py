"""The shell in which cells run, in the student's process and in the checker alike.

It is IPython without a kernel: the same syntax, magics, displays and tracebacks as in Jupyter, and no thread, socket,
file, profile or terminal. `warm` and `make_shell` are called once, in the zygote; `Shell.begin` in each process that
is forked from it.

>>> warm()                                                     # doctest: +SKIP
>>> shell = make_shell()                                       # doctest: +SKIP
>>> if os.fork() == 0:                                         # doctest: +SKIP
...     shell.begin(outputs.append, seed=7)
...     shell.run("x = 1\\nprint(x)", number=1)

What differs from Jupyter:

- A widget shows its text, and beside it what it would show inside itself; no kernel keeps its state.
- `update_display` shows the last update of each display once more, at the end of the cell.
- No other program is run: `!ls`, `%%bash` and `%pip` raise `PermissionError`. `input` raises as in `nbclient`.
- `exit` and `quit` do nothing (a kernel would end after the cell); `sys.exit` is an error, as in Jupyter.
- A cell that awaits runs in an event loop of its own until it is done; tasks that it leaves behind go on only while
  a later cell awaits.
- What is written to descriptor 1 or 2 directly (`os.write`, C libraries) is no output of a cell.
- `%matplotlib` with whatever name shows figures inline.
"""

# mypy: disable-error-code="no-untyped-call"
# IPython's own methods have no types.

from __future__ import annotations

import asyncio
import atexit
import builtins
import contextlib
import getpass
import inspect
import os
import random
import sys
import traceback
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

from IPython.core import page
from IPython.core.compilerop import CachingCompiler
from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type

from autograder.engine._display import Emit, Hook, Outputs, Publisher, Stream, collect, text_of
from autograder.engine._shell_loop import PipePolicy
from autograder.engine._shell_warm import DEFAULT_MODULES, warm

__all__ = ["DEFAULT_MODULES", "Shell", "collect", "make_shell", "reseed", "warm"]

# Cell magics that hand the cell to another program.
_PROGRAMS = "! bash cmd perl pypy python python2 python3 ruby script sh sx system".split()


class _Memory(dict[str, Any]):
    """What `%store` and `%bookmark` keep: nothing beyond this process."""

    def keys(self, pattern: str = "*") -> Any:
        """Return the keys that begin like the pattern, as IPython's database does."""
        return [key for key in self if key.startswith(pattern.rstrip("*"))]


def _no_input(name: str) -> Any:
    def refuse(prompt: object = "", *rest: object, **more: object) -> str:
        message = f"{name} was called, but this frontend does not support input requests."
        raise StdinNotImplementedError(message)

    return refuse


def _no_program(command: object) -> PermissionError:
    return PermissionError(f"No other program can be started here: {text_of(command).strip()[:200]}")


class CellCompiler(CachingCompiler):
    """Compiles cells, and tells `inspect` that they are part of `__main__`.

    It would find out by looking at every module there is, for each frame of a traceback: 3 s for an endless recursion.
    """

    def cache(self, transformed_code: str, number: int = 0, raw_code: str | None = None) -> str:
        """Make a name for a cell, and keep its lines for tracebacks."""
        name = super().cache(transformed_code, number, raw_code)
        with contextlib.suppress(OSError):  # the current folder may be gone
            for file in (name, os.path.abspath(name)):
                inspect.modulesbyfile[file] = "__main__"
        return name


class Shell(InteractiveShell):
    """Runs cells as Jupyter does, in this process; see `begin` and `run`."""

    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    compiler_class = Type(CellCompiler)
    outputs: Outputs
    _db: Any = None

    # What IPython would take from, or leave on, the machine.

    @cached_property
    def _known(self) -> dict[str, tuple[str, bool]]:
        return {}

    def init_ipython_dir(self, ipython_dir: Any) -> None:
        """Use no folder."""

    def init_profile_dir(self, profile_dir: Any) -> None:
        """Use no profile."""

    def init_virtualenv(self) -> None:
        """The interpreter is the right one already."""

    def init_history(self) -> None:
        """Remember the cells in memory: no database, no thread that writes it."""
        history: Any = HistoryManager(shell=self, parent=self, enabled=False, hist_file=":memory:")
        self.history_manager = history
        self.configurables.append(history)

    def init_sys_modules(self) -> None:
        """`begin` makes the user's module `__main__`; in the zygote it is not."""

    def init_hooks(self) -> None:
        """Show no pager: in Jupyter it is not part of the cell's outputs."""
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(lambda *args, **kwargs: None), 99)

    def init_magics(self) -> None:
        """Refuse the magics that start a program."""
        super().init_magics()
        for name in _PROGRAMS:
            self.register_magic_function(self._refuse_program(name), "cell", name)

    @staticmethod
    def _refuse_program(name: str) -> Any:
        def refuse(line: str, cell: str) -> None:
            raise _no_program(f"%%{name} {line}")

        return refuse

    def system(self, cmd: str) -> None:
        """Refuse to run a program."""
        raise _no_program(cmd)

    system_piped = system_raw = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Refuse to run a program."""
        raise _no_program(cmd)

    def ask_exit(self) -> None:
        """Go on: later cells are graded too."""

    def enable_gui(self, gui: Any = None) -> None:
        """There is no window."""

    def enable_matplotlib(self, gui: Any = None) -> Any:
        """Show figures inline, whichever way is asked for."""
        return super().enable_matplotlib("inline")

    def _tee(self, channel: str) -> Any:
        """Keep no second copy of what is printed."""
        return _NoTee()

    def _format_exception_for_storage(self, exception: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Keep no second copy of a traceback."""
        return {"ename": type(exception).__name__, "evalue": "", "traceback": []}

    # Running cells.

    def begin(self, emit: Emit, *, seed: int) -> None:
        """Make this process ready for cells.

        Call it after the fork. The namespace is fresh; `sys.stdout`, `sys.stderr`, `input`, `__main__`, `sys.argv`, the
        size of the terminal and the policy of asyncio are set for the code to come. `sys.path` and the current folder
        are the caller's affair.

        Parameters
        ----------
        emit : callable
            Takes each output as a dict of nbformat 4, made of exact built-in types, or ``{"output_type": "clear"}``:
            the outputs of this cell so far are void. `collect` puts them together; nothing here caps them. A long
            text comes in parts. `emit` must not raise.
        seed : int
            For `random`, `numpy.random` and, where imported, `torch`.
        """
        self.outputs.redirect(emit)
        self._new_namespace()
        sys.modules["__main__"] = self.user_module
        sys.argv = [""]
        # In place of a terminal's size: there is none, and IPython would ask the one the grader was started in.
        os.environ.update(COLUMNS="80", LINES="24")
        sys.stdout, sys.stderr = Stream(self.outputs, "stdout"), Stream(self.outputs, "stderr")
        builtins.input = _no_input("raw_input")
        getpass.getpass = _no_input("getpass")
        asyncio.set_event_loop_policy(PipePolicy())
        reseed(seed)

    def prepare(self, source: str) -> None:
        """Read a cell before the fork: what IPython makes of its text need not be found out again in each child."""
        with contextlib.suppress(Exception):
            text = self.transform_cell(source)
            self._known[source] = text, bool(self.should_run_async(source, transformed_cell=text))

    def transform_cell(self, raw_cell: str) -> str:
        """Turn IPython's syntax into Python."""
        known = self._known.get(raw_cell)
        return known[0] if known else str(super().transform_cell(raw_cell))

    def should_run_async(
        self, raw_cell: str, *, transformed_cell: str | None = None, preprocessing_exc_tuple: Any = None
    ) -> bool:
        """Tell whether a cell awaits something at its top level."""
        known = self._known.get(raw_cell)
        if known:
            return known[1]
        return bool(
            super().should_run_async(
                raw_cell, transformed_cell=transformed_cell, preprocessing_exc_tuple=preprocessing_exc_tuple
            )
        )

    def rehearse(self) -> None:
        """Run a few cells in the zygote, so that all that IPython imports at the first of each kind is there."""
        for number, source in enumerate(("x = 1", "x", "%pwd", "1 / 0", "("), start=1):
            self.run(source, number=number)
        self._new_namespace()
        for name in ("last_exc", "last_type", "last_value", "last_traceback"):
            sys.__dict__.pop(name, None)

    def redirect(self, emit: Emit) -> None:
        """Send outputs elsewhere, in a child that was forked after `begin`; until then it shows nothing."""
        self.outputs.redirect(emit)

    def _new_namespace(self) -> None:
        """Forget all that cells have left: names, history, results."""
        history: Any = self.history_manager
        history.input_hist_parsed[:] = history.input_hist_raw[:] = [""]
        history.output_hist.clear()
        history.outputs.clear()
        history.exceptions.clear()
        history.db_input_cache.clear()
        history._i = history._ii = history._iii = history._i00 = ""
        history.dir_hist[:] = [Path.cwd()]
        self.home_dir = self.starting_dir = os.getcwd()
        self.init_create_namespaces()
        self.init_user_ns()
        hook = self.displayhook
        hook._, hook.__, hook.___ = "", "", ""
        self.user_ns.update({"_": "", "__": "", "___": ""})
        self.Completer.namespace, self.Completer.global_namespace = self.user_ns, self.user_global_ns
        self.compile.reset_compiler_flags()
        self._db = _Memory()
        self.execution_count = 1

    def run(self, source: str, *, number: int) -> bool:
        """Run one cell as Jupyter would.

        Parameters
        ----------
        source : str
        number : int
            Its execution count.

        Returns
        -------
        bool
            False if it raised, or showed an error. An error is then among its outputs, with two exceptions: a
            mistaken magic is told on stderr, as in Jupyter, and a cell that has broken Python itself may show nothing.
        """
        good = False
        try:
            self.outputs.start(number)
            try:
                good = self._run_numbered(source, number)
            except BaseException as error:  # what a patched IPython, or a signal's handler, lets through
                self._show_plainly(error)
            finally:
                self.outputs.finish()
            return good and self.outputs.errors == 0
        except BaseException:  # the cell has broken what this module itself stands on (builtins, say)
            return False

    def _run_numbered(self, source: str, number: int) -> bool:
        self.execution_count = number
        history: Any = self.history_manager
        for past in (history.input_hist_parsed, history.input_hist_raw):
            past.extend([""] * (number - len(past)))  # so that In[number] is this cell
        result = self.run_cell(source, store_history=True)
        payloads: Any = self.payload_manager
        payloads.clear_payload()
        history.db_input_cache.clear()
        error = result.error_before_exec or result.error_in_exec
        if error is not None and self.outputs.errors == 0 and not isinstance(error, UsageError):
            self._show_plainly(error)
        return error is None

    def _show_plainly(self, error: BaseException) -> None:
        """Show an error that IPython has not shown: a group of exceptions, or one that breaks the formatter."""
        try:
            lines = traceback.format_exception_only(error)
        except Exception:
            lines = []
        self.outputs.error(_name_of(type(error)), error, [line.rstrip("\n") for line in lines])

    def _get_exc_info(self, exc_tuple: Any = None) -> Any:
        """Return the exception, with a traceback that ends where the cell's code, or IPython, called this module."""
        kind, error, trace = super()._get_exc_info(exc_tuple)
        here = trace
        while here is not None and here.tb_next is not None:
            if here.tb_next.tb_frame.f_code.co_filename == __file__:
                here.tb_next = None
            else:
                here = here.tb_next
        return kind, error, trace

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        """Show an exception."""
        lines = stb if isinstance(stb, (list, tuple)) else [stb]
        self.outputs.error(_name_of(etype), evalue, lines)


class _NoTee:
    """Does nothing in a `with` statement."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


def _name_of(cls: type) -> str:
    """Return the class's own name, past a metaclass that would answer otherwise."""
    return text_of(type.__dict__["__name__"].__get__(cls))


def reseed(seed: int, *, shared: bool = True) -> None:
    """Set what all random numbers come from: `random`, `numpy.random` (its unseeded generators too) and `torch`.

    Without `shared` the generators that all code shares go on as they are; only new ones without a seed get one here.
    """
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch") if shared else None
    if shared:
        random.seed(seed)
    if numpy is not None:
        if shared:
            numpy.random.seed(seed % 2**32)
        # Where a generator without a seed gets one from: without this, unseeded code would never run twice alike.
        numpy.random.bit_generator.randbits = random.Random(seed).getrandbits
    if torch is not None:
        torch.default_generator.manual_seed(seed % 2**63)


def make_shell() -> Shell:
    """Make the shell, in the zygote, before any fork.

    It reads no configuration and writes nothing; figures are shown inline from the start.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shell: Shell = Shell.instance()
        shell.outputs = Outputs()
        shell.enable_matplotlib("inline")
        shell.run_line_magic("load_ext", "storemagic")
        shell.rehearse()
    atexit.unregister(shell.atexit_operations)
    return shell
