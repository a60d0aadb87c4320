"""The guarded logger: what it writes, and that no error of a filter or handler leaves it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from pyjobs.log import logger

NAME = "pyjobs.test"


class Broken(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        raise RuntimeError("a bug in somebody's filter")


class BrokenHandler(logging.Handler):
    def handle(self, record: logging.LogRecord) -> bool:
        raise RuntimeError("a bug in somebody's handler")


@pytest.fixture
def target() -> Iterator[logging.Logger]:
    target = logging.getLogger(NAME)
    yield target
    target.filters.clear()
    target.handlers.clear()


def test_an_entry_names_the_line_that_logs(caplog: pytest.LogCaptureFixture) -> None:
    logger(NAME).warning("%d words", 2)
    [record] = caplog.records
    assert (record.getMessage(), record.name, record.filename) == ("2 words", NAME, "test_log.py")


def test_an_error_of_a_filter_goes_to_stderr(
    target: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    target.addFilter(Broken())
    logger(NAME).warning("words")
    assert "a bug in somebody's filter" in capsys.readouterr().err


def test_an_error_of_a_handler_is_not_printed_without_raise_exceptions(
    target: logging.Logger,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    target.addHandler(BrokenHandler())
    logger(NAME).error("words")
    assert capsys.readouterr().err == ""
