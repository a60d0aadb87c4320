"""Values to bytes and back: JSON, which every language can read. Nothing else may live here."""

from __future__ import annotations

import json
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
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unencodable(f"can't be written as JSON: {error}") from None


def decode(data: bytes) -> Any:
    """The value that `data` is the JSON of.

    Raises:
        Undecodable: it is not JSON.
    """
    try:
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"not JSON: {error}") from None


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
