"""Sending calls: scripts not loaded, servers not there, replies that never come."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import hiredis
import pytest
from redis import exceptions
from support.delivery import NEW, NEW_REPLY, Delivery, submit
from support.proxy import Proxy
from support.store import HOUR, Jobs, Q, Store, having

from pyjobs.engine.call import Call
from pyjobs.engine.modes import MODES
from pyjobs.engine.queue import fetch
from pyjobs.engine.recoverable import RECOVERABLE
from pyjobs.engine.reliable import RELIABLE
from pyjobs.engine.scripts import script
from pyjobs.engine.simple import SIMPLE
from pyjobs.errors import BadArgument, Conflict, OutcomeUnknown, Unavailable, WrongMode
from pyjobs.transport import retry, stream
from pyjobs.transport.errors import REFUSALS

BUSY = exceptions.ResponseError("BUSY Redis is busy running a script.")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "PAUSES", (0.0,) * len(retry.PAUSES))


class Flush(Call[Any]):
    """SCRIPT FLUSH in the place of a call."""

    def command(self) -> tuple[Any, ...]:
        return ("SCRIPT", "FLUSH")


FLUSH = Flush(script("queue/result"), (), (), lambda reply: reply)


def words(delivery: Delivery) -> list[bytes]:
    """The first command that would be sent."""
    reader = hiredis.Reader()
    reader.feed(next(iter(delivery.packed())))
    found: list[bytes] = reader.gets()
    return found


# --- scripts that are not loaded ---


@having("submit")
def test_a_missing_script_is_loaded_and_run(jobs: Jobs) -> None:
    """After each call the server forgets all scripts."""
    flush = jobs.redis.script_flush
    flush()
    assert jobs.submit("a") == NEW
    flush()
    (job,) = jobs.claim().jobs
    flush()
    assert jobs.complete(job) == ["done"]
    assert jobs.claim().jobs == []


def test_missing_scripts_of_a_pipeline_are_loaded_and_run(store: Store) -> None:
    store.redis.script_flush()
    told = store.call_many([submit("a"), submit("b"), fetch(Q, ["a"])])
    assert told[:2] == [NEW, [("b", "new")]]
    assert len(told[2]) == 1


def test_only_calls_whose_script_was_missing_are_sent_again(store: Store) -> None:
    store.call(submit("a"))
    calls = [submit("b"), FLUSH, submit("c"), RECOVERABLE.submit(Q, [("d", b"")]), submit("e")]
    b, _, c, d, e = store.call_many(calls)
    assert (b, c, e) == ([("b", "new")], [("c", "new")], [("e", "new")])
    assert isinstance(d, WrongMode)
    assert store.redis.llen(f"{Q}:pending") == 4


def test_a_script_that_is_flushed_after_its_load_is_sent_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody runs SCRIPT FLUSH in a loop: loaded once, it is gone again when it is called."""
    flushed: list[str] = []

    def load_in_vain(_: Any, *words: str) -> None:
        flushed.append(words[-1])
        store.redis.script_load(words[-1])
        store.redis.script_flush()

    async def aload_in_vain(_: Any, *words: str) -> None:
        load_in_vain(_, *words)

    monkeypatch.setattr(stream, "execute", load_in_vain)
    monkeypatch.setattr(stream, "aexecute", aload_in_vain)
    calls = [submit("a"), submit("b")]
    store.redis.script_flush()
    assert store.call(submit("one")) == [("one", "new")]
    assert store.call_many(calls) == [NEW, [("b", "new")]]
    assert flushed == [script("reliable/submit").body]


def test_noscript_for_a_script_that_was_sent_whole_is_unavailable() -> None:
    delivery = Delivery((submit("a"),))
    asked = []
    with pytest.raises(Unavailable, match="NOSCRIPT") as caught:
        for _ in range(4):
            asked.append((words(delivery)[0], [*delivery.loads]))
            delivery.take(exceptions.NoScriptError("NOSCRIPT No matching script."))
            assert delivery.pause() == 0.0
    body = script("reliable/submit").body
    assert asked == [(b"EVALSHA", []), (b"EVALSHA", [body]), (b"EVAL", [])]
    assert type(caught.value) is Unavailable


# --- many at once ---


def test_an_error_takes_the_place_of_its_call_and_the_rest_runs(store: Store) -> None:
    bad = RELIABLE.claim([Q], nonce="n", limit=0, lease=1)
    told = store.call_many([submit("a"), bad, SIMPLE.submit(Q, [("x", b"")]), submit("b")])
    assert [type(one) for one in told] == [list, BadArgument, WrongMode, list]
    assert str(told[1]).startswith("limit: ")


def test_no_calls_give_no_replies(store: Store) -> None:
    assert store.call_many([]) == []


def test_an_error_of_one_call_is_raised(store: Store) -> None:
    with pytest.raises(BadArgument, match=r"^limit: "):
        store.call(RELIABLE.claim([Q], nonce="n", limit=0, lease=1))


def test_a_word_in_a_reply_is_no_error(store: Store) -> None:
    store.call(submit("a"))
    assert store.call(submit("a", b"other")) == [("a", Conflict.code)]


# --- nobody there ---


@pytest.fixture(params=["sync", "async"])
def nobody(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner()) if request.param == "async" else None
        store = Store(f"redis://127.0.0.1:{port}", runner)
        yield store
        store.close()


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_a_server_that_is_away_is_named_in_unavailable(nobody: Store, mode: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        Jobs(nobody, mode).submit("a")
    assert type(caught.value) is Unavailable  # never sent, so nothing is unknown about it
    assert nobody.url.removeprefix("redis://") in str(caught.value)
    assert isinstance(caught.value, ConnectionError)


def test_many_calls_to_a_server_that_is_away_are_unavailable(nobody: Store) -> None:
    with pytest.raises(Unavailable, match=nobody.url.removeprefix("redis://")):
        nobody.call_many([submit("a"), submit("b")])


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_a_refusal_is_tried_again_and_then_unavailable(
    mode: Any, kind: type[exceptions.RedisError]
) -> None:
    delivery = Delivery((mode.submit(Q, [("a", b"")]),))
    for _ in retry.PAUSES:
        assert delivery.pause(kind("go away")) == 0.0
    with pytest.raises(Unavailable, match="go away") as caught:
        delivery.pause(kind("go away"))
    assert type(caught.value) is Unavailable


@pytest.mark.parametrize("part", [0.5, 1.0])
def test_a_pause_is_between_half_and_all_of_its_length(
    part: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = (8.0, 20.0)
    monkeypatch.setattr(retry, "PAUSES", lengths)
    monkeypatch.setattr(random, "uniform", lambda low, high: {0.5: low, 1.0: high}[part])
    delivery = Delivery((submit("a"),))
    assert [delivery.pause(BUSY) for _ in lengths] == [part * length for length in lengths]


def test_a_call_whose_reply_was_lost_once_stays_unknown() -> None:
    delivery = Delivery((submit("a"),))
    for _ in delivery.packed():
        delivery.pause(exceptions.ConnectionError("Connection closed by server."))
    for _ in retry.PAUSES[1:]:
        delivery.pause(exceptions.ConnectionError("Error 111 connecting to 127.0.0.1:1."))
    with pytest.raises(OutcomeUnknown):
        delivery.pause(exceptions.ConnectionError("Error 111 connecting to 127.0.0.1:1."))


def test_a_refused_call_is_unavailable_in_its_place_and_the_rest_stands() -> None:
    """Whoever calls so has a pause of its own."""
    delivery = Delivery((submit("a"), submit("b")))
    delivery.take(BUSY)
    delivery.take([b"b", b"new"])
    assert delivery.pause() == 0.0
    assert isinstance(delivery.answers[0], Unavailable) and not delivery.left
    assert delivery.answers[1] == [("b", "new")]


@pytest.mark.parametrize(
    "refusal",
    [
        BUSY,
        exceptions.NoPermissionError("User default has no permissions"),
        exceptions.MovedError("1234 127.0.0.1:1"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
def test_a_call_that_is_refused_after_a_lost_reply_is_unknown_and_a_later_call_is_not(
    refusal: exceptions.RedisError,
) -> None:
    """A worker that stops repeats a claim which may have taken jobs, and no other."""
    delivery = Delivery((submit("a"), submit("b")))
    next(iter(delivery.packed()))
    delivery.take(NEW_REPLY)
    delivery.pause(exceptions.ConnectionError("Connection closed by server."))
    delivery.take(refusal)
    delivery.pause()
    assert delivery.answers[0] == NEW
    assert type(delivery.answers[1]) is OutcomeUnknown
    assert str(refusal) in str(delivery.answers[1])


def test_refused_calls_are_repeated_one_by_one_with_errors_in_place() -> None:
    delivery = Delivery((submit("a"), submit("b"), submit("c")), errors_in_place=True)
    for replies in ([BUSY, [b"b", b"new"], BUSY], [BUSY, [b"c", b"new"]], [BUSY]):
        for reply in replies:
            delivery.take(reply)
        delivery.pause()
    assert delivery.left == [0]
    for _ in retry.PAUSES[2:]:
        delivery.take(BUSY)
        delivery.pause()
    refused, *rest = delivery.answers
    assert isinstance(refused, Unavailable) and "BUSY" in str(refused) and not delivery.left
    assert rest == [[("b", "new")], [("c", "new")]]


def test_replies_before_a_broken_connection_stand() -> None:
    delivery = Delivery([submit(id) for id in "abc"])
    delivery.take(NEW_REPLY)
    delivery.pause(exceptions.ConnectionError("Connection closed by server."))
    assert delivery.left == [1, 2]
    assert delivery.answers == [NEW, None, None]


def test_calls_whose_replies_an_error_replaces_are_unknown() -> None:
    """Whoever gets it must not take them for calls that were never made."""
    delivery = Delivery((submit("a"), submit("b")))
    delivery.take(NEW_REPLY)
    delivery.take(exceptions.NoScriptError("NOSCRIPT"))
    delivery.pause()
    away = exceptions.ConnectionError("Error 111 connecting to 127.0.0.1:1.")
    for _ in retry.PAUSES:
        delivery.pause(away)
    with pytest.raises(OutcomeUnknown):
        delivery.pause(away)


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(
    "error", [exceptions.AuthenticationError("WRONGPASS"), exceptions.NoScriptError("NOSCRIPT")]
)
def test_an_error_after_a_lost_reply_leaves_the_call_unknown(
    error: exceptions.RedisError, each: bool
) -> None:
    delivery = Delivery((submit("a"),), errors_in_place=each)
    for _ in delivery.packed():
        assert delivery.pause(exceptions.ConnectionError("Connection closed by server.")) == 0.0
    try:
        for _ in range(3):
            delivery.pause(error)
        told = delivery.answers[0]
    except Unavailable as raised:
        told = raised
    assert type(told) is OutcomeUnknown


@pytest.mark.parametrize("words", ["max number of clients reached", "Connection closed by server."])
def test_a_call_that_never_got_a_connection_is_unavailable(words: str) -> None:
    """It ended while it was being made: no call was given to it."""
    delivery = Delivery((submit("a"),))
    for _ in retry.PAUSES:
        assert delivery.pause(exceptions.ConnectionError(words)) == 0.0
    with pytest.raises(Unavailable) as caught:
        delivery.pause(exceptions.ConnectionError(words))
    assert type(caught.value) is Unavailable


def test_a_lost_reply_is_unknown_in_its_place_with_errors_in_place() -> None:
    delivery = Delivery(
        (submit("a"), SIMPLE.submit("jobs:{other}", [("b", b"1")])), errors_in_place=True
    )
    for _ in delivery.packed():
        delivery.take(NEW_REPLY)
    delivery.pause(exceptions.ConnectionError("Connection closed by server."))
    assert delivery.answers[0] == NEW and not delivery.left
    assert type(delivery.answers[1]) is OutcomeUnknown


# --- calls that are made while others are under way ---

CLOSED = exceptions.ConnectionError("Connection closed by server.")
LARGE = b"x" * retry.WRITE_BYTES


def made_late(made: list[str], ids: str = "abc") -> Iterator[Call[Any]]:
    """Calls that fill a write each, and the ids of those that were made."""
    for id in ids:
        made.append(id)
        yield submit(id, LARGE)


def test_a_call_is_made_after_the_one_before_was_written() -> None:
    made: list[str] = []
    delivery = Delivery(made_late(made))
    assert made == []
    for number, _ in enumerate(delivery.packed(), 1):
        assert len(made) == number
    assert made == ["a", "b", "c"]


def test_calls_that_were_not_made_before_a_break_are_sent_with_the_next_attempt() -> None:
    made: list[str] = []
    delivery = Delivery(made_late(made))
    next(delivery.packed())
    delivery.take(NEW_REPLY)
    assert delivery.pause(CLOSED) == 0.0
    assert made == ["a"] and not delivery.left
    for id in (b"b", b"c"):
        delivery.take([id, b"new"])
    assert delivery.pause() == 0.0
    assert delivery.answers == [NEW, [("b", "new")], [("c", "new")]]


def test_calls_are_kept_for_a_repetition_and_made_once() -> None:
    made: list[str] = []
    delivery = Delivery(made_late(made))
    first = list(delivery.packed())
    assert delivery.pause(CLOSED) == 0.0
    assert list(delivery.packed()) == first
    assert made == ["a", "b", "c"]


def test_a_delivery_that_is_given_up_has_an_error_for_calls_that_were_never_made() -> None:
    made: list[str] = []
    delivery = Delivery(made_late(made), errors_in_place=True)
    next(delivery.packed())
    delivery.pause(exceptions.AuthenticationError("WRONGPASS"))
    assert [type(answer) for answer in delivery.answers] == [Unavailable] * 3
    assert len({*map(id, delivery.answers)}) == 3


def test_a_call_that_may_not_be_repeated_and_was_not_made_keeps_no_other_from_it() -> None:
    delivery = Delivery(iter([submit("a", LARGE), SIMPLE.submit(Q, [("b", b"1")])]))
    next(delivery.packed())
    assert delivery.pause(CLOSED) == 0.0
    assert len(list(delivery.packed())) == 2


def test_many_calls_of_an_iterator(store: Store) -> None:
    told = store.call_many(submit(id, LARGE) for id in "abcdefgh")  # type: ignore[arg-type]
    assert told == [[(id, "new")] for id in "abcdefgh"]


# --- replies that never come ---

BREAKS = ["cut_before", "cut_after", "stall"]
breaks = pytest.mark.parametrize("how", BREAKS)


@pytest.fixture
def proxy(real_store: Store) -> Iterator[Proxy]:
    with Proxy(real_store.url) as proxy:
        yield proxy


@pytest.fixture
def far(real_store: Store, proxy: Proxy) -> Iterator[Store]:
    """The store, through the proxy; its scripts are loaded."""
    for name in ("simple/submit", "reliable/submit", "simple/claim", "reliable/claim"):
        real_store.redis.script_load(script(name).body)
    real_store.redis.script_load(script("reliable/complete").body)
    with real_store.through(proxy.url, reply_seconds=0.25) as far:
        yield far


@breaks
def test_a_submit_by_id_is_repeated_and_there_is_one_job(
    real_store: Store, far: Store, proxy: Proxy, how: str
) -> None:
    proxy.breaks(how, times=2)
    told = far.call(submit("a"))
    assert told == (NEW if how == "cut_before" else [("a", "pending")])
    assert proxy.seen == 3
    assert Jobs(real_store, RELIABLE).pending() == ["a"]


@breaks
def test_many_submits_by_id_are_repeated_and_are_one_job_each(
    real_store: Store, far: Store, proxy: Proxy, how: str
) -> None:
    proxy.breaks(how, times=2)
    told = far.call_many([submit("a"), submit("b")])
    state = "new" if how == "cut_before" else "pending"
    assert told == [[("a", state)], [("b", state)]]
    assert Jobs(real_store, RELIABLE).pending() == ["a", "b"]


@breaks
def test_a_simple_submit_is_not_repeated(
    real_store: Store, far: Store, proxy: Proxy, how: str
) -> None:
    proxy.breaks(how)
    with pytest.raises(OutcomeUnknown):
        far.call(SIMPLE.submit(Q, [("a", b"1")]))
    assert proxy.seen == 1
    assert real_store.redis.llen(f"{Q}:pending") == (0 if how == "cut_before" else 1)


@breaks
def test_a_call_that_may_not_be_repeated_keeps_its_batch_from_being_repeated(
    far: Store, proxy: Proxy, how: str
) -> None:
    proxy.breaks(how)
    with pytest.raises(OutcomeUnknown):
        far.call_many([submit("a"), SIMPLE.submit("jobs:{other}", [("b", b"1")])])
    assert proxy.seen == 1


@breaks
def test_a_claim_by_nonce_is_repeated_and_gets_the_same_jobs(
    real_store: Store, far: Store, proxy: Proxy, how: str
) -> None:
    jobs = Jobs(real_store, RELIABLE)
    jobs.submit("a", "b")
    proxy.breaks(how, times=2)
    batch = far.call(RELIABLE.claim([Q], nonce="n", limit=1, lease=HOUR))
    assert [(job.id, job.token) for job in batch.jobs] == [("a", "1-n")]
    assert jobs.pending() == ["b"]


@breaks
def test_a_completion_is_repeated_and_published_once(
    real_store: Store, far: Store, proxy: Proxy, how: str
) -> None:
    jobs = Jobs(real_store, RELIABLE)
    (job,) = jobs.take("a", client="me")
    heard = real_store.listen("me")
    proxy.breaks(how, times=1)
    told = Jobs(far, RELIABLE).complete(job)
    assert told == (["done"] if how == "cut_before" else ["repeat"])
    assert len(heard.messages()) == 1
    heard.close()


@breaks
def test_a_call_that_never_gets_a_reply_is_unknown_after_the_last_pause(
    far: Store, proxy: Proxy, how: str
) -> None:
    proxy.breaks(how)
    with pytest.raises(OutcomeUnknown):
        far.call(submit("a"))
    assert proxy.seen == 1 + len(retry.PAUSES)
