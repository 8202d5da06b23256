"""What a subverted student's process sends: the session ends, or the test cell sees an error; nothing passes."""

from __future__ import annotations

import os
import signal
import struct
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.engine._frames import ANSWER, ASK, CALL_BACK, READY, Blocking
from autograder.engine.handles import BoundaryError, StudentError
from autograder.engine.session import Session, SessionOver
from autograder.engine.values import encode
from tests.engine.boundary import peer

FUNCTION = [
    ("class", 1, "function", "function", "builtins", None, [], [], ["__call__"]),
    ("object", 2, 1),
]


def refer(value: object) -> tuple[int, int]:
    """References as the tests write them: a complex number stands for number and kind."""
    if isinstance(value, Reference):
        return value.number, value.kind
    raise AssertionError(value)


class Reference:
    def __init__(self, number: int, kind: int = 0) -> None:
        self.number, self.kind = number, kind


def answer(
    status: Any = "value", value: Any = None, news: Any = (), warned: Any = (), **other: Any
) -> tuple[bytes, bytes]:
    """The head and payload of an answer."""
    head = (
        status,
        list(news),
        other.get("out", ""),
        other.get("err", ""),
        list(warned),
        other.get("changed", False),
    )
    return encode(other.get("head", head)), encode(value, refer=refer)


@contextmanager
def attack(*answers: Any, seconds: float = 5.0) -> Iterator[Session]:
    """A session with a process that is ready, and then gives these answers, whatever is asked.

    An answer is a head and a payload; a kind, a number, a head and a payload; bytes; or something to call.
    """

    def run(requests: int, outgoing: int) -> None:
        line = Blocking(requests, outgoing)
        line.send(READY, 0, b"", b"")
        for each in answers:
            frame = line.receive()
            while frame is not None and frame.kind != ASK:
                frame = line.receive()
            if frame is None:
                return
            if isinstance(each, bytes):
                os.write(outgoing, each)
            elif callable(each):
                each(line, frame, outgoing)
            elif len(each) == 2:
                line.send(ANSWER, frame.number, *each)
            else:
                line.send(*each)
        time.sleep(30)

    with peer(run) as (asking, answering, _):
        session = Session(asking, answering, step=0, seconds=seconds)
        yield session
        session.close()


def fetched(session: Session) -> Any:
    return session.fetch(["f"])["f"]


SHAPES: dict[str, Any] = {
    "garbage": os.urandom(4096),
    "zeros": bytes(100),
    "wrong magic": struct.pack("!2sBBII", b"XX", 1, ANSWER, 1, 10) + bytes(10),
    "wrong version": struct.pack("!2sBBII", b"DB", 9, ANSWER, 1, 10) + bytes(10),
    "huge length": struct.pack("!2sBBII", b"DB", 1, ANSWER, 1, 0xFFFFFFFF) + bytes(10),
    "too short": struct.pack("!2sBBII", b"DB", 1, ANSWER, 1, 2) + bytes(10),
    "head longer than body": struct.pack("!2sBBIII", b"DB", 1, ANSWER, 1, 8, 100) + bytes(10),
    "another question": (ANSWER, 77, *answer()),
    "another kind": (READY, 1, *answer()),
    "empty": (ANSWER, 1, b"", b""),
    "head is no tuple": answer(head=[1]),
    "unknown status": answer("won"),
    "end of no iterator": answer("end"),
    "news are no news": answer(news=["x"]),
    "news of another form": answer(news=[("class", 1)]),
    "object of no class": answer(news=[("object", 2, 1)]),
    "class twice": answer(news=[FUNCTION[0], FUNCTION[0]]),
    "class of unknown bases": answer(news=[("class", 1, "C", "C", "m", None, [9], [9], [])]),
    "class of odd bases": answer(news=[("class", 1, "C", "C", "m", None, ["a", (2,)], [None], [])]),
    "class of very many bases": answer(news=[("class", 1, "C", "C", "m", None, [1] * 5000, [], [])]),
    "no such object": answer(value=Reference(7)),
    "an object is a class": answer(value=Reference(2), news=[FUNCTION[0], ("error", 2, 1, (), "")]),
    "an error is no error": answer("error", (2, (), "", "", ""), news=FUNCTION),
    "an error is a class": answer("error", (1, (), "", "", ""), news=FUNCTION),
    "an error of another form": answer("error", "boom", news=FUNCTION),
    "no such callback": answer(value=Reference(0, 1)),
    "reference of no kind": answer(value=Reference(0, 2)),
    "refusal is no text": answer("refused", [1]),
    "warning of another form": answer(warned=["x"]),
    "reference in the head": (encode(("value", [Reference(1)], "", "", [], False), refer=refer), encode(None)),
    "made of nothing": answer(value=Reference(3), news=[("made", 3, "eval", ("1",))]),
    "made of the wrong parts": answer(value=Reference(3), news=[("made", 3, "Fraction", ("1", 2))]),
    "made of a list": answer(value=Reference(3), news=[("made", 3, "date", ([], 2))]),
    "bases beside the line": answer(news=[FUNCTION[0], ("class", 3, "C", "C", "m", None, [], [1], [])]),
    "call back of nothing": (CALL_BACK, 1, encode((0, [])), encode(((), {}))),
    "deeply nested": (ANSWER, 1, answer()[0], b"l\x01\0\0\0" * 100_000),
    "too many": (ANSWER, 1, answer()[0], b"l\xff\xff\xff\xff"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_bytes_that_are_no_answer_end_the_session(name: str) -> None:
    with attack(SHAPES[name]) as session:
        with pytest.raises(SessionOver):
            fetched(session)
        assert session.fault is not None and session.fault.kind == "protocol"
        for use in (session.names, lambda: session.fetch(["g"])):
            start = time.monotonic()
            with pytest.raises(SessionOver):
                use()
            assert time.monotonic() - start < 0.5


@settings(max_examples=60, deadline=None)
@given(head=st.binary(max_size=60), payload=st.binary(max_size=60))
def test_random_answers(head: bytes, payload: bytes) -> None:
    with attack((head, payload)) as session:
        with pytest.raises(BoundaryError):
            fetched(session)
        assert session.fault is not None and session.fault.kind == "protocol"


WHOLE = b"".join(answer(value=Reference(2), news=FUNCTION))


@pytest.mark.parametrize("part", range(8))
def test_every_byte_of_an_answer_changed(part: int) -> None:
    """Whatever one byte is changed to, only the session's own errors come out."""
    head, payload = answer(value=Reference(2), news=FUNCTION)
    for place in range(part, len(head), 8):
        changed = bytearray(head)
        changed[place] ^= 0x15
        with attack((bytes(changed), payload), answer(value=3)) as session:
            try:
                fetched(session)()
            except (BoundaryError, TypeError):
                pass


def test_silence_and_drip_are_timed() -> None:
    def drip(line: Blocking, frame: Any, outgoing: int) -> None:
        for byte in struct.pack("!2sBBII", b"DB", 1, ANSWER, 1, 50_000) + bytes(50_000):
            os.write(outgoing, bytes([byte]))
            time.sleep(0.01)

    def silence(line: Blocking, frame: Any, outgoing: int) -> None:
        time.sleep(30)

    for way in (drip, silence):
        with attack(way, seconds=0.6) as session:
            start = time.monotonic()
            with pytest.raises(SessionOver, match="in time"):
                fetched(session)
            assert session.fault is not None and session.fault.kind == "time"
            assert 0.4 < time.monotonic() - start < 5


def test_a_fast_drip_is_timed() -> None:
    def drip(line: Blocking, frame: Any, outgoing: int) -> None:
        os.write(outgoing, struct.pack("!2sBBII", b"DB", 1, ANSWER, 1, 50_000_000))
        while True:
            os.write(outgoing, b"x")

    with attack(drip, seconds=0.6) as session:
        start = time.monotonic()
        with pytest.raises(SessionOver):
            fetched(session)
        assert time.monotonic() - start < 5


def test_one_that_does_not_read_is_timed() -> None:
    with attack(answer(value=Reference(2), news=FUNCTION), seconds=1.0) as session:
        function = fetched(session)
        with pytest.raises(SessionOver):
            function(bytes(8 << 20))
        assert session.fault is not None and session.fault.kind == "time"


def test_death_before_and_in_the_middle() -> None:
    def half(line: Blocking, frame: Any, outgoing: int) -> None:
        os.write(outgoing, struct.pack("!2sBBII", b"DB", 1, ANSWER, 1, 50) + bytes(20))
        os._exit(1)

    for way in (half, lambda *_: os._exit(0), lambda *_: os.kill(os.getpid(), signal.SIGKILL)):
        with attack(way) as session:
            with pytest.raises(SessionOver):
                fetched(session)
            assert session.fault is not None and session.fault.kind == "lost"
    with peer(lambda requests, answers: None) as (asking, answering, _):
        session = Session(asking, answering, step=0, seconds=5)
        assert session.fault is not None and session.fault.kind == "lost"
        with pytest.raises(SessionOver):
            session.names()


@pytest.mark.parametrize(("kind", "number"), [(READY, 1), (ANSWER, 0)])
def test_a_snapshot_that_is_not_the_one(kind: int, number: int) -> None:
    def run(requests: int, answers: int) -> None:
        Blocking(requests, answers).send(kind, number, b"", b"")
        time.sleep(30)

    with peer(run) as (asking, answering, _):
        session = Session(asking, answering, step=0, seconds=5)
        assert session.fault is not None and session.fault.kind == "protocol"
        session.close()


STEERING = ["StopIteration", "StopAsyncIteration", "GeneratorExit", "SystemExit", "KeyboardInterrupt", "BaseException",
            "ExceptionGroup", "BaseExceptionGroup"]  # fmt: skip


def error_class(name: str, module: str = "builtins", number: int = 5) -> list[Any]:
    """News of an error of this class, by number 6."""
    return [
        ("class", number + 100, "Exception", "Exception", "builtins", None, [], [], []),
        ("class", number, name, name, module, None, [number + 100], [number + 100], []),
        ("error", 6, number, ("a",), "text"),
    ]


@pytest.mark.parametrize("name", STEERING)
def test_errors_that_steer(name: str) -> None:
    replies = [
        answer(value=Reference(2), news=FUNCTION),
        answer("error", (6, ("a",), "text", "", ""), news=error_class(name)),
    ]
    with attack(*replies) as session:
        with pytest.raises(RuntimeError) as caught:
            assert all(map(fetched(session), [1]))
        assert type(caught.value).__name__ == name


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("unittest.case", "SkipTest"), ("_pytest.outcomes", "Skipped"), ("IPython.core.error", "UsageError"),
        ("bdb", "BdbQuit"), ("autograder.engine.session", "SessionOver"), ("asyncio.exceptions", "CancelledError"),
        ("autograder.engine._handle_errors", "Refused"), ("digital_biopsy._requirements", "CheckError"),
    ],
)  # fmt: skip
def test_errors_that_mean_something_to_the_program(module: str, name: str) -> None:
    import bdb  # noqa: F401
    import unittest  # noqa: F401

    import IPython.core.error  # noqa: F401

    import digital_biopsy.check  # noqa: F401

    news = error_class(name, module)
    with attack(
        answer(value=Reference(2), news=FUNCTION), answer("error", (6, (), "t", "", ""), news=news)
    ) as session:
        function = fetched(session)
        with pytest.raises(StudentError) as caught:
            function()
        known = (*StudentError.__mro__, type(caught.value), RuntimeError)
        assert set(type(caught.value).__mro__) <= set(known)


@pytest.mark.parametrize(
    "name", ["", "\0", "a\nb", "\x1b[31mred", "\udc80", "x" * 10_000, "__init__", "None"]
)
def test_names_that_are_no_names(name: str) -> None:
    news = [*error_class(name), ("class", 8, name, name, name, name, [], [], [name]), ("object", 9, 8)]
    replies = [
        answer(value=[Reference(2), Reference(9), Reference(8)], news=[*FUNCTION, *news]),
        answer("error", (6, (name,), name, name, name), news=[]),
    ]
    with attack(*replies) as session:
        function, handle, cls = fetched(session)
        assert (
            type(handle).__name__.isprintable() and len(cls.__name__) <= 100 and cls.__module__.isprintable()
        )
        with pytest.raises(StudentError) as caught:
            function()
        assert type(caught.value).__name__.isprintable()
        assert "\x1b" not in "".join(caught.value._render_traceback_())


def test_a_syntax_error_shows_no_file_of_the_checkers() -> None:
    news = [
        ("class", 5, "SyntaxError", "SyntaxError", "builtins", None, [], [], []),
        ("error", 6, 5, ("bad", (__file__, 3, 1, None)), "bad"),
    ]
    with attack(
        answer(value=Reference(2), news=FUNCTION),
        answer("error", (6, ("bad", (__file__, 3, 1, None)), "bad", "", ""), news=news),
    ) as session:
        function = fetched(session)
        with pytest.raises(SyntaxError) as caught:
            function()
        assert caught.value.filename is None and caught.value.text is None and caught.value.lineno is None


CLAIMS = [
    ("builtins", "int"), ("builtins", "str"), ("builtins", "bool"), ("builtins", "tuple"), ("builtins", "dict"),
    ("builtins", "type"), ("builtins", "NoneType"), ("numpy", "ndarray"), ("numpy", "float64"), ("numpy", "generic"),
    ("builtins", "ValueError"), ("collections", "OrderedDict"), ("numpy.ma", "MaskedArray"), ("fractions", "Fraction"),
    ("numbers", "Number"), ("unittest.mock", "_ANY"), ("_pytest.python_api", "ApproxScalar"), ("enum", "IntEnum"),
    ("weakref", "WeakSet"), ("abc", "ABC"), ("typing", "Generic"), ("builtins", "object"), ("enum", "Enum"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name"), CLAIMS)
def test_a_class_may_claim_what_it_likes(module: str, name: str) -> None:
    import fractions
    import unittest.mock

    import numpy as np

    assert fractions and unittest.mock
    news = [
        *FUNCTION,
        ("class", 3, name, name, module, None, [], [], ["__eq__", "__len__", "__call__"]),
        (
            "class",
            4,
            "Mine",
            "Mine",
            "__main__",
            None,
            [3],
            [3],
            ["__eq__", "__len__", "__call__", "__bool__"],
        ),
        ("object", 5, 4),
        ("object", 6, 3),
    ]
    with attack(answer(value=[Reference(5), Reference(6)], news=news)) as session:
        try:
            found = fetched(session)
        except SessionOver:
            assert name == "ValueError"  # a class of errors has no other objects
            return
        for handle in found:
            data = (int, float, str, bool, list, tuple, dict, set, type(None), type, np.ndarray, np.generic)
            assert not isinstance(handle, data)
            for use in (
                lambda h: h == 4,
                lambda h: h < 5,
                lambda h: 4 == h,
                lambda h: h + 1,
                float,
                np.asarray,
            ):
                with pytest.raises((TypeError, BoundaryError)):
                    assert use(handle)


def test_a_forged_end_answers_no_call() -> None:
    with attack(answer(value=Reference(2), news=FUNCTION), answer("end")) as session:
        with pytest.raises(SessionOver):
            assert all(map(fetched(session), [1]))


def test_a_comparison_is_answered_by_a_bool() -> None:
    news = [
        ("class", 1, "Yes", "Yes", "__main__", None, [], [], ["__eq__", "__len__", "__bool__", "__hash__"]),
        ("object", 2, 1),
        ("object", 3, 1),
    ]
    for value in (1, "yes", None, [True], 1.0):
        replies = [answer(value=[Reference(2), Reference(3)], news=news), *[answer(value=value)] * 4]
        with attack(*replies) as session:
            one, other = fetched(session)
            with pytest.raises(TypeError):
                assert one == other
            with pytest.raises(TypeError):
                assert one
            with pytest.raises(TypeError):
                assert str(one) if value != "yes" else len(one)


def test_very_many_objects_end_the_session() -> None:
    news = [FUNCTION[0], *(("object", number, 1) for number in range(2, 210_000))]
    with attack(answer(news=news, value=1)) as session:
        with pytest.raises(BoundaryError):
            fetched(session)


def test_floods_of_words_and_warnings_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    entry = [("builtins", "UserWarning")], "w" * 10, 1, False
    flood = answer(value=1, out="o" * 1_000_000, err="e" * 1_000_000, warned=[entry] * 10_000)
    with attack(flood) as session, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert fetched(session) == 1
    out, err = capsys.readouterr()
    assert len(out) <= 64_000 and len(err) <= 64_000 and len(caught) == 100
