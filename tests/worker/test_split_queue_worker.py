"""A queue that is split is one queue for its workers."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Any

import pytest
from support.cluster import cluster_of
from support.running import opened, working
from support.servers import SOCKET_PLACES, at
from support.split_queue import MAIL
from support.store import Jobs, Store

import pyjobs
from pyjobs.admin import Admin
from pyjobs.engine import (
    RELIABLE,
)
from pyjobs.errors import ResultGone
from pyjobs.worker.claiming.claims import Claims

pytest_plugins = ("support.split_queue",)


@at(SOCKET_PLACES)
def test_the_jobs_of_all_parts_run_and_their_results_are_heard(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    admin.split("mail", 4)
    jobs = mail_client.submit_many([*range(40)])
    keyed = mail_client.submit("keyed", unique="key")
    with working(store.url, lambda job: [job.queue, job.data], queues=["mail"]):
        assert [job.result(30) for job in jobs] == [["mail", n] for n in range(40)]
        assert keyed.result(30) == ["mail", "keyed"]
    with opened(store.url, aio=False, queue="mail") as late:
        assert late.job(jobs[3].id).result(30) == ["mail", 3]
        assert late.job(keyed.id).result(30) == ["mail", "keyed"]
        with pytest.raises(ResultGone):
            late.job("none").result(30)


@at(SOCKET_PLACES)
def test_jobs_of_a_split_queue_are_displaced_by_no_more_than_the_docs_say(
    store: Store, admin: Admin
) -> None:
    """docs/scale.md: 6 parts, claims of 100 jobs: 6,000 jobs begin within 1,000 places of FIFO."""
    admin.split("mail", 6)
    with opened(store.url, aio=False, queue="mail", results=False) as client:
        client.submit_many([*range(6000)], ids=[f"order{n}" for n in range(6000)])
    jobs, keys = Jobs(store, RELIABLE), admin.parts("mail").keys(MAIL)
    claims = Claims(RELIABLE, keys[:1], pyjobs.engine.Policy(lease=3_600_000), lambda: "n")
    claims._keys = keys
    for index in range(1, 6):
        claims.add(index, 0)
    began: list[int] = []
    while len(began) < 6000:
        order = [keys[index] for index in claims._in_order(set(range(6)))]
        reply = store.call(jobs.claim_call(100, queues=order))
        began += [int(job.id.removeprefix("order")) for job in reply.jobs]
    off = [abs(place - number) for place, number in enumerate(began)]
    assert median(off) <= 250
    assert max(off) <= 1000


@pytest.mark.long
@pytest.mark.slow
def test_a_queue_of_six_parts_lies_on_three_nodes_by_turns_and_grows_under_load() -> None:
    with (
        cluster_of(3) as cluster,
        Admin(cluster.url) as admin,
        opened(cluster.url, aio=False, queue="mail") as client,
    ):
        ids = [f"j{n}" for n in range(200)]
        client.submit_many([*range(200)], ids=ids)
        parts = admin.split("mail", 6)
        owners = Counter(cluster.owner(key).port for key in parts.keys(MAIL))
        assert sorted(owners.values()) == [2, 2, 2]
        assert not any(job.created for job in client.submit_many([*range(200)], ids=ids))
        jobs = client.submit_many([*range(500)])
        with working(cluster.url, lambda job: job.data, queues=["mail"]):
            assert [job.result(60) for job in jobs] == [*range(500)]
