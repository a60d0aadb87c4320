"""A job queue whose engine is versioned Lua scripts inside Redis.

Only the public names may live here. A name is imported when it is first used, so a program and a
command import no more than they use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyjobs import admin as admin
    from pyjobs import aio as aio
    from pyjobs import errors as errors
    from pyjobs.client import (
        Client,
        Job,
        JobInfo,
        JobRef,
        Options,
        Reached,
        Schedule,
        ScheduleInfo,
        SubmitCall,
    )
    from pyjobs.engine import ModeName
    from pyjobs.errors import (
        BadArgument,
        BadLayout,
        ClientClosed,
        Conflict,
        Forbidden,
        JobCancelled,
        JobExpired,
        JobFailed,
        LeaseLost,
        MissingExtra,
        NoJob,
        NoResults,
        NoSchedule,
        NotDurable,
        OutcomeUnknown,
        PyjobsError,
        QueueFull,
        ResultGone,
        TooLarge,
        Unavailable,
        Undecodable,
        Unencodable,
        UnknownTask,
        WrongMode,
        WrongParts,
        WrongType,
    )
    from pyjobs.output import Chunk
    from pyjobs.progress import Progress
    from pyjobs.tasks import Task, task
    from pyjobs.worker import ClaimedJob, Continue, Reject, Retry, Snooze, Worker

    __version__: str
else:
    # The modules of public names. A public name that is not listed is one of pyjobs.errors. Type
    # checkers and editors read the imports above.
    PLACES = {
        "pyjobs.client": (
            *("Client", "Job", "JobInfo", "JobRef", "Options", "Reached", "Schedule"),
            *("ScheduleInfo", "SubmitCall"),
        ),
        "pyjobs.engine": ("ModeName",),
        "pyjobs.output": ("Chunk",),
        "pyjobs.progress": ("Progress",),
        "pyjobs.tasks": ("Task", "task"),
        "pyjobs.worker": ("ClaimedJob", "Continue", "Reject", "Retry", "Snooze", "Worker"),
    }
    MODULES = ("admin", "aio", "errors")

    def _imported(module):
        """Import a module. An error of its own is not taken for a name that the package lacks."""
        from importlib import import_module  # noqa: PLC0415

        try:
            return import_module(module)
        except AttributeError as error:
            # As of another version of a library: `from pyjobs import` would drop this error.
            raise ImportError(f"{module} can't be imported: {error}") from error

    def _no_name(name):
        """Return the error about a name that the package lacks, with what to write instead.

        It is an ImportError where `from pyjobs import` asks, which does not show the message of an
        AttributeError.
        """
        import sys  # noqa: PLC0415

        importing = sys._getframe(2).f_globals.get("__name__") == "importlib._bootstrap"
        hint = ""
        if not name.startswith("_"):
            hints = _imported("pyjobs.hints")
            hint = hints.hinted(hints.OF_PACKAGE, name)
        if importing and hint:
            return ImportError(f"cannot import name {name!r} from 'pyjobs'{hint}", name=name)
        return AttributeError(f"module 'pyjobs' has no attribute {name!r}{hint}")

    def __getattr__(name):
        """Import a public name, and keep it for its next use."""
        if name in MODULES:
            found = _imported(f"pyjobs.{name}")
        elif name == "__version__":
            found = _imported("importlib.metadata").version("pyjobs")
        elif name in __all__:
            places = (place for place, names in PLACES.items() if name in names)
            found = getattr(_imported(next(places, "pyjobs.errors")), name)
        else:
            raise _no_name(name)
        globals()[name] = found
        return found

    def __dir__():
        """Return the public names, also those that are not imported yet."""
        return sorted({*globals(), *MODULES, *__all__, "__version__"})


__all__ = [
    "BadArgument",
    "BadLayout",
    "Chunk",
    "ClaimedJob",
    "Client",
    "ClientClosed",
    "Conflict",
    "Continue",
    "Forbidden",
    "Job",
    "JobCancelled",
    "JobExpired",
    "JobFailed",
    "JobInfo",
    "JobRef",
    "LeaseLost",
    "MissingExtra",
    "ModeName",
    "NoJob",
    "NoResults",
    "NoSchedule",
    "NotDurable",
    "Options",
    "OutcomeUnknown",
    "Progress",
    "PyjobsError",
    "QueueFull",
    "Reached",
    "Reject",
    "ResultGone",
    "Retry",
    "Schedule",
    "ScheduleInfo",
    "Snooze",
    "SubmitCall",
    "Task",
    "TooLarge",
    "Unavailable",
    "Undecodable",
    "Unencodable",
    "UnknownTask",
    "Worker",
    "WrongMode",
    "WrongParts",
    "WrongType",
    "task",
]
