"""The calls of lua/golden.md, in the order of the page. Nothing here sends them.

Each chapter begins on an empty server.
"""

from __future__ import annotations

from typing import NamedTuple

DATA = '{"text":"é\n\\u2603"}'.encode()
RESULT = b'"\xe2\x98\x83\nline two\n"'
ERROR = b'{"type":"ValueError","message":"no","traceback":""}'
SIMPLE, RECOVERABLE, RELIABLE = (
    f"jobs:{{{mode}}}" for mode in ("simple", "recoverable", "reliable")
)
COUNTED = "jobs:{counted}"
CHANNEL = f"{RELIABLE}:client:me"


class Step(NamedTuple):
    """One call.

    Attributes:
        script: name of a script.
        words: what follows in the call, without the number of queues.
        says: a sentence before the call.
        after: how long to wait before the call, ms.
        jitter: the bounds of the backoff that the call chooses, ms; () when it chooses none.
        hears: the channel whose message the page shows.
    """

    script: str
    words: tuple[str | bytes, ...]
    says: str = ""
    after: int = 0
    jitter: tuple[int, ...] = ()
    hears: str = ""


def call(
    script: str,
    queue: str,
    *args: str | bytes,
    says: str = "",
    after: int = 0,
    jitter: tuple[int, ...] = (),
    hears: str = "",
) -> Step:
    return Step(script, ("1", queue, *args), says, after, jitter, hears)


CHAPTERS: dict[str, list[Step]] = {
    "Reliable mode": [
        call(
            "reliable/submit",
            RELIABLE,
            "me",
            "",
            "job-1",
            DATA,
            "job-2",
            b"2",
            says="Two jobs, whose results `me` hears. The reply is flat.",
        ),
        call(
            "reliable/submit",
            RELIABLE,
            "me",
            "",
            "job-1",
            DATA,
            "job-2",
            b" 2",
            says="The same again, but for a space in the data of `job-2`.",
        ),
        call(
            "reliable/submit",
            RELIABLE,
            "",
            "unique=a%20b max_attempts=1",
            "job-3",
            b"3",
            says="With options.",
        ),
        call(
            "reliable/submit",
            RELIABLE,
            "",
            "unique=a%20b",
            "job-4",
            b"4",
            says="`job-3` holds the unique key, so its id and state are returned.",
        ),
        call(
            "reliable/submit",
            RELIABLE,
            "",
            "delay=60000",
            "job-5",
            b"",
            says="Delayed, with empty data.",
        ),
        call(
            "reliable/claim",
            RELIABLE,
            "nonce.1",
            "2",
            "30000",
            "",
            says="A claim of two jobs. More are left, so `wait` is 0.",
        ),
        call("reliable/claim", RELIABLE, "nonce.1", "2", "30000", "", says="The same claim again."),
        call("reliable/extend", RELIABLE, "30000", "job-1", "1-nonce.1", "job-2", "1-other"),
        call(
            "reliable/update",
            RELIABLE,
            "job-1",
            "1-nonce.1",
            b'[0.4,"page 40"]',
            b'{"page":40}',
            "job-2",
            "1-nonce.1",
            b"",
            b"2",
            says="Progress and what the next attempt goes on from, and the latter alone.",
        ),
        call(
            "reliable/append",
            RELIABLE,
            "job-1",
            "1-nonce.1",
            "1",
            b'"to ann"',
            "job-2",
            "1-other",
            "1",
            b'"to bob"',
            says="The first chunk of a run, and one whose token is not the job's.",
        ),
        call("queue/output", RELIABLE, "job-1", "0", "100"),
        call(
            "reliable/complete",
            RELIABLE,
            "",
            "job-1",
            "1-nonce.1",
            RESULT,
            "job-2",
            "1-nonce.1",
            b"null",
        ),
        call(
            "reliable/complete",
            RELIABLE,
            "",
            "job-1",
            "1-nonce.1",
            RESULT,
            "job-1",
            "0-nonce.0",
            RESULT,
            "nobody",
            "1-nonce.1",
            b"",
        ),
        call(
            "queue/result",
            RELIABLE,
            "job-1",
            "job-3",
            "nobody",
            says="Of a job that is done, one that waits, and none.",
        ),
        call("queue/watch", RELIABLE, "you", "job-3"),
        call("queue/wake", RELIABLE),
        call(
            "reliable/claim",
            RELIABLE,
            "nonce.2",
            "1000",
            "30000",
            "bytes=1000000",
            says="The last one. `wait` is a third of the lease, when to look again.",
        ),
        call("reliable/release", RELIABLE, "", "job-3", "2-nonce.2"),
        call("reliable/claim", RELIABLE, "nonce.3", "1", "30000", ""),
        call(
            "reliable/fail",
            RELIABLE,
            "",
            "job-3",
            "3-nonce.3",
            "retry",
            ERROR,
            says="Its `max_attempts` is 1, so it is dead.",
        ),
        call("reliable/dead", RELIABLE, "0", "10"),
        call("reliable/requeue", RELIABLE, "job-3", "job-1", "nobody"),
        call("reliable/cancel", RELIABLE, "", "job-3", "job-1", "nobody"),
        call("reliable/cancel", RELIABLE, "", "job-5"),
        call("reliable/dead", RELIABLE, "0", "10", says="No dead job: the number alone."),
        call("queue/result", RELIABLE, "job-3"),
        call(
            "reliable/claim",
            RELIABLE,
            "nonce.4",
            "10",
            "30000",
            "",
            says="Nothing is pending, in flight or delayed: `wait` is -1.",
        ),
        call("reliable/reap", RELIABLE, "100", "", says="Nothing to reap."),
        call("queue/wake", RELIABLE),
        call("reliable/submit", RELIABLE, "", "timeout=2000 task=mail.send", "job-6", b"[]"),
        call(
            "reliable/claim",
            RELIABLE,
            "nonce.5",
            "1",
            "30000",
            "",
            says="At the end are its timeout and its task, if it has one.",
        ),
        call("reliable/fail", RELIABLE, "", "job-6", "4-nonce.5", "continue=60000", b"40"),
        call("reliable/cancel", RELIABLE, "", "job-6"),
    ],
    "Listening": [
        call("reliable/submit", RELIABLE, "", "", "job-1", DATA),
        call(
            "queue/listen",
            RELIABLE,
            "1",
            says="The caller is subscribed to the first wake channel, and gets the token.",
        ),
        call("queue/listen", RELIABLE, "1", says="There is no token any more."),
    ],
    "Recoverable mode": [
        call("recoverable/submit", RECOVERABLE, "", "", "a", b"1", "b", b"2"),
        call("recoverable/claim", RECOVERABLE, "nonce.1", "1", ""),
        call("recoverable/update", RECOVERABLE, "a", "1-nonce.1", b"0.4"),
        call("recoverable/append", RECOVERABLE, "a", "1-nonce.1", "1", b'"to ann"'),
        call(
            "recoverable/reap",
            RECOVERABLE,
            "100",
            "0",
            says="What was claimed at least 0 ms ago is put back, and claimed next.",
        ),
        call("recoverable/claim", RECOVERABLE, "nonce.2", "2", ""),
        call(
            "recoverable/complete",
            RECOVERABLE,
            "retention=60000",
            "a",
            "1-nonce.1",
            b"1",
            "a",
            "2-nonce.2",
            b"1",
        ),
        call("recoverable/fail", RECOVERABLE, "", "b", "2-nonce.2", ERROR),
        call("queue/result", RECOVERABLE, "a", "b"),
        call("recoverable/requeue", RECOVERABLE, "b", "nobody"),
        call("recoverable/cancel", RECOVERABLE, "", "a", "b"),
        call("recoverable/claim", RECOVERABLE, "nonce.3", "2", ""),
        call("recoverable/reap", RECOVERABLE, "100", "60000"),
    ],
    "Simple mode": [
        call("simple/submit", SIMPLE, "me", "", "a", DATA, "b", b"2"),
        call(
            "simple/claim",
            SIMPLE,
            "1",
            "",
            says="The token is for `simple/complete` and `simple/fail`.",
        ),
        call("simple/complete", SIMPLE, "a", "1700000000000.1700000000001.me", b"1"),
        call("simple/fail", SIMPLE, "b", "1700000000000.1700000000001.me", ERROR),
        call("simple/claim", SIMPLE, "10", "bytes=1000"),
        call("simple/claim", SIMPLE, "10", "", says="Nothing to claim."),
    ],
    "What operators read": [
        call("reliable/submit", RELIABLE, "", "", "job-9", b"9"),
        call("queue/show", RELIABLE, "job-9"),
        call("queue/list", RELIABLE, "pending", "", "10", "bytes=100"),
        call("queue/find", RELIABLE, "state=pending", "job-9", "nobody"),
        call("queue/explain", RELIABLE, "job-9"),
        call("queue/walk", RELIABLE, "pending", "", "10"),
        call("queue/check", RELIABLE, "job-9", "nobody"),
        call("queue/repair", RELIABLE, "reliable", "job-9", "-", "nobody", "-"),
        call("reliable/cancel", RELIABLE, "", "job-9"),
        call("queue/pause", RELIABLE, "0"),
        call("queue/resume", RELIABLE),
        call("queue/limit", RELIABLE, "pending=1000 dead=100"),
        call("queue/limit", RELIABLE, "pending=0 dead=0"),
        call("queue/parts", RELIABLE, "any", ""),
        call("queue/mode", RELIABLE, "reliable"),
        call("simple/submit", COUNTED, "", "task=mail.send", "a", DATA, "b", b"2"),
        call("queue/counters", COUNTED, "0", "5", ""),
        call("queue/counters", COUNTED, "1", "2", "each=1", says="Before the present minute."),
        call("queue/counting", RELIABLE, "off"),
        call("queue/counting", RELIABLE, "on"),
        call("queue/keep", RELIABLE, "1000"),
        call("reliable/submit", RELIABLE, "", "task=mail.send", "job-12", b"12"),
        call("queue/events", RELIABLE, "", "10", ""),
        call("queue/keep", RELIABLE, "0"),
        call("reliable/submit", RELIABLE, "", "delay=60000", "job-10", b"10"),
        call("queue/run", RELIABLE, "delay=30000", "job-10", says="Due at another time."),
        call("queue/run", RELIABLE, "", "job-10"),
        call("queue/delete", RELIABLE, "", "job-10", "nobody"),
        call("reliable/submit", RELIABLE, "", "", "job-11", b"11"),
        call("queue/send", RELIABLE, "other", "nonce.9", "state=dead", "job-11"),
        call(
            "queue/receive",
            RELIABLE,
            "reliable",
            "job-12",
            "0-nonce.9",
            "0",
            b"junk",
            says="The last value is what `queue/send` of the other queue returned.",
        ),
        call("queue/sent", RELIABLE, "job-12", "0-nonce.9", "unreadable"),
        call("queue/outbox", RELIABLE, "0", "10", says="Nothing is on its way."),
        call("queue/purge", RELIABLE, "pending", "10"),
        call("queue/stats", RELIABLE),
        call("queue/announce", RELIABLE, "web-1:4711", "30000", b'{"host":"web-1","running":1}'),
        call("queue/workers", RELIABLE),
        call("queue/announce", RELIABLE, "web-1:4711", "0", b"", says="The worker ends."),
    ],
    "Schedules": [
        call("reliable/schedule", RELIABLE, "daily", "every=86400000 missed=skip", DATA),
        call(
            "reliable/schedule",
            RELIABLE,
            "daily",
            "every=86400000 missed=skip",
            DATA,
            says="The same again.",
        ),
        call(
            "recoverable/schedule",
            RECOVERABLE,
            "once",
            "moments=9999999999990 cron=0%209%20*%20*%20*",
            b"",
            says="Of a calendar that no script reads.",
        ),
        call("schedule/refill", RECOVERABLE, "once", "1", "9999999999991", "once", "2", ""),
        call("schedule/list", RECOVERABLE, "0", "10"),
        call("schedule/pause", RECOVERABLE, "once", "nobody"),
        call("schedule/resume", RECOVERABLE, "once", "nobody"),
        call("schedule/run", RELIABLE, "daily", "daily:now", "nobody", "nobody:now"),
        call("schedule/remove", RELIABLE, "daily", "nobody"),
        call("reliable/cancel", RELIABLE, "", "daily:now"),
    ],
    "Errors": [
        call("reliable/submit", RELIABLE, "", "", "first", b"1"),
        call("reliable/claim", RELIABLE, "nonce.6", "0", "30000", ""),
        call("reliable/claim", RELIABLE, "nonce.6", "1", "30s", ""),
        call("reliable/submit", RELIABLE, "", "delay=1 dely=1", "a", b"1"),
        call("reliable/submit", RELIABLE, "", "delay=1 delay=1", "a", b"1"),
        call("reliable/submit", RELIABLE, "", "", "a b", b"1"),
        call("reliable/submit", RELIABLE, "", ""),
        call("reliable/fail", RELIABLE, "", "a", "1-n", "again", ERROR),
        call("queue/result", "reliable", "a"),
        call(
            "simple/submit",
            RELIABLE,
            "",
            "",
            "a",
            b"1",
            says="A queue keeps the mode of its first submit.",
        ),
    ],
    "A message": [
        call("reliable/submit", RELIABLE, "me", "", "job-1", b"1", "job-2", b"2"),
        call("reliable/claim", RELIABLE, "nonce.1", "2", "30000", ""),
        call(
            "reliable/complete",
            RELIABLE,
            "",
            "job-1",
            "1-nonce.1",
            RESULT,
            "job-2",
            "1-nonce.1",
            b"",
            says="A client that listens hears of two jobs in one message.",
            hears=CHANNEL,
        ),
    ],
}
