"""What the commands of operators share: the queue as an argument, times in words, options.

No command of its own may live here.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

from pyjobs import codec
from pyjobs.admin import Admin, why_unserved
from pyjobs.cli.common import marked
from pyjobs.engine import OTHERS, Explanation
from pyjobs.errors import BadArgument, Forbidden, PyjobsError, Undecodable
from pyjobs.transport import DEFAULT_URL

# The units of durations in words, and ms of each.
UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000))
# A shell waits so long for the words that complete what was typed.
COMPLETE_SECONDS = 2.0


def complete_queue(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the queues of the registry that begin so, for a shell; none on an error."""
    return completed(context, lambda admin: admin.queues(), incomplete)


def complete_task(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the tasks of the last hour that begin so, of the queue that the command names, for a
    shell; none on an error."""
    # click leaves the arguments where they are when an option has no value yet.
    queue = context.params.get("queue") or next(iter(context.args), "")

    def tasks(admin: Admin) -> list[str]:
        found = admin.counters(queue, minutes=60).tasks()
        return [name for name in found if name not in ("", OTHERS)]

    return completed(context, tasks, incomplete)


def completed(
    context: click.Context, find: Callable[[Admin], Iterable[str]], incomplete: str
) -> list[str]:
    """Return the words that begin so, for a shell; none on an error, and none where Redis takes
    longer than COMPLETE_SECONDS.

    Args:
        context: of the command; its options say where Redis is.
        find: finds the words.
        incomplete: how the words begin.
    """
    given, found = context.params, list[str]()

    def ask() -> None:
        prefix = given.get("prefix") or "jobs"
        with (
            contextlib.suppress(PyjobsError),
            Admin(given.get("url") or DEFAULT_URL, prefix=prefix) as admin,
        ):
            found.extend(find(admin))

    asking = threading.Thread(target=ask, name="pyjobs-complete", daemon=True)
    asking.start()
    asking.join(COMPLETE_SECONDS)
    return [word for word in found if word.startswith(incomplete)]


def queue_named(context: click.Context, option: click.Parameter, value: str) -> str:
    """Return the name of a queue: a callback of the argument.

    Raises:
        BadArgument: it names a part of a queue that is split; the message names the queue.
    """
    name: str = marked(context, option, value)
    queue, slash, number = name.rpartition("/")
    if slash and queue and number.isdecimal():
        raise BadArgument(
            f"queue: {name} would be a part of queue {queue}: name the queue, "
            f"and `pyjobs parts {queue}` shows its parts"
        )
    return name


queue_argument = click.argument("queue", callback=queue_named, shell_complete=complete_queue)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON objects, one a line, instead of a table."
)
NOT_CONFIRMED = 2


class NotConfirmed(click.ClickException):
    """The operator has not agreed to what can't be undone."""

    exit_code = NOT_CONFIRMED


yes_option = click.option("--yes", is_flag=True, help="Do it without asking.")


@contextlib.contextmanager
def admin_of(url: str, prefix: str) -> Iterator[Admin]:
    """Open an `Admin` for one command."""
    with Admin(url, prefix=prefix) as admin:
        yield admin


def with_workers(admin: Admin, queue: str, task: str, why: Explanation) -> Explanation:
    """Return why a job is not running, with what is known of the workers that could run it.

    Args:
        admin: asks for the workers.
        queue: the queue's name.
        task: the name of the job's task; '' for a bare job.
        why: what the queue says.
    """
    if why.code not in ("pending", "next", "due", "delayed", "backoff"):
        return why
    with contextlib.suppress(Forbidden):
        found = admin.workers(queue)
        unserved = "" if found.unread else why_unserved(task, found.workers)
        return why._replace(sentence=f"{why.sentence}; {unserved}") if unserved else why
    return why


def confirm(yes: bool, question: str) -> None:
    """Ask on the terminal, unless the answer was given by --yes.

    Raises:
        NotConfirmed: the answer is no, or nobody can answer.
        click.Abort: it was interrupted.
    """
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as end:
        if not isinstance(end.__context__, EOFError):
            raise
        click.echo(err=True)
        raise NotConfirmed("nobody answers, so nothing was done; --yes answers") from None
    if not agreed:
        raise NotConfirmed("nothing was done")


def span(ms: int) -> str:
    """Return a duration in words, such as `12 s`; '-' when it is negative."""
    if ms < 0:
        return "-"
    for unit, size in UNITS:
        if ms >= size:
            return f"{ms / size:.3g} {unit}"
    return f"{ms} ms"


def moment(ms: int) -> str:
    """Return a moment as local time, to the second; '-' when it is 0."""
    return datetime.datetime.fromtimestamp(ms / 1000).isoformat(" ", "seconds") if ms else "-"


def error_line(body: bytes, longest: int = 80) -> str:
    """Return type and message of an error, in at most so many characters."""
    if not body:
        return ""
    found = codec.decode_error(body)
    return shortened(": ".join(part for part in (found.type, found.message) if part), longest)


def shortened(text: str, longest: int) -> str:
    """Return a text of at most so many characters; what is cut off ends in `...`."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def as_text(body: bytes) -> str:
    """Return bytes as a text, whatever they are."""
    return body.decode(errors="backslashreplace")


def json_ready(value: Any) -> dict[str, Any]:
    """Return a named tuple as a dict that JSON can hold.

    Bytes, which are JSON, become the value that they name, or None where there are none. Bytes that
    are no JSON, also since they were cut, become a text beside None: `data_text` beside `data`. An
    error becomes a dict with type, message and traceback.
    """
    found: dict[str, Any] = {}
    for name, part in value._asdict().items():
        if name == "error" and isinstance(part, bytes):
            found[name] = codec.decode_error(part)._asdict() if part else None
        elif isinstance(part, bytes):
            try:
                found[name] = codec.decode(part) if part else None
            except Undecodable:
                found |= {name: None, f"{name}_text": as_text(part)}
        else:
            found[name] = part
    return found
