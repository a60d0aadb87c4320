"""`pyjobs submit` and `pyjobs result`: one job, from and to JSON. Nothing else may live here."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime
from typing import Any

import click

from pyjobs import codec
from pyjobs.cli.common import connected, prefix_option, seconds, tell, url_option
from pyjobs.client import LIVE_STATES, Client, Job, gone
from pyjobs.engine import MODES, SIMPLE, Keys, Stored, fetch
from pyjobs.errors import BadArgument, Forbidden, JobFailed, ResultGone, Undecodable
from pyjobs.transport import ErrorTranslation, Server, registered_mode, run
from pyjobs.validate import checked

POLL_SECONDS = 0.2
NO_RESULT_YET = 2
EXIT_CODES = """\b
Exit codes:
  0  {}
  1  the job failed, or something else is wrong; stderr says what
  2  no result yet"""

verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="If the job failed, print its traceback too."
)


def moment(_: click.Context, option: click.Parameter, text: str | None) -> datetime | float | None:
    """Callback of an option: seconds since the epoch, or the moment that ISO 8601 names.

    Raises:
        BadArgument: it is neither, or a time without its zone.
    """
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        why = "is neither ISO 8601, such as 2030-01-31T08:00:00Z, nor seconds since the epoch"
        raise BadArgument(f"{option.name}: {text!r} {why}") from None
    if found.tzinfo is None:
        raise BadArgument(f"{option.name}: {text!r} has no time zone, such as Z or +02:00")
    return found


@click.command(epilog=EXIT_CODES.format("the id, or with --wait the result, is on stdout"))
@click.argument("queue")
@click.argument("data", metavar="[JSON]", default="-")
@click.option(
    "--mode",
    type=click.Choice(list(MODES)),
    default="reliable",
    show_default=True,
    help="The queue's mode.",
)
@click.option(
    "--id", help="The job's id. A repeated submit of it is the same job (not in simple mode)."
)
@click.option("--delay", type=float, metavar="SECONDS", help="Not to be run before.")
@click.option(
    "--run-at",
    metavar="TIME",
    callback=moment,
    help="The same as a moment: ISO 8601 with its zone, or seconds since the epoch.",
)
@click.option(
    "--expires", type=float, metavar="SECONDS", help="If it is not started by then, it never is."
)
@click.option("--unique", metavar="KEY", help="One live job with this key in the queue.")
@click.option("--retention", type=float, metavar="SECONDS", help="How long the result is kept.")
@click.option("--timeout", type=float, metavar="SECONDS", help="How long a handler may run.")
@click.option("--max-attempts", type=int, help="Failures until the job is dead (reliable).")
@click.option(
    "--backoff",
    type=float,
    metavar="SECONDS",
    help="Wait before the second attempt, then doubled (reliable).",
)
@click.option(
    "--wait",
    type=float,
    metavar="SECONDS",
    callback=seconds,
    help="Wait that long for the result, and print it as JSON.",
)
@verbose_option
@url_option
@prefix_option
def submit(
    queue: str,
    data: str,
    mode: str,
    wait: float | None,
    verbose: bool,
    url: str,
    prefix: str,
    **options: Any,
) -> int:
    """Submit a job and print its id.

    JSON is the job's data; without it, or with '-', the data is read from stdin.

    \b
        pyjobs submit words '{"text": "reverse me please"}' --wait 5
    """
    value = read(data)
    with ErrorTranslation(url), Client(url, mode=mode, queue=queue, prefix=prefix) as client:
        job = client.submit(value, **options)
        if not job.created:
            tell(f"job {job.id} on queue {queue} already exists; nothing new was submitted")
        if wait is None:
            click.echo(job.id)
            return 0
        try:
            return print_result(job, wait, verbose)
        except KeyboardInterrupt:
            tell(f"job {job.id} on queue {queue} goes on")
            raise
        except TimeoutError as error:
            if mode == SIMPLE.name:
                tell(str(error))
                return NO_RESULT_YET
    with connected(url) as server:
        [stored] = run(server, fetch(Keys(prefix).queue(job.queue), [job.id]))
    return print_stored(Job(job.id, job.queue), stored, verbose)


def read(data: str) -> Any:
    """The value of JSON, or of stdin for '-'.

    Raises:
        BadArgument: it is not JSON.
    """
    if data == "-":
        if sys.stdin.isatty():
            tell("reading JSON from the terminal; Ctrl-D ends it")
        text = sys.stdin.buffer.read()
    else:
        text = os.fsencode(data)
    if not text.strip():
        raise BadArgument("the data is empty; it must be JSON")
    try:
        return codec.decode(text)
    except Undecodable as error:
        start = text[:60].decode(errors="replace")
        raise BadArgument(f"the data is {error}; it begins with {start!r}") from None


@click.command(epilog=EXIT_CODES.format("the result is on stdout"))
@click.argument("id")
@click.option("--queue", required=True, help="The job's queue.")
@click.option(
    "--wait",
    type=float,
    metavar="SECONDS",
    default=0,
    callback=seconds,
    help="Wait that long for the result.",
)
@verbose_option
@url_option
@prefix_option
def result(id: str, queue: str, wait: float, verbose: bool, url: str, prefix: str) -> int:
    """Print the result of a job as JSON.

    Results are kept in recoverable and reliable queues, for the retention of the job.
    """
    keys = Keys(prefix)
    call = fetch(keys.queue(queue), [checked("id", id)])
    job = Job(id, queue)
    until = time.monotonic() + wait
    with connected(url) as server:
        [stored] = run(server, call)
        while stored.state in LIVE_STATES and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            [stored] = run(server, call)
        if not stored.state and is_simple(server, keys, queue):
            raise ResultGone(f"job {id}: queue {queue} is simple, and keeps no results")
    return print_stored(job, stored, verbose)


def is_simple(server: Server, keys: Keys, queue: str) -> bool:
    """Whether the registry calls it that; who submits jobs need not have the right to read it."""
    try:
        return registered_mode(server, keys, queue) == SIMPLE.name
    except Forbidden:
        return False


def print_stored(job: Job, stored: Stored, verbose: bool) -> int:
    """Print what is stored of a job. Returns the exit code."""
    if stored.state not in LIVE_STATES:
        job.settle(stored if stored.state else gone(job))
        return print_result(job, 0, verbose)
    last = JobFailed(*codec.decode_error(stored.body)) if stored.body else None
    so_far = f"; its last attempt: {last}" if last else ""
    tell(f"job {job.id} on queue {job.queue}: no result yet, it is {stored.state}{so_far}")
    if last and verbose:
        click.echo(last.traceback, err=True, nl=False)
    return NO_RESULT_YET


def print_result(job: Job, wait: float, verbose: bool) -> int:
    """Print what comes of a job within `wait` seconds. Returns the exit code.

    Raises:
        TimeoutError: it takes longer; nothing was printed.
    """
    try:
        click.echo(codec.encode(job.result(wait)))
    except JobFailed as error:
        tell(f"job {job.id} on queue {job.queue} failed: {error}")
        if verbose:
            click.echo(error.traceback, err=True, nl=False)
        return 1
    return 0
