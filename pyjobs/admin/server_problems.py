"""What is wrong with a server, by what it says of itself. Nothing is sent here.

Each function takes what a server has answered and yields problems. A server that hides a setting
has no problem with it here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pyjobs.admin.problem import Problem
from pyjobs.errors import PyjobsError

OLDEST_VERSION = (6, 2)
# Fuller than this, a burst of submits fills it.
FULL_SHARE = 0.8
# Of the memory of a machine, this much may be Redis's: a snapshot needs some beside.
FIT_SHARE = 0.6
CLOCK_SECONDS = 2.0
LAG_SECONDS = 10
ALL_SLOTS = 16384

# Names and values of INFO or CONFIG GET, as texts.
Facts = Mapping[str, str]


def parse_info(reply: bytes) -> dict[str, str]:
    """Return the lines `name:value` of INFO or CLUSTER INFO."""
    lines = reply.decode(errors="replace").splitlines()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}


def cli(where: str) -> str:
    """Return how redis-cli is called for a server: 'HOST:PORT', the path of a socket, or 'port N'
    where only a sentinel knows its host."""
    host, _, port = where.removeprefix("port ").rpartition(":")
    if where.startswith("/"):
        return f"redis-cli -s {where}"
    return f"redis-cli -h {host or 'HOST'} -p {port}"


def number(facts: Facts, name: str) -> int:
    """Return a fact as a whole number, 0 when the server does not say it."""
    text = facts.get(name, "")
    return int(text) if text.isdigit() else 0


def silent_problems(where: str, error: PyjobsError) -> Iterator[Problem]:
    """Yield the problem of a node of a cluster that does not answer.

    Args:
        where: 'HOST:PORT' of the node.
        error: what came in place of an answer.
    """
    yield Problem(
        "error", "silent", where, f"the node does not answer: {error}",
        "nobody can submit to the queues of its slots, and their workers wait",
        "start the node again, or let a replica take over its slots",
    )  # fmt: skip


def version_problems(where: str, info: Facts) -> Iterator[Problem]:
    """Yield what is wrong with the version and the kind of a server."""
    if info.get("redis_mode") == "sentinel":
        yield Problem(
            "error", "topology", where, "the URL is that of a sentinel",
            "a sentinel knows where the primary is, and keeps no jobs",
            "--url redis+sentinel://HOST:PORT,HOST:PORT/SERVICE",
        )  # fmt: skip
    if info.get("arch_bits") == "32":
        yield Problem(
            "error", "version", where, "the server is a program of 32 bits",
            "its Lua can't write a moment: leases end at once, and jobs run twice",
            "install a server of 64 bits",
        )  # fmt: skip
    if "valkey_version" in info or not (text := info.get("redis_version", "")):
        return
    version = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    if version < OLDEST_VERSION:
        yield Problem(
            "error", "version", where, f"the server is Redis {text}",
            "the scripts use commands of Redis 6.2", "install Redis 6.2 or later, or Valkey",
        )  # fmt: skip


def memory_problems(where: str, info: Facts) -> Iterator[Problem]:
    """Yield what is wrong with the eviction policy and the memory."""
    policy, most = info.get("maxmemory_policy", "noeviction"), number(info, "maxmemory")
    used, machine = number(info, "used_memory"), number(info, "total_system_memory")
    if policy != "noeviction":
        what = "results and dead jobs" if policy.startswith("volatile-") else "jobs"
        yield Problem(
            "error" if most else "warning", "eviction", where,
            f"maxmemory-policy is {policy}",
            f"a full Redis deletes {what} in silence, where noeviction refuses a submit",
            f"{cli(where)} CONFIG SET maxmemory-policy noeviction",
        )  # fmt: skip
    if not most:
        fit = int(machine * FIT_SHARE)
        yield Problem(
            "warning", "maxmemory", where, "maxmemory is not set",
            "the system ends Redis when the machine's memory is used up, where a limit would "
            "refuse submits and let workers go on",
            f"{cli(where)} CONFIG SET maxmemory {fit or 'BYTES'}",
        )  # fmt: skip
    elif used >= most * FULL_SHARE:
        yield Problem(
            "error" if used >= most else "warning", "memory", where,
            f"{used} of {most} bytes are used",
            "a submit to a full Redis raises QueueFull",
            f"{cli(where)} CONFIG SET maxmemory {most * 2}, or `pyjobs status` and "
            "`pyjobs purge QUEUE`",
        )  # fmt: skip


def allocator_problems(where: str, info: Facts) -> Iterator[Problem]:
    """Yield what is wrong with how a server allocates memory."""
    if info.get("mem_allocator") == "libc":
        yield Problem(
            "note", "allocator", where, "mem_allocator is libc",
            "jobs cost more CPU than with jemalloc, which Redis and Valkey build in on Linux",
            "install a server with jemalloc",
        )  # fmt: skip


def persistence_problems(where: str, info: Facts, config: Facts) -> Iterator[Problem]:
    """Yield what is wrong with the append-only file and the snapshots."""
    if number(info, "loading"):
        yield Problem(
            "error", "loading", where, "the server still loads its data",
            "no command is served until it has", "",
        )  # fmt: skip
    aof = info.get("aof_enabled") == "1"
    if info.get("aof_enabled") == "0":
        saves = config.get("save", "?")
        yield Problem(
            "warning" if saves else "error", "persistence", where,
            "the append-only file is off" if saves else "nothing is written to disk",
            "a crash of Redis loses the jobs since the last snapshot"
            if saves
            else "a crash or a restart of Redis loses every job",
            f"{cli(where)} CONFIG SET appendonly yes",
        )  # fmt: skip
    if aof and config.get("appendfsync") == "no":
        yield Problem(
            "warning", "appendfsync", where, "appendfsync is no",
            "a power cut loses what the system has not written by itself, as a rule the last 30 s",
            f"{cli(where)} CONFIG SET appendfsync everysec",
        )  # fmt: skip
    if aof and info.get("aof_last_write_status", "ok") != "ok":
        yield Problem(
            "error", "aof", where, "the last write to the append-only file failed",
            "Redis refuses every write until one succeeds", "make room on the disk of Redis",
        )  # fmt: skip
    if aof and info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield Problem(
            "warning", "aof", where, "the last rewrite of the append-only file failed",
            "the file grows until the disk is full", f"{cli(where)} BGREWRITEAOF",
        )  # fmt: skip
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        refuses = config.get("stop-writes-on-bgsave-error") == "yes" and config.get("save") != ""
        yield Problem(
            "error" if refuses else "warning", "snapshot", where, "the last snapshot failed",
            "Redis refuses every write until one succeeds (MISCONF)"
            if refuses
            else "a restart loses what is newer than the snapshot before",
            f"make room on the disk of Redis, then {cli(where)} BGSAVE",
        )  # fmt: skip


def replication_problems(where: str, info: Facts, config: Facts) -> Iterator[Problem]:
    """Yield what is wrong between a primary and its replicas."""
    if info.get("role") == "slave":
        primary = f"{info.get('master_host', 'HOST')}:{info.get('master_port', 'PORT')}"
        yield Problem(
            "error", "replica", where, f"the server is a replica of {primary}",
            "it refuses every write", f"--url redis://{primary}",
        )  # fmt: skip
        return
    replicas, wanted = number(info, "connected_slaves"), number(config, "min-replicas-to-write")
    if wanted and number(info, "min_slaves_good_slaves") < wanted:
        yield Problem(
            "error", "min-replicas", where,
            f"{number(info, 'min_slaves_good_slaves')} replicas follow closely, and "
            f"min-replicas-to-write is {wanted}",
            "Redis refuses every write (NOREPLICAS)",
            f"start the replicas, or {cli(where)} CONFIG SET min-replicas-to-write 0",
        )  # fmt: skip
    elif replicas and config.get("min-replicas-to-write") == "0":
        yield Problem(
            "warning", "min-replicas", where, "min-replicas-to-write is 0",
            "a primary that is cut off from its replicas goes on taking jobs, which a failover "
            "loses",
            f"{cli(where)} CONFIG SET min-replicas-to-write 1",
        )  # fmt: skip
    for name, facts in _replicas(info):
        if facts.get("state") != "online" or number(facts, "lag") > LAG_SECONDS:
            yield Problem(
                "warning", "lag", where,
                f"{name} is {facts.get('state', '?')}, {facts.get('lag', '?')} s behind",
                "a failover to it loses what it has not got", "look at the log of the replica",
            )  # fmt: skip


def access_problems(where: str, config: Facts, flags: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong with the rules of access.

    Args:
        where: the node.
        config: its settings.
        flags: those of the user `default`, by ACL GETUSER; none when it can't be asked.
    """
    if config.get("protected-mode") == "no" and {"on", "nopass"} <= {*flags}:
        yield Problem(
            "error", "open", where, "protected-mode is off and the user default has no password",
            "everybody who reaches the port reads and changes every job, and may run Lua",
            f"{cli(where)} ACL SETUSER default resetpass '>PASSWORD'",
        )  # fmt: skip


def rights_problems(
    where: str, role: str, user: str, lacking: list[str], line: str
) -> Iterator[Problem]:
    """Yield the problem of a user that lacks rights.

    Args:
        where: the node.
        role: what the user is to do.
        user: the user's name.
        lacking: Redis's own sentences about what is lacking.
        line: the command that prints the rules.
    """
    if lacking:
        yield Problem(
            "error", "rights", where, f"user {user} lacks rights of a {role}: {lacking[0]}"
            + (f", and {len(lacking) - 1} more" if lacking[1:] else ""),
            f"calls of a {role} raise Forbidden", line,
        )  # fmt: skip


def clock_problems(where: str, ahead: float) -> Iterator[Problem]:
    """Yield the problem of a clock that is not this machine's.

    Args:
        where: the node.
        ahead: seconds by which the server's clock is ahead of this machine's.
    """
    if abs(ahead) > CLOCK_SECONDS:
        which = "ahead of" if ahead > 0 else "behind"
        yield Problem(
            "warning", "clock", where,
            f"the server's clock is {abs(ahead):.1f} s {which} this machine's",
            "`run_at` and schedules follow the server's clock", "run NTP on both machines",
        )  # fmt: skip


def script_problems(where: str, there: int, known: int) -> Iterator[Problem]:
    """Yield the problem of scripts that are not loaded.

    Args:
        where: the node.
        there: how many of the package's scripts the server has.
        known: how many the package has.
    """
    if there < known:
        yield Problem(
            "note", "scripts", where, f"{known - there} of {known} scripts are not loaded",
            "Python loads them at their first call; another language that knows a sha alone gets "
            "NOSCRIPT",
            "pyjobs scripts load",
        )  # fmt: skip


def cluster_problems(
    where: str, info: Facts, cluster: Facts, spans_nodes: bool
) -> Iterator[Problem]:
    """Yield what is wrong with a cluster.

    Args:
        where: the node.
        info: what INFO says.
        cluster: what CLUSTER INFO says.
        spans_nodes: whether the URL is that of a cluster.
    """
    if info.get("cluster_enabled") != "1":
        return
    if not spans_nodes:
        yield Problem(
            "error", "topology", where, "the server is a node of a cluster",
            "queues of other nodes can't be reached by this URL", "--url redis+cluster://HOST:PORT",
        )  # fmt: skip
    if cluster.get("cluster_state", "ok") != "ok":
        free = ALL_SLOTS - number(cluster, "cluster_slots_ok")
        yield Problem(
            "error", "cluster", where, f"the cluster is down: {free} slots are not served",
            "it refuses calls about its queues", f"redis-cli --cluster fix {where}",
        )  # fmt: skip


def _replicas(info: Facts) -> Iterator[tuple[str, dict[str, str]]]:
    # slave0:ip=127.0.0.1,port=1,state=online,offset=1,lag=0
    for place in range(number(info, "connected_slaves")):
        line = info.get(f"slave{place}", "")
        facts = dict(part.partition("=")[::2] for part in line.split(","))
        yield f"replica {facts.get('ip', '?')}:{facts.get('port', '?')}", facts
