"""`Admin.doctor`: each thing that may be wrong is planted on a real server, and found."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from support.cluster import cluster_of
from support.servers import PREFERRED, WHEELS, own_server

from pyjobs import Client
from pyjobs.admin import Admin, AsyncAdmin, Problem, doctor
from pyjobs.admin.server_problems import (
    allocator_problems,
    parse_info,
    persistence_problems,
    replication_problems,
    version_problems,
)
from pyjobs.engine import RELIABLE, announce, everything
from pyjobs.errors import BadArgument, Unavailable
from pyjobs.testing.servers import Server
from pyjobs.transport import connect, run

Q = "jobs:{q}"
GOOD = ("--maxmemory", "200mb", "--appendonly", "yes")
# What a server of tests may lack: ACL DRYRUN, and jemalloc.
OF_BUILD = {"unseen", "allocator"}


class Field:
    """Responsible for one server with good settings, and what a doctor finds there."""

    def __init__(self, server: Server) -> None:
        self.url, self.server = server.url, server
        self.redis: Any = connect(server.url)
        self.default = self.redis.config_get("*")

    def __call__(self, *queues: str, url: str = "", **options: Any) -> dict[str, Problem]:
        with Admin(url or self.url) as admin:
            return {one.code: one for one in admin.doctor(queues, **options)}

    def heal(self) -> None:
        """Take back what a test has planted."""
        for name in ("maxmemory", "maxmemory-policy", "appendfsync", "protected-mode", "save"):
            self.redis.config_set(name, self.default[name])
        self.redis.flushall()
        for one in everything():
            self.redis.script_load(one.body)


@pytest.fixture(scope="module", params=WHEELS)
def started(request: pytest.FixtureRequest) -> Iterator[Field]:
    with own_server(*GOOD, name=request.param) as server:
        yield Field(server)


@pytest.fixture
def field(started: Field) -> Field:
    started.heal()
    # Redis 6.2 has no ACL DRYRUN, and a server of tests has no password.
    started.redis.config_set("protected-mode", "yes")
    return started


@pytest.fixture
def queue(field: Field) -> Field:
    """The reliable queue q, which is registered and has a job."""
    field.redis.hset("jobs:queues", "q", "reliable")
    run(field.redis, RELIABLE.submit(Q, [("a", b"1")]))
    return field


def test_a_good_server_has_no_problem(field: Field) -> None:
    assert field().keys() <= OF_BUILD


@pytest.mark.parametrize(
    ("settings", "code", "level", "mend"),
    [
        ({"maxmemory-policy": "allkeys-lru"}, "eviction", "error", "noeviction"),
        ({"maxmemory-policy": "volatile-ttl"}, "eviction", "error", "noeviction"),
        ({"maxmemory": "0"}, "maxmemory", "warning", "CONFIG SET maxmemory "),
        ({"maxmemory": "2000000"}, "memory", "", "CONFIG SET maxmemory "),
        ({"appendfsync": "no"}, "appendfsync", "warning", "everysec"),
        ({"protected-mode": "no"}, "open", "error", "resetpass"),
    ],
)
def test_a_bad_setting_is_found_with_the_line_that_mends_it(
    field: Field, settings: dict[str, str], code: str, level: str, mend: str
) -> None:
    for name, value in settings.items():
        field.redis.config_set(name, value)
    if code == "memory":
        field.redis.config_set("maxmemory", int(field.redis.info("memory")["used_memory"] * 1.1))
    found = field()
    assert found.keys() - OF_BUILD == {code}
    assert level in ("", found[code].level)
    assert mend in found[code].mend
    assert found[code].where == f"127.0.0.1:{field.server.port}"


def test_the_line_that_mends_eviction_mends_it(field: Field) -> None:
    field.redis.config_set("maxmemory-policy", "allkeys-lru")
    program, *words = field()["eviction"].mend.split()
    assert (program, words[:4]) == (
        "redis-cli",
        ["-h", "127.0.0.1", "-p", str(field.server.port)],
    )
    field.redis.execute_command(*words[4:])
    assert "eviction" not in field()


@pytest.mark.parametrize(("save", "level"), [("", "error"), ("3600 1", "warning")])
def test_a_server_without_append_only_file_is_found(save: str, level: str) -> None:
    with own_server("--save", save, "--maxmemory", "100mb") as server, Admin(server.url) as admin:
        found = {one.code: one.level for one in admin.doctor()}
    assert found == {"persistence": level, "scripts": "note"}


@pytest.mark.parametrize(
    ("said", "config", "code", "level"),
    [
        ("rdb_last_bgsave_status:err", {"stop-writes-on-bgsave-error": "yes"}, "snapshot", "error"),
        ("rdb_last_bgsave_status:err", {}, "snapshot", "warning"),
        ("aof_enabled:1\r\naof_last_write_status:err", {}, "aof", "error"),
        ("aof_enabled:1\r\naof_last_bgrewrite_status:err", {}, "aof", "warning"),
        ("loading:1", {}, "loading", "error"),
    ],
)
def test_a_disk_that_fails_is_found(
    said: str, config: dict[str, str], code: str, level: str
) -> None:
    [problem] = persistence_problems("h:1", parse_info(said.encode()), config)
    assert (problem.code, problem.level) == (code, level)


def test_scripts_that_are_not_loaded_are_noted(field: Field) -> None:
    field.redis.script_flush()
    assert field()["scripts"].level == "note"


def test_a_replica_and_a_primary_without_replicas_are_found() -> None:
    with own_server(*GOOD) as primary, own_server(*GOOD) as replica:
        control: Any = connect(replica.url)
        control.replicaof("127.0.0.1", primary.port)
        with Admin(replica.url) as admin:
            found = {one.code: one for one in admin.doctor()}
        assert found["replica"].mend == f"--url {primary.url}"
        with Admin(primary.url) as admin:
            connect(primary.url).config_set("min-replicas-to-write", "2")
            [problem] = [one for one in admin.doctor() if one.code == "min-replicas"]
        assert (problem.level, "NOREPLICAS" in problem.why) == ("error", True)


def test_a_primary_that_waits_for_no_replica_is_found() -> None:
    info = parse_info(b"role:master\r\nconnected_slaves:1\r\nslave0:ip=h,port=1,state=wait,lag=0")
    found = [*replication_problems("h:0", info, {"min-replicas-to-write": "0"})]
    assert [(one.code, one.level) for one in found] == [
        ("min-replicas", "warning"),
        ("lag", "warning"),
    ]


def test_a_node_of_a_cluster_that_is_down_is_found() -> None:
    with own_server(*GOOD, "--cluster-enabled", "yes") as server, Admin(server.url) as admin:
        codes = {one.code for one in admin.doctor()}
        assert {"topology", "cluster"} <= codes
        assert {"topology", "cluster", "unreadable"} <= {one.code for one in admin.doctor(["q"])}


AT_EXIT = """
import atexit, sys
from pyjobs.admin import Admin, Scraper

def ask():
    with Admin(sys.argv[1]) as admin:
        nodes = {one.where for one in admin.doctor() if one.code == "persistence"}
        print(len(nodes), len(admin.status()), len(admin.all_counters()))
    scraper = Scraper(sys.argv[1])
    print(len(scraper.scrape().nodes))
    scraper.close()

atexit.register(ask)
"""


@pytest.mark.slow
def test_all_nodes_of_a_cluster_are_asked_when_python_exits() -> None:
    """No executor takes a call then, and from Python 3.12 on no thread starts."""
    with cluster_of(3, PREFERRED) as cluster:
        with Client(cluster.url) as client:
            for name in cluster.names(6):
                client.submit(1, queue=name)
        words = [sys.executable, "-c", AT_EXIT, cluster.url]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("3 6 6\n3\n", "")


@pytest.mark.parametrize(("said", "bad"), [("5.0.14", True), ("6.2.14", False), ("8.2.1", False)])
def test_a_server_that_is_too_old_is_found(said: str, bad: bool) -> None:
    assert bool([*version_problems("h:1", {"redis_version": said})]) == bad


@pytest.mark.parametrize("more", [{}, {"redis_version": "7.2.4"}, {"valkey_version": "9.1.0"}])
def test_a_server_of_32_bits_is_found(more: dict[str, str]) -> None:
    """Lua there spells a moment as what fits into 32 bits."""
    [problem] = version_problems("h:1", {"arch_bits": "32", **more})
    assert (problem.level, problem.code) == ("error", "version")
    assert not [*version_problems("h:1", {"arch_bits": "64", **more})]


@pytest.mark.parametrize(
    ("said", "levels"),
    [({"mem_allocator": "libc"}, ["note"]), ({"mem_allocator": "jemalloc-5.3.0"}, []), ({}, [])],
)
def test_a_server_without_jemalloc_is_noted(said: dict[str, str], levels: list[str]) -> None:
    assert [one.level for one in allocator_problems("h:1", said)] == levels


def test_a_sentinel_is_not_taken_for_a_server() -> None:
    [problem] = version_problems("h:1", {"redis_mode": "sentinel"})
    assert problem.mend.startswith("--url redis+sentinel://")


def test_a_clock_that_differs_is_found(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.time.time
    monkeypatch.setattr(doctor.time, "time", lambda: real() - 60)
    assert "60.0 s ahead of" in field()["clock"].wrong


def test_rights_that_a_role_lacks_are_found(queue: Field) -> None:
    queue.redis.execute_command(
        *("ACL", "SETUSER", "clerk", "reset", "on", ">word", "allkeys", "allchannels", "+@all"),
        "-zadd",
    )
    url = queue.url.replace("//", "//clerk:word@")
    try:
        found = queue(url=url, role="worker")
        if queue.redis.info()["redis_version"].startswith("6."):
            assert found["unseen"].wrong == "ACL DRYRUN: the server has no such command"
            assert "Redis 7" in found["unseen"].mend
        else:
            assert "zadd" in found["rights"].wrong
            assert found["rights"].mend == "pyjobs acl worker --user clerk"
    finally:
        queue.redis.acl_deluser("clerk")


def test_what_a_server_hides_is_noted(queue: Field) -> None:
    queue.redis.execute_command(
        *("ACL", "SETUSER", "clerk", "reset", "on", ">word", "allkeys", "allchannels", "+@all"),
        *("-info", "-config", "-acl", "-time"),
    )
    try:
        found = queue(url=queue.url.replace("//", "//clerk:word@"))
        assert found["unseen"].level == "note"
        for name in ("INFO", "CONFIG GET", "ACL WHOAMI"):
            assert name in found["unseen"].wrong
        assert found["unseen"].wrong.endswith(": the server refuses to say")
    finally:
        queue.redis.acl_deluser("clerk")


# --- queues ---


def test_a_new_job_is_no_problem(queue: Field) -> None:
    assert queue().keys() <= OF_BUILD


def test_a_paused_queue_and_dead_jobs_and_broken_entries_are_found(queue: Field) -> None:
    with Admin(queue.url) as admin:
        admin.pause("q")
    queue.redis.zadd(f"{Q}:dead", {"d": 1})
    queue.redis.lpush(f"{Q}:broken", "x")
    found = queue()
    assert {"paused", "dead", "broken"} <= found.keys()
    assert found["paused"].mend == "pyjobs resume q"
    assert found["dead"].where == "queue q"


def test_held_up_jobs_behind_the_first_thousand_of_an_outbox_are_counted(queue: Field) -> None:
    """An entry without a job that is over a minute old is found as one that a move has left."""
    minutes = (round(time.time()) - 120) * 1000
    queue.redis.zadd(f"{Q}:moving", {f"j{n}": minutes for n in range(1200)})
    queue.redis.zadd(f"{Q}:moving", {"old": minutes - 25 * 3_600_000})
    assert queue()["outbox"].wrong == "1201 jobs are in the outbox: a move has broken off"
    queue.redis.hset(f"{Q}:moving:j1199", mapping={"move": "m", "to": "to"})
    queue.redis.zadd(f"{Q}:moving", {"j1199": minutes + 60_000 - 25 * 3_600_000})
    assert queue()["stale"].wrong.startswith("1 jobs have been on their way")


def test_events_that_can_not_be_written_are_found_and_mended(queue: Field) -> None:
    with Admin(queue.url) as admin:
        admin.keep_events("q", 100)
        assert "events" not in queue()
        queue.redis.set(f"{Q}:events", "no stream")
        found = queue()["events"]
        assert (found.level, found.mend) == ("warning", "pyjobs events q --off")
        admin.keep_events("q", 0)
        assert "events" not in queue()


def test_a_queue_without_a_worker_is_found(queue: Field) -> None:
    queue.redis.hincrby(f"{Q}:job:a", "_queued", -600_000)
    assert queue()["workers"].level == "error"
    queue.redis.delete(f"{Q}:wake")  # an idle worker takes the token
    found = queue()
    assert ("workers" in found, "oldest" in found) == (False, True)
    assert "oldest" not in queue(oldest=3600)


def test_jobs_of_a_queue_that_no_worker_serves_are_found(queue: Field) -> None:
    queue.redis.hincrby(f"{Q}:job:a", "_queued", -600_000)
    queue.redis.delete(f"{Q}:wake")
    assert queue()["unserved"].mend == "pyjobs work MODULE:WORKER"
    listed(queue, "w1", version=version("pyjobs"), mode="reliable")
    assert "unserved" not in queue()


def test_workers_of_another_mode_or_version_and_late_event_loops_are_found(queue: Field) -> None:
    listed(queue, "good", version=version("pyjobs"), mode="reliable", lag=20)
    listed(queue, "old", version="0.0.1", mode="reliable")
    listed(queue, "other", version=version("pyjobs"), mode="simple")
    listed(queue, "blocked", version=version("pyjobs"), mode="reliable", lag=2500)
    listed(queue, "junk", version=7, mode=[])
    found = queue()
    assert found.keys() <= {*OF_BUILD, "mode", "version", "loop"}
    assert (found["mode"].level, found["mode"].where) == ("error", "queue q")
    assert found["mode"].wrong == "worker other is for simple mode, and the queue is reliable"
    assert (found["version"].where, found["version"].level) == ("worker old", "note")
    assert (found["loop"].where, found["loop"].wrong) == (
        "worker blocked",
        "its event loop is 2.5 s late",
    )


def listed(field: Field, worker: str, **about: Any) -> None:
    """A worker that has announced itself to the queue q."""
    call = announce(Q, worker, keep=60_000, about=json.dumps(about).encode())
    assert run(field.redis, call) == "kept"


def test_a_lease_that_nobody_takes_back_is_found(queue: Field) -> None:
    queue.redis.zadd(f"{Q}:inflight", {"a": 1})
    assert queue()["overdue"].mend == "pyjobs reap q"


def test_a_queue_of_another_layout_or_type_is_found(queue: Field) -> None:
    queue.redis.hset(f"{Q}:meta", "layout", "99")
    assert queue()["layout"].level == "error"
    queue.redis.delete(f"{Q}:meta")
    queue.redis.set(f"{Q}:meta", "text")
    assert "WRONGTYPE" in queue()["unreadable"].wrong


def test_a_registered_queue_to_which_nothing_was_submitted_is_noted(field: Field) -> None:
    field.redis.hset("jobs:queues", "none", "reliable")
    assert field()["unused"].where == "queue none"


def test_a_named_queue_that_never_was_is_refused_with_the_nearest_name(queue: Field) -> None:
    queue.redis.hset("jobs:queues", "mail", "reliable")
    with pytest.raises(BadArgument, match="did you mean mail"):
        queue("mial")


def test_a_schedule_without_moments_is_found_unless_it_is_paused(queue: Field) -> None:
    with Client(queue.url, queue="q") as client:
        client.schedules.set("daily", 1, every=3600)
        assert "schedule" not in queue()
        queue.redis.zadd(f"{Q}:schedules", {"daily": 9007199254740991})
        found = queue()
        assert "daily has run out of moments" in found["schedule"].wrong
        client.schedules.pause("daily")
        assert "schedule" not in queue()


def test_problems_come_with_errors_first_and_in_both_flavours_alike(queue: Field) -> None:
    queue.redis.config_set("maxmemory", "0")
    queue.redis.zadd(f"{Q}:dead", {"d": 1})
    queue.redis.hset("jobs:queues", "wrong", "reliable")
    queue.redis.set("jobs:{wrong}:meta", "text")

    async def ask() -> list[Problem]:
        async with AsyncAdmin(queue.url) as admin:
            return await admin.doctor()

    with Admin(queue.url) as admin:
        found = admin.doctor()
    assert found == asyncio.run(ask())
    assert found[0].code == "unreadable"
    levels = [one.level for one in found]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)


def test_a_server_that_is_away_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{taken.getsockname()[1]}"
        with Admin(url) as admin, pytest.raises(Unavailable):
            admin.doctor()


def test_keys_of_another_prefix_are_not_looked_at(queue: Field) -> None:
    queue.redis.zadd(f"{Q}:dead", {"d": 1})
    with Admin(queue.url, prefix="other") as admin:
        assert "dead" not in {one.code for one in admin.doctor()}
