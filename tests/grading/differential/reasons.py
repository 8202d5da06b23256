"""Why a mark differs from stock's, by assignment and exercise."""

REASONS: dict[tuple[str, str], str] = {
    ("arrays", "seeded"): "One generator is drawn from in two calls: it crosses as a copy, and starts anew",
    ("arrays", "variants"): "Masked, structured and object arrays are no plain arrays",
    ("classes", "abstract"): "The check derives a class from the student's",
    ("classes", "dataclass"): "`dataclasses` asks for fields of the student's class, which is elsewhere",
    ("files", "opened"): "The check hands over an open file",
    ("functions", "asynchronous"): "The check awaits a coroutine of the student's",
    ("given", "diagonal"): "The check hands over an object of a class that a set-up cell defines",
    ("given", "length"): "The check hands over an object of a class that a set-up cell defines",
    ("given", "reverse"): "The check hands over an object of a class that a set-up cell defines",
    ("given", "warmest"): "The check hands over an object of a class that a set-up cell defines",
    (
        "inplace",
        "untouched",
    ): "Arguments are copies, so that no answer can change what a check holds; they come back "
    "only where the reference changes them",
    ("magics", "current"): "The student's figure is the current one of their own process only",
    ("magics", "onto"): "The check hands over Matplotlib axes",
    ("magics", "shell"): "The jail starts no other program: `!echo` fails",
    ("output", "logs"): "The student's log records are made in their own process",
    ("torches", "gradient"): "Gradients do not flow from the check's tensors into the student's code",
    ("torches", "training"): "The check hands over a module for the student's code to train",
    ("values", "named"): "A named tuple is no `tuple` in the check: data never stands for an object",
}

_NO_SOLUTION = "The source's own solution fails this check (nbgrader's fixture has none, or a wrong one)"
_GIVEN_UP = "Stock gives up on a notebook whose cells changed their type; here it is repaired"
_FIXTURES = {
    "apps-open_relative_file": ("open_file",),
    "apps-submitted": ("bar",),
    "apps-test-hidden-tests": ("correct_squares", "correct_sum_of_squares"),
    "preprocessors-test": (
        "correct_squares", "correct_sum_of_squares", "squares_invalid_input", "sum_of_squares_uses_squares",
    ),
    "preprocessors-submitted": ("bar",),
}  # fmt: skip
_FIXTURES["preprocessors-test_taskcell"] = _FIXTURES["preprocessors-test"]
REASONS |= {(name, cell): _NO_SOLUTION for name, cells in _FIXTURES.items() for cell in cells}
REASONS |= {("preprocessors-submitted", cell): _GIVEN_UP for cell in ("baz", "foo", "quux")}
REASONS["apps-validating-environment-variable", "cell-bfbdf1784663b6b6"] = (
    "The check fails by intent wherever it is graded, so the source's own solution fails it too"
)
