"""`pyjobs work`: find a worker in a module and run it. Nothing about jobs may live here.

supervisor.py runs the worker in several processes.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from traceback import print_exception
from types import FunctionType, ModuleType, TracebackType
from typing import Any

import click

from pyjobs.cli import supervisor
from pyjobs.cli.common import seconds, shared_url
from pyjobs.cli.logs import FORMATS, Entries, set_up_logging
from pyjobs.cli.reload import watchfiles
from pyjobs.cli.stops import StopListener
from pyjobs.cli.values import SECONDS, Number, Word
from pyjobs.definition import BaseTask
from pyjobs.errors import BadArgument, PyjobsError
from pyjobs.log import logger
from pyjobs.prometheus import prometheus
from pyjobs.transport import ErrorTranslation
from pyjobs.worker import EXECUTORS, StopSignals, Worker

log = logger(__name__)
# Stands behind the name of a function that makes a worker.
CALL = "()"


def complete_module(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the modules and packages in the current directory that begin so, for a shell; none is
    imported."""
    found = list[Path]()
    with contextlib.suppress(OSError):  # of a directory that is gone, or may not be read
        found += (path for path in Path().iterdir() if path.suffix == ".py" or path.is_dir())
    names = sorted(path.stem for path in found if path.stem.isidentifier())
    return [name for name in names if name.startswith(incomplete) and name != "__pycache__"]


@click.command()
@click.argument("worker", metavar="MODULE[:WORKER]", shell_complete=complete_module)
@click.option(
    "--url",
    metavar="URL",
    help="Where Redis is. When left out: the URL that the worker is made with, or else the "
    "environment variable PYJOBS_URL.",
)
@click.option(
    "--concurrency",
    type=Number(),
    metavar="NUMBER",
    help="Run NUMBER jobs at once; the worker's own number when left out.",
)
@click.option(
    "--wait",
    type=SECONDS,
    metavar="SECONDS",
    callback=seconds,
    help="Wait so long for a Redis that is away at the start; the worker's own time when left out.",
)
@click.option(
    "--processes",
    type=Number(1, 1000),
    metavar="NUMBER",
    default=1,
    show_default=True,
    help="Run the worker in NUMBER processes.",
)
@click.option(
    "--executor",
    type=Word(EXECUTORS),
    help="Run a plain handler in threads, or in child processes, one for each job at once; the "
    "worker's own choice when left out.",
)
@click.option(
    "--max-jobs-per-child",
    type=Number(),
    metavar="NUMBER",
    help="Replace a child process after NUMBER jobs; the worker's own number when left out.",
)
@click.option(
    "--max-memory-per-child",
    type=Number(),
    metavar="BYTES",
    help="Replace a child process that has BYTES of memory after a job; the worker's own number "
    "when left out.",
)
@click.option(
    "--health",
    metavar="[HOST:]PORT",
    help="Answer probes by HTTP: /healthz and /readyz, on 127.0.0.1 without a HOST.",
)
@click.option(
    "--metrics-port",
    "metrics",
    metavar="[HOST:]PORT",
    help="Answer Prometheus by HTTP at /metrics, on 127.0.0.1 without a HOST; the port of --health "
    "may be the same. Needs the extra 'metrics'.",
)
@click.option(
    "--reload",
    is_flag=True,
    help="Start the worker again when a Python file in the current directory changes, for "
    "development; running jobs may finish. Needs the extra 'reload'.",
)
@click.option(
    "--log",
    "logs",
    type=Word(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="Log lines of text, or one JSON object a line.",
)
@click.option("--quiet", is_flag=True, help="Log warnings and errors only.")
@click.option("--verbose", "-v", is_flag=True, help="Log each start and each result too.")
@click.option("--traceback", is_flag=True, help="Log the traceback of each failed attempt.")
@click.option(
    "--parent", type=Number(), hidden=True, help="Run as a child; the socket to the parent."
)
def work(
    worker: str,
    url: str | None,
    concurrency: int | None,
    wait: float | None,
    processes: int,
    executor: str | None,
    max_jobs_per_child: int | None,
    max_memory_per_child: int | None,
    health: str | None,
    metrics: str | None,
    reload: bool,
    logs: str,
    quiet: bool,
    verbose: bool,
    traceback: bool,
    parent: int | None,
) -> int:
    """Run the worker called WORKER in the Python module MODULE. Without WORKER, run the only worker
    of the module, or a reliable worker of all its tasks where it has no worker. With
    MODULE:FUNCTION() run the worker that FUNCTION returns.

    The module is looked for in the current directory first.

    \b
        pyjobs work tasks:worker --processes 4

    SIGTERM, SIGHUP, SIGQUIT or Ctrl-C lets the running jobs finish, for as long as the worker's
    grace. A second signal hands the jobs back at once, and a third ends the process. A process
    that has not ended 10 s after the grace ends all the same. Of several processes, a process that
    dies is replaced; an error that a new process would meet too ends them all. The log is on
    stderr.
    """
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose exclude each other")
    for option, address in (("--health", health), ("--metrics-port", metrics)):
        if address is not None and processes > 1:
            raise click.UsageError(
                f"{option}: one port serves one process, and --processes starts more"
            )
    if metrics is not None:
        prometheus()
    if reload:
        watchfiles()
        # This process imports the module too, and its compiled file would hide a change that
        # comes within a second (supervisor.py).
        sys.dont_write_bytecode = True
    stops = StopListener()
    # Before the module is imported: the first process of a container ignores every signal that has
    # no handler.
    with StopSignals(stops.on_signal, heard=stops.on_wakeup):
        found = find(worker)
        which = Entries(quiet=quiet, verbose=verbose, traceback=traceback)
        changes = {
            "concurrency": concurrency,
            "wait": wait,
            "executor": executor,
            "max_jobs_per_child": max_jobs_per_child,
            "max_memory_per_child": max_memory_per_child,
            "health": health,
            "metrics": metrics,
        }
        in_child = functools.partial(set_up_logging, logs, which, with_process=True)
        found.override(
            url=url if parent is None else supervisor.given_url(), **changes, set_up_child=in_child
        )
        shared_url(found.settings.url)
        several = (
            processes > 1 or reload or parent is not None or found.settings.children is not None
        )
        set_up_logging(logs, which, with_process=several)
        if parent is not None:
            return supervisor.serve(found, parent, stops)
        if processes > 1 or reload:
            words = ["work", worker, "--log", logs, *which.options()]
            for name, value in changes.items():
                option = "metrics-port" if name == "metrics" else name.replace("_", "-")
                words += [] if value is None else [f"--{option}", str(value)]
            code = supervisor.keep(processes, words, url, found.settings.grace, reload=reload)
        else:
            code = 0
            stops.listen(found)
            try:
                with ErrorTranslation(found.settings.url):
                    found.run(signals=False)
            finally:
                stops.finish()
    log.info("stopped")
    return code


def find(where: str) -> Worker:
    """Return the worker at `MODULE:WORKER`, or what the function of `MODULE:FUNCTION()` returns; of
    `MODULE` alone its only worker, or a worker of its tasks where it has none.

    Raises:
        BadArgument: there is no such module, it has no such worker or several, or it can't be
            imported; the function needs arguments, raises, or returns no worker.
    """
    title, colon, name = where.partition(":")
    if title.startswith(".") and (hint := module_hint(title)):
        raise BadArgument(f"no module {title!r}{hint}{colon}{name}")
    if not title or bool(colon) != bool(name) or title.startswith("."):
        raise BadArgument(f"{where!r} is not MODULE:WORKER, such as tasks:worker")
    module = imported(title)
    workers = {key: value for key, value in vars(module).items() if isinstance(value, Worker)}
    if not colon:
        return worker_of(module, workers)
    plain = name.removesuffix(CALL)
    found = getattr(module, plain, None)
    if plain != name and callable(found):
        found = called(where, found)
    if isinstance(found, Worker):
        return found
    what = (
        f"is a {type(found).__name__}, not a Worker" if hasattr(module, plain) else "is not there"
    )
    if isinstance(found, FunctionType) and not what_lacks(found):
        what += f" (what returns one is {where}{CALL})"
    raise BadArgument(f"{where} {what}; workers in {title}: {', '.join(workers) or 'none'}")


def what_lacks(make: Callable[..., Any]) -> str:
    """Return why a function can't be called without arguments; '' when it can, as far as known."""
    try:
        inspect.signature(make, follow_wrapped=False).bind()
    except TypeError as error:
        return str(error)
    except (ValueError, NameError, AttributeError):
        pass  # Compiled code, or an annotation of a name that is not there: only the call shows it.
    return ""


def called(where: str, make: Callable[[], Any]) -> Any:
    """Return what a function of a module returns, which is called without arguments.

    Raises:
        BadArgument: the function needs arguments, or it raises.
    """
    if lacks := what_lacks(make):
        raise BadArgument(f"{where} is called without arguments: {lacks}")
    try:
        return make()
    except (Exception, SystemExit) as error:
        raise broken(where, error, "raised") from None


def worker_of(module: ModuleType, workers: Mapping[str, Worker]) -> Worker:
    """Return the only worker of a module, or a worker of its tasks where it has none.

    Raises:
        BadArgument: it has several workers, or neither a worker nor tasks.
    """
    title = module.__name__
    different = list({id(one): one for one in workers.values()}.values())
    if len(different) > 1:
        raise BadArgument(
            f"{title!r} has several workers; name one: "
            + ", ".join(f"{title}:{name}" for name in workers)
        )
    if different:
        return different[0]
    if any(isinstance(value, BaseTask) for value in vars(module).values()):
        return Worker(tasks=[module])
    raise BadArgument(
        f"{title!r} has no worker and no tasks; make a Worker, or decorate a function with @task"
    )


def imported(title: str) -> ModuleType:
    """Import a module, from the current directory first, and return it.

    Raises:
        BadArgument: there is no such module, or it raises when it is imported.
    """
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(title)
    except ModuleNotFoundError as error:
        if title == error.name or title.startswith(f"{error.name}."):
            raise BadArgument(
                f"no module {title!r} in the current directory or Python's path{module_hint(title)}"
            ) from None
        raise broken(title, error) from None
    except (Exception, SystemExit) as error:
        raise broken(title, error) from None


def module_hint(title: str) -> str:
    """Return which module a file may be, for a name that is that of a file; else ''."""
    if "/" not in title and not title.endswith(".py"):
        above, _, name = title.rpartition(".")
        return f"; a worker in a module is named by a colon: {above}:{name}" if above else ""
    module = title.removeprefix("./").removesuffix(".py").replace("/", ".").strip(".")
    return f"; name the module, not its file: {module}"


def broken(title: str, error: BaseException, what: str = "can't be imported:") -> BadArgument:
    """Return the error of a module that raises when it is imported, or of its function.

    The traceback is printed from the module's own first line on, unless the error is one of pyjobs,
    whose message is enough.
    """
    if isinstance(error, PyjobsError):
        return BadArgument(f"{title}: {error}")
    tb: TracebackType | None = error.__traceback__
    ours = (__file__, importlib.__file__, "<frozen importlib")
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(ours):
        tb = tb.tb_next
    print_exception(type(error), error, tb)
    return BadArgument(f"{title} {what} {type(error).__name__}: {error}")
