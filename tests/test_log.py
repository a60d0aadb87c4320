"""The guarded logger: what it writes, and that no error of a filter or handler leaves it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from pyjobs import log
from pyjobs.log import logger, patient_logger

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


class Stuck(logging.Handler):
    """A handler that writes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.free.wait(20)
        self.written.append(record.getMessage())


def test_a_patient_logger_goes_on_while_a_handler_is_stuck(
    target: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PATIENCE_SECONDS", 0.01)
    target.addHandler(stuck := Stuck())
    patient = patient_logger(NAME)
    began = time.monotonic()
    for word in ("first", "dropped", "dropped"):
        patient.warning(word)
    assert time.monotonic() - began < 5
    stuck.free.set()
    while not stuck.written:
        time.sleep(0.001)
    monkeypatch.setattr(log, "PATIENCE_SECONDS", 20.0)
    while stuck.written[-1] != "last":
        patient.warning("last")
    assert set(stuck.written) == {"first", "last"}


def test_a_patient_logger_drops_an_entry_for_which_there_is_no_thread(
    target: logging.Logger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    patient_logger(NAME).warning("words")
    assert caplog.messages == []
