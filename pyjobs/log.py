"""Logging that ends nothing: an error of a program's own filters or handlers stays in the log call.

Only the logger of this package's modules may live here.
"""

from __future__ import annotations

import contextlib
import logging
import traceback
from typing import Any


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


def logger(name: str) -> GuardedLogger:
    """Return the guarded logger of a module.

    Args:
        name: the module's `__name__`.
    """
    return GuardedLogger(logging.getLogger(name), {})
