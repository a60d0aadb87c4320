"""A user who lacks one command is refused before anything is written, whatever the command; and the
rights of a role are enough for all of its verbs.

Each scene is a queue and a call. MONITOR shows which commands the script runs after its first write
there, and which it asks for before that: the first must be among the second, or half a change would
be left. What is asked for and needed in no scene must go. Redis before 7 can't be asked what a user
may do: there, and in memory, nothing is promised.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from support.good_calls import SCRIPTS, TITLES, Good, mode_of
from support.monitor import commands_of
from support.servers import DRYRUN_PLACES, REAL_SERVER_PLACES, at
from support.store import HOUR, Jobs, Q, Store, having

from pyjobs.engine import send_jobs
from pyjobs.engine.acl import ROLES, rules_of, scripts_of
from pyjobs.engine.call import Call
from pyjobs.engine.keys import Keys
from pyjobs.engine.modes import MODES, Mode
from pyjobs.engine.replies import Claimed
from pyjobs.engine.scripts import Script
from pyjobs.errors import Forbidden, PyjobsError
from pyjobs.transport.server import connect

OTHER = "jobs:{other}"
OPTIONS = ["", "unique=key", "unique=key delay=5", "max_attempts=1", "max_crashes=1", "unknown=1"]
OPTIONS += ["settled=1", "delay=5"]
# A client that can't be entered would never hear, so watch asks for what would do no harm.
MORE_THAN_NEEDED = {"queue/watch": {b"ZREM", b"HSET"}, "queue/receive": {b"RESTORE"}}
# Its first write keeps what is there, so that nothing is half done.
LESS_THAN_NEEDED = {"queue/wake": {b"LPUSH"}}
DEAD_JOBS = 10_000
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=TITLES)


@contextmanager
def user(store: Store, *rules: str) -> Iterator[Store]:
    """The same server for a user with other rights."""
    store.redis.execute_command("ACL", "SETUSER", "app", "reset", "on", ">x", "&*", *rules)
    with store.through(store.url.replace("://", "://app:x@")) as narrow:
        yield narrow
    store.redis.execute_command("ACL", "DELUSER", "app")


def furnish(store: Store, mode: Mode) -> list[Claimed]:
    """Jobs in every state, some with a unique key, too late, suspect, without a hash."""
    jobs = Jobs(store, mode)
    unique = {"unique": "key"} if mode.stores else {}
    jobs.complete(*jobs.take("done", client="me"))
    store.call(mode.submit(Q, [("failed", b"data")], client="me", **unique))
    jobs.fail(*jobs.claim().jobs, verdict="reject")
    if mode.stores:
        jobs.redis.hset(f"{Q}:job:failed", "unique", "free")
    store.call(mode.submit(Q, [("held0", b"data")], client="me", **unique))
    jobs.submit("held1")
    held = jobs.claim().jobs
    if mode.leases:
        jobs.update(held[0], saved=b"page 1")
    jobs.submit("waits", "late", "cancelled", "gone", "in-time", client="me")
    if mode.stores:
        jobs.submit("later", "suspect", delay=HOUR)
        jobs.redis.hset(f"{Q}:job:late", "expires", 1)
        jobs.redis.hset(f"{Q}:job:in-time", "expires", jobs.now() + HOUR)
        jobs.redis.hset(f"{Q}:job:held1", "crashes", 1)
        jobs.redis.hset(f"{Q}:job:suspect", "crashes", 2)
        store.call(mode.cancel(Q, ["cancelled"]))  # type: ignore[attr-defined]
        jobs.redis.delete(f"{Q}:job:gone")
        jobs.schedule("good", every=HOUR)
    else:
        jobs.redis.rpush(f"{Q}:pending", "no message")
    jobs.redis.delete(f"{Q}:wake")
    return held


# --- the scenes: what is done to such a queue before the call ---


def full(store: Store) -> None:
    """Nothing: the jobs are as they were submitted and claimed."""


def old(store: Store) -> None:
    """Every lease has run out, and what was delayed is due."""
    store.age(2 * HOUR)


def lost(store: Store) -> None:
    """Old, and keys were deleted; the dead have had their time."""
    store.age(200 * HOUR)
    store.redis.delete(f"{Q}:inflight", f"{Q}:job:failed")


def no_hashes(store: Store) -> None:
    """Old, and jobs that are in flight, delayed and dead are gone."""
    store.age(2 * HOUR)
    store.redis.delete(*[f"{Q}:job:{id}" for id in ("held0", "later", "failed")])


def crowded(store: Store) -> None:
    """Old, with as many dead jobs as are kept, and no worker has known a held job for two days."""
    store.age(2 * HOUR)
    died = Jobs(store, MODES["reliable"]).now()
    store.redis.hset(f"{Q}:job:held0", "unknown_since", died - 48 * HOUR)
    store.redis.zadd(f"{Q}:dead", {f"dead{n}": died for n in range(DEAD_JOBS)})


def no_list(store: Store) -> None:
    """The list is gone, and with it the place of the jobs that wait."""
    store.redis.delete(f"{Q}:pending")


def graced(store: Store) -> None:
    """A grace has ended, and nothing is in flight."""
    seen = Jobs(store, MODES["reliable"]).now()
    store.redis.hset(f"{Q}:meta", mapping={"seen": seen, "grace": seen - 1})
    store.redis.delete(f"{Q}:inflight")


def over(store: Store) -> None:
    """Old, and a grace has ended."""
    store.age(2 * HOUR)
    seen = Jobs(store, MODES["reliable"]).now()
    store.redis.hset(f"{Q}:meta", mapping={"seen": seen, "grace": seen - 1})


def misplaced(store: Store) -> None:
    """Old, and at the head of the list are jobs that have another place, and none at all."""
    store.age(2 * HOUR)
    store.redis.rpush(f"{Q}:pending", "held0", "later", "gone")
    store.redis.zrem(f"{Q}:delayed", "later")


def scheduled(store: Store) -> None:
    """A schedule is due, and another one whose hash is gone."""
    past = Jobs(store, MODES["reliable"]).now() - HOUR
    store.redis.zadd(f"{Q}:schedules", {"good": past, "gone": past})
    store.redis.hset(f"{Q}:meta", "scheduled", past)
    store.redis.hset(f"{Q}:schedule:good", mapping={"unique": "fresh", "moments": past})
    store.redis.hdel(f"{Q}:schedule:good", "every")


def paused(store: Store) -> None:
    """The schedule has stored moments, some of them past, and is paused."""
    store.redis.hset(f"{Q}:schedule:good", mapping={"paused": "1", "moments": "5", "next": "5"})
    store.redis.hdel(f"{Q}:schedule:good", "every")
    store.redis.zadd(f"{Q}:schedules", {"good": 9999999999999})
    store.redis.hdel(f"{Q}:meta", "scheduled")


def halted(store: Store) -> None:
    """The queue is paused until a moment that is far away, and nobody was woken."""
    store.redis.hset(f"{Q}:meta", "paused", 999999999999999)
    store.redis.delete(f"{Q}:wake")


def no_meta(store: Store) -> None:
    """Old, and the hash of the queue is gone."""
    store.age(2 * HOUR)
    store.redis.delete(f"{Q}:meta")


def grown(store: Store) -> None:
    """The queue has grown to two parts, and is not settled."""
    store.redis.hset(f"{Q}:meta", mapping={"parts": "2", "places": "1", "older": "1"})


def parked(store: Store) -> None:
    """Jobs are in the outbox."""
    store.redis.hset(f"{Q}:job:later", "unique", "free")
    store.call(send_jobs(Q, ["waits", "later", "failed"], to="to", nonce="n"))
    store.redis.delete(f"{Q}:job:waits")


SCENES: list[Callable[[Store], None]] = [
    *(full, old, lost, no_hashes, graced, over, misplaced, no_meta, scheduled, paused),
    halted,
]


class Scene(NamedTuple):
    """A call, and how to make its queue anew."""

    name: str
    call: Call[Any]
    again: Callable[[], object]


def scenes(
    store: Store, script: Script, ways: Sequence[Callable[[Store], None]] = SCENES
) -> Iterator[Scene]:
    """Calls of a script on an empty server, and on a queue in each of some ways."""
    known = {option["name"] for option in script.about["options"]}
    mode = MODES[mode_of(script)]
    buries = {"DEL", "ZREMRANGEBYSCORE"} <= {*script.about["commands"]}
    chosen = [*ways, crowded] if ways is SCENES and buries else ways
    chosen = [*chosen, no_list] if script.name == "queue/repair" else chosen
    chosen = [*chosen, parked] if script.name == "queue/sent" else chosen
    if script.name == "queue/parts":
        chosen = [*[way for way in chosen if way is not scheduled], grown]
    for options in OPTIONS:
        if {word.partition("=")[0] for word in options.split()} - known:
            continue
        for make in [None, *chosen]:

            def again(make: Callable[[Store], None] | None = make) -> list[Claimed]:
                store.redis.flushall()
                held = furnish(store, mode) if make else []
                if make:
                    make(store)
                return held

            good = Good(script, again())
            call = good.busy_call(options)
            if script.name == "queue/receive":
                call = call._replace(args=("reliable", call.args[1], *dumped(store)))
                again()
            yield Scene(f"'{options}', {make.__name__ if make else 'empty'}", call, again)


def dumped(store: Store) -> list[Any]:
    """Jobs from elsewhere, as items of queue/receive: in each place, and one whose key is taken."""
    items: list[Any] = []
    for place, state in enumerate(("pending", "delayed", "dead", "done", "pending")):
        fields = {"state": state, "unique": "new" if place != 4 else "key", "data": "x"}
        store.redis.hset("elsewhere", mapping=fields)
        items += [f"come{place}", "1-n", 5, store.redis.dump("elsewhere")]
        store.redis.delete("elsewhere")
    return items


# --- what a script does in a scene ---


class Looked(NamedTuple):
    """What a script asks for before its first write, and what it runs after that and not before."""

    asked: list[bytes]
    needed: set[bytes]


def look(store: Store, call: Call[Any]) -> Looked:
    """Run a call, and see what its script asks for and what it must not be refused."""
    body, changed = re.subn(
        r"redis\.acl_check_cmd\(('\w+'|\w+), [\w.]+\)", r"redis.call('echo', \1)", call.script.body
    )
    assert changed == call.script.body.count("acl_check_cmd(")
    # By pcall is run what may fail without harm. MONITOR shows a name as it is written.
    body = re.sub(r"redis\.pcall\('[A-Z]+'", lambda match: match[0].lower(), body)
    ran = commands_of(store, call, body)
    places = [place for place, words in enumerate(ran) if words[0] in writes(store)]
    first = places[0] if places else len(ran)
    asked = [words[1] for words in ran[:first] if words[0] == b"echo"]
    before, after = ({words[0] for words in part} for part in (ran[: first + 1], ran[first + 1 :]))
    return Looked(asked, {name for name in after - before if name.isupper()})


@functools.cache
def written_by(url: str) -> frozenset[bytes]:
    with connect(url) as server:
        return frozenset(name.upper().encode() for name in server.acl_cat("write"))


def writes(store: Store) -> frozenset[bytes]:
    """The commands that write."""
    return written_by(store.url)


@at(DRYRUN_PLACES, long=DRYRUN_PLACES[1:])
@every_script
def test_a_script_asks_for_what_it_needs_and_without_that_is_refused_before_anything_is_written(
    store: Store, script: Script
) -> None:
    """And it asks for nothing else."""
    missing, wrong, asked, needed = [], [], set(), set()
    tried: set[bytes] = set()
    with user(store, "~*", "+@all") as narrow:
        for scene in scenes(store, script):
            looked = look(store, scene.call)
            asked |= {*looked.asked}
            must = looked.needed - LESS_THAN_NEEDED.get(script.name, set())
            needed |= must
            if lacks := must - {*looked.asked}:
                missing.append(f"{scene.name}: {lacks}")
            if len(looked.asked) != len({*looked.asked}):
                missing.append(f"{scene.name}: asks twice for one of {looked.asked}")
            for command in sorted(looked.needed - tried):
                tried.add(command)
                scene.again()
                before = store.snapshot()
                store.redis.execute_command("ACL", "SETUSER", "app", b"-" + command)
                try:
                    reply = narrow.call(scene.call)
                    wrong.append(f"{command!r}, {scene.name}: not refused, but {reply!r:.90}")
                except PyjobsError as error:
                    told = isinstance(error, Forbidden) or "permission" in str(error)
                    if store.snapshot() != before or not told:
                        wrong.append(f"{command!r}, {scene.name}: {error!r:.90}")
                store.redis.execute_command("ACL", "SETUSER", "app", b"+" + command)
    store.redis.flushall()
    assert not missing
    assert asked == needed | MORE_THAN_NEEDED.get(script.name, set())
    assert not wrong


@at(DRYRUN_PLACES)
@having("claim")
def test_a_claim_with_one_queue_that_may_only_be_read_writes_nothing(
    store: Store, mode: Mode
) -> None:
    jobs = Jobs(store, mode)
    jobs.submit("a")
    jobs.submit("b", queue=OTHER)
    # Redis itself would refuse KEYS that may not be written.
    with user(store, f"~{Q}*", f"~{OTHER}", f"%R~{OTHER}:*", "+@all") as narrow:
        theirs = Jobs(narrow, mode)
        for queues in ((Q, OTHER), (OTHER, Q)):
            with store.unchanged(), pytest.raises(Forbidden, match="permission"):
                theirs.claim(queues=queues)
        assert [job.id for job in theirs.claim().jobs] == ["a"]


@at(DRYRUN_PLACES)
@having("claim")
def test_rights_to_the_keys_of_one_queue_are_enough_for_a_round_trip(
    store: Store, mode: Mode
) -> None:
    with user(store, f"~{Q}*", "+@all") as narrow:
        jobs = Jobs(narrow, mode)
        first, second = jobs.take("a", "b")
        assert jobs.complete(first) == ["done"]
        assert jobs.fail(second) in (["failed"], ["delayed"])


# --- the rights of a role ---


@at(REAL_SERVER_PLACES, long=REAL_SERVER_PLACES[2:])
@pytest.mark.parametrize("db", [0, 3])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("role", ROLES)
def test_the_rights_of_a_role_are_enough_for_each_of_its_verbs_on_any_database(
    store: Store, role: str, mode: str, db: int
) -> None:
    wrong = []
    rules = rules_of(role, mode, Keys(), ["q"], db=db)
    ways = [misplaced] if db else [full, lost]
    with store.through(f"{store.url}/{db}") as admin, user(admin, *rules) as narrow:
        for script in scripts_of(role, mode):
            for scene in scenes(admin, script, ways):
                try:
                    narrow.call(scene.call)
                except PyjobsError as error:
                    wrong.append(f"{script.name}, {scene.name}: {error!r:.90}")
            assert db == 0 or not store.redis.exists(f"{Q}:meta")
        admin.redis.flushall()
    assert not wrong


@at(REAL_SERVER_PLACES)
@pytest.mark.parametrize("rule", ["-time", "-hmget", "-hset", "-lpush", "resetkeys"])
def test_a_missing_right_has_the_words_of_the_protocol_on_every_server(
    store: Store, rule: str
) -> None:
    """Its code depends on the server."""
    submit = MODES["reliable"].submit(Q, [("a", b"1")])
    with user(store, "~*", "+@all", rule) as narrow, pytest.raises(PyjobsError) as caught:
        narrow.call(submit)
    words = f"{caught.value} {caught.value.__cause__}"
    assert "permission" in words or "can't run this command" in words
    store.redis.flushall()
