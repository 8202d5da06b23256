"""The ``digital-biopsy`` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points, version

from digital_biopsy import doctor
from digital_biopsy.study import DEFAULT_PORT, StudyError, study

#: Other distributions add commands under this name: a function from arguments to exit status.
COMMAND_GROUP = "digital_biopsy.commands"
#: Commands of the instructor's tools, with what `--help` says of them where these are not installed.
INSTRUCTOR_COMMANDS = {
    "build": "build the student notebooks from solutions/ (instructor's tools)",
    "grade": "grade the submissions of a whole class (instructor's tools)",
}
INSTALL_TOOLS = """\
From the checkout, `make setup` installs them. Without make:
    python -m pip install --no-deps -r autograder/requirements.lock
    python -m pip install --no-deps --no-build-isolation --editable ./autograder"""


def added_commands() -> dict[str, EntryPoint]:
    """Commands that other distributions add, by name."""
    return {entry.name: entry for entry in entry_points(group=COMMAND_GROUP)}


def run_added(name: str, arguments: list[str]) -> int:
    """Run a command of another distribution."""
    entry = added_commands().get(name)
    if entry is None:
        print(
            f"`{name}` belongs to the instructor's tools, which are not installed here.\n{INSTALL_TOOLS}",
            file=sys.stderr,
        )
        return 1
    try:
        command: Callable[[list[str]], int] = entry.load()
    except ImportError as error:
        print(
            f"`{name}` cannot start: {error}. The instructor's tools are incomplete.\n{INSTALL_TOOLS}",
            file=sys.stderr,
        )
        return 1
    return command(arguments)


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port: give a number from 1024 to 65535, or 0 for any free port"
        )
    return port


def parser() -> argparse.ArgumentParser:
    """Return the command's parser; commands of other distributions appear only in its help."""
    top = argparse.ArgumentParser(
        prog="digital-biopsy",
        description="A course on how a medical image becomes a prediction.",
        epilog="`digital-biopsy COMMAND --help` says more about a command.",
    )
    top.add_argument("--version", action="version", version=f"digital-biopsy {version('digital-biopsy')}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    open_course = commands.add_parser("study", help="open the course in JupyterLab")
    open_course.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help="port on this machine (%(default)s); 0: any free port",
    )
    open_course.add_argument("--chapter", type=int, default=0, help="chapter to open (%(default)s)")
    open_course.add_argument("--no-browser", action="store_true", help="only print the address")

    examine = commands.add_parser("doctor", help="check this installation and say the cure for what is wrong")
    examine.add_argument("--json", action="store_true", help="print the findings as JSON")

    others = {
        name: f"from {entry.dist.name if entry.dist else entry.value}"
        for name, entry in added_commands().items()
    }
    for name, text in sorted((others | INSTRUCTOR_COMMANDS).items()):
        commands.add_parser(name, help=text, add_help=False)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``digital-biopsy`` command and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    own = {"study", "doctor"}
    if arguments and arguments[0] not in own and arguments[0] in {*added_commands(), *INSTRUCTOR_COMMANDS}:
        return run_added(arguments[0], arguments[1:])  # its arguments are its own to parse
    options = parser().parse_args(arguments)
    try:
        if options.command == "doctor":
            return doctor.report(as_json=options.json)
        study(port=options.port, chapter=options.chapter, browser=not options.no_browser)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
