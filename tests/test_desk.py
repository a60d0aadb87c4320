"""What a client knows and decides, without a server."""

from __future__ import annotations

import gc
import re
from collections.abc import Sequence
from typing import Any

import pytest

from pyjobs import messages
from pyjobs.chunks import CHUNK_ITEMS, Batch, Chunk
from pyjobs.desk import Desk
from pyjobs.errors import (
    BadArgument,
    BadLayout,
    ClientClosed,
    Conflict,
    JobFailed,
    OutcomeUnknown,
    PyjobsError,
    QueueFull,
    ResultGone,
    Unavailable,
    Unencodable,
)
from pyjobs.job import BaseJob
from pyjobs.registry import REGISTER_SECONDS
from pyjobs.sweep import SWEEP_JOBS
from pyjobs.verbs import CALL_BYTES, MAX_BYTES, Stored

NOW = 5.0


class Job(BaseJob):
    """A job that nobody waits for."""

    __slots__ = ()

    def _wake(self) -> None:
        pass

    value = BaseJob._value
    error = BaseJob._error


Answers = list[list[bytes] | PyjobsError]


def make(mode: str = "reliable", route: Any = None) -> Desk[Job]:
    return Desk(Job, mode=mode, prefix="jobs", queue="q", route=route)


def prepare(
    desk: Desk[Job], data: Any, ids: Any = None, queue: Any = None, **options: Any
) -> Batch[Job]:
    """A submit whose calls were all sent."""
    batch = desk.prepare(data, queue, ids, options)
    assert len(batch.chunks) == len(batch.calls)
    return batch


def reply(*told: str) -> list[bytes]:
    """What the script answers: id and outcome of each."""
    return [word.encode() for word in told]


def answers(batch: Batch[Job], outcome: str = "new") -> Answers:
    return [
        reply(*(word for job in chunk.jobs for word in (job.id, outcome))) for chunk in batch.chunks
    ]


def submit(desk: Desk[Job], *ids: str, queue: str | None = None) -> list[Job]:
    batch = prepare(desk, [1] * len(ids), ids, queue)
    assert desk.accept(batch, answers(batch)) == []
    return batch.jobs


def asked(chunks: Sequence[Chunk[Job]]) -> list[str]:
    return [job.id for chunk in chunks for job in chunk.jobs]


def posted(id: str, body: bytes, state: str = "done", queue: str = "q", reason: str = "-") -> bytes:
    """As lua/lib/tell.lua writes it."""
    return f"{queue} {id} {state} {reason} 10 20 30 {len(body)}\n".encode() + body + b"\n"


DONE = Stored("done", "-", 10, 20, 30, b"1")
MISSING = Stored("", "-", 0, 0, 0, b"")


class TestMessages:
    def test_one(self) -> None:
        assert list(messages.read(posted("a", b"1"))) == [("q", "a", DONE)]

    def test_none(self) -> None:
        assert list(messages.read(b"")) == []

    @pytest.mark.parametrize(
        "body",
        [b"", b"\n", b"a\nb\n\n", b"\x00\xff\x00", b"q b done - 1 2 3 4\nbody\n", b"x" * 70_000],
    )
    def test_any_body_among_others(self, body: bytes) -> None:
        message = posted("a", b"1") + posted("b", body, "failed") + posted("c", b"3", queue="other")
        assert [(queue, id, end.body) for queue, id, end in messages.read(message)] == [
            ("q", "a", b"1"),
            ("q", "b", body),
            ("other", "c", b"3"),
        ]

    @pytest.mark.parametrize(
        "junk",
        [
            b"junk", b"\n", b"q b done - 1 2 3 99\nshort\n", b"q b done - 1 2 3 -20\n1\n",
            b"q b done - 1 2 3 +1\n1\n", b"q b done - 1 2 3 0_1\n1\n", b"q b done - 1 2 3 1\n12",
            b"q b done - 1 2 3 1\n1", b"q b done - x 2 3 1\n1\n", b"q b done 1 2 3 1\n1\n",
            b"q b inflight - 1 2 3 1\n1\n", "q b done - 1 2 3 \u0661\n1\n".encode(),
            b"q b done - 1 2 3 " + b"9" * 5000 + b"\n1\n", b"q \xff done - 1 2 3 1\n1\n",
        ],
    )  # fmt: skip
    def test_what_is_none_is_refused(self, junk: bytes) -> None:
        """Anybody may publish; a size below zero would be read over and over again."""
        read = messages.read(posted("a", b"1") + junk)
        assert next(read) == ("q", "a", DONE)
        with pytest.raises(ValueError, match="not a result"):
            next(read)


class TestPrepare:
    def test_what_goes_into_the_call(self) -> None:
        desk = make()
        batch = prepare(
            desk,
            [{"a": 1}, "ä"],
            ["x", "y"],
            delay=1.5,
            retention=60,
            timeout=2,
            max_attempts=5,
            backoff=0,
        )
        [chunk] = batch.chunks
        assert chunk.call.script.name == "reliable/submit"
        assert chunk.call.keys == ("jobs:{q}",)
        client, options, *items = chunk.call.args
        assert client == desk.name
        assert set(str(options).split()) == {
            "delay=1500", "retention=60000", "timeout=2000", "max_attempts=5", "backoff=0"
        }  # fmt: skip
        assert items == ["x", b'{"a":1}', "y", '"ä"'.encode()]
        assert [(job.id, job.queue) for job in chunk.jobs] == [("x", "q"), ("y", "q")]

    def test_ids_are_made(self) -> None:
        batch = prepare(make(), [1] * 1000)
        assert len({job.id for job in batch.jobs}) == 1000

    def test_so_many_in_a_call(self) -> None:
        count = 2 * CHUNK_ITEMS + 50
        ids = [f"j{n}" for n in range(count)]
        batch = prepare(make(), iter(range(count)), iter(ids))
        assert [len(chunk.jobs) for chunk in batch.chunks] == [CHUNK_ITEMS, CHUNK_ITEMS, 50]
        assert asked(batch.chunks) == ids == [job.id for job in batch.jobs]

    def test_some_bytes_in_a_call(self) -> None:
        batch = prepare(make(), ["x" * (MAX_BYTES - 2)] * 9)
        assert len(asked(batch.chunks)) == 9
        for chunk in batch.chunks:
            data = [part for part in chunk.call.args if isinstance(part, bytes)]
            assert sum(map(len, data)) <= CALL_BYTES + MAX_BYTES

    def test_none(self) -> None:
        assert not prepare(make(), []).chunks

    def test_by_route(self) -> None:
        desk = make(route=lambda data: "even" if data % 2 == 0 else "odd")
        batch = prepare(desk, [1, 2, 3], "abc")
        found = {chunk.call.keys: asked([chunk]) for chunk in batch.chunks}
        assert found == {("jobs:{odd}",): ["a", "c"], ("jobs:{even}",): ["b"]}

    def test_a_queue_that_is_named_goes_first(self) -> None:
        desk = make(route=lambda data: "routed")
        assert prepare(desk, [1], queue="named").calls[0].keys == ("jobs:{named}",)

    @pytest.mark.parametrize("name", ["", "a b", "a{b}", "ä", "x" * 129, 7])
    def test_bad_names(self, name: Any) -> None:
        for attempt in (
            lambda: prepare(make(), [1], queue=name),
            lambda: prepare(make(route=lambda data: name), [1]),
        ):
            with pytest.raises(BadArgument, match="queue"):
                attempt()
        with pytest.raises(BadArgument, match="id"):
            prepare(make(), [1], [name])

    @pytest.mark.parametrize("ids", [["a"], ["a", "b", "c"]])
    def test_as_many_ids_as_jobs(self, ids: list[str]) -> None:
        with pytest.raises(BadArgument, match="ids"):
            prepare(make(), [1, 2], ids)

    def test_bad_data(self) -> None:
        with pytest.raises(Unencodable):
            prepare(make(), [{1, 2}])
        for one in ("text", b"bytes", {"a": 1}):
            with pytest.raises(BadArgument, match=f"data: a {type(one).__name__}, not a list"):
                prepare(make(), one)  # type: ignore[arg-type]
        with pytest.raises(BadArgument, match=r"data: .* more than"):
            prepare(make(), ["x" * MAX_BYTES])

    @pytest.mark.parametrize("name", ["delay", "retention", "timeout", "backoff"])
    @pytest.mark.parametrize("value", [-1, "1", True, float("nan"), float("inf")])
    def test_bad_times(self, name: str, value: Any) -> None:
        with pytest.raises(BadArgument, match=name):
            prepare(make(), [1], **{name: value})

    def test_bad_options(self) -> None:
        with pytest.raises(BadArgument, match="max_attempts"):
            prepare(make(), [1], max_attempts=1.5)
        with pytest.raises(BadArgument, match="priority"):
            prepare(make(), [1], priority=1)

    @pytest.mark.parametrize(
        ("mode", "name"),
        [
            ("simple", "delay"),
            ("simple", "retention"),
            ("simple", "timeout"),
            ("recoverable", "backoff"),
        ],
    )
    def test_options_that_the_mode_lacks(self, mode: str, name: str) -> None:
        with pytest.raises(BadArgument, match=f"{name}: {mode}/submit"):
            prepare(make(mode), [1], **{name: 1})

    def test_one_by_itself(self) -> None:
        """The short way makes the same call."""
        desk = make(route=lambda data: f"q{data}")
        many = prepare(desk, [1], ["a"], delay=1.5)
        one = desk.together([desk.item(1, None, "a", {"delay": 1.5})])
        assert [chunk.call for chunk in one.chunks] == [*many.calls]
        assert one.jobs == many.jobs

    def test_several_together(self) -> None:
        """Those of one queue with the same options are one call."""
        desk = make()
        batch = desk.together(
            [
                desk.item(1, None, None, {}),
                desk.item(2, "other", "b", {}),
                desk.item(3, None, "c", {"delay": 1}),
                desk.item(4, "q", "d", {}),
            ]
        )
        told = [(chunk.call.keys, chunk.call.args[1], chunk.places) for chunk in batch.chunks]
        assert told == [
            (("jobs:{q}",), "", [0, 3]),
            (("jobs:{other}",), "", [1]),
            (("jobs:{q}",), "delay=1000", [2]),
        ]
        assert [job.id for job in batch.jobs][1:] == ["b", "c", "d"]


class TestAccept:
    def test_new(self) -> None:
        [job] = submit(desk := make(), "a")
        assert job.created and not job.done()
        assert asked(desk.sweep.calls()) == ["a"]

    def test_there_before(self) -> None:
        desk = make()
        batch = prepare(desk, [1, 2], ["a", "b"])
        before = desk.accept(batch, [reply("a", "new", "b", "done")])
        first, second = batch.jobs
        assert first.created and not second.created
        assert before == [second]

    def test_conflict(self) -> None:
        desk = make()
        [stands] = submit(desk, "a")
        batch = prepare(desk, [2], ["a"])
        before = desk.accept(batch, answers(batch, "CONFLICT"))
        [refused] = batch.jobs
        assert isinstance(refused.error(), Conflict) and "a" in str(refused.error())
        assert not stands.done() and not before
        desk.hear(posted("a", b"1"))
        assert stands.value() == 1

    def test_one_pending_job_of_an_id(self) -> None:
        desk = make()
        [first], [second] = submit(desk, "a"), submit(desk, "a")
        assert first is second
        assert submit(desk, "a", queue="other")[0] is not first

    def test_a_refused_call_is_raised_and_tells_what_was_accepted(self) -> None:
        desk = make()
        batch = prepare(desk, range(3 * CHUNK_ITEMS), [f"j{n}" for n in range(3 * CHUNK_ITEMS)])
        told = answers(batch)
        told[1] = QueueFull("full")
        told[2][-1] = b"CONFLICT"
        with pytest.raises(QueueFull) as raised:
            desk.accept(batch, told)
        ids = [job.id for job in batch.jobs]
        assert raised.value.accepted == (*ids[:CHUNK_ITEMS], *ids[2 * CHUNK_ITEMS : -1])

    def test_what_nobody_knows_goes_before_other_errors(self) -> None:
        desk = make(route=lambda data: f"q{data}")
        batch = prepare(desk, range(3), "abc")
        told: Answers = [QueueFull("full"), OutcomeUnknown("cut"), reply("c", "new")]
        with pytest.raises(OutcomeUnknown) as raised:
            desk.accept(batch, told)
        assert (raised.value.ids, raised.value.accepted) == (("b",), ("c",))

    def test_a_refused_job_may_be_asked_for(self) -> None:
        """Somebody may hold it by its id already; it is gone, rather than never known."""
        desk = make()
        batch = prepare(desk, [1], ["a"])
        job = desk.open_job("a", None)
        with pytest.raises(QueueFull):
            desk.accept(batch, [QueueFull("full")])
        [chunk] = desk.sweep.calls()
        assert desk.sweep.take(chunk, [MISSING]) == [job]

    def test_a_job_that_is_submitted_again_is_not_lost_meanwhile(self) -> None:
        """A sweep that began before may not find it, and does not know of the new submit."""
        desk = make()
        batch = prepare(desk, [1], ["a"])
        with pytest.raises(OutcomeUnknown):
            desk.accept(batch, [OutcomeUnknown("cut")])
        [chunk] = desk.sweep.calls()
        again = prepare(desk, [1], ["a"])
        assert again.jobs == batch.jobs
        assert desk.sweep.take(chunk, [MISSING]) == [] == desk.sweep.calls()
        desk.accept(again, answers(again))
        assert asked(desk.sweep.calls()) == ["a"]

    def test_the_job_that_holds_the_unique_key(self) -> None:
        desk = make()
        [holder] = submit(desk, "a")
        batch = prepare(desk, [1, 2], ["b", "c"], unique="u")
        assert desk.accept(batch, [reply("a", "pending", "a", "pending")]) == [holder] * 2
        assert batch.jobs == [holder] * 2

    def test_in_the_order_of_the_data(self) -> None:
        """Whatever the queues: who zips data and jobs must get pairs."""
        desk = make(route=lambda data: "even" if data % 2 == 0 else "odd")
        batch = prepare(desk, range(5), "abcde")
        desk.accept(batch, answers(batch))
        assert "".join(job.id for job in batch.jobs) == "abcde"

    def test_queues_are_registered_now_and_then(self) -> None:
        desk = make()
        first, second = prepare(desk, [1]), prepare(desk, [1], queue="other")
        assert not desk.to_register(first, NOW)
        desk.accept(first, answers(first))
        assert set(desk.to_register(first, NOW)) == {"q"}
        assert not desk.to_register(first, NOW)
        desk.accept(second, answers(second))
        assert set(desk.to_register(second, NOW)) == {"other"}
        # Redis may have come back without the registry.
        assert not desk.to_register(first, NOW + REGISTER_SECONDS)
        assert set(desk.to_register(first, NOW + REGISTER_SECONDS + 1)) == {"q"}


class TestHear:
    def test_a_result(self) -> None:
        desk = make()
        [job] = submit(desk, "a")
        desk.hear(posted("a", b'{"x":[]}'))
        assert job.value() == {"x": []}
        assert job.times == (10, 20, 30)
        assert desk.sweep.calls() == []

    def test_an_error(self) -> None:
        desk = make()
        [job] = submit(desk, "a")
        body = b'{"type":"ValueError","message":"no","traceback":"at line 1"}'
        desk.hear(posted("a", body, "dead", reason="attempts"))
        error = job.error()
        assert isinstance(error, JobFailed)
        assert (error.type, error.message, error.traceback, error.reason) == (
            "ValueError", "no", "at line 1", "attempts"
        )  # fmt: skip

    def test_many_at_once_and_strangers_among_them(self) -> None:
        desk = make()
        first, second = submit(desk, "a", "b")
        desk.hear(posted("a", b"1") + posted("stranger", b"2") + posted("b", b"3"))
        assert (first.value(), second.value()) == (1, 3)

    def test_of_the_same_id_on_another_queue(self) -> None:
        desk = make()
        [job] = submit(desk, "a")
        desk.hear(posted("a", b"1", queue="other"))
        assert not job.done()

    def test_the_first_stands(self) -> None:
        desk = make()
        [job] = submit(desk, "a")
        desk.hear(posted("a", b"1"))
        desk.hear(posted("a", b"2"))
        job.settle(Stored("done", "-", 0, 0, 0, b"3"))
        assert job.value() == 1

    def test_before_the_submit_was_answered(self) -> None:
        """A worker may be faster than the reply."""
        desk = make()
        batch = prepare(desk, [1], ["a"])
        desk.hear(posted("a", b"1"))
        desk.accept(batch, answers(batch))
        [job] = batch.jobs
        assert job.value() == 1 and job.created

    def test_nobody_waits(self) -> None:
        desk = make()
        submit(desk, "a")
        desk.hear(posted("a", b"1"))
        assert desk.sweep.calls() == []


class TestSweep:
    def test_what_it_asks(self) -> None:
        desk = make()
        jobs = [*submit(desk, "a", "b"), *submit(desk, "c", queue="other")]
        first, second = desk.sweep.calls()
        assert (first.call.script.name, first.call.keys) == ("queue/result", ("jobs:{q}",))
        assert first.call.args == ("a", "b")
        assert (second.call.keys, second.call.args) == (("jobs:{other}",), ("c",))
        assert [*first.jobs, *second.jobs] == jobs

    def test_only_for_jobs_that_are_there(self) -> None:
        """One whose submit is under way would be taken for lost."""
        desk = make()
        batch = prepare(desk, [1], ["a"])
        assert desk.sweep.calls() == []
        assert batch.jobs

    def test_nothing_is_stored_in_simple_mode(self) -> None:
        desk = make("simple")
        jobs = submit(desk, "a")
        assert desk.sweep.calls() == [] and not jobs[0].done()

    def test_every_job_has_its_turn(self) -> None:
        desk = make()
        ids = [f"j{n}" for n in range(SWEEP_JOBS + 10)]
        jobs = submit(desk, *ids)
        first, second = asked(desk.sweep.calls()), asked(desk.sweep.calls())
        assert len(first) == len(second) == SWEEP_JOBS < len(jobs)
        assert {*first, *second} == set(ids)

    def test_what_is_stored_settles(self) -> None:
        desk = make()
        jobs = submit(desk, "a", "b", "c")
        live = Stored("inflight", "-", 10, 20, 0, b"")
        [chunk] = desk.sweep.calls()
        desk.sweep.take(chunk, [DONE, live, MISSING])
        assert jobs[0].value() == 1
        assert not jobs[1].done()
        [chunk] = desk.sweep.calls()
        lost = desk.sweep.take(chunk, [live, MISSING])
        assert lost == [jobs[2]] and not jobs[2].done()
        desk.sweep.settle_gone(lost)
        assert isinstance(jobs[2].error(), ResultGone) and "c" in str(jobs[2].error())
        assert asked(desk.sweep.calls()) == ["b"]

    def test_what_is_known_of_a_job_that_is_gone(self) -> None:
        """One that was submitted here has been in Redis; of any other id nobody knows."""
        desk = make()
        [mine] = submit(desk, "mine")
        theirs, seen = desk.open_job("theirs", None), desk.open_job("seen", None)
        [chunk] = desk.sweep.calls([seen])
        desk.sweep.take(chunk, [Stored("inflight", "-", 10, 20, 0, b"")])
        desk.sweep.settle_gone([mine, theirs, seen])
        assert re.search("mine on queue q.*retention is over, or Redis lost", str(mine.error()))
        assert re.search("seen on queue q.*retention is over, or Redis lost", str(seen.error()))
        assert re.search("theirs on queue q: no such job.*or there never was", str(theirs.error()))

    def test_one_that_was_asked_for_while_its_submit_is_under_way(self) -> None:
        desk = make()
        batch = prepare(desk, [1], ["a"])
        job = desk.open_job("a", None)
        assert desk.sweep.calls([job]) == []
        desk.accept(batch, answers(batch))
        assert asked(desk.sweep.calls()) == ["a"]

    @pytest.mark.parametrize("answered", [False, True])
    def test_one_that_is_submitted_again_while_it_is_missed(self, answered: bool) -> None:
        """The sweep knows of the submit whose outcome is unknown, and not yet of the next one."""
        desk = make()
        desk.take(prepare(desk, [1], ["a"]), [OutcomeUnknown("cut")])
        job = desk.open_job("a", None)
        [chunk] = desk.sweep.calls()
        missing = desk.sweep.take(chunk, [MISSING])
        assert missing == [job]
        again = prepare(desk, [1], ["a"])
        assert again.chunks[0].jobs == [job]
        if answered:
            desk.accept(again, answers(again))
        desk.sweep.settle_gone(missing)
        assert not job.done()

    def test_what_is_missed_once_may_be_on_its_way(self) -> None:
        """A result that is not kept is in a message only, which another connection brings."""
        desk = make()
        [job] = submit(desk, "a")
        [chunk] = desk.sweep.calls()
        assert desk.sweep.take(chunk, [MISSING]) == []
        desk.hear(posted("a", b"1"))
        assert job.value() == 1

    def test_a_queue_that_can_not_be_read_is_told_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk = make()
        jobs = submit(desk, "a")
        [chunk] = desk.sweep.calls()
        assert not any(desk.sweep.blind(chunk, BadLayout("layout 99")) for _ in range(3))
        assert desk.sweep.blind(chunk, Unavailable("away"))
        assert [record.message for record in caplog.records] == [
            "results of jobs:{q} can't be read: layout 99",
            "results of any queue can't be read: away",
        ]
        assert desk.sweep.take(chunk, [MISSING]) == [] and jobs
        desk.sweep.blind(chunk, BadLayout("again"))
        assert len(caplog.records) == 3

    @pytest.mark.parametrize("state", ["pending", "delayed", "inflight"])
    def test_live_states_settle_nothing(self, state: str) -> None:
        desk = make()
        [job] = submit(desk, "a")
        [chunk] = desk.sweep.calls()
        assert desk.sweep.take(chunk, [Stored(state, "-", 1, 2, 0, b"half an error")]) == []
        assert not job.done()

    def test_a_job_of_somebody_else(self) -> None:
        desk = make()
        job = desk.open_job("theirs", None)
        assert asked(desk.sweep.calls([job])) == ["theirs"] == asked(desk.sweep.calls())
        for bad in ({"id": "a b", "queue": None}, {"id": "a", "queue": "{q}"}):
            with pytest.raises(BadArgument):
                desk.open_job(**bad)  # type: ignore[arg-type]


class TestEnd:
    def test_close_fails_what_is_pending(self) -> None:
        desk = make()
        done, pending = submit(desk, "a", "b")
        desk.hear(posted("a", b"1"))
        desk.close()
        assert done.value() == 1
        assert isinstance(pending.error(), ClientClosed) and "b" in str(pending.error())

    def test_nothing_goes_after_close(self) -> None:
        desk = make()
        desk.close()
        with pytest.raises(ClientClosed):
            prepare(desk, [1])
        with pytest.raises(ClientClosed):
            desk.open_job("a", None)

    def test_jobs_that_nobody_keeps_leave_nothing(self) -> None:
        desk = make()
        kept, *_ = submit(desk, *[f"j{n}" for n in range(100)])
        del _
        gc.collect()
        assert asked(desk.sweep.calls()) == [kept.id]

    @pytest.mark.parametrize("body", [b"half a js", b"\xff"])
    def test_an_undecodable_result(self, body: bytes) -> None:
        """`exception` is what `result` raises."""
        [job] = submit(desk := make(), "a")
        desk.hear(posted("a", body))
        with pytest.raises(PyjobsError) as raised:
            job.value()
        assert type(job.error()) is type(raised.value)

    @pytest.mark.parametrize("bad", [{"mode": "fast"}, {"prefix": "a b"}, {"queue": "{q}"}])
    def test_bad_settings(self, bad: dict[str, str]) -> None:
        good: Any = {"mode": "simple", "prefix": "jobs", "queue": "q", "route": None}
        with pytest.raises(BadArgument, match=next(iter(bad))):
            Desk(Job, **{**good, **bad})
