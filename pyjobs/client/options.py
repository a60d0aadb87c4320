"""What a submit may ask for, from Python's words to the scripts'. Nothing else may live here."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict
from urllib.parse import quote

from pyjobs.engine import MAX_KEY_BYTES, RELIABLE, Durable, Option, Script, durable_of
from pyjobs.errors import BadArgument
from pyjobs.hints import OF_SUBMITS, hinted, nearest
from pyjobs.validate import checked, moment_ms, positive, to_ms, whole

TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
# The options whose values many submits have in common, and the types of these values. A text with
# another option is not kept.
KEPT_NAMES = frozenset(
    {
        "delay",
        "expires",
        "retention",
        "timeout",
        "max_run",
        "max_attempts",
        "backoff",
        "task",
        "durable",
    }
)
KEPT_KINDS = frozenset({int, float, str, timedelta, type(None)})
# The most texts that are kept, of about 200 bytes each with their keys.
MOST_KEPT = 1000
# What stands for itself in a tracestate.
PLAIN = "!#$&'()*+,/:;<=>?@[]^`{|}"


class Options(TypedDict, total=False):
    """Holds the options of a submit, as `Client.submit` and `Client.submit_many` take them.

    None is the default. A duration is a number of seconds or a timedelta. Simple mode has `task`
    and the trace context only.

    Attributes:
        delay: seconds until the job may be claimed. Default: 0.
        run_at: the moment from which the job may be claimed: an aware datetime, or seconds
            since the epoch. With `delay` too, the later of both counts. Default: at once.
        expires: seconds after which the job is not started any more, but ends with
            JobExpired. Default: never.
        unique: a key, any text of 1 to 1024 bytes. While a job with this key is live on
            the queue, a submit returns that job. Default: none.
        retention: seconds that the outcome is kept, and the id with it. With 0 the result
            is only published, and a submit that is repeated after the end runs the job
            again. Default: the worker's, or 86400.
        timeout: seconds that the handler may take. Default: the worker's.
        max_run: seconds that one run may hold the job, whatever heartbeats it has
            (reliable). Default: no limit.
        max_attempts: failures until the job is dead, 1 to 1000 (reliable). Default: the
            worker's, or 3.
        backoff: seconds before the second attempt, then doubled (reliable). Default: the
            worker's, or 1.
        task: the name of the job's task, up to 128 of A-Z a-z 0-9 _ . : -; its data are then the
            arguments by name. Default: a bare job.
        traceparent: the W3C trace context of the submitter, which the job's runs get; as a
            rule, middleware sets it. Default: none.
        tracestate: the rest of that context, 1 to 512 characters. Default: none.
        durable: where the job must be before the submit returns: 'replicas:N' in memory,
            'aof' on the primary's disk, or 'no'. Default: the client's.
    """

    delay: float | timedelta | None
    run_at: datetime | float | None
    expires: float | timedelta | None
    unique: str | None
    retention: float | timedelta | None
    timeout: float | timedelta | None
    max_run: float | timedelta | None
    max_attempts: int | None
    backoff: float | timedelta | None
    task: str | None
    traceparent: str | None
    tracestate: str | None
    durable: str | None


def options_text(submit: Script, options: Mapping[str, Any]) -> str:
    """Return the options argument of a submit, from Python's words and units.

    Args:
        submit: the submit script of the mode.
        options: the options, as `Options` names them.

    Raises:
        BadArgument: the option is unknown, is none of the mode, or has a wrong value.
    """
    check_names(options)
    if OWN & options.keys():
        options = {name: value for name, value in options.items() if name not in OWN}
    return submit.choose(**{name: CONVERTERS[name](name, value) for name, value in options.items()})


class OptionTexts:
    """Responsible for the options arguments of a client's submits: the texts are kept, for most
    submits have the options of an earlier one.

    Args:
        submit: the submit script of the mode.
    """

    def __init__(self, submit: Script) -> None:
        self._submit = submit
        self._known: dict[Any, str] = {}

    def of(self, options: Mapping[str, Any]) -> str:
        """Return the options argument of a submit, as `options_text` does.

        Raises:
            BadArgument: an option is unknown, is none of the mode, or has a wrong value.
        """
        if not KEPT_NAMES.issuperset(options):
            return options_text(self._submit, options)
        # 3, 3.0 and True are equal, and only 3 is a number of attempts.
        kinds = [*map(type, options.values())]
        if not KEPT_KINDS.issuperset(kinds):
            return options_text(self._submit, options)
        key = (*options.items(), *kinds)
        text = self._known.get(key)
        if text is None:
            text = options_text(self._submit, options)
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[key] = text
        return text


def with_trace(options: str, trace: str) -> str:
    """Return the options argument of a submit with a trace context, unless it has one.

    Args:
        options: the options argument.
        trace: the options of the trace context, as `options_text` writes them.
    """
    return options if "traceparent=" in options else f"{options} {trace}".strip()


def given(queue: str | None, id: str | None, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the keyword arguments of a task. `queue` and `id` are among them where they are given:
    the task's function may have parameters of these names."""
    if queue is None and id is None:
        return options
    named = {"queue": queue, "id": id}
    return {**options, **{name: value for name, value in named.items() if value is not None}}


def no_arguments(data: Any, args: Sequence[Any]) -> None:
    """Check that the data of a job are no function, and that nothing stands beside them.

    Raises:
        BadArgument: the data are a function, or further arguments stand beside them, as beside a
            task.
    """
    if callable(data):
        name = getattr(data, "__name__", type(data).__name__)
        raise BadArgument(f"data: {name} is a function; make it a task by @task, and submit that")
    if isinstance(data, Coroutine):
        data.close()
        raise BadArgument(
            "data: a coroutine, which a call of an async def returns; give a task and its "
            "arguments without calling it, as in client.submit(task, ...)"
        )
    if args:
        raise BadArgument("data: only a task takes further arguments; a queue is named by queue=")


def check_names(options: Iterable[str]) -> None:
    """Check that a submit has all of these options.

    Args:
        options: the names of the options.

    Raises:
        BadArgument: an option is unknown; the message says what to write instead, where that is
            known.
    """
    if unknown := sorted({*options} - Options.__annotations__.keys()):
        hint = hinted(OF_SUBMITS, unknown[0]) or nearest(
            unknown[0], [*Options.__annotations__, "queue", "id"]
        )
        raise BadArgument(f"{', '.join(unknown)}: submit has no such option{hint}")


def check_options(options: Mapping[str, Any]) -> None:
    """Check options of a submit that is made later, as reliable mode takes them.

    Args:
        options: the options, as `Options` names them.

    Raises:
        BadArgument: an option is unknown or has a wrong value; the message names the option.
    """
    options_text(RELIABLE.script("submit"), options)
    durable_in(options, None)


def _text(what: str, text: Any) -> str | None:
    if text is None:
        return None
    try:
        size = len(text.encode()) if isinstance(text, str) else 0
    except UnicodeEncodeError:
        size = 0  # half of a surrogate pair is no text
    if not 1 <= size <= MAX_KEY_BYTES:
        raise BadArgument(f"{what}: must be a text of 1 to {MAX_KEY_BYTES} bytes, not {text!r}")
    return quote(text, safe="")


def _name(what: str, name: Any) -> str | None:
    return None if name is None else checked(what, name)


def _traceparent(what: str, text: Any) -> str | None:
    if text is not None and not (isinstance(text, str) and TRACEPARENT.fullmatch(text)):
        example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        raise BadArgument(
            f"{what}: must be one of W3C Trace Context, such as {example}, not {text!r}"
        )
    return text


def _tracestate(what: str, text: Any) -> str | None:
    if text is None:
        return None
    if not (isinstance(text, str) and 1 <= len(text) <= 512 and text.isascii()):
        raise BadArgument(f"{what}: must be 1 to 512 characters of ASCII, not {text!r}")
    return quote(text, safe=PLAIN)


def _attempts(what: str, number: Any) -> int | None:
    return whole(what, number, 1, 1000)


CONVERTERS: dict[str, Callable[[str, Any], Option]] = {
    "delay": to_ms,
    "run_at": moment_ms,
    "expires": positive,
    "unique": _text,
    "retention": to_ms,
    "timeout": positive,
    "max_run": positive,
    "max_attempts": _attempts,
    "backoff": to_ms,
    "task": _name,
    "traceparent": _traceparent,
    "tracestate": _tracestate,
}
# What the client itself makes of the options of a submit; the scripts know the others.
OWN = frozenset({"durable"})
assert CONVERTERS.keys() | OWN == Options.__annotations__.keys()


def durable_in(options: Mapping[str, Any], default: Durable | None) -> Durable | None:
    """Return where the jobs of a submit must be before it returns; None does not wait.

    Args:
        options: the options, as `Options` names them.
        default: where the jobs must be when the options do not say; None does not wait.

    Raises:
        BadArgument: the option is not what it must be.
    """
    chosen = options.get("durable")
    return default if chosen is None else durable_of(chosen)
