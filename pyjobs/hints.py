"""Hints of errors: what the words of other libraries are called here, which known word is nearest
to a misspelled word, and what to write in place of a method. Nothing else may live here.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

# What a program looks for in a task, and what to write.
OF_TASKS = dict.fromkeys(
    (
        *("apply_async", "delay", "enqueue", "kicker", "kiq", "remote", "send"),
        *("send_with_options", "submit"),
    ),
    "client.submit(task, ...) submits a job of it, and client.submit(task.using(delay=5), ...) one "
    "with options",
)
# What a program looks for in a client.
OF_CLIENTS = {
    **dict.fromkeys(
        ("enqueue", "enqueue_job", "enqueue_call", "send_task", "apply_async", "delay", "add"),
        "client.submit(task, ...) submits a job, and client.submit(task.using(delay=5), ...) one "
        "with options",
    ),
    **dict.fromkeys(
        ("enqueue_in", "enqueue_at"),
        "client.submit(task.using(delay=5), ...) submits a job for later, and run_at= is a moment",
    ),
    **dict.fromkeys(("enqueue_many", "bulk"), "client.submit_many(task, [...]) submits many jobs"),
    "fetch_job": "client.job(id) returns a job",
}
# What a program looks for in a job.
OF_JOBS = {
    **dict.fromkeys(
        ("get", "join", "latest_result", "return_value", "wait"),
        "job.result(timeout=5) waits for the result",
    ),
    **dict.fromkeys(("failed", "is_failed", "successful"), "job.exception() is the error"),
    **dict.fromkeys(("finished", "is_finished", "ready"), "job.done() says whether it has ended"),
    **dict.fromkeys(("get_status", "refresh", "state", "status"), "job.info() has the state"),
    "meta": "job.progress is what the handler has reported",
    **dict.fromkeys(("abort", "cancel", "delete", "revoke"), "client.cancel(job) cancels a job"),
    # What asyncio and concurrent.futures look for in a future.
    **dict.fromkeys(
        ("_condition", "add_done_callback", "cancelled", "running"),
        "a job is no future: client.results(jobs) yields jobs as they end",
    ),
}
# What a program gives to a submit.
OF_SUBMITS = {
    **dict.fromkeys(("countdown", "defer_by", "_defer_by"), "the word is delay"),
    **dict.fromkeys(("at", "defer_until", "_defer_until", "eta"), "the word is run_at"),
    **dict.fromkeys(("job_timeout", "soft_time_limit", "time_limit"), "the word is timeout"),
    **dict.fromkeys(("keep_result", "result_ttl"), "the word is retention"),
    **dict.fromkeys(("job_id", "task_id", "_job_id"), "the word is id"),
    **dict.fromkeys(("_queue_name", "queue_name"), "the word is queue"),
    **dict.fromkeys(("max_retries", "max_tries", "retries", "retry"), "the word is max_attempts"),
    **dict.fromkeys(("at_front", "priority"), "a worker serves its queues most urgent first"),
}
# What is typed as a command.
OF_COMMANDS = {
    **dict.fromkeys(("beat", "cron", "scheduler"), "schedules"),
    **dict.fromkeys(("dashboard", "flower", "ui", "web"), "top"),
    **dict.fromkeys(("add", "call", "delay", "enqueue", "push", "send"), "submit"),
    **dict.fromkeys(("info", "ls", "queues", "stat", "stats"), "status"),
    **dict.fromkeys(("inspect", "ps"), "workers"),
    **dict.fromkeys(("find", "list", "search"), "jobs"),
    **dict.fromkeys(("abort", "kill", "revoke"), "cancel"),
    **dict.fromkeys(("clear", "empty", "flush"), "purge"),
    **dict.fromkeys(("errors", "failed"), "dead"),
    **dict.fromkeys(("history", "log", "logs"), "events"),
    **dict.fromkeys(("metrics", "prometheus"), "monitor"),
    **dict.fromkeys(("retry", "rerun", "replay"), "requeue"),
    **dict.fromkeys(("run", "start", "worker"), "work"),
    **dict.fromkeys(("get", "wait"), "result"),
    "job": "show",
    "why": "explain",
}
# What a program gives to @task.
OF_POLICIES = {
    **dict.fromkeys(
        ("max_retries", "retries", "max_tries"), "max_attempts counts the first attempt too"
    ),
    **dict.fromkeys(("time_limit", "soft_time_limit", "job_timeout"), "the word is timeout"),
    **dict.fromkeys(("result_ttl", "keep_result", "ttl"), "the word is retention"),
    **dict.fromkeys(("autoretry_for", "retry_exceptions"), "the word is retry_on"),
    **dict.fromkeys(("dont_autoretry_for", "throws"), "the word is reject_on"),
    **dict.fromkeys(("retry_backoff", "default_retry_delay", "min_backoff"), "the word is backoff"),
    "queue_name": "the word is queue",
    "bind": "a first parameter with the annotation ClaimedJob gets the job",
    "rate_limit": "there is no limit of rate",
    "ignore_result": "retention=0 keeps no result",
    "acks_late": "a job of reliable mode always runs under a lease, which its end gives back",
    "priority": "a worker serves its queues most urgent first",
    "serializer": "payloads and results are JSON",
}


def hinted(hints: dict[str, str], word: str) -> str:
    """Return what follows a message about an unknown word; '' where nothing is known."""
    return f"; {hints[word]}" if word in hints else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return what follows a message about a misspelled word; '' where none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


class WrongWith(TypeError, AttributeError):
    """An object was opened by the wrong kind of `with`."""


class NoWith:
    """Stands in a class for the method `__enter__` or `__aenter__` that it lacks: `with` of an
    object of the class raises WrongWith.

    The class itself does not have the method: libraries ask the class of an object whether the
    object is a plain context manager or an async one. So nothing stands for `__exit__` and
    `__aexit__`.

    Args:
        message: what to write.
    """

    def __init__(self, message: str) -> None:
        self._message = message

    def __get__(self, one: object, kind: type | None = None) -> NoReturn:
        raise WrongWith(self._message)


class HintedClient:
    """Responsible for the error about a method that a client does not have."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            hint = hinted(OF_CLIENTS, name)
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}{hint}")
