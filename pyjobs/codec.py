"""Values to bytes and back: JSON, which every language can read. Nothing else may live here.

The bytes are the standard library's, whatever is installed: a repeated submit is known by them, so
two programs must write the same. No other library does (`1e16`, and many write a UUID or an Enum,
which must be refused). msgspec, of the extra `fast`, only reads, and has the standard library's
word for all that it refuses.
"""

from __future__ import annotations

import importlib
import json
import json.encoder
from collections.abc import Callable
from typing import Any

from pyjobs.errors import Undecodable, Unencodable

TRACEBACK_CHARS = 16_000
TYPE_CHARS = 200
MESSAGE_CHARS = 4_000


def encode(value: Any) -> bytes:
    """JSON of `value`.

    Raises:
        Unencodable: it has no JSON, NaN and Infinity included.
    """
    try:
        return "".join(_parts(value, 0)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unencodable(f"can't be written as JSON: {error}") from None


def decode(data: bytes) -> Any:
    """The value that `data` is the JSON of.

    Raises:
        Undecodable: it is not JSON.
    """
    if _read is not None:
        try:
            return _read(data)
        except Exception:
            # The standard library takes more, such as lone surrogates and other encodings.
            pass
    try:
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"not JSON: {error}") from None


def _writer() -> Callable[[Any, int], Any]:
    """What JSONEncoder makes anew for every value, which takes longer than to write a small one.

    Circles are not looked for: they end as a RecursionError.
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
    try:
        found: Callable[[bytes], Any] = importlib.import_module("msgspec.json").Decoder().decode
    except ImportError:
        return None
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def encode_error(type: str, message: str, traceback: str) -> bytes:
    """What a failed job leaves: JSON with type, message and traceback, each cut to a bound."""
    texts = {
        "type": type[:TYPE_CHARS],
        "message": message[:MESSAGE_CHARS],
        "traceback": traceback[-TRACEBACK_CHARS:],
    }
    return json.dumps(texts).encode()


def decode_error(data: bytes) -> tuple[str, str, str]:
    """(type, message, traceback) of what a failed job left, whoever wrote it."""
    try:
        texts = json.loads(data)
        return str(texts["type"]), str(texts["message"]), str(texts.get("traceback", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", data.decode(errors="replace"), ""


_parts = _writer()
_read = _reader()
