"""The command `pyjobs`: its subcommands, and how an error ends it. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pyjobs.cli.complaints import complain
from pyjobs.cli.groups import Commands
from pyjobs.cli.output import open_streams, say_warnings, show
from pyjobs.errors import PyjobsError

INTERRUPTED = 130
EXIT_CODES = """\b
Exit codes:
  0    the command did what it was asked for, or the answer is yes
  1    an error, or the answer is no; stderr says why in one line
  2    no result yet (submit, result); warnings and no error (doctor);
       nobody said yes (commands that ask first)
  130  Ctrl-C"""
LISTED = {
    "Submit and run": {
        "submit": "Submit a job and print its id, or with --wait its result.",
        "result": "Print the result of a job.",
        "work": "Run a worker.",
        "tasks": "List the tasks of a Python module.",
    },
    "Look at queues and workers": {
        "status": "Show what each queue holds, and its rates.",
        "top": "Show the busiest queues and tasks, again and again.",
        "workers": "Show the workers and what they run.",
        "counters": "Show how many jobs came, ended and failed, by task.",
        "events": "Show what happened to which jobs, in order.",
        "schedules": "Show schedules; pause, resume, run or remove one.",
        "memory": "Estimate the memory that a queue takes.",
    },
    "Look at jobs": {
        "jobs": "List the jobs of a queue, by their state.",
        "show": "Show all that is known of a job.",
        "explain": "Say why a job is not running.",
        "failures": "Count the dead jobs by their error.",
        "dead": "List the dead jobs with their errors.",
    },
    "Act on jobs": {
        "cancel": "Cancel jobs that have not ended.",
        "requeue": "Let dead or failed jobs run again.",
        "run-now": "Let delayed jobs run now.",
        "move": "Move jobs to another queue.",
        "outbox": "Show jobs on their way to another queue.",
        "delete": "Forget jobs.",
        "purge": "Forget all pending jobs, or delayed or dead ones.",
    },
    "Act on queues": {
        "pause": "Let workers claim nothing.",
        "resume": "Let workers claim again.",
        "limit": "Set how many jobs may be pending, and how large.",
        "mode": "Change the mode of an empty queue.",
        "parts": "Split a queue over the nodes of a cluster.",
    },
    "Keep it healthy": {
        "doctor": "Say what is wrong with Redis and the queues.",
        "check": "Hold each entry of a queue against its job; mend them.",
        "reap": "Put back the jobs of workers that died.",
        "health": "Ask a worker whether it is healthy.",
        "monitor": "Answer Prometheus, or send to StatsD.",
    },
    "Set up": {
        "scripts": "List, load, show or export the Lua scripts.",
        "acl": "Print the Redis access rules of a role.",
        "help": "Explain a command.",
        "version": "Print the version of pyjobs.",
    },
}


@click.group(
    cls=Commands,
    listed=LISTED,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
    invoke_without_command=True,
)
@click.version_option(package_name="pyjobs", prog_name="pyjobs")
@click.pass_context
def app(context: click.Context) -> None:
    """Submit jobs to Redis, run workers, and look after both.

    A client submits a job, which is some JSON, to a queue. A worker claims the job, runs its
    handler and records the result. Every command that needs Redis finds it by --url, or by the
    environment variable PYJOBS_URL. `pyjobs COMMAND --help` explains a command.
    """
    if context.invoked_subcommand is None:
        show(context.get_help())


@app.command("version")
def show_version() -> None:
    """Print the version of pyjobs."""
    app.main(["--version"], prog_name="pyjobs", standalone_mode=False)


@app.command("help")
@click.argument(
    "words",
    metavar="[COMMAND]",
    nargs=-1,
    shell_complete=lambda context, _, begun: app.shell_complete(context, begun),
)
@click.pass_context
def show_help(context: click.Context, words: Sequence[str]) -> None:
    """Explain COMMAND, or list the commands."""
    parent = context.parent
    assert parent is not None
    app.main([*words, "--help"], prog_name=parent.command_path, standalone_mode=False)


def run(argv: Sequence[str] | None) -> int:
    """Run one command and return its exit code; an error is a message on stderr, no traceback."""
    open_streams()
    say_warnings()
    try:
        return app.main(argv, prog_name="pyjobs", standalone_mode=False) or 0
    except click.Abort:
        return INTERRUPTED
    except (click.ClickException, PyjobsError, OSError) as error:
        return complain(error)
