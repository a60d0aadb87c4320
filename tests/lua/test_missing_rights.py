"""A user who lacks one command is refused before anything is written, whatever the command.

Redis before 7 can't be asked what a user may do: there, and in memory, nothing is promised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.good_calls import OPTIONS as OPTIONS_NEEDED
from support.good_calls import SCRIPTS, TITLES, Good, mode_of
from support.servers import DRYRUN_PLACES, at
from support.store import HOUR, Jobs, Q, Store, having

from pyjobs.engine.modes import MODES, Mode
from pyjobs.engine.replies import Claimed
from pyjobs.engine.scripts import Arg, Script
from pyjobs.errors import Forbidden, PyjobsError

OTHER = "jobs:{other}"
CALLED = re.compile(r"redis\.call\('([A-Z]+)'")
OPTIONS = ["", "unique=key", "unique=key delay=5", "max_attempts=1", "max_crashes=1"]
# Where a good call from the manifest alone would find nothing to do.
ITEMS: dict[str, list[Arg]] = {
    "submit": ["", b"1", "made", b"1"],
    "cancel": ["held0", "waits", "later"],
    "requeue": ["failed", "done"],
    "watch": ["held0", "waits", "done"],
}
can_be_asked = at(DRYRUN_PLACES)


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
    store.call(mode.submit(Q, [("held0", b"data")], client="me", **unique))
    jobs.submit("held1")
    held = jobs.claim().jobs
    jobs.submit("waits", "late", "cancelled", "gone", client="me")
    if mode.stores:
        jobs.submit("later", "suspect", delay=HOUR)
        jobs.redis.hset(f"{Q}:job:late", "expires", 1)
        jobs.redis.hset(f"{Q}:job:held1", "crashes", 1)
        jobs.redis.hset(f"{Q}:job:suspect", "crashes", 2)
        store.call(mode.cancel(Q, ["cancelled"]))  # type: ignore[attr-defined]
        jobs.redis.delete(f"{Q}:job:gone")
    else:
        jobs.redis.rpush(f"{Q}:pending", "no message")
    jobs.redis.delete(f"{Q}:wake")
    return held


def scenes(store: Store, script: Script) -> Iterator[tuple[str, Good]]:
    """The same call on an empty server, on jobs in every state, late, and where keys are lost."""
    known = {option["name"] for option in script.about["options"]}
    for options in OPTIONS:
        if {word.partition("=")[0] for word in options.split()} - known:
            continue
        for scene in ("empty", "full", "old", "lost"):
            store.redis.flushall()
            held = [] if scene == "empty" else furnish(store, MODES[mode_of(script)])
            if scene == "old":
                store.age(2 * HOUR)
            if scene == "lost":
                store.age(200 * HOUR)
                store.redis.delete(f"{Q}:inflight", f"{Q}:job:failed")
            good = Good(script, held)
            needed = OPTIONS_NEEDED.get(script.name.partition("/")[2], "")
            for name, value in (("options", f"{options} {needed}".strip()), ("limit", "100")):
                if name in script.names:
                    good.args[script.names.index(name)] = value
            yield f"'{options}', {scene}", good


@can_be_asked
@pytest.mark.parametrize("script", SCRIPTS, ids=TITLES)
def test_a_user_without_a_command_is_refused_before_anything_is_written(
    store: Store, script: Script
) -> None:
    items = ITEMS.get(script.name.partition("/")[2])
    wrong, refused = [], set()
    for command in sorted(set(CALLED.findall(script.body))):
        with user(store, "~*", "+@all", f"-{command}") as narrow:
            for scene, good in scenes(store, script):
                before = store.snapshot()
                try:
                    narrow.call(good.call(items=items))
                except PyjobsError as error:
                    refused.add(command)
                    told = isinstance(error, Forbidden) or "permission" in str(error)
                    if store.snapshot() != before or not told:
                        wrong.append(f"{command}, {scene}: {error!r:.90}")
    store.redis.flushall()
    assert not wrong
    assert refused


@can_be_asked
@having("claim")
def test_a_claim_with_one_queue_that_may_only_be_read_writes_nothing(
    store: Store, mode: Mode
) -> None:
    jobs = Jobs(store, mode)
    jobs.submit("a")
    jobs.submit("b", queue=OTHER)
    with user(store, f"~{Q}*", f"%R~{OTHER}*", "+@all") as narrow:
        theirs = Jobs(narrow, mode)
        for queues in ((Q, OTHER), (OTHER, Q)):
            with store.unchanged(), pytest.raises((Forbidden, PyjobsError), match="permission"):
                theirs.claim(queues=queues)
        assert [job.id for job in theirs.claim().jobs] == ["a"]


@can_be_asked
@having("claim")
def test_rights_to_the_keys_of_one_queue_are_enough_for_a_round_trip(
    store: Store, mode: Mode
) -> None:
    with user(store, f"~{Q}*", "+@all") as narrow:
        jobs = Jobs(narrow, mode)
        first, second = jobs.take("a", "b")
        assert jobs.complete(first) == ["done"]
        assert jobs.fail(second) in (["failed"], ["delayed"])
