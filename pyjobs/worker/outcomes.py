"""How a handler's result or exception becomes an Outcome, within the limits of a call.

Only these conversions may live here. Pure.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from pyjobs import codec
from pyjobs.engine import MAX_BYTES, Mode, Outcome
from pyjobs.errors import BadArgument, TooLarge
from pyjobs.worker.verdicts import Continue, verdict_of

WHY_CHARS = 200
TRACE_FRAMES = 50
PACKAGE = Path(__file__).parents[1]
# Where the code is that calls a handler.
CALLERS = tuple(f"{PACKAGE}/{path}" for path in ("worker/", "tasks/", "asyncutil.py"))


def outcome_of(result: Any) -> Outcome:
    """Return the outcome of a handler that returned.

    Args:
        result: what the handler returned. An Outcome is passed on. A value that can't be stored
            rejects the job, since another attempt would return it again.
    """
    if isinstance(result, Outcome):
        return result
    try:
        return success(result)
    except Exception as error:
        return failure(error, "reject")


def success(result: Any) -> Outcome:
    """Return the outcome that stores a result.

    Raises:
        Unencodable: the result has no JSON.
        TooLarge: the result has more than MAX_BYTES of JSON.
    """
    body = codec.encode(result, "result")
    if len(body) > MAX_BYTES:
        raise TooLarge(f"result: {len(body)} bytes, more than {MAX_BYTES}")
    return Outcome("complete", body)


def failure(error: BaseException, verdict: str = "retry") -> Outcome:
    """Return the outcome that stores an exception: type, message and traceback, each cut to a
    bound.

    Args:
        error: the exception; the verdict of a Verdict replaces the argument.
        verdict: what reliable/fail does with the job: 'retry', 'retry=MS', 'snooze=MS' or 'reject'.
    """
    if found := verdict_of(error):
        if isinstance(found, Continue):
            return goes_on(found)
        # The words of an ExceptionGroup are about its leaves, which say all.
        error, verdict = found, found.verdict
    # An exception's own __str__ may raise anything; the failure must be recorded all the same.
    try:
        message = str(error)
    except BaseException:
        message = "an error that has no words for itself"
    try:
        text = formatted(error)
    except BaseException:
        # A SyntaxError with malformed details can't be formatted; its frames can.
        text = "".join(traceback.format_tb(error.__traceback__, limit=-TRACE_FRAMES))
    name = type(error).__name__
    # repr escapes line breaks: an entry of the log is one line.
    words = repr(message[:WHY_CHARS])[1:-1]
    why = f"{name}: {words}" if words else name
    return Outcome("fail", codec.encode_error(name, message, text), verdict, why)


def formatted(error: BaseException) -> str:
    """Return an exception and those that led to it as Python writes them, from the handler's frames
    on: the frames that called the handler are left out.

    Where all frames of an exception are those of pyjobs, they stay. Of such an exception with a
    cause only the last frame stays.
    """
    whole = traceback.TracebackException.from_exception(error, limit=-TRACE_FRAMES)
    todo: list[traceback.TracebackException | None] = [whole]
    while todo:
        one = todo.pop()
        if one is None:
            continue
        callers = 0
        while callers < len(one.stack) and one.stack[callers].filename.startswith(CALLERS):
            callers += 1
        if callers < len(one.stack):
            del one.stack[:callers]
        elif one.__cause__ is not None:
            del one.stack[:-1]
        todo += [one.__cause__, one.__context__, *(one.exceptions or ())]
    return "".join(whole.format())


def encode_state(state: Any) -> bytes:
    """Return what a run saves for the next attempt of its job as JSON.

    Raises:
        Unencodable: the state has no JSON.
        TooLarge: the state has more than MAX_BYTES of JSON.
    """
    body = codec.encode(state, "state")
    if len(body) > MAX_BYTES:
        raise TooLarge(f"state: {len(body)} bytes, more than {MAX_BYTES}")
    return body


def goes_on(found: Continue) -> Outcome:
    """Return the outcome of a run whose job goes on later. A state that can't be saved rejects the
    job, since another attempt would save it again."""
    try:
        body = encode_state(found.state)
    except Exception as error:
        return failure(error, "reject")
    return Outcome("fail", body, found.verdict, f"Continue: {found}")


def recordable(outcome: Outcome, mode: Mode) -> Outcome:
    """Return the outcome, or a failure where only a mode with leases can record it."""
    if outcome.verdict.startswith("continue") and not mode.leases:
        return failure(BadArgument("Continue: only a job of reliable mode can go on"))
    return outcome
