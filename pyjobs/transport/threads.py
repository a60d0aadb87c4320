"""A function called for many things at once, in threads. Nothing else may live here."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(function: Callable[[T], R], things: Iterable[T], most: int) -> list[R]:
    """Call a function for each thing, at once, and return the results in the order of the things.

    The thread of the caller calls it too. Where no thread can be started, it calls it for one thing
    after the other: none can when Python exits, from Python 3.12 on.

    Args:
        function: what is called.
        things: what it is called for.
        most: how many threads call it at most, the caller's among them.

    Raises:
        BaseException: what the function raised for the first thing for which it raised something.
    """
    asked: list[tuple[T, Future[R]]] = [(thing, Future()) for thing in things]
    todo = deque(asked)

    def work() -> None:
        while True:
            try:
                thing, answer = todo.popleft()
            except IndexError:
                return
            try:
                result = function(thing)
            except BaseException as error:
                answer.set_exception(error)
                if not isinstance(error, Exception):
                    raise
            else:
                answer.set_result(result)

    threads: list[threading.Thread] = []
    try:
        for _ in range(min(most, len(asked)) - 1):
            thread = threading.Thread(target=work, name="pyjobs-nodes", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                break
            threads.append(thread)
        work()
    finally:
        todo.clear()  # a signal has ended the work of the caller
        for thread in threads:
            thread.join()
    return [answer.result() for _, answer in asked]
