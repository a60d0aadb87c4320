"""Looking at what is stored, for messages that were missed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.client_core import (
    DONE,
    MISSING,
    NOW,
    answers,
    asked,
    hear,
    make,
    posted,
    prepare,
    submit,
)

from pyjobs.client.lookups import Turns
from pyjobs.client.sweep import ASK_SECONDS, IDLE_SHARE, Pace, note_unheard
from pyjobs.engine import PartKey, Parts, hash_of
from pyjobs.engine.limits import SWEEP_JOBS
from pyjobs.engine.replies import Stored
from pyjobs.errors import (
    BadArgument,
    BadLayout,
    Forbidden,
    OutcomeUnknown,
    ResultGone,
    Unavailable,
)

FORBIDDEN = Forbidden("NOPERM no channel")


class TestPace:
    @pytest.mark.parametrize(("at", "left"), [(0, 10), (4, 6), (10, 0), (11, 0)])
    def test_a_sweep_is_due_so_long_after_the_last(self, at: float, left: float) -> None:
        assert Pace(10, NOW).left(NOW + at, None) == left

    @pytest.mark.parametrize(
        ("took", "every", "left"),
        [
            (0.0, 10, ASK_SECONDS),
            (1.0, 100, IDLE_SHARE),
            (ASK_SECONDS / IDLE_SHARE / 2, 100, ASK_SECONDS),
            (100.0, 10, 10),
        ],
    )
    def test_where_a_channel_is_forbidden_a_sweep_comes_sooner_but_not_all_the_time(
        self, took: float, every: float, left: float
    ) -> None:
        pace = Pace(every, NOW)
        pace.swept(NOW - took, NOW)
        assert pace.left(NOW, FORBIDDEN) == left

    def test_a_sweep_that_is_due_at_once_is_due(self) -> None:
        pace = Pace(10, NOW)
        pace.at_once()
        assert pace.left(NOW, None) == 0

    def test_a_forbidden_channel_is_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        note_unheard.cache_clear()
        pace = Pace(10, NOW)
        for _ in range(2):
            pace.left(NOW, FORBIDDEN)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert str(FORBIDDEN) in caplog.text

    def test_forbidden_channels_are_asked_for_once_in_the_time_between_two_sweeps(self) -> None:
        pace = Pace(10, NOW)
        asks = [pace.asks(NOW + at) for at in (0, 9.9, 10, 10.1, 19.9, 20)]
        assert asks == [False, False, True, False, False, True]


class TestSweep:
    def test_a_sweep_asks_for_the_pending_jobs_of_each_queue(self) -> None:
        core = make()
        jobs = [*submit(core, "a", "b"), *submit(core, "c", queue="other")]
        first, second = core.sweep.calls()
        assert (first.call.script.name, first.call.keys) == ("queue/result", ("jobs:{q}",))
        assert first.call.args == ("a", "b")
        assert (second.call.keys, second.call.args) == (("jobs:{other}",), ("c",))
        assert [*first.jobs, *second.jobs] == jobs

    def test_a_job_whose_submit_is_under_way_is_not_swept_for(self) -> None:
        """One whose submit is under way would be taken for lost."""
        core = make()
        batch = prepare(core, [1], ["a"])
        assert core.sweep.calls() == []
        assert batch.jobs

    def test_a_sweep_in_simple_mode_asks_for_nothing(self) -> None:
        core = make("simple")
        jobs = submit(core, "a")
        assert core.sweep.calls() == [] and not jobs[0].done()

    def test_two_sweeps_reach_more_jobs_than_one_call_takes(self) -> None:
        core = make()
        ids = [f"j{n}" for n in range(SWEEP_JOBS + 10)]
        jobs = submit(core, *ids)
        first, second = asked(core.sweep.calls()), asked(core.sweep.calls())
        assert len(first) == len(second) == SWEEP_JOBS < len(jobs)
        assert {*first, *second} == set(ids)

    def test_a_stored_end_settles_its_job_and_a_second_miss_is_a_loss(self) -> None:
        core = make()
        jobs = submit(core, "a", "b", "c")
        live = Stored("inflight", "-", 10, 20, 0, b"")
        [lookup] = core.sweep.calls()
        core.sweep.take(lookup, [DONE, live, MISSING])
        assert jobs[0].value() == 1
        assert not jobs[1].done()
        [lookup] = core.sweep.calls()
        lost = core.sweep.take(lookup, [live, MISSING])
        assert lost == [jobs[2]] and not jobs[2].done()
        core.sweep.settle_gone(lost)
        assert isinstance(jobs[2].error(), ResultGone) and "c" in str(jobs[2].error())
        assert asked(core.sweep.calls()) == ["b"]

    def test_jobs_that_a_reply_leaves_out_are_looked_up_at_once_and_are_not_missing(self) -> None:
        core = make()
        jobs = submit(core, "a", "b", "c")
        [lookup] = core.sweep.calls()
        assert core.sweep.take(lookup, [DONE]) == []
        assert [job.done() for job in jobs] == [True, False, False]
        [rest] = core.sweep.rest(lookup, [DONE])
        assert (rest.call.keys, rest.call.args, rest.jobs) == (
            lookup.call.keys, ("b", "c"), jobs[1:]
        )  # fmt: skip
        assert core.sweep.rest(rest, [DONE, MISSING]) == []

    def test_a_job_that_is_submitted_again_after_it_was_gone_is_another_job(self) -> None:
        core = make()
        [gone] = submit(core, "a")
        for _ in range(2):
            [lookup] = core.sweep.calls()
            missing = core.sweep.take(lookup, [MISSING])
        core.sweep.settle_gone(missing)
        [again] = submit(core, "a")
        assert again is not gone
        assert gone.done() and not again.done()
        [lookup] = core.sweep.calls()
        core.sweep.take(lookup, [DONE])
        assert again.value() == 1

    def test_a_gone_job_reports_whether_it_was_ever_known(self) -> None:
        """One that was submitted here has been in Redis; of any other id nobody knows."""
        core = make()
        [mine] = submit(core, "mine")
        theirs, seen = core.open_job("theirs", None), core.open_job("seen", None)
        [lookup] = core.sweep.calls([seen])
        core.sweep.take(lookup, [Stored("inflight", "-", 10, 20, 0, b"")])
        for _ in range(2):
            [lookup] = core.sweep.calls()
            missing = core.sweep.take(lookup, [MISSING] * 3)
        assert missing == [mine, theirs, seen]
        core.sweep.settle_gone(missing)
        assert re.search("mine on queue q.*retention is over, or Redis lost", str(mine.error()))
        assert re.search("seen on queue q.*retention is over, or Redis lost", str(seen.error()))
        assert re.search("theirs on queue q: no such job.*or there never was", str(theirs.error()))

    def test_a_job_opened_while_its_submit_is_under_way_is_swept_for_after_it(self) -> None:
        core = make()
        batch = prepare(core, [1], ["a"])
        job = core.open_job("a", None)
        assert core.sweep.calls([job]) == []
        core.accept(batch, answers(batch))
        assert asked(core.sweep.calls()) == ["a"]

    @pytest.mark.parametrize("answered", [False, True])
    def test_a_missed_job_that_is_submitted_again_is_not_settled_as_gone(
        self, answered: bool
    ) -> None:
        """The sweep knows of the submit whose outcome is unknown, and not yet of the next one."""
        core = make()
        core.take(prepare(core, [1], ["a"]), [OutcomeUnknown("cut")])
        job = core.open_job("a", None)
        [lookup] = core.sweep.calls()
        missing = core.sweep.take(lookup, [MISSING])
        assert missing == [job]
        again = prepare(core, [1], ["a"])
        assert again.made[0].jobs == [job]
        if answered:
            core.accept(again, answers(again))
        core.sweep.settle_gone(missing)
        assert not job.done()

    def test_a_job_missed_once_is_still_settled_by_its_message(self) -> None:
        """A result that is not kept is in a message only, which another connection brings."""
        core = make()
        [job] = submit(core, "a")
        [lookup] = core.sweep.calls()
        assert core.sweep.take(lookup, [MISSING]) == []
        hear(core, posted("a", b"1"))
        assert job.value() == 1

    def test_a_job_that_was_found_since_it_was_missed_is_not_missing_yet(self) -> None:
        core = make()
        [job] = submit(core, "a")
        [lookup] = core.sweep.calls()
        live = Stored("inflight", "-", 10, 20, 0, b"")
        replies = [MISSING, live, MISSING, MISSING]
        assert [core.sweep.take(lookup, [reply]) for reply in replies] == [[], [], [], [job]]

    def test_a_queue_that_cannot_be_read_is_logged_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        core = make()
        jobs = submit(core, "a")
        [lookup] = core.sweep.calls()
        assert not any(core.sweep.unreadable(lookup, Forbidden("no right")) for _ in range(3))
        assert core.sweep.unreadable(lookup, Unavailable("away"))
        assert [record.message for record in caplog.records] == [
            "results of jobs:{q} can't be read: no right",
            "results of any queue can't be read: away",
        ]
        assert core.sweep.take(lookup, [MISSING]) == [] and jobs
        core.sweep.unreadable(lookup, Forbidden("again"))
        assert len(caplog.records) == 3

    def test_a_queue_of_an_unknown_layout_ends_the_wait_for_its_jobs(self) -> None:
        """No later sweep could read it either."""
        core = make()
        [job] = submit(core, "a")
        [other] = submit(core, "b")
        [lookup] = core.sweep.calls([job])
        assert not core.sweep.unreadable(lookup, BadLayout("layout 99"))
        with pytest.raises(BadLayout, match="layout 99"):
            job.value()
        assert not other.done() and asked(core.sweep.calls()) == ["b"]

    @pytest.mark.parametrize("state", ["pending", "delayed", "inflight"])
    def test_a_live_state_settles_nothing(self, state: str) -> None:
        core = make()
        [job] = submit(core, "a")
        [lookup] = core.sweep.calls()
        assert core.sweep.take(lookup, [Stored(state, "-", 1, 2, 0, b"half an error")]) == []
        assert not job.done()

    def test_a_job_opened_by_id_is_swept_for_and_bad_names_are_refused(self) -> None:
        core = make()
        job = core.open_job("theirs", None)
        assert asked(core.sweep.calls([job])) == ["theirs"] == asked(core.sweep.calls())
        for bad in (("a b", None), ("a", "{q}"), (5, None), (None, None), (("a", "q"), None)):
            with pytest.raises(BadArgument):
                core.open_job(*bad)  # type: ignore[arg-type]


class TestLookupsOfNodes:
    PARTS = Parts(3, places=(1, 2))

    def test_jobs_of_a_split_queue_are_looked_up_in_the_parts_of_their_ids(self) -> None:
        core = make()
        jobs = [core.open_job(f"j{n}", None) for n in range(9)]
        [lookup] = core.sweep.calls()
        lookups = core.sweep.by_part(lookup, self.PARTS)
        keys = self.PARTS.keys("jobs:{q}")
        for one in lookups:
            [part] = one.call.keys
            assert isinstance(part, PartKey)
            assert {keys[hash_of(job.id) % 3] for job in one.jobs} == {part}
            assert one.call.args == tuple(job.id for job in one.jobs)
        assert len(lookups) == 3 and {*asked(lookups)} == {job.id for job in jobs}

    def test_a_job_that_is_not_in_the_part_of_its_id_is_looked_up_in_the_whole_queue_then(
        self,
    ) -> None:
        """It is not missing: its submit had a unique key, or the queue has grown."""
        core = make()
        jobs = [core.open_job(id, None) for id in ("a", "b")]
        for _ in range(2):
            [lookup] = core.sweep.calls([jobs[0]])
            [one] = core.sweep.by_part(lookup, self.PARTS)
            assert isinstance(one.call.keys[0], PartKey)
        assert core.sweep.take(one, [MISSING]) == []
        [lookup] = core.sweep.calls(jobs)
        other, whole = core.sweep.by_part(lookup, self.PARTS)
        assert (isinstance(other.call.keys[0], PartKey), asked([other])) == (True, ["b"])
        assert (isinstance(whole.call.keys[0], PartKey), asked([whole])) == (False, ["a"])
        assert core.sweep.take(whole, [MISSING]) == [jobs[0]]

    def test_a_lookup_of_a_queue_that_is_not_split_and_one_of_a_part_stay_as_they_are(self) -> None:
        core = make()
        jobs = submit(core, "a", "b")
        jobs[1]._part = self.PARTS.keys("jobs:{q}")[2]
        whole, part = core.sweep.calls()
        assert core.sweep.by_part(whole, None) == [whole]
        assert core.sweep.by_part(part, self.PARTS) == [part]
        # The submit has said which part has the job, so it is missing there.
        assert [core.sweep.take(part, [MISSING]) for _ in range(2)] == [[], [jobs[1]]]

    def test_a_node_that_is_being_asked_is_asked_again_afterwards_where_messages_were_missed(
        self,
    ) -> None:
        core = make()
        jobs = submit(core, "a", "b")
        lookups = core.sweep.calls()
        turns = Turns[Any]()
        assert turns.begin("node", lookups, missed=True)
        assert turns.begin("other", lookups, missed=False)
        assert turns.end("other") is None
        assert [turns.begin("node", lookups, missed=missed) for missed in (True, False)] == [
            False
        ] * 2
        later = turns.end("node")
        assert later == lookups
        hear(core, posted("a", b"1"))
        [again] = core.sweep.still(later)
        assert (again.call.args, again.jobs) == (("b",), jobs[1:])
        assert not turns.begin("node", lookups, missed=False)
        assert turns.end("node") is None
        assert turns.begin("node", lookups, missed=False)
