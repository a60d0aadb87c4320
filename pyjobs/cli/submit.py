"""`pyjobs submit`: one job from JSON. Nothing else may live here."""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

from pyjobs import codec
from pyjobs.cli.common import (
    EXIT_CODES,
    NO_RESULT_YET,
    connected,
    prefix_option,
    print_result,
    print_stored,
    seconds,
    url_option,
    verbose_option,
)
from pyjobs.cli.follow import follow as followed
from pyjobs.cli.operating import admin_of, complete_task, queue_argument
from pyjobs.cli.output import say, show
from pyjobs.cli.values import SECONDS, Number, Word
from pyjobs.client import Client, Job
from pyjobs.engine import MODES, RELIABLE, SIMPLE, Keys, ModeName, fetch
from pyjobs.errors import BadArgument, Undecodable, WrongMode
from pyjobs.transport import ErrorTranslation, run


def given_moment(
    _: click.Context, option: click.Parameter, text: str | None
) -> datetime | float | None:
    """Return seconds since the epoch, or the moment that ISO 8601 names: a callback of options.

    Raises:
        BadArgument: `text` is neither, or a time without its zone; the message names the option.
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
@queue_argument
@click.argument("data", metavar="[JSON]", default="-")
@click.option(
    "--mode",
    type=Word(list(MODES)),
    help="Mode of the queue.  [default: its own, and reliable for a new queue]",
)
@click.option(
    "--id",
    metavar="ID",
    help="Id of the job. The same id and JSON again are the same job (not in simple mode).",
)
@click.option(
    "--task",
    metavar="NAME",
    shell_complete=complete_task,
    help="Name of the job's task; JSON is then an object of its arguments by name.",
)
@click.option(
    "--delay",
    type=SECONDS,
    metavar="SECONDS",
    help="Do not run the job before SECONDS have passed.",
)
@click.option(
    "--run-at",
    metavar="TIME",
    callback=given_moment,
    help="Do not run the job before TIME: ISO 8601 with its zone, or seconds since the epoch.",
)
@click.option(
    "--expires",
    type=SECONDS,
    metavar="SECONDS",
    help="Never run the job if it has not started within SECONDS.",
)
@click.option(
    "--unique",
    metavar="KEY",
    help="If a job of the queue with this KEY has not ended yet, print its id and submit nothing.",
)
@click.option(
    "--retention",
    type=SECONDS,
    metavar="SECONDS",
    help="Keep the result for SECONDS; the worker decides when left out.",
)
@click.option(
    "--timeout", type=SECONDS, metavar="SECONDS", help="Let the handler run for SECONDS at most."
)
@click.option(
    "--max-run",
    type=SECONDS,
    metavar="SECONDS",
    help="End the lease of a run after SECONDS, whatever its worker does (reliable mode).",
)
@click.option(
    "--max-attempts",
    type=Number(),
    metavar="NUMBER",
    help="Give the job up after NUMBER failed attempts (reliable mode).",
)
@click.option(
    "--backoff",
    type=SECONDS,
    metavar="SECONDS",
    help="Wait SECONDS before the second attempt, then twice as long each time (reliable mode).",
)
@click.option(
    "--traceparent", metavar="CONTEXT", help="W3C trace context, which the job's runs get."
)
@click.option("--tracestate", metavar="STATE", help="The rest of that context.")
@click.option(
    "--durable",
    metavar="WHO",
    help="Wait until WHO has the job: replicas:N in memory, or aof, the primary's disk.",
)
@click.option(
    "--wait",
    type=SECONDS,
    metavar="SECONDS",
    callback=seconds,
    help="Wait up to SECONDS for the result, and print the result instead of the id.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Show on stderr how far the job is, print its output as it comes, and the result; --wait "
    "says how long at most.",
)
@verbose_option
@url_option
@prefix_option
def submit(
    queue: str,
    data: str,
    mode: ModeName | None,
    wait: float | None,
    follow: bool,
    verbose: bool,
    url: str,
    prefix: str,
    **options: Any,
) -> int:
    """Submit a job to QUEUE and print its id.

    JSON is the data of the job, which the worker's handler gets. Without JSON, or with '-', the
    data is read from stdin.

    \b
        pyjobs submit words '{"text": "reverse me please"}' --wait 5
        pyjobs submit mail '{"to": "ann"}' --task mail.send
    """
    value = parsed(data)
    if options["task"] is not None and not isinstance(value, dict):
        raise BadArgument(
            "the data of a job with a task is a JSON object of the arguments by name, such as "
            f'{{"to": "ann"}}, not {json_kind(value)}'
        )
    waits = Waits(wait, follow, verbose)
    with ErrorTranslation(url):
        try:
            return submit_in(mode or RELIABLE.name, queue, value, waits, url, prefix, options)
        except WrongMode:
            if mode is not None:
                raise
        with admin_of(url, prefix) as admin:
            own = admin.mode(queue)
        return submit_in(own, queue, value, waits, url, prefix, options)


class Waits(NamedTuple):
    """Holds how a command waits for a job that it has submitted.

    Attributes:
        seconds: how long; None where it was not said.
        follow: whether it shows how far the job is.
        verbose: whether it prints the traceback of an error.
    """

    seconds: float | None
    follow: bool
    verbose: bool


def submit_in(
    mode: ModeName,
    queue: str,
    value: Any,
    waits: Waits,
    url: str,
    prefix: str,
    options: dict[str, Any],
) -> int:
    """Submit a job to a queue of this mode, print what was asked for, and return the exit code.

    Raises:
        WrongMode: the queue has another mode; nothing was submitted.
    """
    wait, follow, verbose = waits
    with Client(url, mode=mode, queue=queue, prefix=prefix) as client:
        job = client.submit(value, **options)
        if not job.created:
            say(f"job {job.id} on queue {queue} already exists; nothing new was submitted")
        if wait is None and not follow:
            show(job.id)
            return 0
        try:
            if follow:
                followed(job, wait)
            return print_result(job, wait or 0.0, verbose)
        except KeyboardInterrupt:
            say(f"job {job.id} on queue {queue} goes on")
            raise
        except TimeoutError as error:
            if mode == SIMPLE.name:
                say(str(error))
                return NO_RESULT_YET
    with connected(url) as server:
        [stored] = run(server, fetch(Keys(prefix).queue(job.queue), [job.id]))
    return print_stored(Job(job.id, job.queue), stored, verbose)


def json_kind(value: Any) -> str:
    """Return what a value that is no object is called in JSON."""
    names = ((list, "an array"), (str, "a string"), (bool, "a boolean"), (type(None), "null"))
    return next((name for kind, name in names if isinstance(value, kind)), "a number")


def parsed(data: str) -> Any:
    """Return the value of some JSON, or of stdin when `data` is '-'.

    Raises:
        BadArgument: the text is not JSON.
    """
    if data == "-":
        if sys.stdin.isatty():
            say("reading JSON from the terminal; Ctrl-D ends it")
        text = sys.stdin.buffer.read()
    else:
        text = os.fsencode(data)
    if not text.strip():
        raise BadArgument("the data is empty; it must be JSON")
    try:
        return codec.decode(text)
    except Undecodable as error:
        start = text[:60].decode(errors="replace")
        raise BadArgument(
            f"the data is {error}; it begins with {start!r}{json_hint(data)}"
        ) from None


def json_hint(data: str) -> str:
    """Return what follows a message about data that is not JSON; '' where nothing is known."""
    path = data.removeprefix("@")
    # The name of a file may be too long for the system, or its folder not be readable.
    with contextlib.suppress(OSError):
        if Path(path).is_file():
            return f"; `pyjobs submit QUEUE - < {path}` reads a file"
    if data[:1].isalpha() and data.isprintable() and "'" not in data and '"' not in data:
        return f"; a text is written '\"{data}\"'"
    return ""
