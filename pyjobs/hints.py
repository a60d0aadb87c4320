"""Hints of errors: what the words of other libraries are called here, which known word is nearest
to a misspelled word, and what to write in place of a method. Nothing else may live here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pyjobs.errors import BadArgument

Init = TypeVar("Init", bound=Callable[..., None])

# What a program imports from the package, and what to write.
OF_PACKAGE = {
    **dict.fromkeys(("AsyncClient", "AsyncJob"), "for asyncio: from pyjobs.aio import Client, Job"),
    **{name: f"from pyjobs.admin import {name}" for name in ("Admin", "AsyncAdmin", "Filter")},
    "Inspector": "from pyjobs.admin import Admin",
    **dict.fromkeys(
        ("AsyncWorker", "SimpleWorker", "run_worker"),
        "from pyjobs import Worker: worker.run() has an event loop of its own, and await "
        "worker.arun() is for the running one",
    ),
    **dict.fromkeys(
        ("Queue", "SimpleQueue", "TaskQueue"),
        "a queue is named where it is used: Client(queue='words'), Worker(queues=['words'])",
    ),
    **dict.fromkeys(
        ("App", "ArqRedis", "Broker", "Celery", "Docket", "Huey", "RedisBroker", "create_pool"),
        "from pyjobs import Client, Worker: each is made with the URL of Redis",
    ),
    **dict.fromkeys(
        ("AsyncResult", "Future", "Result", "TaskResult"),
        "client.submit returns a Job, and client.job(id) one of an id",
    ),
    **dict.fromkeys(
        ("actor", "job", "shared_task", "func"), "from pyjobs import task: @task makes a task"
    ),
    **dict.fromkeys(
        ("Scheduler", "cron", "crontab", "periodic_task", "schedule"),
        "a task has its schedule: @task(cron='0 3 * * *'), and client.schedules has the others",
    ),
    **dict.fromkeys(
        ("enqueue", "send_task", "submit"), "from pyjobs import Client: client.submit(task, ...)"
    ),
    **dict.fromkeys(
        ("Context", "JobContext", "get_current_job"),
        "a first parameter with the annotation ClaimedJob gets the job",
    ),
    "JobStatus": "job.info().state is a word, such as 'pending'",
}
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
# What is given to `pyjobs work`.
OF_WORK = {
    **dict.fromkeys(
        ("--queue", "--queues", "-Q", "-q"),
        "a worker is made with its queues: Worker(queues=[...])",
    ),
    **dict.fromkeys(("--app", "-A"), "MODULE:WORKER stands without an option"),
    **dict.fromkeys(("--beat", "-B"), "a worker makes the schedules of its tasks"),
    **dict.fromkeys(("--loglevel", "--log-level", "-l"), "the words are --quiet and --verbose"),
    **dict.fromkeys(("--threads", "-c"), "the word is --concurrency"),
    "--mode": "a worker is made with its mode: Worker(mode=...)",
    "--lease": "a worker is made with it: Worker(lease=...)",
    "--pool": "the word is --executor",
    "--tasks": "a worker is made with its tasks: Worker(tasks=[...])",
    "--timeout": "a worker is made with it: Worker(timeout=...)",
    "--workers": "the word is --processes",
}
# What is given to a command, and the options that may be meant: the first one that the command has.
OF_OPTIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("--broker", "--connection", "--db", "--redis", "--redis-url"), ("--url",)),
    **dict.fromkeys(("--count", "--lines", "--tail", "-n"), ("--limit",)),
    **dict.fromkeys(("--fix", "--mend"), ("--repair",)),
    **dict.fromkeys(("--force", "--no-input", "-f", "-y"), ("--yes",)),
    **dict.fromkeys(("--host", "--port"), ("--port", "--url")),
    **dict.fromkeys(("--interval", "--refresh", "--watch"), ("--every", "--watch")),
    **dict.fromkeys(("--minutes", "--seconds"), ("--for",)),
    **dict.fromkeys(("--timeout", "-w"), ("--wait",)),
    "--at": ("--run-at",),
    "--delete": ("--remove",),
    "--hours": ("--minutes",),
    "--in": ("--delay",),
    "--name": ("--task", "--user"),
    "--since": ("--newer", "--minutes"),
    "--size": ("--bytes",),
    "--status": ("--state",),
    "--ttl": ("--retention",),
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
# What a program makes a worker, a client or an admin with.
OF_CONNECTIONS = dict.fromkeys(
    (
        *("backend", "broker", "broker_url", "connection", "dsn", "redis", "redis_settings"),
        *("redis_url", "host", "port"),
    ),
    "the word is url: redis://user:password@host:6379/0",
)
OF_MADE_CLIENTS = {
    **OF_CONNECTIONS,
    **dict.fromkeys(("default_queue_name", "queue_name", "name", "queues"), "the word is queue"),
}
OF_WORKERS = {
    **OF_CONNECTIONS,
    **dict.fromkeys(("max_jobs", "processes", "threads", "workers"), "the word is concurrency"),
    **dict.fromkeys(("functions", "task"), "the word is tasks"),
    **dict.fromkeys(("queue", "queue_name"), "the word is queues"),
    **dict.fromkeys(("job_timeout", "soft_time_limit", "time_limit"), "the word is timeout"),
    **dict.fromkeys(("keep_result", "result_ttl"), "the word is retention"),
    **dict.fromkeys(("max_retries", "max_tries", "retries", "retry"), "the word is max_attempts"),
    **dict.fromkeys(("on_shutdown", "on_startup", "shutdown", "startup"), "the word is lifespan"),
    "cron_jobs": "a task has its schedule: @task(cron='0 3 * * *')",
    "pool": "the word is executor: 'thread' or 'process'",
}


def hinted(hints: dict[str, str], word: str) -> str:
    """Return what follows a message about an unknown word; '' where nothing is known."""
    return f"; {hints[word]}" if word in hints else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return what follows a message about a misspelled word; '' where none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def named_options(hints: dict[str, str]) -> Callable[[Init], Init]:
    """Return a decorator of an `__init__` that takes a URL, and options by name: the class then
    answers a call with an unknown option by a BadArgument that says what to write.

    Type checkers, editors and `inspect` see the signature as it is written.

    Args:
        hints: what to write for the words of other libraries.
    """

    def decorate(init: Init) -> Init:
        known = [*inspect.signature(init).parameters][1:]

        @functools.wraps(init)
        def checking(self: Any, *args: Any, **options: Any) -> None:
            name = type(self).__name__
            for word in options:
                if word not in known:
                    hint = hinted(hints, word) or nearest(word, known)
                    raise BadArgument(f"{word}: {name} has no such option{hint}")
            if len(args) > 1:
                raise BadArgument(
                    f"{name}: only the URL goes without a name, and not {args[1]!r}; options go by "
                    f"name, as in {name}(url, {known[1]}=...)"
                )
            init(self, *args, **options)

        return checking  # type: ignore[return-value]

    return decorate


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
