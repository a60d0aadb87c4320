"""When a worker renews its leases, and which it gives up. Here the time is only told."""

from __future__ import annotations

import pytest

from pyjobs.engine.replies import Claimed
from pyjobs.worker.liveness.leases import Leases
from pyjobs.worker.run import Run
from pyjobs.worker.running.invocation import cleanup_seconds

LEASE = 30.0
REPLY = 3.0


def a_run(claimed_at: float, timeout: float | None = None, id: str = "a") -> Run:
    return Run(Claimed(0, id, "1-nonce", b"1", 1, 0, 0), "q", timeout, claimed_at)


def make(now: float = 100.0) -> Leases:
    return Leases(LEASE, REPLY, now)


class TestDue:
    def test_the_first_beat_is_due_a_third_of_a_lease_after_the_start(self) -> None:
        assert make(100.0).due == 110.0

    def test_the_next_beat_is_due_a_third_of_a_lease_after_the_last_was_sent(self) -> None:
        """Not after its answer: that may have come late."""
        leases = make()
        leases.all_renewed([], 112.0)
        assert leases.due == 122.0

    def test_the_next_beat_is_due_soon_after_one_that_failed(self) -> None:
        leases = make()
        leases.missed([], 115.0)
        assert leases.due == 116.5


class TestLag:
    def test_the_lag_is_that_of_the_run_which_was_renewed_the_longest_ago(self) -> None:
        leases = make()
        old, young = a_run(claimed_at=80.0, id="old"), a_run(claimed_at=99.0, id="young")
        assert leases.lag([old, young], 89.0) == 0
        assert leases.lag([old, young], 91.5) == 1.5
        leases.renewed([old], 100.0)
        assert leases.lag([old, young], 110.5) == 1.5
        assert leases.lag([], 500.0) == 0


class TestGivenUp:
    def test_a_job_is_given_up_when_the_next_beat_may_be_answered_too_late(self) -> None:
        """The next beat is sent in 1.5 s, and its answer is waited for during 3 s."""
        leases, mine = make(), a_run(claimed_at=90.0)
        leases.renewed([mine], 100.0)
        assert leases.missed([mine], 125.5) == []
        assert leases.missed([mine], 125.6) == [mine]

    def test_a_lease_counts_from_when_its_beat_was_sent(self) -> None:
        """However late the answer came: by then most of the lease may have passed."""
        leases, mine = make(), a_run(claimed_at=90.0)
        leases.renewed([mine], 110.0)
        leases.all_renewed([mine], 110.0)
        assert leases.missed([mine], 135.5) == []
        assert leases.missed([mine], 135.6) == [mine]

    def test_a_job_that_was_never_renewed_counts_from_its_own_claim(self) -> None:
        leases = make()
        old, young = a_run(claimed_at=99.0, id="old"), a_run(claimed_at=115.0, id="young")
        leases.renewed([old], 100.0)
        leases.all_renewed([old], 100.0)
        assert leases.missed([old, young], 126.0) == [old]
        assert leases.missed([old, young], 140.6) == [old, young]

    def test_a_renewed_job_is_kept_when_another_is_given_up(self) -> None:
        """The extend of one queue may be refused where that of another is not."""
        leases = make()
        refused, renewed = a_run(claimed_at=90.0, id="r"), a_run(claimed_at=90.0, id="o")
        leases.renewed([renewed], 110.0)
        assert leases.missed([refused, renewed], 116.0) == [refused]

    def test_a_job_is_kept_for_half_a_lease_after_redis_has_refused_to_write(self) -> None:
        """As in a move of a queue that is longer than a lease: one late answer ends no run."""
        leases = make()
        run = a_run(claimed_at=100.0)
        leases.refused([run], 160.0)
        assert leases.missed([run], 170.0) == []
        assert leases.missed([run], 171.0) == [run]
        leases.refused([run], 102.0)
        assert leases.missed([run], 120.0) == []

    def test_a_refusal_before_a_renewal_counts_no_more(self) -> None:
        leases = make()
        run = a_run(claimed_at=100.0)
        leases.refused([run], 160.0)
        leases.renewed([run], 165.0)
        leases.all_renewed([run], 165.0)
        assert leases.missed([run], 190.0) == []
        assert leases.missed([run], 191.0) == [run]

    def test_a_lost_job_is_not_given_up_twice(self) -> None:
        leases, mine = make(), a_run(claimed_at=90.0)
        mine.lose()
        assert leases.missed([mine], 1000.0) == []

    def test_a_job_is_given_up_before_its_lease_ends_after_two_tries_or_more(self) -> None:
        """Whatever happens: beats fail at once, or after the whole wait for an answer."""
        for takes in (0.0, 1.0, REPLY):
            leases, mine, now = make(), a_run(claimed_at=90.0), 110.0
            leases.renewed([mine], 100.0)
            tries = 1
            while not leases.missed([mine], now := now + takes):
                now, tries = leases.due, tries + 1
            assert now <= 100.0 + LEASE
            assert tries >= 2, "one beat that fails must not cost a job"

    def test_the_renewal_of_a_job_that_is_not_held_is_forgotten(self) -> None:
        leases, mine = make(), a_run(claimed_at=90.0)
        leases.renewed([mine], 110.0)
        leases.all_renewed([], 120.0)
        assert leases.missed([mine], 119.0) == [mine]


class TestHangs:
    @pytest.mark.parametrize(("now", "hangs"), [(131.9, False), (132.1, True)])
    def test_a_job_hangs_a_lease_after_its_timeout(self, now: float, hangs: bool) -> None:
        mine = a_run(claimed_at=90.0, timeout=2.0)
        mine.started_at = 100.0
        assert make().hangs(mine, now) is hangs

    @pytest.mark.parametrize("lease", [0.1, 1.0, 3.9, 8.0, 30.0])
    def test_a_handler_that_ends_with_its_cleanup_time_does_not_hang(self, lease: float) -> None:
        mine = a_run(claimed_at=90.0, timeout=2.0)
        mine.started_at = 100.0
        cleanup = cleanup_seconds(lease)
        # A child process that is killed takes a moment more.
        assert not Leases(lease, REPLY, 100.0).hangs(mine, 102.0 + cleanup * 1.5)
        assert cleanup <= 4.0 and (cleanup == 4.0 or lease < 8.0)

    def test_a_job_without_a_timeout_never_hangs(self) -> None:
        mine = a_run(claimed_at=90.0)
        mine.started_at = 100.0
        assert not make().hangs(mine, 1e9)

    def test_a_job_that_has_not_begun_does_not_hang(self) -> None:
        assert not make().hangs(a_run(claimed_at=90.0, timeout=2.0), 1e9)
