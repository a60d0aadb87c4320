"""What the commands share that do something to jobs: by their ids, or by a filter.

No command of its own may live here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import click

from pyjobs.admin import Admin, Answer, Filter, JobEdit
from pyjobs.cli.common import (
    marked,
    number_of,
    prefix_option,
    print_answers,
    print_done,
    seconds,
    url_option,
)
from pyjobs.cli.operating import (
    admin_of,
    complete_queue,
    complete_task,
    confirm,
    queue_argument,
    yes_option,
)
from pyjobs.cli.output import progress_bar, say, show
from pyjobs.cli.values import SECONDS, Number, Word
from pyjobs.engine import State
from pyjobs.errors import BadArgument

FILTERS = (
    click.option(
        "--task", metavar="NAME", shell_complete=complete_task, help="Only jobs of this task."
    ),
    click.option("--error", metavar="TEXT", help="Only jobs whose last error has TEXT in it."),
    click.option(
        "--older",
        type=SECONDS,
        metavar="SECONDS",
        callback=seconds,
        help="Only jobs that were submitted, or have ended, at least SECONDS ago.",
    ),
    click.option(
        "--newer",
        type=SECONDS,
        metavar="SECONDS",
        callback=seconds,
        help="Only jobs that were submitted, or have ended, at most SECONDS ago.",
    ),
)
SHOWN = 20


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a filter but its state."""
    for option in reversed(FILTERS):
        function = option(function)
    return function


class Chosen(NamedTuple):
    """Holds what a command was given: which jobs, and how sure the operator is.

    Attributes:
        queue: the queue's name.
        ids: ids of jobs; none where a filter chooses.
        where: the filter.
        dry_run: whether the jobs are counted only.
        expected: how many jobs the filter is expected to choose; None is any number.
        yes: whether nothing is asked.
        url: where Redis is.
        prefix: what every key in Redis begins with.
    """

    queue: str
    ids: tuple[str, ...]
    where: Filter
    dry_run: bool
    expected: int | None
    yes: bool
    url: str
    prefix: str


def edit_arguments(
    *states: State, other: bool = False
) -> Callable[[Callable[..., int]], Callable[..., Any]]:
    """Return a decorator: the function gets a `Chosen` before its own arguments.

    Args:
        states: what --state may be.
        other: whether the name of another queue follows that of the queue.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(
            queue: str, ids: tuple[str, ...], state: State | None, every: bool, dry_run: bool,
            expected: int | None, yes: bool, url: str, prefix: str, **further: Any,
        ) -> int:  # fmt: skip
            names = ("task", "error", "older", "newer")
            where = Filter(state, *(further.pop(name) for name in names))
            by_filter = every or where != Filter()
            if ids and by_filter:
                raise BadArgument("ids: name the jobs or give a filter such as --all, not both")
            if not ids and not by_filter:
                raise BadArgument("ids: name the jobs, or say --all or a filter")
            if ids and (dry_run or expected is not None):
                raise BadArgument("ids: --dry-run and --expect are for a filter")
            ids = tuple(dict.fromkeys(ids))  # an id that was given twice is one job
            chosen = Chosen(queue, ids, where, dry_run, expected, yes, url, prefix)
            return function(chosen, **further)

        decorated: Callable[..., Any] = wrapper
        target = click.argument("to", callback=marked, shell_complete=complete_queue)
        queues: list[Callable[..., Any]] = [queue_argument, target] if other else [queue_argument]
        options: tuple[Callable[..., Any], ...] = (
            *queues,
            click.argument("ids", metavar="[ID]...", nargs=-1, callback=marked),
            click.option("--all", "every", is_flag=True, help="All jobs of the state."),
            click.option("--state", type=Word(list(states)), help="Which jobs."),
            filter_options,
            click.option("--dry-run", is_flag=True, help="Count the jobs; change nothing."),
            click.option(
                "--expect",
                "expected",
                type=Number(0),
                metavar="NUMBER",
                help="Do nothing unless there are NUMBER jobs, give or take a tenth.",
            ),
            yes_option,
            url_option,
            prefix_option,
        )
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def edit(chosen: Chosen, what: JobEdit, done: str, question: str | None = None) -> int:
    """Do something to jobs, by their ids or by a filter, and return the exit code.

    Args:
        chosen: which jobs.
        what: what is done.
        done: the same in the past, such as 'requeued'.
        question: what is asked before it is done by a filter, with a place for how many jobs;
            None asks nothing.
    """
    queue, where = chosen.queue, chosen.where
    with admin_of(chosen.url, chosen.prefix) as admin:
        if chosen.ids:
            by_id = {
                "requeue": admin.requeue, "cancel": admin.cancel,
                "delete": admin.delete, "run": admin.run_now,
            }  # fmt: skip
            return print_answers(done, queue, by_id[what](queue, chosen.ids))
        expected = chosen.expected
        if chosen.dry_run or (question and not chosen.yes):
            number = counted_first(admin, chosen, what)
            if chosen.dry_run:
                return print_dry_run(done, queue, number)
            if not number and chosen.expected is None:
                return print_edited(done, queue, 0, [])
            confirm(chosen.yes, (question or "").format(number_of(number, "job")))
            expected = number if expected is None else expected
        with progress_bar(done) as progress:
            found = admin.edit_jobs(queue, what, where, expected=expected, progress=progress)
    return print_edited(done, queue, found.done, found.refused)


def counted_first(admin: Admin, chosen: Chosen, what: JobEdit) -> int:
    """Count the jobs that a filter chooses."""
    with progress_bar("counting") as progress:
        return admin.count_jobs(chosen.queue, what, chosen.where, progress=progress)


def print_dry_run(done: str, queue: str, number: int) -> int:
    """Print how many jobs a filter has chosen."""
    show(f"{number_of(number, 'job')} of queue {queue} would be {done}")
    say(f"--expect {number} does it while there are about as many")
    return 0


def print_edited(done: str, queue: str, number: int, refused: list[Answer]) -> int:
    """Print to how many jobs of a filter it was done, and to which it was not."""
    for answer in refused[:SHOWN]:
        say(f"job {answer.id} on queue {queue}: {answer.why_not}")
    if refused[SHOWN:]:
        say(f"... and {len(refused) - SHOWN} more jobs")
    print_done(done, number, number + len(refused))
    return 1 if refused else 0
