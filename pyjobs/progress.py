"""How far a job is, as its handler reports, and the bytes that carry this. Nothing else may live
here.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pyjobs import codec
from pyjobs.errors import BadArgument, TooLarge, Undecodable
from pyjobs.validate import is_number

# The scripts take no more.
MOST_BYTES = 4096


class Progress(NamedTuple):
    """Holds how far a job is, as its handler has reported.

    Attributes:
        fraction: from 0 to 1; None where the handler did not say.
        text: what the handler does; '' where it did not say.
    """

    fraction: float | None
    text: str


def encode_progress(fraction: float | None, text: str) -> bytes:
    """Return the JSON array that a progress travels as.

    Raises:
        BadArgument: the fraction is neither None nor a number from 0 to 1, or the text is no str.
        TooLarge: the JSON has more than 4 KiB.
    """
    if fraction is not None and not (is_number(fraction) and 0 <= fraction <= 1):
        raise BadArgument(f"fraction: must be a number from 0 to 1, or None, not {fraction!r}")
    if not isinstance(text, str):
        raise BadArgument(f"text: must be a text, not {text!r}")
    body = json.dumps([fraction, text], ensure_ascii=False, separators=(",", ":"))
    data = body.encode(errors="replace")
    if len(data) > MOST_BYTES:
        raise TooLarge(f"text: {len(data)} bytes as JSON, more than {MOST_BYTES}")
    return data


def decode_progress(body: bytes) -> Progress:
    """Return the progress that some bytes carry. Other programs may write any bytes: bytes of
    another form become the text."""
    try:
        found: Any = codec.decode(body)
    except Undecodable:
        found = None
    match found:
        case [None, str(text)]:
            return Progress(None, text)
        case [bool(), _]:
            pass
        case [int(fraction) | float(fraction), str(text)] if 0 <= fraction <= 1:
            return Progress(fraction, text)
        case _:
            pass
    return Progress(None, body.decode(errors="replace"))
