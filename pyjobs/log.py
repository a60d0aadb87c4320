"""Logging that ends nothing: an error of a program's own filters or handlers stays in the log call.

Only the loggers of this package's modules may live here.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import traceback
from typing import Any

# How long a thread that must go on waits until an entry is written.
PATIENCE_SECONDS = 0.2


class GuardedLogger(logging.LoggerAdapter[logging.Logger]):
    """Writes to a logger, and keeps every Exception that a filter or a handler raises.

    The traceback of such an exception goes to stderr, as `logging` does it with errors of its own
    handlers; nothing is written where `logging.raiseExceptions` is False.
    """

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Write one entry, with the arguments of `logging.Logger.log`."""
        try:
            if self.logger.isEnabledFor(level):
                # The caller is two frames up: behind this method and `warning`, `info` or such.
                kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
                self.logger.log(level, msg, *args, **kwargs)
        except Exception:
            if logging.raiseExceptions:
                with contextlib.suppress(Exception):
                    traceback.print_exc()


class PatientLogger(GuardedLogger):
    """Writes each entry from another thread, and goes on when that takes longer than
    PATIENCE_SECONDS, as where nobody reads a full stderr. Until that entry is written, all others
    are dropped."""

    _writing: threading.Thread | None = None

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Write one entry, with the arguments of `logging.Logger.log`."""
        hangs = self._writing is not None and self._writing.is_alive()
        if hangs or not self.isEnabledFor(level):
            return
        self._writing = threading.Thread(
            target=super().log, args=(level, msg, *args), kwargs=kwargs, name="pyjobs-log"
        )
        self._writing.daemon = True
        # Where the process may start no more threads, the entry is dropped.
        with contextlib.suppress(RuntimeError):
            self._writing.start()
            self._writing.join(PATIENCE_SECONDS)


def patient_logger(name: str) -> PatientLogger:
    """Return the patient logger of a module whose thread must go on, whatever the log does.

    Args:
        name: the module's `__name__`.
    """
    return PatientLogger(logging.getLogger(name), {})


def logger(name: str) -> GuardedLogger:
    """Return the guarded logger of a module.

    Args:
        name: the module's `__name__`.
    """
    return GuardedLogger(logging.getLogger(name), {})
