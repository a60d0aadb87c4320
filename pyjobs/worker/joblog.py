"""What a worker logs of each job: its start, its loss, and what Redis answered to its outcome.

Only these lines may live here. A line about an outcome is written when the outcome is recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pyjobs import codec
from pyjobs.engine import Outcome
from pyjobs.log import logger
from pyjobs.worker.claiming import Request
from pyjobs.worker.refusals import CANCELLED, in_words
from pyjobs.worker.run import Run

log = logger(__name__)
# A logger of its own, so that a program can have the tracebacks without any other DEBUG line.
tracebacks = logger("pyjobs.tracebacks")


def starts_are_logged() -> bool:
    """Return whether `log_start` writes anything."""
    return log.isEnabledFor(logging.DEBUG)


def log_start(run: Run) -> None:
    """Log at level DEBUG that the handler of a run is started."""
    log.debug("job %s on queue %s starts, attempt %d", run.id, run.queue, run.attempt)


def log_lost(run: Run, why: str) -> None:
    """Log that nothing more of a run will be recorded.

    Args:
        run: the run.
        why: the word of a script, or any other text.
    """
    if why == CANCELLED:
        log.info("job %s on queue %s was cancelled", run.id, run.queue)
    else:
        log.warning("job %s on queue %s is lost: %s", run.id, run.queue, in_words(why))


def log_not_recorded(run: Run, why: str) -> None:
    """Log that an outcome was sent and not recorded.

    Args:
        run: the run.
        why: the word of a script, or any other text.
    """
    log.warning("job %s on queue %s: nothing was recorded: %s", run.id, run.queue, in_words(why))


def log_recorded(requests: Sequence[Request], answers: Sequence[Any]) -> None:
    """Log the failures of a round trip with what becomes of the jobs, and its results at DEBUG.

    Args:
        requests: what was sent.
        answers: for each request its parsed reply, or a PyjobsError in its place.
    """
    debug = log.isEnabledFor(logging.DEBUG)
    for request, answer in zip(requests, answers, strict=True):
        if not request.ended or isinstance(answer, Exception):
            continue
        if request.ended[0][1].verb == "fail":
            for (run, outcome), word in zip(request.ended, answer, strict=True):
                _log_failure(run, outcome, word)
        elif debug:
            for (run, outcome), word in zip(request.ended, answer, strict=True):
                log.debug("job %s on queue %s: %s, %s", run.id, run.queue, outcome.verb, word)


def _log_failure(run: Run, outcome: Outcome, word: str) -> None:
    if word.startswith("delayed=") and outcome.verdict.startswith("snooze"):
        delay = seconds_text(word.removeprefix("delayed="))
        log.info("job %s on queue %s was put off for %s: %s", run.id, run.queue, delay, outcome.why)
    elif word.startswith("delayed=") and outcome.verdict.startswith("continue"):
        delay = seconds_text(word.removeprefix("delayed="))
        log.info("job %s on queue %s goes on in %s, with what it saved", run.id, run.queue, delay)
        return
    else:
        log.warning(
            "job %s on queue %s failed at attempt %d (%s): %s",
            run.id,
            run.queue,
            run.attempt,
            _what_becomes(run, word),
            outcome.why,
        )
    if tracebacks.isEnabledFor(logging.DEBUG) and not outcome.verdict.startswith("continue"):
        text = codec.decode_error(outcome.body).traceback.rstrip()
        tracebacks.debug("job %s on queue %s:\n%s", run.id, run.queue, text)


def _what_becomes(run: Run, word: str) -> str:
    """Return what the script's word about a failure means for the job."""
    if word == "dead":
        return f"dead after {run.attempt} attempt{'' if run.attempt == 1 else 's'}"
    if word.startswith("delayed="):
        return f"tried again in {seconds_text(word.removeprefix('delayed='))}"
    known = {"failed": "not tried again", "repeat": "recorded before"}
    return known.get(word) or in_words(word)


def seconds_text(ms: str) -> str:
    """Return a number of ms as seconds, with tenths below ten seconds."""
    seconds = int(ms) / 1000
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
