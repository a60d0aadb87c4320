"""Values to bytes and back: JSON, which every language can read. Nothing else may live here.

The standard library always writes the bytes. A repeated submit is recognized by its bytes, so two
programs must write the same bytes for the same value; other libraries write `1e16` in another way,
and some write a UUID or an Enum, which must be refused. msgspec, of the extra `fast`, only reads.
What msgspec refuses, the standard library reads or refuses.

Why a value was refused is searched by jsonfaults.py, only after a failure.
"""

from __future__ import annotations

import importlib
import json
import json.encoder
import re
from collections.abc import Callable
from sys import getrecursionlimit
from typing import Any, NamedTuple

from pyjobs.errors import Undecodable, Unencodable
from pyjobs.jsonfaults import MOST_DEPTH, refuse_deep, refuse_keys, why_no_json

# What the standard library makes of a key that is not a string looks like one of these keys.
LIKE_A_KEY = re.compile(r'"[-0-9][-+.0-9e]*":|"true":|"false":|"null":').search
BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
# The most characters that are recorded of a failed handler's error.
TRACEBACK_CHARS = 16_000
TYPE_CHARS = 200
MESSAGE_CHARS = 4_000


class ErrorText(NamedTuple):
    """Holds what a failed job recorded of its error.

    Attributes:
        type: class name of the error, '' when the bytes were not written by `encode_error`.
        message: the error's message.
        traceback: its traceback as text.
    """

    type: str
    message: str
    traceback: str


def encode(value: Any, what: str = "data") -> bytes:
    """Return the JSON of `value`: payloads and results.

    A tuple is written as a list. A dict with a key that is not a string is refused.

    Args:
        value: the value.
        what: name of the value, with which the path in the message of an error begins.

    Raises:
        Unencodable: `value` has no JSON, as NaN and Infinity have none. The message begins with the
            path to what has none, such as `data.users[3]`.
    """
    try:
        if getrecursionlimit() > MOST_DEPTH:
            refuse_deep(value)
        text = "".join(_parts(value, 0))
        if "{" in text and LIKE_A_KEY(text):
            refuse_keys(value)
        return text.encode()
    except Exception as error:
        # The value's own methods may raise anything.
        raise Unencodable(why_no_json(value, what, error)) from None


def decode(data: bytes) -> Any:
    """Return the value of some JSON.

    Raises:
        Undecodable: `data` is not JSON.
    """
    refuse_deep_json(data)
    if _read is not None:
        try:
            return _read(data)
        except Exception:
            # The standard library reads more, such as lone surrogates and other encodings.
            pass
    try:
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"not JSON: {error}") from None


def refuse_deep_json(data: bytes) -> None:
    """Check what Python's recursion limit does not check when a program has raised it.

    Raises:
        Undecodable: the JSON is nested more than `MOST_DEPTH` deep.
    """
    if getrecursionlimit() > MOST_DEPTH and _is_deep(data):
        raise Undecodable(f"not JSON: nested more than {MOST_DEPTH} deep")


def _is_deep(data: bytes) -> bool:
    """Return whether some JSON would end at Python's limit, had it not been raised."""
    if data.count(b"[") + data.count(b"{") <= MOST_DEPTH:
        return False
    depth = 0
    text = data.decode(json.detect_encoding(data), errors="replace")
    for found in BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > MOST_DEPTH:
            return True
    return False


def _writer() -> Callable[[Any, int], Any]:
    """Return the function that writes JSON, made once.

    JSONEncoder makes it anew for every value, which takes longer than to write a small value. The
    function does not look for circular references, which end in a RecursionError.
    """
    encoder = json.JSONEncoder(
        ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
    )
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return lambda value, _: encoder.encode(value)
    text = json.encoder.encode_basestring
    made: Callable[[Any, int], Any] = make(
        None, encoder.default, text, None, ":", ",", False, False, False
    )
    return made


def _reader() -> Callable[[bytes], Any] | None:
    """Return msgspec's decoder, or None where it is not installed."""
    try:
        found: Callable[[bytes], Any] = importlib.import_module("msgspec.json").Decoder().decode
    except ImportError:
        return None
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def encode_error(type: str, message: str, traceback: str) -> bytes:
    """Return the JSON that a failed job records, for `decode_error`.

    Args:
        type: class name of the error; the first 200 characters are kept.
        message: the error's message; the first 4,000 characters are kept.
        traceback: its traceback; the last 16,000 characters are kept.
    """
    texts = {
        "type": type[:TYPE_CHARS],
        "message": message[:MESSAGE_CHARS],
        "traceback": traceback[-TRACEBACK_CHARS:],
    }
    return json.dumps(texts).encode()


def decode_error(data: bytes) -> ErrorText:
    """Return the error that a failed job recorded.

    Bytes that `encode_error` did not write become the message, with no type and no traceback.
    """
    try:
        texts = decode(data)
        traceback = str(texts.get("traceback", ""))
        return ErrorText(str(texts["type"]), str(texts["message"]), traceback)
    except (Undecodable, KeyError, TypeError, AttributeError):
        return ErrorText("", data.decode(errors="replace"), "")


_parts = _writer()
_read = _reader()
