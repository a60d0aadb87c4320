"""Values to bytes and back, and what is refused on the way."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyjobs import codec
from pyjobs.engine.limits import MAX_BYTES
from pyjobs.errors import TooLarge, Undecodable, Unencodable
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


def strange(value: object) -> bool:
    """Whether a dict in a value has a key that is not a string."""
    if isinstance(value, dict):
        return any(not isinstance(key, str) or strange(value[key]) for key in value)
    return isinstance(value, (list, tuple)) and any(map(strange, value))


def written(value: object) -> bytes:
    """What the standard library writes of a value whose keys are strings."""
    if strange(value):
        raise TypeError
    return plain(value)


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
    assert outcome(lambda: codec.encode(value)) == outcome(lambda: written(value))


@given(st.recursive(
    LEAVES | st.floats() | st.text() | st.sampled_from(ODD),
    lambda inner: st.lists(inner)
    | st.dictionaries(st.text() | st.integers() | st.floats() | st.booleans() | st.none(), inner)
    | st.tuples(inner, inner),
    max_leaves=10,
))  # fmt: skip
def test_encode_writes_any_value_as_the_standard_library_does(value: object) -> None:
    assert outcome(lambda: codec.encode(value)) == outcome(lambda: written(value))


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
        "\ud800",
        {"\udfff": 1},
        nested(DEEP),
        circular(),
        10**5000,
    ],
    ids=[
        "nan", "inf", "-inf", "set", "bytes", "object", "surrogate", "surrogate-key", "deep",
        "circle", "huge",
    ],
)  # fmt: skip
def test_encode_refuses_values_without_json(value: object) -> None:
    with pytest.raises(Unencodable, match="can't be written as JSON"):
        codec.encode(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1: "a", "1": "b"}, "data: key 1 is not a string"),
        ({"users": [0, 1, 2, {1: "a"}]}, "data.users[3]: key 1 is not a string"),
        ({"a": ({None: 1},)}, "data.a[0]: key None is not a string"),
        ({"a b": {1.5: 1}}, "data['a b']: key 1.5 is not a string"),
        ([{Size.SMALL: 1}], "data[0]: key <Size.SMALL: 1> is not a string"),
        ({"a": {(1, 2): 3}}, "data.a: key (1, 2) is not a string"),
        ({b"k" * 99: 1}, f"data: key b'{'k' * 38}... is not a string"),
        ({"tags": {1, 2}}, "data.tags: a set can't be written as JSON"),
        ([[1], [Point()]], "data[1][0]: a Point can't be written as JSON"),
        ({"at": datetime.date(2026, 1, 1)}, "data.at: a date can't be written as JSON"),
        ({"a": [b""]}, "data.a[0]: a bytes can't be written as JSON"),
        ({"a": "\ud800"}, "data.a: can't be written as JSON: half of a surrogate pair is no text"),
        ([{"\udfff": 1}], "data[0]: can't be written as JSON: half of a surrogate pair is no text"),
        ({"a": circular()}, "data.a[0]: can't be written as JSON: it holds itself"),
        (nested(DEEP), "data: can't be written as JSON: nested more than 1000 deep"),
        (object(), "data: an object can't be written as JSON"),
    ],
    ids=range(16),
)  # fmt: skip
def test_an_unencodable_value_is_named_by_its_path(value: object, message: str) -> None:
    with pytest.raises(Unencodable) as caught:
        codec.encode(value)
    assert str(caught.value) == message


def test_the_path_begins_with_the_name_that_the_caller_gives() -> None:
    with pytest.raises(Unencodable, match=r"^result\.a: a set can't be written as JSON$"):
        codec.encode({"a": set()}, "result")


@pytest.mark.parametrize("key", ["1", "-1", "1.5", "true", "false", "null", "1e5", "t", "nan"])
def test_a_string_key_that_looks_like_another_key_is_written(key: str) -> None:
    assert codec.encode({"a": [{key: 1}]}) == plain({"a": [{key: 1}]})


def test_two_places_may_hold_the_same_list() -> None:
    shared = [1]
    assert codec.encode([shared, shared, {"1": shared}]) == b'[[1],[1],{"1":[1]}]'


class Odd(dict[str, int]):
    def items(self) -> Any:
        raise LookupError("no items")


def test_a_value_whose_own_methods_raise_is_unencodable() -> None:
    with pytest.raises(Unencodable, match="data: can't be written as JSON: no items"):
        codec.encode(Odd(a=1))


RAISED = """
import sys
sys.setrecursionlimit(10**6)
from pyjobs import codec
from pyjobs.errors import PyjobsError
if {plain}:
    codec._read = None
circle, table, deep = [], {{}}, []
circle.append(circle)
table["a"] = [table]
for _ in range(200_000):
    deep = [deep]
mutual = [[table], circle]
text = b"[" * 200_000
works = [lambda v=v: codec.encode(v) for v in (circle, table, deep, tuple(deep), mutual)]
works += [lambda v=v: codec.decode(v) for v in (
    text, b'{{"a":' * 200_000, b'[{{"a":' * 600 + b"1" + b"}}]" * 600, text + b"]" * 200_000,
    text.decode().encode("utf-16"),
)]
for work in works:
    try:
        work()
    except PyjobsError as error:
        print(type(error).__name__, end=" ")
print(codec.decode_error(text).type == "", codec.decode(b'["' + text + b'"]') == [text.decode()])
"""


@pytest.mark.parametrize("plain", [False, True], ids=["fast", "plain"])
def test_deep_and_circular_values_are_refused_under_a_raised_recursion_limit(plain: bool) -> None:
    """In a process of its own, which a fault would kill."""
    ended = subprocess.run(
        [sys.executable, "-c", RAISED.format(plain=plain)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["Unencodable"] * 5 + ["Undecodable"] * 5 + ["True", "True"]


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
    with pytest.raises(TooLarge, match=f"{MAX_BYTES + 1} bytes, more than {MAX_BYTES}"):
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


def test_the_type_of_a_recorded_error_is_cut_to_its_bound() -> None:
    found = codec.decode_error(codec.encode_error("T" * 201, "", ""))
    assert found.type == "T" * 200


@pytest.fixture
def raised_limit() -> Iterator[None]:
    """Python's limit of recursion, so high that no value of these tests meets it."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("raised_limit")
@pytest.mark.parametrize(
    "deep",
    [
        b"[" * 1001 + b"]" * 1001,
        b'{"a":' * 1001 + b"1" + b"}" * 1001,
        b'[{"a":' * 501 + b"1" + b"}]" * 501,
        b'["\\"",' + b"[" * 1000 + b"]" * 1001,
    ],
    ids=["lists", "dicts", "both", "behind a quote"],
)
def test_json_that_is_too_deep_is_refused_under_any_limit_of_recursion(deep: bytes) -> None:
    with pytest.raises(Undecodable, match="nested more than 1000 deep"):
        codec.decode(deep)


@pytest.mark.usefixtures("raised_limit")
@pytest.mark.parametrize(
    "flat",
    [
        b"[" * 1000 + b"]" * 1000,
        b"[" + b"[]," * 1000 + b"1]",
        b'["' + b"[" * 1001 + b'"]',
        b'["\\"' + b"{" * 1001 + b'"]',
    ],
    ids=["as deep as may be", "many lists", "in a text", "behind a quote in a text"],
)
def test_brackets_that_are_not_too_deep_are_read_under_any_limit_of_recursion(flat: bytes) -> None:
    assert codec.decode(flat) == json.loads(flat)


@pytest.mark.parametrize("value", [1, "ä\n", [1.5, None, {"a": True}]], ids=["int", "text", "list"])
def test_without_c_the_writer_writes_the_same(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    assert codec._writer()(value, 0) == codec.encode(value).decode()


def test_without_c_the_writer_refuses_what_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    write = codec._writer()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(float("nan"), 0)
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(RecursionError):
        write(circle, 0)


@pytest.mark.usefixtures("raised_limit")
@pytest.mark.parametrize("depth", [1000, 1001])
def test_a_value_that_is_too_deep_is_refused_under_any_limit_of_recursion(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    if depth == 1000:
        assert codec.encode(value) == b"[" * 1000 + b"1" + b"]" * 1000
        return
    with pytest.raises(Unencodable, match="nested more than 1000 deep"):
        codec.encode(value)
