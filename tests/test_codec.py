"""Values to bytes and back, and what is refused on the way."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyjobs import codec
from pyjobs.engine.limits import MAX_BYTES
from pyjobs.errors import Undecodable, Unencodable
from pyjobs.worker.outcomes import failure, success

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20
)
DEEP = 200_000


@pytest.fixture(params=["fast", "plain"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra `fast`, and without."""
    if request.param == "plain":
        monkeypatch.setattr(codec, "_read", None)
    else:
        assert codec._read is not None


def plain(value: object) -> bytes:
    """What the standard library writes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def outcome(work: Callable[[], object]) -> str:
    """What comes of it, and of which types; of an error only that there is one."""
    try:
        return repr(work())
    except Exception:
        return "refused"


class Text(str):
    __slots__ = ()


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    SMALL = 1


@dataclasses.dataclass
class Point:
    x: int = 1


# What some JSON library writes though the standard one refuses it, or writes in another way.
ODD = [
    1e16, 1e-7, 1.5e300, -0.0, 5e-324, 0.1, 1e22, 2**63, 2**64, -(2**63) - 1, 10**40, True, None,
    (1, 2), {1: 2}, {True: 1, None: 2, 1.5: 3}, {"a": float("nan")}, [float("inf")], "\x00\x1f\x7f",
    "\u2028\u2029\ud83d", "\ud83d\ude00", "/</script>", Text("text"), Colour.RED, {Colour.RED: 1},
    Size.SMALL, Point(), uuid.UUID(int=1), datetime.datetime(2026, 1, 1), datetime.date(2026, 1, 1),
    decimal.Decimal("1.5"), collections.OrderedDict(b=1, a=2), collections.namedtuple("T", "x")(1),
    b"bytes", bytearray(b"x"), {1, 2}, frozenset(), iter([1]), range(3), {"a": {"b": [Size.SMALL]}},
]  # fmt: skip
# What the standard library reads in its own way.
READ = [
    "-0", "-0.0", "1e999", "-1E400", "1e-400", "1E5", "18446744073709551616", "9" * 40, "0" * 3,
    "123456789012345678901234567890.0", "0.1234567890123456789012345678901234567890", "1.", ".5",
    "2.2250738585072011e-308", "9007199254740993.0", '"\\ud800"', '"\\ud83d\\ude00"',
    '"\\u00e9"', '{"a":1,"a":2}', '{"a":1,"b":{"a":2,"a":3}}', " [1 , 2] \n", '"a\tb"', '"\x7f"',
    "NaN", "[-Infinity]", "nul", "[1,]", '{"a":}', "{1:2}", "'a'", "1 2", "", "\ufeff1", "[" * 500,
    "[" * 900 + "]" * 900, "\x00", '"\\x41"', "+1", "0x10", "1_000", "tru", "[1}", '"half',
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_encode_writes_odd_values_as_the_standard_library_does(value: object) -> None:
    assert outcome(lambda: codec.encode(value)) == outcome(lambda: plain(value))


@given(st.recursive(
    LEAVES | st.floats() | st.text() | st.sampled_from(ODD),
    lambda inner: st.lists(inner)
    | st.dictionaries(st.text() | st.integers() | st.floats() | st.booleans() | st.none(), inner)
    | st.tuples(inner, inner),
    max_leaves=10,
))  # fmt: skip
def test_encode_writes_any_value_as_the_standard_library_does(value: object) -> None:
    assert outcome(lambda: codec.encode(value)) == outcome(lambda: plain(value))


@pytest.mark.parametrize("text", READ, ids=range(len(READ)))
@pytest.mark.usefixtures("reader")
def test_decode_reads_odd_texts_as_the_standard_library_does(text: str) -> None:
    for data in (text.encode(), text.encode("utf-16"), f"[{text}]".encode()):
        same_as_plain(data)


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()) | VALUES.map(plain))
def test_decode_reads_any_bytes_as_the_standard_library_does(data: bytes) -> None:
    same_as_plain(data)
    same_as_plain(data[:-1])


@given(st.from_regex(r"\A-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?\Z"))
def test_decode_reads_any_number_as_the_standard_library_does(text: str) -> None:
    same_as_plain(text.encode())


def same_as_plain(data: bytes) -> None:
    expected = outcome(lambda: json.loads(data, parse_constant=refuse))
    assert outcome(lambda: codec.decode(data)) == expected


def refuse(name: str) -> None:
    raise ValueError(name)


@given(VALUES)
def test_decode_returns_what_was_encoded(value: object) -> None:
    assert codec.decode(codec.encode(value)) == value


@given(VALUES)
def test_encode_writes_one_line_of_plain_utf_8(value: object) -> None:
    """Plain UTF-8 on one line, as a shell would write it."""
    text = codec.encode(value).decode("utf-8")
    assert "\n" not in text
    assert json.loads(text) == value


def test_encode_writes_no_spaces_and_no_escapes() -> None:
    assert codec.encode({"a": [1, "ä"]}) == '{"a":[1,"ä"]}'.encode()


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def circular() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        [-float("inf")],
        {1, 2},
        b"bytes",
        object(),
        {(1, 2): 3},
        "\ud800",
        {"\udfff": 1},
        nested(DEEP),
        circular(),
        10**5000,
    ],
    ids=[
        "nan", "inf", "-inf", "set", "bytes", "object", "key", "surrogate", "surrogate-key", "deep",
        "circle", "huge",
    ],
)  # fmt: skip
def test_encode_refuses_values_without_json(value: object) -> None:
    with pytest.raises(Unencodable, match="can't be written as JSON"):
        codec.encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"", b'{"half":', b"{'a': 1}", b"\xff\xfe\xfd", b"[1,]", b"1 2", b"[" * DEEP, b"1" * 5000,
        b"NaN", b"[Infinity]", b"-Infinity",
    ],
    ids=[
        "empty", "half", "quotes", "binary", "comma", "two", "deep", "huge", "nan", "inf", "-inf",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("reader")
def test_decode_refuses_bytes_that_are_not_json(data: bytes) -> None:
    with pytest.raises(Undecodable, match="not JSON"):
        codec.decode(data)


@given(st.binary())
def test_decode_of_any_bytes_raises_nothing_but_undecodable(data: bytes) -> None:
    with contextlib.suppress(Undecodable):
        codec.decode(data)


@given(*[st.text(max_size=200)] * 3)
def test_decode_error_returns_what_was_encoded(type: str, message: str, traceback: str) -> None:
    assert codec.decode_error(codec.encode_error(type, message, traceback)) == (
        type,
        message,
        traceback,
    )


def test_encode_error_cuts_message_and_traceback() -> None:
    """The beginning of a message tells most, and the end of a traceback."""
    body = codec.encode_error("E", "m" * 100_000 + "end", "start" + "t" * 100_000 + "end")
    type, message, traceback = codec.decode_error(body)
    assert type == "E"
    assert message == "m" * codec.MESSAGE_CHARS
    assert traceback == "t" * (codec.TRACEBACK_CHARS - 3) + "end"


def test_the_largest_error_fits_into_a_payload() -> None:
    """Every character is two escapes of six bytes."""
    worst = "\N{GRINNING FACE}" * MAX_BYTES
    assert len(codec.encode_error(worst, worst, worst)) <= MAX_BYTES


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_decode_error_of_any_bytes_returns_three_texts(data: bytes) -> None:
    """A shell worker may write anything."""
    type, message, traceback = codec.decode_error(data)
    assert isinstance(type, str) and isinstance(message, str) and isinstance(traceback, str)


def test_decode_error_of_plain_text_returns_it_as_the_message() -> None:
    assert codec.decode_error(b"no such file") == ("", "no such file", "")
    assert codec.decode_error(b'{"message": "half"}') == ("", '{"message": "half"}', "")
    assert codec.decode_error(b'{"type": "E", "message": 1}') == ("E", "1", "")
    assert codec.decode_error(b"[" * DEEP)[0] == ""


def test_success_refuses_a_result_that_is_too_large() -> None:
    assert success("x" * (MAX_BYTES - 2)).verb == "complete"
    with pytest.raises(Unencodable, match=f"{MAX_BYTES + 1} bytes, more than {MAX_BYTES}"):
        success("x" * (MAX_BYTES - 1))


def test_failure_has_type_message_and_traceback_of_the_error() -> None:
    try:
        raise KeyError("missing")
    except KeyError as error:
        outcome = failure(error)
    type, message, traceback = codec.decode_error(outcome.body)
    assert (outcome.verb, outcome.verdict, type, message) == (
        "fail",
        "retry",
        "KeyError",
        "'missing'",
    )
    assert 'raise KeyError("missing")' in traceback


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_failure_of_an_error_whose_str_raises_has_its_type() -> None:
    type, _, _ = codec.decode_error(failure(Mute()).body)
    assert type == "Mute"


def test_failure_of_an_endless_recursion_is_bounded() -> None:
    def deeper() -> None:
        deeper()

    with pytest.raises(RecursionError) as caught:
        deeper()
    outcome = failure(caught.value)
    assert codec.decode_error(outcome.body)[0] == "RecursionError"
    assert len(outcome.body) < 100_000
