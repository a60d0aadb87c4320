"""A node of a cluster that does not answer: the others do, and what an operator asks names it."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from support.cluster import ClusterOfNodes, cluster_of
from support.servers import PREFERRED

from pyjobs import Client
from pyjobs.admin import Admin, AsyncAdmin, aio, sync
from pyjobs.cli.app import run
from pyjobs.errors import Unavailable
from pyjobs.transport import aconnect, cluster, connect, table_refresh

pytestmark = [pytest.mark.slow]
REPLY_SECONDS = 2.5
# A busy machine must not make silent nodes of all.
PROBE_SECONDS = 10.0


class Silent(NamedTuple):
    """A cluster of which a node has stopped, one of its queues, and one of another node."""

    cluster: ClusterOfNodes
    node: str
    queue: str
    others: list[str]


@pytest.fixture(scope="module")
def silent() -> Iterator[Silent]:
    # The nodes give none up meanwhile: with two of three away the cluster would be down.
    with cluster_of(3, PREFERRED, "--cluster-node-timeout", "60000") as cluster:
        names = cluster.names(3)
        with Client(cluster.url) as client:
            for name in names:
                client.submit(1, queue=name)
        registry = cluster.owner("jobs:queues")
        queue = next(name for name in names if cluster.owner(f"jobs:{{{name}}}") is not registry)
        node = cluster.owner(f"jobs:{{{queue}}}")
        os.kill(node.pid, signal.SIGSTOP)
        try:
            others = [name for name in names if name != queue]
            yield Silent(cluster, f"127.0.0.1:{node.port}", queue, others)
        finally:
            os.kill(node.pid, signal.SIGCONT)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (table_refresh, cluster):
        monkeypatch.setattr(module, "PROBE_SECONDS", PROBE_SECONDS)
    short = functools.partial(connect, reply_seconds=REPLY_SECONDS)
    monkeypatch.setattr(sync, "connect", short)
    monkeypatch.setattr(aio, "aconnect", functools.partial(aconnect, reply_seconds=REPLY_SECONDS))


@pytest.fixture(params=["sync", "asyncio"])
def ask(request: pytest.FixtureRequest, silent: Silent) -> Iterator[Any]:
    """Calls an operation by its name, in either flavour."""
    if request.param == "sync":
        with Admin(silent.cluster.url) as admin:
            yield lambda name, *args: getattr(admin, name)(*args)
        return
    with asyncio.Runner() as runner:

        async def make() -> AsyncAdmin:
            return AsyncAdmin(silent.cluster.url)

        admin = runner.run(make())
        yield lambda name, *args: runner.run(getattr(admin, name)(*args))
        runner.run(admin.close())


def test_the_status_of_the_other_queues_is_there_and_the_error_names_the_node(
    ask: Any, silent: Silent
) -> None:
    rows = {row.queue: row for row in ask("status")}
    assert [rows[name].error for name in silent.others] == [""] * 2
    assert f"node {silent.node}: " in rows[silent.queue].error


def test_counters_and_workers_of_the_other_queues_are_there(ask: Any, silent: Silent) -> None:
    found = ask("all_counters")
    assert [name for name, one in found.items() if isinstance(one, Unavailable)] == [silent.queue]
    unread = ask("workers").unread
    assert [*unread] == [silent.queue]
    assert f"node {silent.node}: " in str(unread[silent.queue])


def test_doctor_reports_the_node_and_its_queue_and_examines_the_others(
    ask: Any, silent: Silent
) -> None:
    problems = ask("doctor")
    assert {(one.code, one.where) for one in problems if one.code in ("silent", "unreadable")} == {
        ("silent", silent.node),
        ("unreadable", f"queue {silent.queue}"),
    }
    examined = {one.where for one in problems if one.code != "silent"}
    assert {f"127.0.0.1:{one.port}" for one in silent.cluster.nodes} - examined == {silent.node}


def test_a_check_of_its_queue_names_the_node_and_those_of_others_answer(silent: Silent) -> None:
    with Admin(silent.cluster.url) as admin:
        assert [admin.check(name) for name in silent.others] == [[], []]
        with pytest.raises(Unavailable, match=re.escape(f"node {silent.node}: ")):
            admin.check(silent.queue)


def test_two_silent_nodes_are_waited_for_together(
    silent: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 4.0
    monkeypatch.setattr(sync, "connect", functools.partial(connect, reply_seconds=seconds))
    cluster = silent.cluster
    registry = cluster.owner("jobs:queues")
    second = next(
        one
        for one in cluster.nodes
        if one is not registry and f"127.0.0.1:{one.port}" != silent.node
    )
    with Admin(cluster.url) as admin:
        admin.queues()
        os.kill(second.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            rows = admin.status()
            took = time.monotonic() - began
        finally:
            os.kill(second.pid, signal.SIGCONT)
    assert sum(bool(row.error) for row in rows) == 2
    # Two tries of each, and not four.
    assert took < 3.7 * seconds


def test_the_command_line_prints_the_others_names_the_node_and_exits_with_1(
    silent: Silent, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status", "--url", silent.cluster.url]) == 1
    told = capsys.readouterr()
    assert f"node {silent.node}: " in told.err
    assert "1 queue could not be read" in told.err
    assert all(name in told.out for name in silent.others)
    assert run(["doctor", "--url", silent.cluster.url]) == 1
    assert f"error: {silent.node}: the node does not answer" in capsys.readouterr().out
