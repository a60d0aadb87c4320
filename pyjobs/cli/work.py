"""`pyjobs work`: find a worker in a module and run it. Nothing about jobs may live here."""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from pathlib import Path
from types import ModuleType, TracebackType

import click

from pyjobs.cli import supervisor
from pyjobs.cli.common import shared
from pyjobs.errors import BadArgument, PyjobsError
from pyjobs.transport import ErrorTranslation
from pyjobs.validate import whole
from pyjobs.worker import Worker

log = logging.getLogger("pyjobs")


@click.command()
@click.argument("worker", metavar="MODULE:WORKER")
@click.option(
    "--url", envvar="PYJOBS_URL", show_envvar=True, help="Where Redis is, instead of the worker's."
)
@click.option("--concurrency", type=int, help="Jobs at once, instead of the worker's.")
@click.option("--processes", type=int, default=1, help="Run so many of it, each in a process.")
@click.option("--quiet", is_flag=True, help="Log warnings and errors only.")
@click.option("--parent", type=int, hidden=True, help="Run as a child; the socket to the parent.")
def work(
    worker: str,
    url: str | None,
    concurrency: int | None,
    processes: int,
    quiet: bool,
    parent: int | None,
) -> int:
    """Run a worker.

    It is called WORKER in MODULE, which is looked for in the current directory first.

    \b
        pyjobs work tasks:worker --processes 4

    SIGTERM or Ctrl-C lets running jobs finish, for the worker's grace; a second one hands them
    back at once. A process that dies is replaced when there are several; an error that another
    start will not mend ends them all. What happens is logged to stderr.
    """
    whole("processes", processes, 1, 1000)
    found = find(worker)
    found.override(url=url, concurrency=concurrency)
    shared(found.settings.url)
    which = "[%(process)d] " if processes > 1 or parent is not None else ""
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO,
        format=f"%(asctime)s {which}%(levelname)s %(message)s",
    )
    if parent is not None:
        return supervisor.serve(found, parent)
    if processes > 1:
        words = ["work", worker, *(["--quiet"] if quiet else [])]
        words += [] if concurrency is None else ["--concurrency", str(concurrency)]
        code = supervisor.keep(processes, words, url)
    else:
        code = 0
        with ErrorTranslation(found.settings.url):
            found.run()
    log.info("stopped")
    return code


def find(where: str) -> Worker:
    """The worker at `MODULE:WORKER`.

    Raises:
        BadArgument: there is no such module, it has no such worker, or it can't be imported.
    """
    title, _, name = where.partition(":")
    if not title or not name or title.startswith("."):
        raise BadArgument(f"{where!r} is not MODULE:WORKER, such as tasks:worker")
    module = imported(title)
    found = getattr(module, name, None)
    if isinstance(found, Worker):
        return found
    workers = [key for key, value in vars(module).items() if isinstance(value, Worker)]
    what = f"is a {type(found).__name__}, not a Worker" if hasattr(module, name) else "is not there"
    raise BadArgument(f"{where} {what}; workers in {title}: {', '.join(workers) or 'none'}")


def imported(title: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(title)
    except ModuleNotFoundError as error:
        if title == error.name or title.startswith(f"{error.name}."):
            hint = "; name the module, not its file" if title.endswith(".py") else ""
            raise BadArgument(
                f"no module {title!r} in the current directory or Python's path{hint}"
            ) from None
        raise broken(title, error) from None
    except (Exception, SystemExit) as error:
        raise broken(title, error) from None


def broken(title: str, error: BaseException) -> BadArgument:
    """Shows where the module fails, from its own first line on; our own errors say enough."""
    if isinstance(error, PyjobsError):
        return BadArgument(f"{title}: {error}")
    tb: TracebackType | None = error.__traceback__
    ours = (__file__, importlib.__file__, "<frozen importlib")
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(ours):
        tb = tb.tb_next
    traceback.print_exception(type(error), error, tb)
    return BadArgument(f"{title} can't be imported: {type(error).__name__}: {error}")
