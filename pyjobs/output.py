"""What a handler writes while its job runs, as its reader gets it, and the bytes that carry this.
Nothing else may live here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pyjobs import codec
from pyjobs.errors import TooLarge

# The scripts take no more.
MOST_BYTES = 65536


class Chunk(NamedTuple):
    """Holds one value that a run of a job has written.

    Attributes:
        value: the value.
        attempt: the attempt that wrote it.
        number: which value of its run it is, from 1. A 1 that is not the first value of the job
            says that the job was run again.
    """

    value: Any
    attempt: int
    number: int


def encode_chunk(value: Any) -> bytes:
    """Return the JSON that a value travels as.

    Raises:
        Unencodable: the value has no JSON.
        TooLarge: the JSON has more than 64 KiB.
    """
    body = codec.encode(value, "output")
    if len(body) > MOST_BYTES:
        raise TooLarge(f"output: {len(body)} bytes as JSON, more than {MOST_BYTES}")
    return body
