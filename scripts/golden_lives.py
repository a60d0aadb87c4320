"""The lives of jobs whose calls stand in lua/conformance/, beside the chapters of golden_calls.py.

Each life begins on an empty server. A life waits less than a second, and a slower machine
changes nothing in what it gets. Nothing here sends the calls.
"""

from __future__ import annotations

from golden_calls import ERROR, Step, call

Q = "jobs:{mail}"
LEASE = "600000"
JITTER = (10_000, 20_000)
# ms after which a call about leases notes again that somebody is there, always.
AGO = 130


def submit(*args: str | bytes, client: str = "me", options: str = "", after: int = 0) -> Step:
    return call("reliable/submit", Q, client, options, *args, after=after)


def claim(
    nonce: str, limit: int = 1, *, lease: str = LEASE, options: str = "", says: str = ""
) -> Step:
    return call("reliable/claim", Q, nonce, str(limit), lease, options, says=says)


def of_the_reliable() -> dict[str, list[Step]]:
    """The lives of a job of reliable mode."""
    return {
        "reliable done": [
            submit("a", b"\xff\x00\r\n", options="retention=600000 timeout=5000"),
            call("reliable/submit", Q, "you", "", "a", b"\xff\x00\r\n", says="A second client."),
            claim("n.1"),
            claim("n.1", says="The same claim again returns the same job."),
            call("reliable/extend", Q, LEASE, "a", "1-n.1"),
            call("reliable/update", Q, "a", "1-n.1", b"[0.4,null]", b"7"),
            call("reliable/append", Q, "a", "1-n.1", "1", b'"dear"'),
            call("reliable/append", Q, "a", "1-n.1", "1", b'"dear"', says="Again: written once."),
            call("reliable/complete", Q, "", "a", "1-n.1", b"\x00\xfe"),
            call("reliable/complete", Q, "", "a", "1-n.1", b"\x00\xfe", says="Again: a repeat."),
            call("reliable/fail", Q, "", "a", "1-n.1", "retry", ERROR),
            call("reliable/extend", Q, LEASE, "a", "1-n.1"),
            call("queue/result", Q, "a"),
            call("queue/output", Q, "a", "0", "10"),
            submit("a", b"\xff\x00\r\n", client=""),
            claim("n.2"),
        ],
        "reliable retried until it is dead": [
            submit("a", b"1", options="max_attempts=2 backoff=20000"),
            claim("n.1"),
            call("reliable/fail", Q, "", "a", "1-n.1", "retry", ERROR, jitter=JITTER),
            call("reliable/fail", Q, "", "a", "1-n.1", "retry", ERROR, says="Again: a repeat."),
            call("queue/run", Q, "", "a", says="An operator does not wait for the backoff."),
            claim("n.2", says="The second attempt, by another token."),
            call("reliable/complete", Q, "", "a", "1-n.1", b"1", says="The first run is late."),
            call("reliable/fail", Q, "", "a", "2-n.2", "retry", ERROR),
            call("reliable/dead", Q, "0", "10"),
            call("queue/result", Q, "a"),
            call("reliable/requeue", Q, "a"),
            claim("n.3"),
            call("reliable/fail", Q, "", "a", "3-n.3", "reject", ERROR),
            call("queue/result", Q, "a"),
        ],
        "reliable snoozed and continued": [
            submit("a", b"1"),
            claim("n.1"),
            call("reliable/fail", Q, "", "a", "1-n.1", "snooze=0", ERROR),
            claim("n.2"),
            call("reliable/fail", Q, "", "a", "2-n.2", "continue=0", b"40"),
            claim("n.3", says="With what the run before has saved."),
            call("reliable/fail", Q, "", "a", "3-n.3", "retry=0", ERROR),
            claim("n.4", says="Only the last of these was an attempt."),
            call("reliable/complete", Q, "retention=0", "a", "4-n.4", b"1", says="Kept nowhere."),
            call("queue/result", Q, "a"),
        ],
        "reliable cancelled": [
            submit("waits", b"1", "runs", b"2", "stays", b"3"),
            call("reliable/cancel", Q, "", "waits", says="It stays in the list."),
            claim("n.1", says="The claim passes over what was cancelled."),
            call("reliable/cancel", Q, "", "runs", "runs"),
            call("reliable/extend", Q, LEASE, "runs", "1-n.1", says="So its worker gets to know."),
            call("reliable/complete", Q, "", "runs", "1-n.1", b"1"),
            call("queue/result", Q, "waits", "runs", "stays"),
        ],
        "reliable delayed": [
            submit("past", b"2", options="run_at=1"),
            claim("n.1", 10),
            submit("later", b"1", options="delay=20"),
            call("reliable/claim", Q, "n.2", "10", LEASE, "", after=30, says="The delay is over."),
            call("reliable/complete", Q, "", "past", "1-n.1", b"1", "later", "2-n.2", b"2"),
            claim("n.3", says="Nothing is left: -1."),
        ],
        "reliable expired": [
            submit("a", b"1", options="expires=20"),
            call("queue/result", Q, "a", after=30),
            submit("a", b"1"),
            claim("n.1", says="The claim finds it too late, and says so to its clients."),
            call("queue/result", Q, "a"),
        ],
        "reliable crashed": [
            submit("a", b"1"),
            claim("n.1", lease="20"),
            call(
                "reliable/claim", Q, "n.2", "1", "20", "", after=AGO, says="Put back and claimed."
            ),
            call("reliable/extend", Q, "20", "a", "1-n.1", says="The first run has lost it."),
            call("reliable/complete", Q, "", "a", "1-n.1", b"1"),
            call("reliable/reap", Q, "10", "max_crashes=2", after=AGO, says="The second crash."),
            call("queue/result", Q, "a"),
            call("reliable/dead", Q, "0", "10"),
            submit("b", b"2"),
            claim("n.3", lease="20"),
            call(
                *("reliable/claim", Q, "n.4", "1", LEASE, "max_crashes=1 deaths=1"),
                after=AGO,
                says="At the end come the queue and the id of each job that the claim made dead.",
            ),
        ],
        "reliable with a bounded run": [
            submit("a", b"1", options="max_run=20"),
            claim("n.1"),
            call(
                "reliable/extend", Q, LEASE, "a", "1-n.1", after=30, says="No heartbeat holds it."
            ),
            call("reliable/complete", Q, "", "a", "1-n.1", b"1", says="An outcome still counts."),
        ],
        "reliable unique": [
            submit("a", b"1", options="unique=/100%25%20of%20it"),
            submit("b", b"2", options="unique=/100%25%20of%20it"),
            claim("n.1"),
            call("reliable/complete", Q, "", "a", "1-n.1", b"1", says="The key is free."),
            submit("b", b"2", options="unique=/100%25%20of%20it"),
            call("reliable/cancel", Q, "", "b"),
        ],
        "reliable claimed again for fewer bytes": [
            submit("a", b"12345", "b", b"123"),
            call("reliable/claim", Q, "n.1", "2", LEASE, ""),
            call(
                *("reliable/claim", Q, "n.1", "2", LEASE, "bytes=5"),
                says="Its answer was too large for the connection. What does not fit is named.",
            ),
            call("reliable/release", Q, "", "b", "1-n.1", says="No crash is counted."),
            claim("n.2"),
        ],
        "reliable handed back": [
            submit("a", b"1", "b", b"2"),
            claim("n.1"),
            call("reliable/release", Q, "", "a", "1-n.1", says="At the head of the queue."),
            call("reliable/release", Q, "", "a", "1-n.1", says="Again: a repeat."),
            call("queue/wake", Q),
            claim("n.2"),
            call("reliable/complete", Q, "", "a", "2-n.2", b"1"),
        ],
        "reliable with a task": [
            submit("a", b"{}", options="task=mail.send"),
            call("reliable/submit", Q, "", "task=mail.read", "a", b"{}", says="Another task."),
            claim("n.1", says="The task comes last."),
            call(
                "reliable/release",
                Q,
                "unknown=1",
                "a",
                "1-n.1",
                says="A worker that does not know the task.",
            ),
            call("queue/run", Q, "", "a"),
            claim("n.2"),
            call("reliable/update", Q, "a", "2-n.2", b"", b"7"),
            call("reliable/release", Q, "", "a", "2-n.2"),
            claim("n.3", says="Behind the task is what was saved."),
            call("reliable/complete", Q, "", "a", "3-n.3", b"1"),
        ],
        "reliable watched": [
            submit("a", b"1"),
            call("queue/watch", Q, "you", "a"),
            claim("n.1"),
            call("reliable/complete", Q, "", "a", "1-n.1", b"1", says="A message for each client."),
            call("queue/watch", Q, "you", "a", says="It has ended: nothing to hear of."),
        ],
        "reliable paused": [
            call("queue/pause", Q, "0"),
            submit("a", b"1"),
            claim("n.1"),
            call("queue/wake", Q),
            call("queue/resume", Q),
            claim("n.2"),
            call("reliable/complete", Q, "", "a", "1-n.2", b"1"),
        ],
        "reliable full": [
            submit("a", b"1"),
            call("queue/limit", Q, "pending=1"),
            submit("b", b"1"),
            claim("n.1"),
            submit("b", b"1"),
        ],
        "reliable scheduled": [
            call("reliable/schedule", Q, "nightly", "every=86400000 task=report", b"{}"),
            call("schedule/run", Q, "nightly", "nightly:today"),
            claim("n.1"),
            call("reliable/complete", Q, "", "nightly:today", "1-n.1", b"1"),
            call("schedule/pause", Q, "nightly"),
            call("schedule/resume", Q, "nightly"),
            call("schedule/remove", Q, "nightly"),
        ],
    }


def of_the_recoverable() -> dict[str, list[Step]]:
    """The lives of a job of recoverable mode."""

    def submitted(*args: str | bytes, options: str = "") -> Step:
        return call("recoverable/submit", Q, "me", options, *args)

    def claimed(nonce: str, *, says: str = "", after: int = 0) -> Step:
        return call("recoverable/claim", Q, nonce, "1", "", says=says, after=after)

    return {
        "recoverable done": [
            submitted("a", b"1", options="retention=600000"),
            claimed("n.1"),
            claimed("n.1", says="The same claim again."),
            call("recoverable/update", Q, "a", "1-n.1", b"0.4"),
            call("recoverable/append", Q, "a", "1-n.1", "1", b'"dear"'),
            call("recoverable/complete", Q, "", "a", "1-n.1", b"1"),
            call("recoverable/complete", Q, "", "a", "1-n.1", b"1", says="Again: a repeat."),
            call("queue/result", Q, "a"),
        ],
        "recoverable failed": [
            submitted("a", b"1"),
            claimed("n.1"),
            call("recoverable/fail", Q, "", "a", "1-n.1", ERROR),
            call("queue/result", Q, "a"),
        ],
        "recoverable reaped": [
            submitted("a", b"1"),
            claimed("n.1"),
            call("recoverable/reap", Q, "10", "600000", says="It is not claimed for long."),
            call("recoverable/reap", Q, "10", "0"),
            call("recoverable/complete", Q, "", "a", "1-n.1", b"1", says="The first run is late."),
            claimed("n.2"),
            call("recoverable/complete", Q, "", "a", "2-n.2", b"1"),
        ],
        "recoverable cancelled": [
            submitted("waits", b"1", "runs", b"2"),
            call("recoverable/cancel", Q, "", "waits"),
            claimed("n.1"),
            call("recoverable/cancel", Q, "", "runs"),
            call("recoverable/update", Q, "runs", "1-n.1", b"", says="So a worker asks."),
            call("recoverable/complete", Q, "", "runs", "1-n.1", b"1"),
        ],
        "recoverable delayed, unique and expired": [
            submitted("a", b"1", options="delay=20 unique=key"),
            submitted("b", b"2", options="unique=key"),
            submitted("c", b"3", options="expires=20"),
            claimed("n.1", after=30),
            call("recoverable/complete", Q, "", "a", "1-n.1", b"1"),
            claimed("n.2"),
        ],
    }


def of_the_simple() -> dict[str, list[Step]]:
    """The lives of a job of simple mode. Its token carries what an outcome needs to know."""
    token = "1700000000000.1700000000001.me"
    return {
        "simple done and failed": [
            call("simple/submit", Q, "me", "task=mail.send", "a", b"1", "b", b"2"),
            call("simple/claim", Q, "2", ""),
            call("simple/complete", Q, "a", token, b"1", says="With a token of long ago."),
            call("simple/fail", Q, "b", token, ERROR),
            call("queue/pause", Q, "0"),
            call("simple/submit", Q, "", "", "c", b"3"),
            call("simple/claim", Q, "2", ""),
            call("queue/resume", Q),
            call("simple/claim", Q, "2", ""),
        ],
    }


LIVES: dict[str, list[Step]] = {
    title: steps
    for lives in (of_the_reliable(), of_the_recoverable(), of_the_simple())
    for title, steps in lives.items()
}
