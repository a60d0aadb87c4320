"""Messages on a client's channels, taken apart; any program that may publish there chooses them."""

from __future__ import annotations

import pytest
from support.client_core import DONE, posted

from pyjobs.engine.messages import parse_results

BAD = [
    b"b done - 1 2 3 +1 1\n1\n", b"b done - x 2 3 1\n1\n", b"b done 1 2 3 1\n1\n",
    b"b pending - 1 2 3 1\n1\n", b"\xff done - 1 2 3 1\n1\n", b" 1\n1\n",
    b"q b done - 1 2 3 1\n1\n",
    b"b done - 1 2 " + b"9" * 20 + b" 1\n1\n", b"b b done - 1 2 3 4 5\n12345\n",
    b"a" * 129 + b" done - 1 2 3 1\n1\n", b"b done - 1 2 3 \xff 1\n1\n", b"x" * 900 + b" 0\n\n",
]  # fmt: skip
SIZELESS = [
    b"junk", b"\n", b"b done - 1 2 3 99\nshort\n", b"b done - 1 2 3 -20\n1\n",
    b"b done - 1 2 3 0_1\n1\n", b"b done - 1 2 3 1\n12", b"b done - 1 2 3 1\n1",
    "b done - 1 2 3 \u0661\n1\n".encode(), b"b done - 1 2 3 " + b"9" * 5000 + b"\n1\n",
    b"x" * 100_000 + b" 1\n1\n",
]  # fmt: skip


def test_a_message_of_one_result_is_read() -> None:
    assert list(parse_results(posted("a", b"1"))) == [("a", DONE)]


def test_an_empty_message_has_no_results() -> None:
    assert list(parse_results(b"")) == []


def test_a_progress_is_read_between_results() -> None:
    message = posted("a", b"1") + b'b inflight progress 1 2 0 8\n[0.5,""]\n' + posted("c", b"3")
    found = [(id, end.state, end.body) for id, end in parse_results(message)]
    assert found == [("a", "done", b"1"), ("b", "inflight", b'[0.5,""]'), ("c", "done", b"3")]


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b"a\nb\n\n", b"\x00\xff\x00", b"b done - 1 2 3 4\nbody\n", b"x" * 70_000],
)
def test_any_body_is_read_between_other_results(body: bytes) -> None:
    message = posted("a", b"1") + posted("b", body, "failed") + posted("c", b"3")
    assert [(id, end.body) for id, end in parse_results(message)] == [
        ("a", b"1"), ("b", body), ("c", b"3"),
    ]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_item_of_a_known_size_hides_no_item_behind_it(bad: bytes) -> None:
    message = posted("a", b"1") + bad + posted("c", b"3") + bad
    assert [id for id, _ in parse_results(message)] == ["a", "c"]


@pytest.mark.parametrize("junk", SIZELESS)
def test_an_item_of_an_unknown_size_ends_a_message_and_hides_no_item_before_it(junk: bytes) -> None:
    """Of a size below zero a message would be read for ever."""
    assert list(parse_results(posted("a", b"1") + junk)) == [("a", DONE)]
