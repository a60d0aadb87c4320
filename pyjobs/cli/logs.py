"""The log of `pyjobs work` on stderr: as text or as JSON. Nothing else may live here."""

from __future__ import annotations

import datetime
import json
import logging
from typing import NamedTuple

from pyjobs.cli.output import indented, safe_json

FORMATS = ("text", "json")


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object a line: `time` (ISO 8601, UTC), `level`, `logger`,
    `message`, `process` (its id), and `traceback` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return safe_json(json.dumps(line))


class TextFormatter(logging.Formatter):
    """Formats a record as text. What others have written, such as the error of a handler, sends no
    control character to a terminal, and forges no entry."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and indented lines where the message has several."""
        return indented(super().format(record))


class Entries(NamedTuple):
    """Says which entries are logged.

    Attributes:
        quiet: warnings and errors only.
        verbose: each start and each result of a job too.
        traceback: the traceback of each failed attempt too.
    """

    quiet: bool = False
    verbose: bool = False
    traceback: bool = False

    def options(self) -> list[str]:
        """Return the options of `pyjobs work` that ask for the same."""
        return [f"--{name}" for name, given in self._asdict().items() if given]


def formatter(form: str, *, with_process: bool) -> logging.Formatter:
    """Return what formats the entries of a log.

    Args:
        form: one of FORMATS.
        with_process: whether each line of text has the id of the process.
    """
    if form == "json":
        return JsonFormatter()
    which = "[%(process)d] " if with_process else ""
    return TextFormatter(f"%(asctime)s {which}%(levelname)s %(message)s")


def set_up_logging(form: str, entries: Entries, *, with_process: bool) -> None:
    """Log to stderr, unless the worker's module has configured logging.

    Args:
        form: one of FORMATS.
        entries: which entries are logged.
        with_process: whether each line of text has the id of the process.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form, with_process=with_process))
    logging.basicConfig(
        level=logging.WARNING if entries.quiet else logging.INFO, handlers=[handler]
    )
    if entries.verbose:
        logging.getLogger("pyjobs").setLevel(logging.DEBUG)
    if entries.verbose or entries.traceback:
        logging.getLogger("pyjobs.tracebacks").setLevel(logging.DEBUG)
