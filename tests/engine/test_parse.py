"""What replies say, where no call on a server shows it."""

from __future__ import annotations

from pyjobs.engine.replies import Announced, Claimed, parse_announced, parse_claimed


def test_an_announcement_is_as_old_as_the_clock_says_and_never_younger_than_nothing() -> None:
    # The clock of Redis may have been put back since the second worker announced itself.
    reply = [1_000, [b"a", 400, b"{}"], [b"b", 1_500, b""]]
    assert parse_announced(reply) == [Announced("a", 600, b"{}"), Announced("b", 0, b"")]


def test_a_job_that_a_repeated_claim_leaves_out_has_queue_id_and_token_and_nothing_else() -> None:
    reply = parse_claimed([0, [1, b"a", b"3-n", b"1", 1, 5, 0], [2, b"b", b"4-n"]])
    assert [job.id for job in reply.jobs] == ["a"]
    assert reply.left == [Claimed(1, "b", "4-n", b"", 1, 0, 0)]
