"""No verb of operators touches more of a large queue than its bound: 20,000 jobs and 2,000 dead."""

from __future__ import annotations

from typing import Any

from support.servers import SOCKET_PLACES, at
from support.store import Jobs, Q, Store

from pyjobs.engine import OPERATOR, RELIABLE

MARK = b"the end of this measurement"


def commands(store: Store, call: Any) -> int:
    """How many commands the script of a call runs."""
    with store.redis.monitor() as monitor:
        store.call(call)
        store.redis.echo(MARK)
        found = 0
        while MARK not in (line := monitor.connection.read_response(disable_decoding=True)):
            found += b" lua] " in line
    return found


@at(SOCKET_PLACES)
def test_no_call_runs_more_commands_than_its_bound_in_a_large_queue(store: Store) -> None:
    jobs = Jobs(store, RELIABLE)
    for part in range(2):
        taken = jobs.take(*(f"dead{part}.{n}" for n in range(1000)))
        jobs.fail(*taken, verdict="reject")
    for part in range(20):
        jobs.submit(*(f"job{part}.{n}" for n in range(1000)))
    bounds = [
        (OPERATOR.stats(Q), 20),
        (OPERATOR.show(Q, "job9.9"), 10),
        (OPERATOR.explain(Q, "job9.9"), 10),
        (OPERATOR.list_jobs(Q, "pending", limit=100), 110),
        (OPERATOR.list_jobs(Q, "pending", limit=1, task="none"), 1020),
        (OPERATOR.list_jobs(Q, "dead", limit=10, cursor="1:none", error="none"), 1020),
        (OPERATOR.walk(Q, "pending", limit=100), 210),
        (OPERATOR.check(Q, ["job9.9"]), 12),
        (OPERATOR.pause(Q), 8),
        (OPERATOR.resume(Q), 6),
        (OPERATOR.run_now(Q, ["job9.9"]), 12),
        (OPERATOR.delete(Q, ["dead0.1"]), 15),
        (OPERATOR.purge(Q, "dead", limit=10), 45),
        (OPERATOR.purge(Q, "pending", limit=10), 75),
    ]
    found = [(call.script.name, commands(store, call), most) for call, most in bounds]
    store.redis.flushall()  # the check of so many keys would take longer than the test
    assert [one for one in found if one[1] > one[2]] == []
