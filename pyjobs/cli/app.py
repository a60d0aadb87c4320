"""The command `pyjobs`: its subcommands, and how an error ends it. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import click

from pyjobs.cli.acl import acl
from pyjobs.cli.cancel import cancel
from pyjobs.cli.check import check
from pyjobs.cli.counters import counters
from pyjobs.cli.dead import dead
from pyjobs.cli.delete import delete
from pyjobs.cli.doctor import doctor
from pyjobs.cli.events import events
from pyjobs.cli.explain import explain
from pyjobs.cli.failures import failures
from pyjobs.cli.health import health
from pyjobs.cli.jobs import jobs
from pyjobs.cli.limit import limit
from pyjobs.cli.memory import memory
from pyjobs.cli.mode import mode
from pyjobs.cli.monitor import monitor
from pyjobs.cli.move import move
from pyjobs.cli.operating import NotConfirmed
from pyjobs.cli.outbox import outbox
from pyjobs.cli.output import say, show, show_error
from pyjobs.cli.parts import parts
from pyjobs.cli.pause import pause, resume
from pyjobs.cli.purge import purge
from pyjobs.cli.reap import reap
from pyjobs.cli.requeue import requeue
from pyjobs.cli.result import result
from pyjobs.cli.run_now import run_now
from pyjobs.cli.schedules import schedules
from pyjobs.cli.scripts import scripts
from pyjobs.cli.show import show as show_job
from pyjobs.cli.status import status
from pyjobs.cli.submit import submit
from pyjobs.cli.tasks import tasks
from pyjobs.cli.top import top
from pyjobs.cli.work import work
from pyjobs.cli.workers import workers
from pyjobs.errors import PyjobsError

INTERRUPTED = 130
EXIT_CODES = """Every command exits with 0 when it did what it was asked for, and with 1 on an
error, also of the command line itself, which it reports on stderr. `submit` and `result` exit
with 2 when there is no result yet, `doctor` when there are warnings and no error, and a command
that asks before it forgets jobs when nobody says yes."""


class InOrder(click.Group):
    """Lists the commands in the order in which they were added, as a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)


@click.group(
    cls=InOrder,
    commands=[
        *(submit, result, work, health, tasks, status, top, counters, workers),
        *(jobs, show_job, events, explain, failures, dead),
        *(pause, resume, cancel, requeue, run_now, move, outbox, delete, purge, schedules),
        *(mode, limit, parts, memory),
        *(check, doctor, monitor, reap, scripts, acl),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
    invoke_without_command=True,
)
@click.version_option(version("pyjobs"), prog_name="pyjobs")
@click.pass_context
def app(context: click.Context) -> None:
    """Submit jobs to Redis, run workers, and look after both.

    A client submits a job, which is some JSON, to a queue. A worker claims the job, runs its
    handler and records the result. Every command that needs Redis finds it by --url, or by the
    environment variable PYJOBS_URL.
    """
    if context.invoked_subcommand is None:
        show(context.get_help())


@app.command("version")
def show_version() -> None:
    """Print the version of pyjobs."""
    show(f"pyjobs, version {version('pyjobs')}")


def run(argv: Sequence[str] | None) -> int:
    """Run one command and return its exit code; an error is a message on stderr, no traceback."""
    try:
        return app.main(argv, prog_name="pyjobs", standalone_mode=False) or 0
    except click.Abort:
        return INTERRUPTED
    except NotConfirmed as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        show_error(error)
    except PyjobsError as error:
        say(" ".join(str(error).splitlines()))
    return 1
