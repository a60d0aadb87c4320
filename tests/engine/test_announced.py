"""What the reply of queue/workers says of workers that announced themselves."""

from __future__ import annotations

from pyjobs.engine.replies import Announced, parse_announced


def test_an_announcement_is_as_old_as_the_clock_says_and_never_younger_than_nothing() -> None:
    # The clock of Redis may have been put back since the second worker announced itself.
    reply = [1_000, [b"a", 400, b"{}"], [b"b", 1_500, b""]]
    assert parse_announced(reply) == [Announced("a", 600, b"{}"), Announced("b", 0, b"")]
