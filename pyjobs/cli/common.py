"""What several commands share. No command of its own may live here.

By matter: words, ids as arguments, options, the connection, the outcome of a job, and the answers
of scripts about many jobs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import click
from click.core import ParameterSource

from pyjobs import codec
from pyjobs.admin import Answer
from pyjobs.cli.output import say, say_lines, show, show_json
from pyjobs.cli.values import Word
from pyjobs.client import Job, settle_stored
from pyjobs.engine import MODES, RELIABLE, Stored
from pyjobs.errors import BadArgument, JobFailed
from pyjobs.transport import DEFAULT_URL, ErrorTranslation, Server, checked_url, connect
from pyjobs.validate import positive, to_ms

# --- words ---


def number_of(number: int, what: str) -> str:
    """Return a number of things in words: `1 job`, `2 jobs`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


# --- ids as arguments ---

MARK = "\0"


class IdCommand(click.Command):
    """Takes a word that begins with `-` and is none of its options as an argument: the id of a job
    may begin so. A word that begins with `--` must have a dot too, for most are misspelled options.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Mark such words, which `marked` unmarks, and parse the others as ever."""
        options = {
            name: option
            for option in self.get_params(ctx)
            if isinstance(option, click.Option)
            for name in option.opts
        }
        words, takes_next = [], False
        for word in args:
            option = options.get(word.partition("=")[0])
            is_id = len(word) > 1 and word[0] == "-" and (word[1] != "-" or "." in word)
            words.append(f"{MARK}{word}" if is_id and option is None and not takes_next else word)
            takes_next = option is not None and not option.is_flag and "=" not in word
            if word == "--":
                return super().parse_args(ctx, [*words, *args[len(words) :]])
        return super().parse_args(ctx, words)


def marked(_: click.Context, __: click.Parameter, value: Any) -> Any:
    """Return arguments without the mark of `IdCommand`: a callback of arguments."""
    if isinstance(value, tuple):
        return tuple(word.removeprefix(MARK) for word in value)
    return value.removeprefix(MARK)


# --- options ---

LONGEST_WAIT = 1_000_000.0


def shared_url(url: str) -> str:
    """Return `url` unchanged, after a check that other processes can reach its server.

    Raises:
        BadArgument: `url` is a server inside this process.
    """
    if url.startswith("memory://"):
        raise BadArgument("url: memory:// is a server inside this process, which nobody else sees")
    return url


def named_url(context: click.Context, option: click.Parameter, url: str) -> str:
    """Return `url` unchanged, after a check: a callback of options.

    Raises:
        BadArgument: `url` is not that of a server, or of one inside this process. The message names
            the environment variable where the URL comes from it.
    """
    try:
        return shared_url(checked_url(url))
    except BadArgument as error:
        if context.get_parameter_source(option.name or "") is ParameterSource.ENVIRONMENT:
            raise BadArgument(f"{option.envvar}: {error}") from None
        raise


def seconds(_: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Return the seconds that an option gives, at most `LONGEST_WAIT`: a callback of options.

    Raises:
        BadArgument: the value is not a number of 0 or more; the message names the option.
    """
    ms = to_ms(option.name or "", value)
    return None if ms is None else min(ms / 1000, LONGEST_WAIT)


def some_seconds(_: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Return the seconds that an option gives, more than 0: a callback of options.

    Raises:
        BadArgument: the value is not a number of 0.001 or more; the message names the option.
    """
    ms = positive(option.opts[0].lstrip("-"), value)
    return None if ms is None else min(ms / 1000, LONGEST_WAIT)


def mode_option(what: str, modes: Iterable[str] = MODES) -> Callable[[Any], Any]:
    """Return the option --mode, which is 'reliable' when left out.

    Args:
        what: the option's help.
        modes: names of the modes to choose from.
    """
    choice = Word(list(modes))
    return click.option("--mode", type=choice, default=RELIABLE.name, show_default=True, help=what)


url_option = click.option(
    "--url",
    metavar="URL",
    envvar="PYJOBS_URL",
    default=DEFAULT_URL,
    show_default=True,
    show_envvar=True,
    callback=named_url,
    help="Where Redis is: redis://, rediss://, redis+cluster://, redis+sentinel:// or unix://.",
)
prefix_option = click.option(
    "--prefix",
    metavar="NAME",
    envvar="PYJOBS_PREFIX",
    default="jobs",
    show_default=True,
    show_envvar=True,
    help="What every key in Redis begins with.",
)
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="If the job failed, print its traceback too."
)


# --- the connection ---


@contextlib.contextmanager
def connected(url: str) -> Iterator[Server]:
    """Open a connection for one command. Errors in the block name the URL, without its password.

    Raises:
        PyjobsError: what an error of redis-py in the block stands for.
    """
    with ErrorTranslation(url), connect(url) as server:
        yield server


# --- the outcome of a job ---

NO_RESULT_YET = 2
EXIT_CODES = """\b
Exit codes:
  0  {}
  1  the job failed, or something else is wrong; stderr says what
  2  no result yet"""


def print_stored(job: Job, stored: Stored, verbose: bool) -> int:
    """Print what is stored of a job and return the exit code.

    Args:
        job: the job, without an outcome.
        stored: the reply of queue/result.
        verbose: whether to print the traceback of an error.
    """
    if settle_stored(job, stored) is not None:
        return print_result(job, 0, verbose)
    last = JobFailed(*codec.decode_error(stored.body)) if stored.body else None
    so_far = f"; its last attempt: {last}" if last else ""
    say(
        f"job {job.id} on queue {job.queue}: no result yet, it is {stored.state}{so_far}; "
        f"`pyjobs explain {job.queue} {job.id}` says why"
    )
    if last and verbose:
        say_lines(last.traceback)
    return NO_RESULT_YET


def print_result(job: Job, wait: float, verbose: bool) -> int:
    """Wait for a job, print its result or its error, and return the exit code.

    Args:
        job: the job.
        wait: seconds to wait.
        verbose: whether to print the traceback of an error.

    Raises:
        TimeoutError: there was no result in time; nothing was printed.
    """
    try:
        show_json(codec.encode(job.result(wait)))
    except JobFailed as error:
        say(f"job {job.id} on queue {job.queue} failed: {error}")
        if verbose:
            say_lines(error.traceback)
        return 1
    return 0


# --- the answers of scripts about many jobs ---

SOME_REFUSED = "Exits with 1 when it was not done for some of the jobs; stderr says which and why."


def print_answers(done: str, queue: str, answers: Sequence[Answer]) -> int:
    """Print for how many jobs it was done and for which it was not; return the exit code.

    Args:
        done: what was done, such as 'requeued'.
        queue: the queue's name.
        answers: an answer for each job.
    """
    refused = [answer for answer in answers if not answer.done]
    for answer in refused:
        say(f"job {answer.id} on queue {queue}: {answer.why_not}")
    print_done(done, len(answers) - len(refused), len(answers))
    return 1 if refused else 0


def print_done(done: str, number: int, asked: int) -> None:
    """Print to how many jobs something was done.

    Args:
        done: what was done, such as 'requeued' or 'moved to queue b'.
        number: how many jobs.
        asked: how many jobs it was to be done to.
    """
    verb, _, where = done.partition(" ")
    jobs = number_of(asked, "job")
    words = (verb, jobs if number == asked else f"{number} of {jobs}", where)
    show(" ".join(word for word in words if word))
