"""The log of `pyjobs work` on stderr: as text or as JSON. Nothing else may live here."""

from __future__ import annotations

import datetime
import json
import logging

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
        return json.dumps(line)


def set_up_logging(form: str, *, quiet: bool, with_process: bool) -> None:
    """Log to stderr, unless the worker's module has configured logging.

    Args:
        form: one of FORMATS.
        quiet: whether to log warnings and errors only.
        with_process: whether each line of text has the id of the process.
    """
    handler = logging.StreamHandler()
    which = "[%(process)d] " if with_process else ""
    text = logging.Formatter(f"%(asctime)s {which}%(levelname)s %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, handlers=[handler])
