"""What a client makes of the answers and messages that it gets, and how it ends."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from support.client_core import (
    MISSING,
    NOW,
    Answers,
    Job,
    answers,
    asked,
    hear,
    make,
    posted,
    prepare,
    reply,
    submit,
)

from pyjobs.client.core import ClientCore
from pyjobs.client.job import settle
from pyjobs.client.presence import NEXT, Presence, PresenceEvent
from pyjobs.client.single import Single
from pyjobs.engine.durable import Kept, Reached
from pyjobs.engine.keys import REGISTER_SECONDS
from pyjobs.engine.limits import SUBMIT_ITEMS
from pyjobs.engine.replies import Stored
from pyjobs.errors import (
    BadArgument,
    ClientClosed,
    Conflict,
    JobFailed,
    OutcomeUnknown,
    PyjobsError,
    QueueFull,
)


def one(core: ClientCore[Job], id: str, **options: Any) -> Single[Job]:
    """A single submit, whose call was made."""
    return Single(core, core.builder.item(1, None, id, options))


class TestAccept:
    def test_a_new_job_is_created_and_swept_for(self) -> None:
        [job] = submit(core := make(), "a")
        assert job.created and not job.done()
        assert asked(core.sweep.calls()) == ["a"]

    def test_a_job_that_existed_is_returned_to_be_looked_up(self) -> None:
        core = make()
        batch = prepare(core, [1, 2], ["a", "b"])
        before = core.accept(batch, [reply("a", "new", "b", "done")])
        first, second = batch.jobs
        assert first.created and not second.created
        assert before == [second]

    def test_a_conflict_fails_its_job_and_leaves_the_one_that_stands(self) -> None:
        core = make()
        [stands] = submit(core, "a")
        batch = prepare(core, [2], ["a"])
        before = core.accept(batch, answers(batch, "CONFLICT"))
        [refused] = batch.jobs
        assert isinstance(refused.error(), Conflict) and "a" in str(refused.error())
        assert not stands.done() and not before
        hear(core, posted("a", b"1"))
        assert stands.value() == 1

    def test_a_job_behind_a_conflict_is_looked_up_as_any_other(self) -> None:
        core = make()
        batch = prepare(core, [1, 2], ["a", "b"])
        before = core.accept(batch, [reply("a", "CONFLICT", "b", "done")])
        assert isinstance(batch.jobs[0].error(), Conflict)
        assert before == [batch.jobs[1]]

    def test_two_submits_of_an_id_end_together_and_have_created_for_themselves(self) -> None:
        core = make()
        [first], [other] = submit(core, "a"), submit(core, "a", queue="other")
        batch = prepare(core, [1], ["a"])
        core.accept(batch, answers(batch, "pending"))
        [second] = batch.jobs
        assert (first.created, second.created, type(second).__name__) == (True, False, "Job")
        hear(core, posted("a", b"1"))
        assert (first.value(), second.value(), other.done()) == (1, 1, False)

    def test_the_submit_that_created_a_job_says_so_though_another_was_answered_first(self) -> None:
        core = make()
        batches = [prepare(core, [1], ["a"]) for _ in range(2)]
        core.accept(batches[1], [reply("a", "new")])
        core.accept(batches[0], [reply("a", "pending")])
        assert [batch.jobs[0].created for batch in batches] == [False, True]

    def test_a_refused_call_raises_with_the_accepted_ids(self) -> None:
        core = make()
        batch = prepare(core, range(3 * SUBMIT_ITEMS), [f"j{n}" for n in range(3 * SUBMIT_ITEMS)])
        told = answers(batch)
        told[1] = QueueFull("full")
        told[2][-1] = b"CONFLICT"
        with pytest.raises(QueueFull) as raised:
            core.accept(batch, told)
        ids = [job.id for job in batch.jobs]
        assert raised.value.accepted == (*ids[:SUBMIT_ITEMS], *ids[2 * SUBMIT_ITEMS : -1])

    def test_an_unknown_outcome_is_raised_before_other_errors(self) -> None:
        core = make(route=lambda data: f"q{data}")
        batch = prepare(core, range(3), list("abc"))
        told: Answers = [QueueFull("full"), OutcomeUnknown("cut"), reply("c", "new")]
        with pytest.raises(OutcomeUnknown) as raised:
            core.accept(batch, told)
        assert (raised.value.ids, raised.value.accepted) == (("b",), ("c",))

    def test_a_refused_job_that_was_opened_by_id_is_looked_up(self) -> None:
        """Somebody may hold it by its id already; it is gone, rather than never known."""
        core = make()
        batch = prepare(core, [1], ["a"])
        job = core.open_job("a", None)
        with pytest.raises(QueueFull):
            core.accept(batch, [QueueFull("full")])
        [lookup] = core.sweep.calls()
        assert core.sweep.take(lookup, [MISSING]) == [job]

    def test_a_job_that_is_submitted_again_is_not_taken_for_lost(self) -> None:
        """A sweep that began before may not find it, and does not know of the new submit."""
        core = make()
        batch = prepare(core, [1], ["a"])
        with pytest.raises(OutcomeUnknown):
            core.accept(batch, [OutcomeUnknown("cut")])
        [lookup] = core.sweep.calls()
        again = prepare(core, [1], ["a"])
        assert again.jobs == batch.jobs
        assert core.sweep.take(lookup, [MISSING]) == [] == core.sweep.calls()
        core.accept(again, answers(again))
        assert asked(core.sweep.calls()) == ["a"]

    def test_a_taken_unique_key_returns_the_job_that_holds_it(self) -> None:
        core = make()
        [holder] = submit(core, "a")
        batch = prepare(core, [1], ["b"], unique="u")
        assert core.accept(batch, [reply("a", "pending")]) == [holder]
        [same] = batch.jobs
        assert same.id == "a" and holder.created and not same.created
        hear(core, posted("a", b"1"))
        assert holder.value() == same.value() == 1

    def test_jobs_of_several_queues_keep_the_order_of_the_data(self) -> None:
        """Whatever the queues: who zips data and jobs must get pairs."""
        core = make(route=lambda data: "even" if data % 2 == 0 else "odd")
        batch = prepare(core, range(5), list("abcde"))
        core.accept(batch, answers(batch))
        assert "".join(job.id for job in batch.jobs) == "abcde"

    def test_a_queue_is_registered_once_in_register_seconds(self) -> None:
        core = make()
        first, second = prepare(core, [1]), prepare(core, [1], queue="other")
        assert not core.to_register(first.first_jobs, NOW)
        core.accept(first, answers(first))
        assert set(core.to_register(first.first_jobs, NOW)) == {"q"}
        assert not core.to_register(first.first_jobs, NOW)
        core.accept(second, answers(second))
        assert set(core.to_register(second.first_jobs, NOW)) == {"other"}
        # Redis may have come back without the registry.
        assert not core.to_register(first.first_jobs, NOW + REGISTER_SECONDS)
        assert set(core.to_register(first.first_jobs, NOW + REGISTER_SECONDS + 1)) == {"q"}


class TestSingle:
    def test_a_new_job_is_accepted_and_swept_for(self) -> None:
        core = make()
        single = one(core, "a")
        assert single.take(reply("a", "new")) == ()
        assert single.job.created and asked(core.sweep.calls()) == ["a"]
        assert core.to_register(single.asked, NOW)

    def test_an_answer_with_another_outcome_means_what_it_means_in_a_batch(self) -> None:
        core = make()
        single = one(core, "a", unique="u")
        assert single.take(reply("b", "pending")) == [core.open_job("b", None)]
        assert (single.job.id, single.job.created) == ("b", False)
        assert single.asked[0].id == "a"
        conflicting = one(core, "c")
        assert conflicting.take(reply("c", "CONFLICT")) == []
        assert isinstance(conflicting.job.error(), Conflict)

    def test_an_id_that_is_pending_here_gets_an_object_of_its_own(self) -> None:
        core = make()
        [first] = submit(core, "a")
        single = one(core, "a")
        assert single.take(reply("a", "new")) == []
        assert single.job is not first and single.job.created
        hear(core, posted("a", b"1"))
        assert first.value() == single.job.value() == 1

    def test_a_lost_answer_raises_with_the_id(self) -> None:
        core = make()
        single = one(core, "a")
        with pytest.raises(OutcomeUnknown) as raised:
            single.take(OutcomeUnknown("cut"))
        assert (raised.value.ids, raised.value.accepted) == (("a",), ())
        [lookup] = core.sweep.calls()
        assert core.sweep.take(lookup, [MISSING]) == [single.job]

    def test_a_single_submit_whose_sending_was_broken_off_leaves_the_job_in_doubt(self) -> None:
        core = make()
        single = one(core, "a")
        assert not core.sweep.calls()
        single.doubt()
        assert asked(core.sweep.calls()) == ["a"] and not core.to_register(single.asked, NOW)

    def test_a_client_that_was_closed_meanwhile_fails_the_job(self) -> None:
        core = make()
        single = one(core, "a")
        core.close()
        again = one(core, "b")
        again.take(reply("b", "new"))
        assert isinstance(single.job.error(), ClientClosed)
        assert isinstance(again.job.error(), ClientClosed)

    def test_a_durable_submit_says_where_the_job_was(self) -> None:
        core = make()
        single = one(core, "a")
        single.take(Kept(reply("a", "new"), Reached(2, False)))
        assert single.job.created and single.job.reached == Reached(2, False)


def test_what_is_known_of_a_job_s_presence_changes_by_the_table() -> None:
    """An id that was in Redis stays so, and every other job is what the last event says."""
    assert {event: {*after} for event, after in NEXT.items()} == {
        event: {*Presence} for event in PresenceEvent
    }
    for event, after in NEXT.items():
        said = {
            PresenceEvent.SUBMITTED: Presence.SENT,
            PresenceEvent.SEEN: Presence.ACCEPTED,
            PresenceEvent.DOUBTED: Presence.ASKED,
        }[event]
        for before, now in after.items():
            assert now is (Presence.ACCEPTED if before is Presence.ACCEPTED else said)


class TestHear:
    def test_a_message_settles_its_job_with_result_and_times(self) -> None:
        core = make()
        [job] = submit(core, "a")
        hear(core, posted("a", b'{"x":[]}'))
        assert job.value() == {"x": []}
        assert job.times == (10, 20, 30)
        assert core.sweep.calls() == []

    def test_a_message_settles_its_job_with_an_error(self) -> None:
        core = make()
        [job] = submit(core, "a")
        body = b'{"type":"ValueError","message":"no","traceback":"at line 1"}'
        hear(core, posted("a", body, "dead", reason="attempts"))
        error = job.error()
        assert isinstance(error, JobFailed)
        assert (error.type, error.message, error.traceback, error.reason) == (
            "ValueError", "no", "at line 1", "attempts"
        )  # fmt: skip

    def test_a_message_of_many_jobs_settles_those_that_are_known(self) -> None:
        core = make()
        first, second = submit(core, "a", "b")
        hear(core, posted("a", b"1") + posted("stranger", b"2") + posted("b", b"3"))
        assert (first.value(), second.value()) == (1, 3)

    def test_a_result_behind_a_progress_in_one_message_settles_its_job(self) -> None:
        core = make()
        runs, ends = submit(core, "a", "b")
        progress = posted("a", b'[0.5,"half"]', "inflight", "progress")
        hear(core, progress + posted("b", b"1"))
        assert ends.value() == 1 and not runs.done()

    def test_a_message_of_another_queue_settles_nothing(self) -> None:
        core = make()
        [job] = submit(core, "a")
        hear(core, posted("a", b"1"), queue="other")
        assert not job.done()

    def test_a_message_on_a_channel_that_is_not_the_clients_settles_nothing(self) -> None:
        core = make()
        [job] = submit(core, "a")
        core.channels(["q"])
        for channel in (b"jobs:client:" + core.name.encode(), b"jobs:{q}:client:other", b""):
            core.hear(channel, posted("a", b"1"))
        assert not job.done()

    def test_the_first_of_several_results_stands(self) -> None:
        core = make()
        [job] = submit(core, "a")
        hear(core, posted("a", b"1"))
        hear(core, posted("a", b"2"))
        settle(job, Stored("done", "-", 0, 0, 0, b"3"))
        assert job.value() == 1

    def test_a_message_before_the_reply_to_the_submit_settles_the_job(self) -> None:
        """A worker may be faster than the reply."""
        core = make()
        batch = prepare(core, [1], ["a"])
        hear(core, posted("a", b"1"))
        core.accept(batch, answers(batch))
        [job] = batch.jobs
        assert job.value() == 1 and job.created

    def test_a_job_that_nobody_holds_is_forgotten_once_heard(self) -> None:
        core = make()
        submit(core, "a")
        hear(core, posted("a", b"1"))
        assert core.sweep.calls() == []


class TestEnd:
    def test_close_fails_pending_jobs_and_keeps_results(self) -> None:
        core = make()
        done, pending = submit(core, "a", "b")
        hear(core, posted("a", b"1"))
        core.close()
        assert done.value() == 1
        assert isinstance(pending.error(), ClientClosed) and "b" in str(pending.error())

    def test_a_closed_core_refuses_submits_and_lookups(self) -> None:
        core = make()
        core.close()
        with pytest.raises(ClientClosed):
            prepare(core, [1])
        with pytest.raises(ClientClosed):
            core.open_job("a", None)

    def test_a_job_that_nobody_holds_is_not_swept_for(self) -> None:
        core = make()
        kept, *_ = submit(core, *[f"j{n}" for n in range(100)])
        del _
        gc.collect()
        assert asked(core.sweep.calls()) == [kept.id]

    @pytest.mark.parametrize("body", [b"half a js", b"\xff"])
    def test_an_undecodable_result_is_the_same_error_from_value_and_error(
        self, body: bytes
    ) -> None:
        """`exception` is what `result` raises."""
        [job] = submit(core := make(), "a")
        hear(core, posted("a", body))
        with pytest.raises(PyjobsError) as raised:
            job.value()
        assert type(job.error()) is type(raised.value)

    @pytest.mark.parametrize("bad", [{"mode": "fast"}, {"prefix": "a b"}, {"queue": "{q}"}])
    def test_bad_settings_are_refused_by_name(self, bad: dict[str, str]) -> None:
        good: Any = {"mode": "simple", "prefix": "jobs", "queue": "q", "route": None}
        with pytest.raises(BadArgument, match=next(iter(bad))):
            ClientCore(Job, **{**good, **bad})
