"""Right and wrong answers to the fixture's exercises."""

# ruff: noqa: F811
# mypy: ignore-errors
import numpy as np

from autograder.answers import Answers

answers = Answers()


@answers.right("double")
def double(x):
    if not np.isfinite(x).all():
        raise ValueError("x is not finite")
    return np.multiply(x, 2)


@answers.right("double")
def double(x):
    if np.isnan(np.sum(x)) or np.isinf(np.sum(x)):
        raise ValueError("not finite")
    return x + x


@answers.wrong("double", says="You added 2")
def double(x):
    return x + 2


@answers.wrong("double", says="That is the square")
def double(x):
    return x**2


@answers.wrong("double", says="NaN is not finite")
def double(x):
    return 2 * x


@answers.wrong("double", says="several axes")
def double(x):
    x = float(x)
    if x != x:
        raise ValueError("x is NaN")
    return 2 * x


@answers.right("kelvin")
def kelvin(celsius):
    return celsius + 273.15


@answers.right("kelvin")
def kelvin(celsius):
    return 273.15 - -celsius


@answers.wrong("kelvin", says="not 273")
def kelvin(celsius):
    return celsius + 273


@answers.wrong("kelvin", says="wrong way round")
def kelvin(celsius):
    return celsius - 273.15


@answers.wrong("kelvin", says="a shift, not")
def kelvin(celsius):
    return celsius * 273.15


@answers.wrong("kelvin", says="end the function with return")
def kelvin(celsius):
    celsius + 273.15


@answers.right("celsius")
def celsius(kelvin):
    return kelvin - 273.15


@answers.right("celsius")
def celsius(kelvin):
    return -(273.15 - kelvin)


@answers.wrong("celsius", says="Take 273.15")
def celsius(kelvin):
    return kelvin - 273


@answers.wrong("celsius", says="celsius is the smaller")
def celsius(kelvin):
    return kelvin + 273.15


@answers.wrong("celsius", says="do not divide")
def celsius(kelvin):
    return kelvin / 273.15


@answers.wrong("celsius", says="turned round")
def celsius(kelvin):
    return 273.15 - kelvin


answers.right("group", source='GROUP = "a"')
answers.right("group", source='GROUP = "ab"[1]')
answers.wrong("group", says="One lower-case letter", source='GROUP = "c"')
answers.wrong("group", says="One lower-case letter", source='GROUP = "A"')
answers.wrong("group", says="One lower-case letter", source="GROUP = 1")
answers.wrong("group", says="is not there yet", source="GROUP = None")
