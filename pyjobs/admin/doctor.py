"""What `doctor` asks of a server and of its queues, as plans. What is wrong is judged elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pyjobs.admin import queue_problems, server_problems, worker_problems
from pyjobs.admin.plan import Asked, NodeAnswers, OnEachNode, Plan
from pyjobs.admin.plans import queues as known_to
from pyjobs.admin.problem import LEVELS, Problem
from pyjobs.admin.queues import no_queue
from pyjobs.admin.workers import SeenWorker
from pyjobs.admin.workers import seen as seen_worker
from pyjobs.engine import (
    MAX_ITEMS,
    MODES,
    OPERATOR,
    RELIABLE,
    Keys,
    StoredSchedule,
    dry_runs_of,
    everything,
    list_schedules,
    read_events,
    read_outbox,
    read_workers,
)
from pyjobs.errors import Forbidden, PyjobsError, Unavailable
from pyjobs.transport import known_queues
from pyjobs.validate import name_list, needed, to_ms

SETTINGS = (
    *("save", "appendfsync", "stop-writes-on-bgsave-error", "min-replicas-to-write"),
    "protected-mode",
)
# The commands that gave no answer, and whether the server lacks the command.
Unseen = dict[str, bool]


def examine(keys: Keys, named: Sequence[str], role: str, oldest: float) -> Plan[list[Problem]]:
    """Examine each server and each queue. Returns errors first, then warnings, then notes.

    Args:
        keys: the names under the prefix.
        named: the queues' names; none is every queue of the registry.
        role: 'producer', 'worker' or 'operator': what the user of the URL is to do.
        oldest: seconds that a job may wait.

    Raises:
        BadArgument: a name is malformed, `oldest` is out of its bounds, or nothing was ever
            submitted to a queue that is named.
        Forbidden: Redis's access rules forbid to read the registry.
        Unavailable: a server that is no node of a cluster can't be reached.
    """
    wait = needed("oldest", to_ms("oldest", oldest))
    chosen = name_list("queues", named, "queue")
    names = yield from _queues_to_examine(keys, chosen)
    place = names[0] if names else "any"

    def plan_of(where: str, in_cluster: bool) -> Plan[list[Problem]]:
        return _examine_server(keys, where, role, place, in_cluster)

    answers = yield OnEachNode(plan_of)
    problems = _problems_of_nodes(answers)
    problems += yield from _examine_queues(keys, names, bool(chosen), wait)
    return sorted(problems, key=lambda one: LEVELS.index(one.level))


def _examine_server(
    keys: Keys, where: str, role: str, queue: str, in_cluster: bool
) -> Plan[list[Problem]]:
    """Ask one server for its settings and its state.

    Args:
        keys: the names under the prefix.
        where: 'HOST:PORT' of the server; '' when only a sentinel knows.
        role: 'producer', 'worker' or 'operator': what its user is to do.
        queue: name of a queue for which the user's rights are asked.
        in_cluster: whether the URL is that of a cluster.
    """
    unseen: Unseen = {}
    raw = yield Asked(("INFO",))
    if isinstance(raw, Unavailable):
        raise raw
    info = {} if _is_refused(raw, "INFO", unseen) else server_problems.parse_info(raw)
    where = where or f"port {info.get('tcp_port', '?')}"
    config: dict[str, str] = {}
    for name in SETTINGS:
        found = yield Asked(("CONFIG", "GET", name))
        if _is_refused(found, "CONFIG GET", unseen):
            break
        words = [word.decode(errors="replace") for word in found]
        config |= zip(words[::2], words[1::2], strict=True)
    problems = [
        *server_problems.version_problems(where, info),
        *server_problems.allocator_problems(where, info),
        *server_problems.persistence_problems(where, info, config),
        *server_problems.replication_problems(where, info, config),
    ]
    if info:
        problems += server_problems.memory_problems(where, info)
    if info.get("redis_mode") == "sentinel":
        return problems
    problems += yield from _access(keys, where, config, role, queue, unseen)
    if info.get("cluster_enabled") == "1":
        raw = yield Asked(("CLUSTER", "INFO"))
        refused = _is_refused(raw, "CLUSTER INFO", unseen)
        cluster = {} if refused else server_problems.parse_info(raw)
        problems += server_problems.cluster_problems(where, info, cluster, in_cluster)
    problems += yield from _clock_and_scripts(where, unseen)
    return [*problems, *_unseen_problems(where, unseen)]


def _problems_of_nodes(answers: NodeAnswers) -> list[Problem]:
    """Return what was found on each server; of a node of a cluster also that it does not answer.

    Raises:
        Unavailable: a server that is no node of a cluster can't be reached.
        PyjobsError: the first other error.
    """
    problems: list[Problem] = []
    for where, answer in answers.by_node:
        if not isinstance(answer, PyjobsError):
            problems += answer
        elif answers.in_cluster and isinstance(answer, Unavailable):
            problems += server_problems.silent_problems(where, answer)
        else:
            raise answer
    return problems


def _unseen_problems(where: str, unseen: Unseen) -> list[Problem]:
    """Return a note of the commands that gave no answer, or nothing."""
    absent = ", ".join(what for what, is_absent in unseen.items() if is_absent)
    refused = ", ".join(what for what, is_absent in unseen.items() if not is_absent)
    wrong = [f"{refused}: the server refuses to say"] if refused else []
    mend = ["ask as a user who may, or ask the provider of the server"] if refused else []
    if absent:
        wrong.append(f"{absent}: the server has no such command")
        mend.append("use a server that has the command; Redis 7 or later has ACL DRYRUN")
    why = "what depends on the answer was not looked at"
    return [Problem("note", "unseen", where, "; ".join(wrong), why, "; ".join(mend))] * bool(wrong)


def _access(
    keys: Keys, where: str, config: dict[str, str], role: str, queue: str, unseen: Unseen
) -> Plan[list[Problem]]:
    default = yield Asked(("ACL", "GETUSER", "default"))
    flags: list[str] = []
    if isinstance(default, list) and len(default) > 1:
        flags = [flag.decode() for flag in default[1]]
    problems = [*server_problems.access_problems(where, config, flags)]
    name = yield Asked(("ACL", "WHOAMI"))
    if _is_refused(name, "ACL WHOAMI", unseen):
        return problems
    user, lacking = name.decode(errors="replace"), []
    tries = [
        *dry_runs_of(role, RELIABLE.name, keys.queue(queue)),
        ("EVALSHA", "", "1", keys.queue(queue)),
        ("HSET", keys.queues, "", ""),
    ]
    for words in tries:
        answer = yield Asked(("ACL", "DRYRUN", user, *words))
        if _is_refused(answer, "ACL DRYRUN", unseen):
            break
        if b"permission" in answer:
            lacking.append(answer.decode(errors="replace"))
    line = f"pyjobs acl {role} --user {user}"
    return [*problems, *server_problems.rights_problems(where, role, user, lacking, line)]


def _clock_and_scripts(where: str, unseen: Unseen) -> Plan[list[Problem]]:
    problems: list[Problem] = []
    before = time.time()
    answer = yield Asked(("TIME",))
    if not _is_refused(answer, "TIME", unseen):
        there = int(answer[0]) + int(answer[1]) / 1e6
        # Half of the round trip is in doubt, and is no difference.
        ahead = max(there - time.time(), 0) + min(there - before, 0)
        problems += server_problems.clock_problems(where, ahead)
    shas = [one.sha1 for one in everything()]
    answer = yield Asked(("SCRIPT", "EXISTS", *shas))
    if not _is_refused(answer, "SCRIPT EXISTS", unseen):
        problems += server_problems.script_problems(where, sum(answer), len(shas))
    return problems


def _is_refused(answer: Any, what: str, unseen: Unseen) -> bool:
    if refused := isinstance(answer, PyjobsError):
        unseen[what] = "unknown" in str(answer).lower()
    return refused


def _queues_to_examine(keys: Keys, named: Sequence[str]) -> Plan[list[str]]:
    """Return the queues that are named, or else those of the registry.

    Args:
        keys: the names under the prefix.
        named: the queues' names; none is every queue of the registry.

    Raises:
        Forbidden: Redis's access rules forbid to read the registry.
    """
    if named:
        return list(named)
    found = yield Asked(("HGETALL", keys.queues))
    if isinstance(found, Forbidden):
        raise found
    # A sentinel has no such command, a key of another type is no registry, and a cluster may be
    # down: the server says that better.
    return [] if isinstance(found, PyjobsError) else list(known_queues(found))


def _examine_queues(
    keys: Keys, names: Sequence[str], named: bool, oldest: int
) -> Plan[list[Problem]]:
    """Ask queues for their numbers and their schedules.

    Args:
        keys: the names under the prefix.
        names: the queues' names.
        named: whether an operator named them.
        oldest: ms that a job may wait.

    Raises:
        BadArgument: a name is malformed, or nothing was ever submitted to a queue that is named.
    """
    if not names:
        return []
    answers = yield Asked([OPERATOR.stats(keys.queue(name)) for name in names])
    if isinstance(answers, PyjobsError):
        return [*queue_problems.refused_problems(names[0], answers)]
    problems: list[Problem] = []
    seen: list[SeenWorker] = []
    announced = yield Asked([read_workers(keys.queue(name)) for name in names])
    if isinstance(announced, PyjobsError):
        announced = [announced] * len(names)
    for name, stats, found in zip(names, answers, announced, strict=True):
        if isinstance(stats, PyjobsError):
            problems += queue_problems.refused_problems(name, stats)
            continue
        if named and not stats.mode and not stats.paused:
            raise no_queue(name, (yield from known_to(keys)))
        problems += queue_problems.stats_problems(name, stats, oldest)
        events = yield Asked([read_events(keys.queue(name), limit=1)])
        if not isinstance(events, PyjobsError):
            problems += queue_problems.event_problems(name, events[0])
        # A user who may not read the workers gets the rest.
        if not isinstance(found, PyjobsError):
            workers = [*map(seen_worker, found)]
            problems += worker_problems.service_problems(name, stats, workers)
            seen += workers
        if stats.mode in MODES and MODES[stats.mode].stores:
            schedules = yield from _schedules(keys, name)
            problems += queue_problems.schedule_problems(name, schedules)
            problems += queue_problems.outbox_problems(name, (yield from _parked(keys, name)))
    return [*problems, *worker_problems.worker_problems(seen, version("pyjobs"))]


def _schedules(keys: Keys, name: str) -> Plan[list[StoredSchedule]]:
    found: list[StoredSchedule] = []
    while True:
        call = list_schedules(keys.queue(name), skip=len(found), limit=MAX_ITEMS)
        page = yield Asked([call])
        if isinstance(page, PyjobsError) or isinstance(page := page[0], PyjobsError):
            return found
        found += page.schedules
        if not page.schedules or len(found) >= page.total:
            return found


def _parked(keys: Keys, name: str) -> Plan[Counter[str]]:
    """Count what `queue/outbox` finds of the parked jobs of a queue; none where it is refused."""
    found: Counter[str] = Counter()
    while True:
        call = read_outbox(keys.queue(name), skip=found.total(), limit=MAX_ITEMS)
        page = yield Asked([call])
        if isinstance(page, PyjobsError) or isinstance(page := page[0], PyjobsError):
            return found
        found.update(job.finding for job in page.jobs)
        if not page.jobs or found.total() >= page.total:
            return found
