"""Messages on a client's channel, taken apart; anybody may publish there."""

from __future__ import annotations

import pytest
from support.client_core import (
    DONE,
    posted,
)

from pyjobs.engine.messages import parse_results


class TestMessages:
    def test_a_message_of_one_result_is_read(self) -> None:
        assert list(parse_results(posted("a", b"1"))) == [("q", "a", DONE)]

    def test_an_empty_message_has_no_results(self) -> None:
        assert list(parse_results(b"")) == []

    @pytest.mark.parametrize(
        "body",
        [b"", b"\n", b"a\nb\n\n", b"\x00\xff\x00", b"q b done - 1 2 3 4\nbody\n", b"x" * 70_000],
    )
    def test_any_body_is_read_between_other_results(self, body: bytes) -> None:
        message = posted("a", b"1") + posted("b", body, "failed") + posted("c", b"3", queue="other")
        assert [(queue, id, end.body) for queue, id, end in parse_results(message)] == [
            ("q", "a", b"1"),
            ("q", "b", body),
            ("other", "c", b"3"),
        ]

    @pytest.mark.parametrize(
        "junk",
        [
            b"junk", b"\n", b"q b done - 1 2 3 99\nshort\n", b"q b done - 1 2 3 -20\n1\n",
            b"q b done - 1 2 3 +1\n1\n", b"q b done - 1 2 3 0_1\n1\n", b"q b done - 1 2 3 1\n12",
            b"q b done - 1 2 3 1\n1", b"q b done - x 2 3 1\n1\n", b"q b done 1 2 3 1\n1\n",
            b"q b inflight - 1 2 3 1\n1\n", "q b done - 1 2 3 \u0661\n1\n".encode(),
            b"q b done - 1 2 3 " + b"9" * 5000 + b"\n1\n", b"q \xff done - 1 2 3 1\n1\n",
        ],
    )  # fmt: skip
    def test_junk_after_a_result_is_refused(self, junk: bytes) -> None:
        """Anybody may publish; a size below zero would be read over and over again."""
        results = parse_results(posted("a", b"1") + junk)
        assert next(results) == ("q", "a", DONE)
        with pytest.raises(ValueError, match="not a result"):
            next(results)
