"""A function called for many things at once, also where no thread can be started."""

from __future__ import annotations

import threading

import pytest

from pyjobs.transport.threads import side_by_side


def test_a_function_is_called_at_once_and_its_results_have_the_order_of_the_things() -> None:
    meeting = threading.Barrier(3)

    def meet(thing: int) -> int:
        meeting.wait(30)
        return thing * 2

    assert side_by_side(meet, [1, 2, 3], 3) == [2, 4, 6]


def test_no_more_threads_call_a_function_than_may() -> None:
    callers: set[int] = set()
    assert side_by_side(lambda _: callers.add(threading.get_ident()), range(9), 1) == [None] * 9
    assert callers == {threading.get_ident()}


def test_a_thing_that_raises_keeps_no_other_from_its_call() -> None:
    called: list[int] = []

    def fail(thing: int) -> None:
        called.append(thing)
        raise LookupError(thing)

    with pytest.raises(LookupError, match="1"):
        side_by_side(fail, [1, 2, 3], 2)
    assert sorted(called) == [1, 2, 3]


@pytest.mark.parametrize("can_start", [0, 1])
def test_a_function_is_called_once_for_each_thing_where_threads_can_not_be_started(
    monkeypatch: pytest.MonkeyPatch, can_start: int
) -> None:
    """From Python 3.12 on, none can be started when Python exits."""
    left, start, called = [None] * can_start, threading.Thread.start, list[int]()

    def start_few(thread: threading.Thread) -> None:
        if not left:
            raise RuntimeError("can't create new thread at interpreter shutdown")
        left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_few)
    side_by_side(called.append, [1, 2, 3], 3)
    assert sorted(called) == [1, 2, 3]
