"""What the words of other libraries are called here, for errors that such a word causes. Nothing
else may live here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

# What a program looks for in a task, and what to write.
OF_TASKS = dict.fromkeys(
    ("delay", "apply_async", "send", "send_with_options", "kiq", "kicker", "enqueue", "remote"),
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
# What a program gives to @task.
OF_POLICIES = {
    **dict.fromkeys(("max_retries", "retries", "max_tries"), "max_attempts counts all attempts"),
    **dict.fromkeys(("time_limit", "soft_time_limit", "job_timeout"), "the word is timeout"),
    **dict.fromkeys(("result_ttl", "keep_result", "ttl"), "the word is retention"),
    **dict.fromkeys(("autoretry_for", "retry_exceptions"), "the word is retry_on"),
    **dict.fromkeys(("dont_autoretry_for", "throws"), "the word is reject_on"),
    **dict.fromkeys(("retry_backoff", "default_retry_delay", "min_backoff"), "the word is backoff"),
    "queue_name": "the word is queue",
    "bind": "a first parameter with the annotation ClaimedJob gets the job",
    "rate_limit": "there is no limit of rate",
}


def hinted(hints: dict[str, str], word: str) -> str:
    """Return what follows a message about an unknown word; '' where nothing is known."""
    return f"; {hints[word]}" if word in hints else ""


class HintedClient:
    """Responsible for the error about a method that a client does not have."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            hint = hinted(OF_CLIENTS, name)
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}{hint}")
