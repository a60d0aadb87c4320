"""The command `pyjobs`: its subcommands, and how an error ends it. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import click

from pyjobs.cli.acl import acl
from pyjobs.cli.common import tell
from pyjobs.cli.dead import cancel, dead, requeue
from pyjobs.cli.reap import reap
from pyjobs.cli.scripts import scripts
from pyjobs.cli.submit import result, submit
from pyjobs.cli.work import work
from pyjobs.errors import PyjobsError

INTERRUPTED = 130


@click.group(
    commands=[work, submit, result, cancel, dead, requeue, reap, scripts, acl],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version("pyjobs"), prog_name="pyjobs")
def app() -> None:
    """A job queue inside Redis: submit jobs, run workers, look after both.

    Every command exits with 1 on an error, and says on stderr what was wrong.
    """


def run(argv: Sequence[str] | None) -> int:
    """Run one command. Returns its exit code; a mistake is a message, never a traceback."""
    try:
        return app.main(argv, prog_name="pyjobs", standalone_mode=False) or 0
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
    except PyjobsError as error:
        tell(" ".join(str(error).splitlines()))
    return 1
